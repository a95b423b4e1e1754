import Essentials
import Foundation
import RunFiles

/// Waits for the rows of a run that another process is making.
struct FollowedRun {
    let path: String
    let runID: String
    /// How many rows the run has planned.
    let capacity: Int
    let isCancelled: @Sendable () -> Bool

    /// How long a wait lasts before it is spoken of, and how often it is after that.
    private static let patience = (first: Duration.seconds(2), again: Duration.seconds(60))

    /// Returns when there are more than `known` rows.
    /// - Parameter note: told what is waited for, where that takes long.
    /// - Returns: how many; `nil` where no more will come: the plan is used up, or the run has ended.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled and where the run's writer has died; `.data` where another run has taken
    ///   its place.
    func rows(after known: Int, note: (String) -> Void) throws -> Int? {
        var wait = Wait(row: known + 1, run: self)
        while known < capacity {
            guard FileManager.default.fileExists(atPath: path) else {
                try wait.forAMoment("\(name) has vanished", note)
                continue
            }
            let watch = try RunFileWatch(path)
            switch try look(at: watch, beyond: known) {
            case .rows(let count): return count
            case .end: return nil
            case .waiting(let cause):
                // As long as nothing changes, eight bytes and a lock are all that is looked at.
                repeat { try wait.forAMoment(cause, note) } while try watch.isUnchanged(since: known)
            }
        }
        return nil
    }

    private var name: String { URL(filePath: path).lastPathComponent }

    /// One wait, with longer and longer pauses.
    private struct Wait {
        let row: Int
        let run: FollowedRun
        var pause = 0.02
        var nextNote = ContinuousClock.now + FollowedRun.patience.first

        mutating func forAMoment(_ cause: String, _ note: (String) -> Void) throws {
            guard !run.isCancelled() else { throw SmoothnessError(.interrupted, "stopped while waiting for the run") }
            if ContinuousClock.now >= nextNote {
                note("waiting for row \(row) of \(run.capacity): \(cause)")
                nextNote = ContinuousClock.now + FollowedRun.patience.again
            }
            Thread.sleep(forTimeInterval: pause)
            pause = min(1.5 * pause, 1)
        }
    }

    /// Whether the run has ended: nobody writes it, and it says that it is complete or interrupted.
    static func hasEnded(_ reader: borrowing RunFileReader) throws -> Bool {
        let watch = try RunFileWatch(reader.path)
        return reader.header.state != .writing && watch.writer != .atWork
    }

    private enum Sight {
        case rows(Int)
        case end
        case waiting(String)
    }

    private func look(at watch: borrowing RunFileWatch, beyond known: Int) throws -> Sight {
        // Asked before the state is read: what a writer does last is to let go of its lock.
        let writer = watch.writer
        let reader = try RunFileReader(path)
        guard reader.header.runID == runID else {
            throw SmoothnessError(
                .data, "another run has taken the place of the one that was followed", file: path, object: "/@run_id",
                expected: runID, found: reader.header.runID)
        }
        if reader.snapshotCount > known { return .rows(reader.snapshotCount) }
        switch (writer, reader.header.state) {
        case (.atWork, _): return .waiting("\(name) is being written")
        case (_, .complete), (_, .interrupted): return .end
        case (.none, .writing) where reader.header.software == Software.name:
            throw SmoothnessError(
                .interrupted, "its writer has died after row \(known) of \(capacity), up to which it is estimated",
                file: path,
                remedy:
                    "Continue it with: smoothness train --resume \(Escaping.shell(path: path)), and give this command again."
            )
        case (_, .writing): return .waiting("\(name) says that it is being written")
        }
    }
}
