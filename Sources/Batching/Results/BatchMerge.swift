import Essentials
import Estimation
import Fitting
import Foundation
import RunFiles

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

    public init(_ folder: PlanFolder, isBesideRuns: Bool = false) throws {
        configuration = try BatchConfiguration(of: folder)
        manifest = try BatchManifest(of: folder)
        self.folder = folder
        self.isBesideRuns = isBesideRuns
        store = UnitStore(folder)
    }

    /// - Parameters:
    ///   - isCancelled: asked before every run.
    ///   - progress: how many runs are looked at.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; what is joined stays.
    public func run(isCancelled: () -> Bool = { false }, progress: (Int) -> Void = { _ in }) throws -> BatchResults {
        store.collectGarbage()
        let failures = try store.saveFailures(manifest)
        var outcome = BatchResults(results: [], failures: failures, unfinished: [])
        let failed = Set(failures.map(\.path))
        let units = Dictionary(grouping: manifest.units, by: \.run)
        for (index, entry) in manifest.entries.enumerated() where entry.reason == nil {
            guard !isCancelled() else {
                throw SmoothnessError(
                    .interrupted, "interrupted; \(outcome.results.count) runs are merged", file: folder.path,
                    remedy: "The same command continues.")
            }
            if !failed.contains(entry.path) {
                if let result = try merge(entry, units[index] ?? [], &outcome.failures) {
                    outcome.results.append(result)
                } else if !outcome.failures.contains(where: { $0.path == entry.path }) {
                    outcome.unfinished.append(entry)
                }
            }
            progress(index + 1)
        }
        if outcome.failures.count > failures.count { try JSONLines.write(outcome.failures, to: folder.failures) }
        return outcome
    }

    /// - Returns: `nil` where units are missing, or the run has changed, which is a failure then.
    private func merge(
        _ entry: BatchManifest.Entry, _ units: [BatchUnit], _ failures: inout [BatchFailure]
    ) throws -> BatchResult? {
        let output = estimatesPath(of: entry)
        if !isMerged(entry, at: output) {
            var pieces: [EstimatedRows] = []
            for unit in units {
                guard let rows = store.published(unit) else { return nil }
                pieces.append(rows)
            }
            do {
                try makeFolder(of: output)
                try joinEstimates(
                    ofRun: entry.path, pieces, configuration: configuration.estimation,
                    dataOverride: configuration.data, output: output)
            } catch let error as SmoothnessError where error.kind == .data || error.kind == .noInput {
                failures.append(BatchFailure(path: entry.path, reason: "\(error)"))
                return nil
            }
        }
        return try result(entry, output)
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

    func estimatesPath(of entry: BatchManifest.Entry) -> String {
        isBesideRuns
            ? EstimationJob.defaultOutput(forRun: entry.path)
            : EstimationJob.defaultOutput(forRun: "\(folder.results)/estimates/\(entry.name)")
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
