import Essentials
import Estimation
import Foundation
import Reporting

/// How far a batch is, from its files alone.
public struct BatchStatus: Sendable, Equatable {
    public var runs: Int
    /// Files that are no runs.
    public var brokenRuns: Int
    public var units: Int
    public var done: Int
    public var failed: Int
    /// Units that a worker is at, and rows that those have done.
    public var running: Int
    public var rows: Int
    public var rowsDone: Int
    /// Worker processes that are there.
    public var workers: Int
    /// Seconds until the end with the workers that there are now; `nil` without a worker, or where nothing is known.
    public var remainingSeconds: Double?
    /// Seconds of work that are left for one worker.
    public var remainingWork: Double?

    public var waiting: Int { units - done - failed - running }
    public var isOver: Bool { done + failed == units }

    /// One row.
    /// - Parameter isForPeople: times as `h:mm:ss`; otherwise in seconds.
    public func table(isForPeople: Bool) -> Table {
        func time(_ seconds: Double?) -> TableValue {
            isForPeople ? .optional(seconds.map(ProgressReporter.duration)) : .optional(seconds)
        }
        let unit = isForPeople ? "" : "_seconds"
        return Table(
            columns: [
                "runs", "broken", "units", "done", "running", "failed", "waiting", "rows", "rows_done", "workers",
                "work_left\(unit)", "remaining\(unit)",
            ],
            rows: [
                [runs, brokenRuns, units, done, running, failed, waiting, rows, rowsDone, workers].map { .integer($0) }
                    + [time(remainingWork), time(remainingSeconds)]
            ])
    }

    public init(of folder: PlanFolder) throws {
        let manifest = try BatchManifest(of: folder)
        let store = UnitStore(folder)
        let survey = store.survey()
        let workers = WorkerPresence.all(in: folder)
        self.workers = workers.count
        let busy = Dictionary(
            workers.compactMap { worker in worker.unit.map { ($0, worker) } }, uniquingKeysWith: { first, _ in first })
        runs = manifest.entries.count
        brokenRuns = manifest.failures.count
        units = manifest.units.count
        (done, failed, running, rows, rowsDone) = (0, 0, 0, 0, 0)
        var left = 0.0
        var isKnown = true
        var finished: [BatchUnit] = []
        for unit in manifest.units {
            rows += unit.rows.count
            if survey.done.contains(unit.name) {
                done += 1
                rowsDone += unit.rows.count
                finished.append(unit)
            } else if survey.failed.contains(unit.name) {
                failed += 1
            } else {
                var share = 1.0
                if let worker = busy[unit.name] {
                    running += 1
                    rowsDone += min(worker.rowsDone, unit.rows.count)
                    share = 1 - Double(min(worker.rowsDone, unit.rows.count)) / Double(max(1, unit.rows.count))
                }
                isKnown = isKnown && unit.expectedSeconds > 0
                left += share * (isKnown ? unit.expectedSeconds : Double(unit.rows.count))
            }
        }
        guard !isOver else {
            (remainingSeconds, remainingWork) = (0, 0)
            return
        }
        guard let pace = Self.pace(store, finished, isKnown: isKnown) else { return }
        remainingWork = pace * left
        if !workers.isEmpty { remainingSeconds = pace * left / Double(workers.count) }
    }

    /// Real seconds for each that was expected, or for each row where nothing was.
    private static func pace(_ store: UnitStore, _ finished: [BatchUnit], isKnown: Bool) -> Double? {
        let step = max(1, finished.count / 48)
        let sample = store.sampleSeconds(stride(from: 0, to: finished.count, by: step).map { finished[$0] })
        let real = sample.reduce(0) { $0 + $1.seconds }
        let expected = sample.reduce(0) { $0 + (isKnown ? $1.unit.expectedSeconds : Double($1.unit.rows.count)) }
        guard expected > 0, real > 0 else { return isKnown ? 1 : nil }
        return real / expected
    }
}

extension UnitStore {
    /// One line a run: files that are no runs, and runs with units that failed.
    public func failures(_ manifest: BatchManifest) -> [BatchFailure] {
        let failed = survey().failed
        let units = Dictionary(
            grouping: manifest.units.filter { failed.contains($0.name) }, by: \.run)
        return manifest.entries.enumerated().compactMap { index, entry in
            if let reason = entry.reason { return BatchFailure(path: entry.path, reason: reason) }
            guard let own = units[index], let first = own.first, let failure = failure(of: first) else { return nil }
            return BatchFailure(
                path: entry.path, reason: failure.reason, units: own.count, log: folder.log(of: first.name))
        }
    }

    /// Writes `failures.jsonl`.
    public func saveFailures(_ manifest: BatchManifest) throws -> [BatchFailure] {
        let failures = failures(manifest)
        try JSONLines.write(failures, to: folder.failures)
        return failures
    }

    /// Lets units that failed be taken again.
    /// - Returns: how many.
    public func retry(_ manifest: BatchManifest) -> Int {
        let failed = survey().failed
        return manifest.units.count { failed.contains($0.name) && forgetFailure(of: $0) }
    }
}
