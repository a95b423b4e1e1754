import Analysis
import Essentials
import Estimation
import Fitting
import Foundation
import RunFiles
import Synchronization

/// What came of one run of a batch.
public struct BatchResult: Sendable {
    public var entry: BatchManifest.Entry
    /// The estimates file.
    public var estimates: String
    /// The same as tables have it: relative to the results of the plan where it lies there, so that tables of two plans can be compared.
    public var shownEstimates: String
    public var rows: Int
    /// Rows whose status is ok.
    public var soundRows: Int
    /// `nil` where the points cannot be fitted; `reasonWithoutFit` says why.
    public var fit: FitReport?
    public var reasonWithoutFit: String?
    public var points: SmoothnessPoints
}

/// Everything that a merge has found.
public struct BatchResults: Sendable {
    public var results: [BatchResult]
    public var failures: [BatchFailure]
    /// Runs of which units are still to be done.
    public var unfinished: [BatchManifest.Entry]
}

/// Joins the units of every finished run to an estimates file, and fits it.
public struct BatchMerge: Sendable {
    public let configuration: BatchConfiguration
    public let manifest: BatchManifest
    private let folder: PlanFolder
    private let store: UnitStore
    /// Whether estimates go beside their runs, instead of into the plan.
    private let isBesideRuns: Bool
    /// Whether estimates of another definition that stand beside their runs are replaced.
    private let isForced: Bool
    private let planner: BatchPlanner

    /// - Throws: `SmoothnessError(.data)` for a plan that is not what it was when it was made.
    public init(_ folder: PlanFolder, isBesideRuns: Bool = false, isForced: Bool = false) throws {
        try folder.require()
        try folder.requireOwnFolders()
        configuration = try BatchConfiguration(of: folder)
        manifest = try BatchManifest(of: folder)
        self.folder = folder
        self.isBesideRuns = isBesideRuns
        self.isForced = isForced
        planner = try BatchPlanner(configuration)
        store = UnitStore(folder)
    }

    /// Several runs at a time; results and failures are in the order of the runs all the same.
    /// - Parameters:
    ///   - threads: how many runs at a time.
    ///   - isCancelled: asked before every run.
    ///   - progress: how many runs are looked at, from any thread, one call after the other.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; what is joined stays.
    public func run(
        threads: Int = 1, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws -> BatchResults {
        store.collectGarbage()
        let failures = try store.saveFailures(manifest)
        let failed = Set(failures.map(\.path))
        let units = Dictionary(grouping: manifest.units, by: \.run)
        let order = manifest.entries.indices.filter { manifest.entries[$0].reason == nil }
        let state = Mutex(MergeState())
        DispatchQueue.concurrentPerform(iterations: max(1, min(threads, order.count))) { _ in
            while let turn = state.withLock({ $0.next(of: order.count) }) {
                let (index, entry) = (order[turn], manifest.entries[order[turn]])
                let outcome = Result {
                    guard !isCancelled() else { throw Self.cancelled(folder) }
                    return failed.contains(entry.path) ? nil : try merge(entry, units[index] ?? [])
                }
                state.withLock {
                    $0.keep(outcome, of: index)
                    progress($0.looked)
                }
            }
        }
        let (outcomes, error) = state.withLock { ($0.outcomes, $0.error) }
        if let error { throw error }
        var results = BatchResults(results: [], failures: failures, unfinished: [])
        for index in order {
            switch outcomes[index] {
            case .merged(let result): results.results.append(result)
            case .failed(let failure): results.failures.append(failure)
            case .unfinished: results.unfinished.append(manifest.entries[index])
            case nil: break
            }
        }
        if results.failures.count > failures.count { try JSONLines.write(results.failures, to: folder.failures) }
        return results
    }

    private static func cancelled(_ folder: PlanFolder) -> SmoothnessError {
        SmoothnessError(
            .interrupted, "interrupted; what is merged is kept", file: folder.path,
            remedy: "The same command continues.")
    }

    private func merge(_ entry: BatchManifest.Entry, _ units: [BatchUnit]) throws -> MergeOutcome {
        let output = estimatesPath(of: entry)
        if !isMerged(entry, at: output) {
            var pieces: [EstimatedRows] = []
            for unit in units {
                guard PlanFolder.isOwnFolder("\(folder.units)/\(PlanFolder.shelf(of: unit.name))"),
                    let rows = store.published(unit)
                else { return .unfinished }
                pieces.append(rows)
            }
            do {
                try requireUnchanged(entry, units)
                if isBesideRuns { try requireReplaceable(output, entry) } else { try requireInside(output) }
                try makeFolder(of: output)
                try joinEstimates(
                    ofRun: entry.path, pieces, configuration: configuration.estimation,
                    dataOverride: configuration.data, output: output)
            } catch let error as SmoothnessError where [.data, .noInput, .usage].contains(error.kind) {
                return .failed(BatchFailure(path: entry.path, reason: "\(error)"))
            }
        }
        return .merged(try result(entry, output))
    }

    private func result(_ entry: BatchManifest.Entry, _ output: String) throws -> BatchResult {
        let estimates = try EstimatesFileReader(output).estimates()
        let points = SmoothnessPoints(estimates)
        var result = BatchResult(
            entry: entry, estimates: output,
            shownEstimates: output.hasPrefix(folder.results + "/")
                ? String(output.dropFirst(folder.results.count + 1)) : output, rows: estimates.count,
            soundRows: estimates.count { $0.status == .ok }, points: points)
        do {
            result.fit = try fit(points, options: configuration.fit)
        } catch let error as SmoothnessError where error.kind == .data {
            result.reasonWithoutFit = "\(error)"
        }
        return result
    }

    /// Whether the estimates are there, complete, of these rows and of this configuration.
    private func isMerged(_ entry: BatchManifest.Entry, at path: String) -> Bool {
        guard FileManager.default.fileExists(atPath: path), let reader = try? EstimatesFileReader(path) else {
            return false
        }
        var configuration = configuration.estimation
        if configuration.precision == nil { configuration.precision = reader.header.configuration.precision }
        return reader.header.runID == entry.runID && reader.header.runDigest == entry.digest
            && reader.header.configuration == configuration && reader.header.state == .complete
            && reader.committedRows == entry.rows
    }

    /// Refuses a run, or a configuration, that is not what it was when the units were cut: their names follow from both.
    private func requireUnchanged(_ entry: BatchManifest.Entry, _ units: [BatchUnit]) throws {
        let reader = try RunFileReader(entry.path)
        guard reader.header.runID == entry.runID, try reader.digest(rows: entry.rows) == entry.digest,
            let first = units.first, try planner.name(of: first, in: entry.path) == first.name
        else {
            throw SmoothnessError(
                .data, "is not what it was when the batch was planned, or the configuration of the plan is not",
                file: entry.path, object: "/trajectory", remedy: "Plan again: smoothness batch plan.")
        }
    }

    /// Refuses to replace estimates beside a run that are of another run or definition.
    private func requireReplaceable(_ output: String, _ entry: BatchManifest.Entry) throws {
        guard !isForced, FileInTheMaking.isTaken(output) else { return }
        let header = try? EstimatesFileReader(output).header
        var configuration = configuration.estimation
        if configuration.precision == nil { configuration.precision = header?.configuration.precision }
        guard header?.runID != entry.runID || header?.configuration != configuration else { return }
        throw SmoothnessError(
            .data, "exists and is not of this run and definition", file: output,
            remedy: "Merge without --beside-runs, or replace it with --force.")
    }

    /// Refuses a place below the results that a link leads out of.
    private func requireInside(_ output: String) throws {
        var place = folder.results
        for name in output.dropFirst(folder.results.count + 1).split(separator: "/").dropLast() {
            place += "/\(name)"
            try PlanFolder.requireOwnFolder(place)
        }
    }

    func estimatesPath(of entry: BatchManifest.Entry) -> String {
        isBesideRuns
            ? EstimationJob.defaultOutput(forRun: entry.path)
            : "\(folder.results)/estimates/\(entry.estimatesName)"
    }

    private func makeFolder(of path: String) throws {
        let parent = URL(filePath: path).deletingLastPathComponent().path
        do {
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        } catch {
            throw SmoothnessError(.cannotCreate, "cannot be created: \(error.localizedDescription)", file: parent)
        }
    }
}

/// What came of one run.
private enum MergeOutcome: Sendable {
    case merged(BatchResult)
    /// It has changed under the plan.
    case failed(BatchFailure)
    /// Units are missing.
    case unfinished
}

/// What several threads know of a merge.
private struct MergeState: Sendable {
    private var turn = 0
    private(set) var looked = 0
    private(set) var outcomes: [Int: MergeOutcome] = [:]
    private(set) var error: (any Error)?

    /// The next run, unless there is none, or something is wrong that stops all.
    mutating func next(of count: Int) -> Int? {
        guard error == nil, turn < count else { return nil }
        defer { turn += 1 }
        return turn
    }

    mutating func keep(_ outcome: Result<MergeOutcome?, any Error>, of index: Int) {
        looked += 1
        switch outcome {
        case .success(let outcome): outcomes[index] = outcome
        case .failure(let failure): error = error ?? failure
        }
    }
}
