import Essentials
import Estimation
import Foundation
import Synchronization

/// What became of a unit in the hands of a worker.
public enum UnitOutcome: String, Sendable {
    /// Published by this call.
    case done
    /// An earlier call has published it.
    case had
    /// Cannot be measured; the reason is kept with the unit.
    case failed
    /// Stopped; the rows that are done are kept.
    case interrupted
    /// Another worker is at it.
    case held
}

/// Takes units, one after the other: everything of one process that works on a plan.
public struct UnitWorker {
    public let configuration: BatchConfiguration
    public let manifest: BatchManifest
    private let folder: PlanFolder
    private let store: UnitStore
    private let claims: UnitClaims
    private let planner: BatchPlanner
    private let threads: Int
    /// How many groups of components a worker evaluates at the same time.
    private let workerCount: Int
    private let presence: WorkerPresence
    /// By name; a run that is there twice has its units twice, too, and one of them is enough.
    private let indices: [String: Int]
    /// The run of the last unit, whose objective need not be made again.
    private var open: (run: Int, estimation: RowRangeEstimation)?

    /// Rows are kept at least this often, in seconds, for the case that the process is killed.
    private static let keepInterval = 60.0

    /// - Parameters:
    ///   - workerCount: groups of components that are evaluated at the same time.
    ///   - threads: for the record.
    public init(_ folder: PlanFolder, workerCount: Int, threads: Int) throws {
        try folder.requireOwnFolders()
        configuration = try BatchConfiguration(of: folder)
        manifest = try BatchManifest(of: folder)
        planner = try BatchPlanner(configuration)
        indices = Dictionary(
            manifest.units.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.folder = folder
        store = UnitStore(folder)
        claims = UnitClaims(folder: folder)
        self.threads = threads
        self.workerCount = workerCount
        presence = WorkerPresence(in: folder)
    }

    /// Measures a unit, unless that is done.
    /// - Throws: `SmoothnessError` where a result cannot be written: that is no fault of the unit.
    public mutating func work(
        _ name: String, isCancelled: @escaping @Sendable () -> Bool
    ) throws -> UnitOutcome {
        try folder.requireOwnShelf(of: name)
        guard let index = indices[name] else {
            throw SmoothnessError(
                .data, "has no such unit any more: it was made anew in the meantime", file: folder.path, object: name,
                remedy: "Give the command again.")
        }
        let unit = manifest.units[index]
        if let outcome = outcome(of: unit) { return outcome }
        guard !isCancelled() else { return .interrupted }
        guard claims.take(unit.name) else { return .held }
        defer { claims.release(unit.name) }
        // Whoever was at it may have finished in between.
        if let outcome = outcome(of: unit) { return outcome }
        let log = UnitLog(unit, in: folder)
        let path = manifest.entry(of: unit).path
        log.write(
            "unit \(unit.name): rows \(unit.rows.lowerBound) to \(unit.rows.upperBound - 1) of \(path), \(threads) threads"
        )
        presence.take(unit, of: path)
        do {
            try measure(unit, path, log, isCancelled)
            return .done
        } catch let error as SmoothnessError where error.kind == .interrupted {
            log.write("stopped: \(error.message)")
            return .interrupted
        } catch let error as PublishingError {
            log.write("error: \(error.cause)")
            throw error.cause
        } catch {
            log.write("failed: \(error)")
            open = nil
            try store.fail(unit, path: path, reason: "\(error)")
            return .failed
        }
    }

    private func outcome(of unit: BatchUnit) -> UnitOutcome? {
        if store.published(unit) != nil { return .had }
        return store.failure(of: unit) != nil ? .failed : nil
    }

    private mutating func measure(
        _ unit: BatchUnit, _ path: String, _ log: UnitLog, _ isCancelled: @escaping @Sendable () -> Bool
    ) throws {
        let watch = Stopwatch()
        PeakMemory.reset()
        let estimation = try estimation(of: unit, path)
        var rows = store.kept(of: unit) ?? estimation.begin(atRow: unit.rows.lowerBound, identity: unit.name)
        if rows.nextRow > unit.rows.lowerBound { log.write("continuing at row \(rows.nextRow)") }
        let (before, known) = (rows.header.seconds, rows.estimates.count)
        var lastKept = 0.0
        do {
            try estimation.estimate(&rows, until: unit.rows.upperBound, isCancelled: isCancelled) { rows in
                presence.report(rowsDone: rows.estimates.count)
                guard watch.seconds - lastKept > Self.keepInterval, rows.nextRow < unit.rows.upperBound else { return }
                lastKept = watch.seconds
                try publishing { try store.keep(rows.taking(before + lastKept), of: unit) }
            }
        } catch {
            if rows.estimates.count > known {
                try publishing { try store.keep(rows.taking(before + watch.seconds), of: unit) }
            }
            throw error
        }
        try publishing { try store.publish(rows.taking(before + watch.seconds), of: unit) }
        let gradients = rows.estimates.dropFirst(known).reduce(0) { $0 + $1.componentGradientCount }
        log.write(Self.summary(rows.estimates.count, gradients, watch.seconds))
    }

    /// The run, opened, and found to be what it was when the plan was made.
    private mutating func estimation(of unit: BatchUnit, _ path: String) throws -> RowRangeEstimation {
        guard try planner.name(of: unit, in: path) == unit.name else {
            throw SmoothnessError(
                .data, "is not what it was when the batch was planned", file: path, object: "/trajectory",
                remedy: "Plan again: smoothness batch plan.")
        }
        if let open, open.run == unit.run { return open.estimation }
        let estimation = try RowRangeEstimation(
            run: path, rowCount: manifest.entry(of: unit).rows, configuration: configuration.estimation,
            dataOverride: configuration.data, workerCount: workerCount)
        open = (unit.run, estimation)
        return estimation
    }

    private static func summary(_ rows: Int, _ gradients: Int, _ seconds: Double) -> String {
        let rate = seconds > 0 ? Double(gradients) / seconds : 0
        return String(
            format: "done: %d rows, wall time %.3f s, %d component gradients, %.1f gradients/s, peak memory %.1f MB",
            rows, seconds, gradients, rate, Double(PeakMemory.bytes()) / 1e6)
    }
}

/// A result that could not be written: no fault of the unit.
private struct PublishingError: Error {
    var cause: any Error
}

private func publishing(_ work: () throws -> Void) throws {
    do { try work() } catch { throw PublishingError(cause: error) }
}

struct Stopwatch: Sendable {
    private let start = ContinuousClock.now

    var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }
}

extension EstimatedRows {
    fileprivate func taking(_ seconds: Double) -> EstimatedRows {
        var rows = self
        rows.setSeconds(seconds)
        return rows
    }
}
