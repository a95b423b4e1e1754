import ArgumentParser
import Essentials
import Evaluation
import Foundation
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
            iteration. An interrupted run continues with --resume to the same history and iterates, bit for bit, as one that was \
            never interrupted. With --estimate the local smoothness is measured on the way.
            """)

    @OptionGroup(title: "Objective") var objective: TrainObjectiveOptions
    @OptionGroup(title: "Optimiser") var optimizer: TrainOptimizerOptions
    @OptionGroup(title: "Estimates while training (the options of estimate)") var estimates: TrainEstimateOptions
    @Option(name: .shortAndLong, help: "The run file to write.")
    var output: String?
    @Option(help: "The interrupted run file to continue, with its own settings.")
    var resume: String?
    @Option(
        name: .customLong("repeat"),
        parsing: .unconditional,
        help: """
            Make so many runs, with --seed and its successors, as OUTPUT-1.h5, OUTPUT-2.h5, …; the same command again \
            continues where it was interrupted and leaves finished runs alone.
            """)
    var repetitions: Int?
    @OptionGroup var integrity: ChecksumOption
    @Flag(help: "Replace the output if it exists.")
    var force = false
    @Flag(help: "Print the plan, the number of gradients, the bytes and the time, and write nothing.")
    var dryRun = false
    @Option(help: "Format of the summary: text, csv or json.")
    var format = Table.Format.text

    func validate() throws {
        if let repetitions, !(1...10_000).contains(repetitions) {
            throw ValidationError("--repeat must lie between 1 and 10000, not \(repetitions)")
        }
        guard resume != nil else {
            if output == nil && !dryRun { throw ValidationError("give --output, or --resume to continue a run") }
            return
        }
        let ignored = objective.givenNames + optimizer.givenNames + estimates.givenNames
        guard ignored.isEmpty else {
            throw ValidationError(
                "--resume continues a run with its own settings; leave out \(ignored.joined(separator: ", "))")
        }
        try ValidationError.refuse(
            names(
                ("--output", output != nil), ("--repeat", repetitions != nil), ("--force", force),
                ("--dry-run", dryRun)),
            "--resume continues one run in its own file",
            remedy: repetitions == nil
                ? "" : "; repeated runs go on when the command that began them is given again")
    }

    func run() throws {
        if let resume { return try continueRun(Console.absolute(resume)) }
        // What is wrong with the optimiser is known before any data is read.
        let configuration = try configuration(componentCount: 1)
        switch configuration.precision {
        case .float32: try begin(configuration, as: Float.self)
        case .float64: try begin(configuration, as: Double.self)
        }
    }

    // MARK: - A new run

    /// - Parameter least: the configuration for an objective of one component.
    private func begin<Scalar: ParameterScalar>(_ least: TrainingConfiguration, as scalar: Scalar.Type) throws {
        // So is a run that does not fit whatever its objective.
        if !dryRun, let output {
            try least.extents().requireRoom(at: Console.absolute(output), parameterCount: 1, scalar: scalar)
        }
        let description = try objective.description()
        let set = try makeObjective(
            description, as: scalar, options: least.evaluation, modulePath: objective.module)
        let configuration = try configuration(componentCount: set.training.componentCount)
        try setThreadCount(configuration.threads)
        let work = try TrainWork(
            set, configuration, description, isForced: force,
            inputs: objective.inputs, module: objective.module,
            hasChecksums: integrity.checksums)
        let path = output.map(Console.absolute)
        if dryRun { return try Console.output(work.plan(of: path, repetitions: repetitions).rendered(as: format)) }
        guard let path else { return }
        let table = try work.run(path, repetitions: repetitions)
        if let table { try Console.output(table.rendered(as: format)) }
    }

    private func configuration(componentCount: Int) throws -> TrainingConfiguration {
        var configuration = try optimizer.configuration(
            for: objective.objective, componentCount: componentCount)
        configuration.observation = try estimates.observation(device: configuration.device)
        // Measured in the loop, no iterate need be kept.
        if estimates.estimate != nil && optimizer.listed["save"] == nil { configuration.save = .none }
        try configuration.validate()
        return configuration
    }

    // MARK: - An interrupted run

    private func continueRun(_ path: String) throws {
        let header = try RunFileReader(path).header
        if header.state == .complete {
            Console.error("\(path) is complete: nothing to do")
            if ResumableOutput.finalPath(of: path) == path, let estimates = try sealEstimate(ofRun: path) {
                Console.error("its estimates are in \(estimates)")
            }
            return
        }
        var configuration = try TrainingConfiguration(json: header.optimizer, file: path)
        if let threads = optimizer.threads, threads != configuration.threads {
            warn("was begun with \(configuration.threads) threads; with \(threads) the last bits may differ", path)
            configuration.threads = threads
        }
        if let device = optimizer.device, device != configuration.device {
            throw SmoothnessError(
                .usage, "a run goes on where it was begun: on another device its numbers would be others", file: path,
                object: "--device", expected: configuration.device, found: device,
                remedy: "Leave out --device, or begin anew on the other with --force")
        }
        switch configuration.precision {
        case .float32: try continueRun(path, header, configuration, as: Float.self)
        case .float64: try continueRun(path, header, configuration, as: Double.self)
        }
    }

    private func continueRun<Scalar: ParameterScalar>(
        _ path: String, _ header: RunHeader, _ configuration: TrainingConfiguration, as scalar: Scalar.Type
    ) throws {
        let description = try ObjectiveDescription(json: header.objective, file: path)
        let set = try makeObjective(
            description, as: scalar, options: configuration.evaluation,
            dataOverride: objective.data ?? description.dataBeside(runFile: path), modulePath: objective.module)
        try setThreadCount(configuration.threads)
        let work = try TrainWork(set, configuration, description, data: objective.data, module: objective.module)
        Interruption.install()
        let summary = try work.train(configuration, at: path, isContinued: true)
        if ResumableOutput.finalPath(of: path) == path { _ = try sealEstimate(ofRun: path) }
        try Console.output(work.table([(path, configuration, summary)]).rendered(as: format))
        work.reportWritten(path, configuration)
    }

    private func warn(_ message: String, _ path: String) { Console.error("warning: \(path): the run \(message)") }
}
