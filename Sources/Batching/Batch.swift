import Essentials
import Estimation
import Fitting
import Foundation

/// What came of one run of a batch.
public struct BatchResult: Sendable {
    public var entry: BatchManifest.Entry
    /// The estimates file.
    public var estimates: String
    /// Whether an earlier call had done it already.
    public var wasComplete: Bool
    public var rows: Int
    /// `nil` where the points cannot be fitted; `reasonWithoutFit` says why.
    public var fit: FitReport?
    public var reasonWithoutFit: String?
}

/// How far a batch is.
public struct BatchProgress: Sendable {
    public var runsDone: Int
    public var runCount: Int
    /// The run under way.
    public var path: String
    public var rowsDone: Int
    public var rowCount: Int
}

/// Measures run after run with one definition; a run that fails is reported and the others go on.
///
/// Every estimate lies beside its run and keeps what it has committed, so that a batch that was interrupted continues where it
/// stopped and finished runs are not measured again.
public struct Batch: Sendable {
    public let manifest: BatchManifest
    public let configuration: EstimationConfiguration
    public let fitOptions: FitOptions

    public init(
        _ manifest: BatchManifest, configuration: EstimationConfiguration, fitOptions: FitOptions = FitOptions()
    ) {
        self.manifest = manifest
        self.configuration = configuration
        self.fitOptions = fitOptions
    }

    /// - Parameter isForced: measures anew what stands already.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; whatever else goes wrong with a run is one of the failures,
    ///   which begin with those of the manifest.
    public func run(
        isForced: Bool = false, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: (BatchProgress) -> Void = { _ in }
    ) throws -> (results: [BatchResult], failures: [BatchFailure]) {
        var results: [BatchResult] = []
        var failures = manifest.failures
        for (index, entry) in manifest.entries.enumerated() {
            do {
                results.append(
                    try measure(entry, isForced: isForced, isCancelled: isCancelled) { rowsDone, rowCount in
                        progress(
                            BatchProgress(
                                runsDone: index, runCount: manifest.entries.count, path: entry.path, rowsDone: rowsDone,
                                rowCount: rowCount))
                    })
            } catch let error as SmoothnessError where error.kind == .interrupted {
                throw error
            } catch {
                failures.append(BatchFailure(path: entry.path, reason: "\(error)"))
            }
        }
        return (results, failures)
    }

    private func measure(
        _ entry: BatchManifest.Entry, isForced: Bool, isCancelled: @escaping @Sendable () -> Bool,
        progress: (_ rowsDone: Int, _ rowCount: Int) -> Void
    ) throws -> BatchResult {
        let job = try EstimationJob(run: entry.path, configuration: configuration, isForced: isForced)
        try job.run(progress: { progress($0.rowsDone, $0.rowCount) }, isCancelled: isCancelled)
        let rows = try EstimatesFileReader(job.plan.output).rows()
        var result = BatchResult(
            entry: entry, estimates: job.plan.output, wasComplete: job.plan.disposition == .complete, rows: rows.count)
        do {
            result.fit = try fit(SmoothnessPoints(rows), options: fitOptions)
        } catch let error as SmoothnessError where error.kind == .data {
            result.reasonWithoutFit = "\(error)"
        }
        return result
    }
}
