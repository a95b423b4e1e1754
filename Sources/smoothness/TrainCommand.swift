import ArgumentParser
import Essentials
import Foundation
import Objectives
import ParameterSpace
import Reporting
import RunFiles
import Torch
import Training

/// `smoothness train`: minimises an objective and writes a run file.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train on an objective and write the iterates to a run file.",
        discussion: """
            Saves x_k and x_{k+1} for the iterations that --save names, with the loss, gradient norm and step norm of every \
            iteration. An interrupted run continues with --resume to the same bytes as one that was never interrupted.
            """)

    @OptionGroup(title: "Objective") var objective: TrainObjectiveOptions
    @OptionGroup(title: "Optimiser") var optimizer: TrainOptimizerOptions
    @Option(name: .shortAndLong, help: "The run file to write.")
    var output: String?
    @Option(help: "The interrupted run file to continue, with its own settings.")
    var resume: String?
    @Flag(help: "Replace the output if it exists.")
    var force = false
    @Flag(help: "Print the plan, the number of gradients, the bytes and the time, and write nothing.")
    var dryRun = false
    @Option(help: "Format of the summary: text, csv or json.")
    var format = Table.Format.text

    func validate() throws {
        guard resume != nil else {
            if output == nil && !dryRun { throw ValidationError("give --output, or --resume to continue a run") }
            return
        }
        let ignored = objective.givenNames + optimizer.givenNames
        guard ignored.isEmpty else {
            throw ValidationError(
                "--resume continues a run with its own settings; leave out \(ignored.joined(separator: ", "))")
        }
        if output != nil || force || dryRun {
            throw ValidationError("--resume goes with neither --output nor --force nor --dry-run")
        }
    }

    func run() throws {
        if let resume { return try continueRun(Console.absolute(resume)) }
        let description = try objective.description()
        switch optimizer.precision ?? .float32 {
        case .float32: try begin(description, as: Float.self)
        case .float64: try begin(description, as: Double.self)
        }
    }

    // MARK: - A new run

    private func begin<Scalar: ParameterScalar>(_ description: ObjectiveDescription, as scalar: Scalar.Type) throws {
        let set = try makeObjective(description, as: scalar, options: optimizer.evaluation)
        let configuration = try optimizer.configuration(
            for: objective.objective, epochLength: set.training.componentCount)
        let trainer = try Trainer(set, configuration)
        try setThreadCount(configuration.threads)
        if dryRun {
            Console.error(description.summary)
            return try Console.output(
                trainer.planTable(gradientTime: trainer.measureGradientTime()).rendered(as: format))
        }
        let path = Console.absolute(output ?? "")
        let text = try description.json()
        if FileManager.default.fileExists(atPath: path) {
            try refuseInput(as: path, inputs: [objective.data, objective.language.valid])
            if try isDone(path, objective: text, optimizer: configuration.json) { return }
        }
        try work(on: path, trainer, description) { progress in
            try trainer.train(
                creating: path, replacing: force, objective: text, shouldStop: { Interruption.isRequested },
                progress: progress)
        }
    }

    /// Whether the output holds this very run already.
    /// - Throws: where it holds something else, unless `--force` was given.
    private func isDone(_ path: String, objective: String, optimizer: String) throws -> Bool {
        try FileInTheMaking.requireOrdinaryPlace(path)
        if force { return false }
        guard let header = try? RunFileReader(path).header else {
            throw SmoothnessError(
                .cannotCreate, "exists and is no run file", file: path, remedy: "Write elsewhere, or use --force")
        }
        guard header.objective == objective && header.optimizer == optimizer else {
            throw SmoothnessError(
                .cannotCreate, "holds another run", file: path, remedy: "Write elsewhere, or use --force")
        }
        guard header.state == .complete else {
            throw SmoothnessError(
                .cannotCreate, "holds the beginning of this run", file: path,
                remedy: "Continue it with: smoothness train --resume \(path), or begin anew with --force")
        }
        Console.error("\(path) is complete: nothing to do (--force redoes it)")
        return true
    }

    // MARK: - An interrupted run

    private func continueRun(_ path: String) throws {
        let header = try RunFileReader(path).header
        if header.state == .complete { return Console.error("\(path) is complete: nothing to do") }
        var configuration = try TrainingConfiguration(json: header.optimizer, file: path)
        if let threads = optimizer.threads, threads != configuration.threads {
            warn("was begun with \(configuration.threads) threads; with \(threads) the last bits may differ", path)
            configuration.threads = threads
        }
        if let device = optimizer.device, device != configuration.device {
            warn("was begun on \(configuration.device); on \(device) the last bits will differ", path)
            configuration.device = device
        }
        switch configuration.precision {
        case .float32: try continueRun(path, header, configuration, as: Float.self)
        case .float64: try continueRun(path, header, configuration, as: Double.self)
        }
    }

    private func continueRun<Scalar: ParameterScalar>(
        _ path: String, _ header: RunHeader, _ configuration: TrainingConfiguration, as scalar: Scalar.Type
    ) throws {
        let description = try ObjectiveDescription(json: header.objective)
        let options = EvaluationOptions(microBatch: configuration.microBatch, device: configuration.device)
        let set = try makeObjective(
            description, as: scalar, options: options,
            dataOverride: objective.data ?? description.dataBeside(runFile: path))
        let trainer = try Trainer(set, configuration)
        try setThreadCount(configuration.threads)
        try work(on: path, trainer, description) { progress in
            try trainer.train(continuing: path, shouldStop: { Interruption.isRequested }, progress: progress)
        }
    }

    private func warn(_ message: String, _ path: String) { Console.error("warning: \(path): the run \(message)") }

    // MARK: - What both have in common

    private func work<Scalar: ParameterScalar>(
        on path: String, _ trainer: Trainer<Scalar>, _ description: ObjectiveDescription,
        _ train: (_ progress: (TrainingProgress) -> Void) throws -> TrainingSummary
    ) throws {
        Console.error("training on \(description.summary) → \(path)")
        for note in description.dataNotes { Console.error("note: \(note)") }
        Interruption.install()
        let metric = trainer.objectives.metricName
        var reporter: ProgressReporter?
        let result = Result {
            try train { progress in
                // Made at the first report, which says how far an earlier call got; the pace counts from there.
                var current =
                    reporter
                    ?? ProgressReporter(
                        label: "train", total: progress.iterationCount, alreadyDone: progress.iteration)
                current.update(completed: progress.iteration, progress.fields(metricName: metric))
                reporter = current
            }
        }
        reporter?.finish()
        let summary = try result.get()
        switch summary.outcome {
        case .complete: break
        case .diverged(let iteration):
            Console.error(
                "warning: the run diverged: iteration \(iteration) is not finite; the iterates before it are kept")
        case .interrupted(let iteration):
            throw SmoothnessError(
                .interrupted, "stopped before iteration \(iteration) of \(trainer.configuration.iterations)",
                file: path,
                remedy: "Continue with: smoothness train --resume \(path)")
        }
        try Console.output(summary.table(metricName: metric).rendered(as: format))
        Console.error("wrote \(path)")
    }
}
