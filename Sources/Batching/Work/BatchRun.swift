import Essentials
import Foundation
import Reporting

/// One call's work on a plan: its shard, in the hands of worker processes.
public struct BatchRun: Sendable {
    public let manifest: BatchManifest
    /// Of this shard.
    public let units: [Int]
    private let configuration: BatchConfiguration
    private let folder: PlanFolder
    private let store: UnitStore
    private let shard: Shard
    private var isWhole: Bool { shard == .whole }

    public init(_ folder: PlanFolder, shard: Shard) throws {
        try folder.require()
        try folder.create()
        self.folder = folder
        manifest = try BatchManifest(of: folder)
        configuration = try BatchConfiguration(of: folder)
        store = UnitStore(folder)
        units = shard.units(costs: manifest.units.map(\.expectedSeconds))
        self.shard = shard
    }

    /// What a worker is expected to need at most.
    public var peakBytes: Int { manifest.entries.map(\.peakBytes).max() ?? 0 }

    public var usesGPU: Bool { configuration.estimation.evaluation.device != "cpu" }

    /// - Parameters:
    ///   - program: this very program.
    ///   - arguments: make it a worker that reads units from its standard input.
    ///   - progress: how many units of the shard have an outcome, and how many of these had one before.
    ///   - waiting: told once, when workers of other calls are at everything that is left; with the number of such units.
    /// - Throws: `SmoothnessError` where workers cannot work; units that fail are in the result.
    public func run(
        program: String, arguments: [String], jobs: Int, shouldStop: @escaping () -> Bool,
        progress: (Int, Int) -> Void, waiting: (Int) -> Void = { _ in }
    ) throws -> PoolResult {
        if isWhole { store.collectGarbage() }
        var before = PoolResult()
        var pending: [Int] = []
        for index in units {
            let unit = manifest.units[index]
            if store.published(unit) != nil {
                before.had += 1
            } else if store.failure(of: unit) != nil {
                before.failed += 1
            } else {
                pending.append(index)
            }
            guard !shouldStop() else {
                before.wasStopped = true
                return before
            }
        }
        var result = PoolResult()
        if !pending.isEmpty {
            let over = before.had + before.failed
            result = try work(
                pending, program: program, arguments: arguments, jobs: jobs, shouldStop: shouldStop,
                progress: { progress(over + $0, over) }, waiting: waiting)
        }
        result.had += before.had
        result.failed += before.failed
        if isWhole { _ = try store.saveFailures(manifest) }
        return result
    }

    private func work(
        _ pending: [Int], program: String, arguments: [String], jobs: Int, shouldStop: @escaping () -> Bool,
        progress: (Int) -> Void, waiting: (Int) -> Void
    ) throws -> PoolResult {
        let (manifest, store, claims) = (manifest, store, UnitClaims(folder: folder))
        // Everybody on a ring would wait for the slowest: there is nothing that another task would not do.
        var waits = true
        if case .ring = shard { waits = false }
        let pool = WorkerPool(
            executable: program, arguments: arguments, jobs: min(jobs, pending.count),
            units: pending.map { ($0, manifest.units[$0]) }, isHeld: { claims.isHeld($0) }, waits: waits
        ) { index, reason in
            let unit = manifest.units[index]
            let path = manifest.entry(of: unit).path
            UnitLog(unit, in: folder).write("failed: \(reason)")
            try store.fail(unit, path: path, reason: "\(path): \(reason)")
        }
        let cancellation = try Cancellation(folder)
        return try pool.run(shouldStop: { shouldStop() || cancellation.isCalled }, progress: progress, waiting: waiting)
    }
}

/// Whether a batch has been called off since a call began. Times are those of the file system, which all machines share.
private final class Cancellation {
    private let folder: PlanFolder
    private let start: Int
    private var lastLook = Stopwatch()

    init(_ folder: PlanFolder) throws {
        self.folder = folder
        let mark = FileInTheMaking.name(for: "\(folder.workers)/start")
        try writeAtomically(Data(), to: mark, isDurable: false)
        start = Self.time(of: mark) ?? 0
        unlink(mark)
    }

    /// Looks twice a second at most.
    var isCalled: Bool {
        guard lastLook.seconds > 0.5 else { return false }
        lastLook = Stopwatch()
        return (Self.time(of: folder.cancellation) ?? 0) > start
    }

    /// In nanoseconds.
    private static func time(of path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
    }
}
