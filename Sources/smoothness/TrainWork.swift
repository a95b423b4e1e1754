import Analysis
import Essentials
import Estimation
import Evaluation
import Foundation
import ParameterSpace
import Reporting
import RunFiles
import Training

/// What `train` does when its options are resolved: one run or several that differ in their seeds.
struct TrainWork<Scalar: ParameterScalar> {
    typealias Outcome = (path: String, configuration: TrainingConfiguration, summary: TrainingSummary)

    private let objectives: ObjectiveSet<Scalar>
    private let configuration: TrainingConfiguration
    private let description: ObjectiveDescription
    private let objectiveText: String
    private let isForced: Bool
    /// Files that no output may replace.
    private let inputs: [String?]
    /// Where the data of a run that is continued are now.
    private let data: String?
    /// Where the scripted module is, if the objective is one.
    private let module: String?
    /// Whether new files get checksums; `nil` for those that have them by default.
    private let hasChecksums: Bool?

    init(
        _ objectives: ObjectiveSet<Scalar>, _ configuration: TrainingConfiguration,
        _ description: ObjectiveDescription, isForced: Bool = false, inputs: [String?] = [], data: String? = nil,
        module: String? = nil, hasChecksums: Bool? = nil
    ) throws {
        self.hasChecksums = hasChecksums
        self.data = data
        self.module = module
        self.objectives = objectives
        self.configuration = configuration
        self.description = description
        self.isForced = isForced
        self.inputs = inputs
        objectiveText = try description.json()
        // What is wrong with the settings is said before anything is done.
        _ = try Trainer(objectives, configuration)
        if let observation = configuration.observation {
            try EstimationConfiguration(json: observation.definition)
                .requireMeasurable(ofComponents: objectives.training.componentCount)
        }
    }

    /// The paths and configurations of the runs: one as it is, or `RUN-1.h5`, `RUN-2.h5`, … with successive seeds.
    private func runs(_ path: String, repetitions: Int?) -> [(path: String, configuration: TrainingConfiguration)] {
        guard let repetitions else { return [(path, configuration)] }
        let url = URL(filePath: path)
        let ending = url.pathExtension.isEmpty ? "" : ".\(url.pathExtension)"
        let stem = url.deletingPathExtension().path
        return (1...repetitions).map { number in
            var configuration = configuration
            configuration.seed &+= UInt64(number - 1)
            return ("\(stem)-\(number)\(ending)", configuration)
        }
    }

    // MARK: - Plan

    /// One row a run.
    func plan(of path: String?, repetitions: Int?) throws -> Table {
        Console.error(description.summary)
        var trainer = try Trainer(objectives, configuration)
        trainer.hasChecksums = hasChecksums
        let time = try trainer.measureGradientTime()
        let runs = runs(path ?? "run.h5", repetitions: repetitions)
        if path != nil {
            do { try trainer.requireRoom(at: runs[0].path) } catch { Console.error("warning: \(error)") }
        }
        let (columns, row) = try trainer.plan(gradientTime: time)
        guard repetitions != nil else { return Table(columns: columns, rows: [row]) }
        return Table(
            columns: ["run", "seed"] + columns,
            rows: runs.map { [.string($0.path), .string("\($0.configuration.seed)")] + row })
    }

    // MARK: - Work

    /// Makes what is not there yet.
    /// - Returns: one row a run; `nil` where the one run was complete already.
    func run(_ path: String, repetitions: Int?) throws -> Table? {
        let targets = try runs(path, repetitions: repetitions).map { run in
            let output = ResumableOutput(run.path, isForced: isForced)
            for path in [output.path, output.place] { try refuse(inputsAs: path) }
            return (
                output: output, configuration: run.configuration,
                existing: try ExistingRun(of: output, objective: objectiveText, optimizer: run.configuration.json)
            )
        }
        if repetitions == nil, !targets[0].output.isBeside {
            switch targets[0].existing {
            case .complete:
                Console.error("\(path) is complete: nothing to do (--force redoes it)")
                try reportEstimate(ofComplete: path)
                return nil
            case .unfinished:
                throw SmoothnessError(
                    .cannotCreate, "holds the beginning of this run", file: path,
                    remedy:
                        "Continue it with: smoothness train --resume \(Escaping.shell(path: path)), or begin anew with --force"
                )
            case .absent: break
            }
        }
        for target in targets where target.existing == .absent && !isForced {
            if target.configuration.observation != nil { try refuseExistingEstimate(besideRun: target.output.path) }
        }
        Interruption.install()
        var outcomes: [Outcome] = []
        for (output, configuration, existing) in targets {
            let summary: TrainingSummary
            switch existing {
            case .complete:
                if !output.isBeside {
                    Console.error("\(output.path) is complete: nothing to do (--force redoes it)")
                    try reportEstimate(ofComplete: output.path)
                }
                summary = try TrainingSummary(ofComplete: RunFileReader(output.place))
            case .absent, .unfinished:
                summary = try train(
                    configuration, at: output.place, isContinued: existing == .unfinished,
                    remedy: repetitions == nil && !output.isBeside ? nil : "Give the same command again to go on")
            }
            outcomes.append((output.path, configuration, summary))
        }
        // All together: what they replace is there until the last one is whole.
        for (output, configuration, _) in targets {
            if configuration.observation != nil { try sealEstimateInLoop(ofRun: output.place).publish() }
            try output.publish()
        }
        let table = repetitions == nil ? table(outcomes) : repeatedTable(outcomes)
        for (output, configuration, existing) in targets where existing != .complete || output.isBeside {
            reportWritten(output.path, configuration)
        }
        return table
    }

    func reportWritten(_ path: String, _ configuration: TrainingConfiguration) {
        Console.error("wrote \(path)")
        if configuration.observation != nil { Console.error("wrote \(EstimationJob.defaultOutput(forRun: path))") }
    }

    /// Says where the estimates of a complete run are, made whole where an earlier call was killed at its very end.
    private func reportEstimate(ofComplete path: String) throws {
        if let estimates = try sealEstimate(ofRun: path) { Console.error("its estimates are in \(estimates)") }
    }

    private func refuse(inputsAs path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        try refuseInput(as: path, inputs: inputs)
    }

    /// One run, with its progress on stderr.
    func train(
        _ configuration: TrainingConfiguration, at path: String, isContinued: Bool, remedy: String? = nil
    ) throws -> TrainingSummary {
        var trainer = try Trainer(objectives, configuration)
        trainer.hasChecksums = hasChecksums
        Console.error("training on \(description.summary) → \(path)")
        for note in description.dataNotes { Console.error("note: \(note)") }
        var reporter: ProgressReporter?
        func report(_ progress: TrainingProgress) {
            // Made at the first report, which says how far an earlier call got; the pace counts from there.
            var current =
                reporter
                ?? ProgressReporter(label: "train", total: progress.iterationCount, alreadyDone: progress.iteration)
            current.update(completed: progress.iteration, progress.fields(metricName: objectives.metricName))
            reporter = current
        }
        let estimate = try TrainEstimate<Scalar>(
            configuration, run: path, isForced: isForced && !isContinued, data: data, module: module,
            hasChecksums: hasChecksums ?? true)
        let result = Result {
            if isContinued {
                return try trainer.train(
                    continuing: path, observer: estimate, shouldStop: { Interruption.isRequested }, progress: report)
            }
            return try trainer.train(
                creating: path, replacing: path.hasSuffix(ResumableOutput.ending), objective: objectiveText,
                observer: estimate,
                shouldStop: { Interruption.isRequested }, progress: report)
        }
        reporter?.finish()
        // What went wrong with the run comes first.
        let closing = Result { try estimate?.close() }
        let summary = try result.get()
        try closing.get()
        switch summary.outcome {
        case .complete: break
        case .diverged(let iteration):
            Console.error(
                "warning: the run diverged: iteration \(iteration) is not finite; the iterates before it are kept")
        case .interrupted(let iteration):
            throw SmoothnessError(
                .interrupted, "stopped before iteration \(iteration) of \(configuration.iterations)", file: path,
                remedy: remedy ?? "Continue with: smoothness train --resume \(Escaping.shell(path: path))")
        }
        if estimate != nil { try sealEstimateInLoop(ofRun: path) }
        return summary
    }

    // MARK: - What is printed

    func table(_ outcomes: [Outcome]) -> Table {
        Table(
            columns: TrainingSummary.columns(metricName: objectives.metricName),
            rows: outcomes.map { $0.summary.row(metricName: objectives.metricName) })
    }

    private func repeatedTable(_ outcomes: [Outcome]) -> Table {
        let plain = table(outcomes)
        return Table(
            columns: ["run", "seed"] + plain.columns,
            rows: zip(outcomes, plain.rows).map { outcome, row in
                [.string(outcome.path), .string("\(outcome.configuration.seed)")] + row
            })
    }
}

/// What exists at the place where a run is made.
private enum ExistingRun {
    /// Nothing, or something that is to be replaced.
    case absent
    /// This very run, finished.
    case complete
    /// The beginning of this very run.
    case unfinished

    /// - Throws: where something else stands at the place of the output, unless it may be replaced.
    init(of output: ResumableOutput, objective: String, optimizer: String) throws {
        try output.requirePlaces()
        let path = output.place
        guard FileManager.default.fileExists(atPath: path) else {
            self = .absent
            return
        }
        let header = try? RunFileReader(path).header
        if let header, header.objective == objective, header.optimizer == optimizer {
            self = header.state == .complete ? .complete : .unfinished
            return
        }
        // What an earlier call has begun beside a run that is to be replaced, and is not this one, is of no use.
        guard !output.isBeside else {
            self = .absent
            return
        }
        guard let header else {
            throw SmoothnessError(
                .cannotCreate, "exists and is no run file", file: path, remedy: "Write elsewhere, or use --force")
        }
        let asked = try RunSettings(objective: objective, optimizer: optimizer, file: path)
        let found = try RunSettings(objective: header.objective, optimizer: header.optimizer, file: path)
        let differences = asked.differences(from: found)
        throw SmoothnessError(
            .cannotCreate, "holds another run", file: path, expected: differences.here, found: differences.there,
            remedy: "Write elsewhere, or use --force")
    }
}
