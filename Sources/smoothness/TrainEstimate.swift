import Batching
import Essentials
import Estimation
import Foundation
import ParameterSpace
import Reporting
import RunFiles
import Torch
import Training

/// Gives the steps of the training loop to an estimate.
final class TrainEstimate<Scalar: ParameterScalar>: StepObserver {
    private let run: String
    private let schedule: SaveSchedule
    private let iterationCount: Int
    private let definition: EstimationConfiguration
    private let parallelism: Parallelism
    /// What the tensor operations of training are set to; another number would change its last bits.
    private let trainingThreads: Int
    private let isForced: Bool
    private let data: String?
    private let module: String?
    private let hasChecksums: Bool
    private var estimation: EstimationInLoop<Scalar>?

    /// - Returns: `nil` where nothing is to be measured.
    init?(
        _ configuration: TrainingConfiguration, run: String, isForced: Bool, data: String?, module: String?,
        hasChecksums: Bool
    ) throws {
        guard let observation = configuration.observation else { return nil }
        self.run = run
        self.isForced = isForced
        self.data = data
        self.module = module
        self.hasChecksums = hasChecksums
        schedule = observation.schedule
        iterationCount = configuration.iterations
        definition = try EstimationConfiguration(json: observation.definition, file: run)
        trainingThreads = configuration.threads
        parallelism = Parallelism(threads: configuration.threads, definition)
    }

    private var output: String { EstimationJob.defaultOutput(forRun: ResumableOutput.finalPath(of: run)) }

    func begin(run header: RunHeader, at iteration: Int) throws {
        estimation = try EstimationInLoop(
            run: run, header: header, iterations: schedule.savedIterations(of: iterationCount),
            firstIteration: iteration, configuration: definition, isForced: isForced, dataOverride: data,
            modulePath: module, hasChecksums: hasChecksums, workerCount: parallelism.workerCount,
            threads: parallelism.threads,
            isCancelled: { Interruption.isRequested })
        Console.error("estimating \(schedule) → \(output)")
        for warning in definition.warnings { Console.error("warning: \(warning)") }
    }

    func observe(iteration: Int, iterate: [Scalar], next: [Scalar]) throws {
        try setThreadCount(parallelism.threadsPerWorker)
        defer { try? setThreadCount(trainingThreads) }
        _ = try estimation?.add(iteration: iteration, iterate: iterate, next: next)
    }

    /// Closes the file, whatever became of the run.
    func close() throws { try estimation?.close() }
}

/// Calls the estimates of a complete run complete, which the process that made them may not have come to.
/// - Returns: where they are; `nil` where none were asked for.
func sealEstimate(ofRun path: String) throws -> String? {
    let configuration = try? TrainingConfiguration(json: RunFileReader(path).header.optimizer, file: path)
    guard configuration?.observation != nil else { return nil }
    let estimates = try sealEstimateInLoop(ofRun: path)
    try estimates.publish()
    return estimates.path
}

/// Refuses to begin a run beside estimates of another.
func refuseExistingEstimate(besideRun path: String) throws {
    let output = EstimationJob.defaultOutput(forRun: path)
    guard FileManager.default.fileExists(atPath: output) else { return }
    throw SmoothnessError(
        .cannotCreate, "exists, and --estimate is to write it", file: output,
        remedy: "Write elsewhere, or use --force")
}
