import ArgumentParser
import Essentials
import Estimation
import Evaluation
import Foundation
import Reporting
import RunFiles
import Torch
import Training

/// `smoothness align`: do the component gradients agree with the full one?
struct AlignCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "align",
        abstract: "Measure how the gradients of batches agree with the full gradient along a run.",
        discussion: """
            At saved iterates, for every batch size: the cosines between the gradients of all batches of one partition and \
            their mean, the ratio of their norms, what clipping each of them does to the descent, and the gradient noise \
            scale (Qian et al. 2021, section 3.1). A batch size counts components for texts and examples otherwise; batches are \
            merged from consecutive components. An interrupted alignment continues when the same command is given again.
            """)

    @Argument(help: ArgumentHelp("The run file.", valueName: "run"), completion: .file())
    var runFile: String
    @OptionGroup(title: "What is measured") var definition: AlignDefinitionOptions
    @Option(parsing: .unconditional, help: "Threads for tensor operations. (default: the processor's cores)")
    var threads: Int?
    @Option(help: "Where the data file of the objective is now, if it has moved.")
    var data: String?
    @Option(help: "The scripted module of a run that was made with one.")
    var module: String?
    @Option(name: .shortAndLong, help: "The alignment file. (default: RUN.alignment.h5)")
    var output: String?
    @Option(help: "Format of the table: text, csv or json.")
    var format = Table.Format.text
    @Option(help: "summary (a row for every iterate, batch size and clip norm) or histogram (of the cosines).")
    var table = AlignmentTable.summary
    @OptionGroup var integrity: ChecksumOption
    @Flag(help: "Begin anew where the output exists.")
    var force = false
    @Flag(help: "Print the plan, the number of gradients, the bytes and the time, and write nothing.")
    var dryRun = false

    func validate() throws {
        try checkThreadCount(threads)
    }

    func run() throws {
        let target = output ?? AlignmentJob.defaultOutput(forRun: runFile)
        try refuseInput(as: target, inputs: [runFile, data])
        let path = Console.absolute(runFile)
        let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        let job = try AlignmentJob(
            run: path, configuration: definition.configuration(ofRun: path),
            output: output.map { Console.absolute($0) },
            isForced: force, dataOverride: data, modulePath: module, threads: threads,
            hasChecksums: integrity.checksums ?? true)
        try setThreadCount(threads)
        if dryRun {
            return try Console.output(
                job.plan.table(secondsPerGradient: job.secondsPerComponentGradient()).rendered(as: format))
        }
        try work(job)
        let reader = try AlignmentFileReader(job.plan.output)
        try Console.output(table.table(of: reader.rows(), header: reader.header).rendered(as: format))
        Console.error("wrote \(job.plan.output)")
    }

    private func work(_ job: AlignmentJob) throws {
        let plan = job.plan
        guard plan.disposition != .complete else {
            return Console.error("\(plan.output) is complete: nothing to do (--force redoes it)")
        }
        let sizes = plan.partitions.map { "\($0.size)" }.joined(separator: ", ")
        Console.error(
            "aligning \(plan.run) on \(plan.subsetSize) of \(plan.componentCount) components, batches of \(sizes) "
                + "\(plan.unit.rawValue) → \(plan.output)")
        if let note = job.fittingNote { Console.error("note: \(note)") }
        if plan.disposition == .resume { Console.error("continuing after row \(plan.committedRows)") }
        Interruption.install()
        var reporter = ProgressReporter(label: "align", total: plan.rowCount, alreadyDone: plan.committedRows)
        defer { reporter.finish() }
        try job.run(
            progress: { progress in
                let cosine = progress.latest.batches.first?.meanCosine ?? .nan
                reporter.update(
                    completed: progress.rowsDone,
                    [
                        .gradientNorm(progress.latest.gradientNorm),
                        ProgressField("cosine", String(format: "%.4g", cosine)),
                    ])
            }, isCancelled: { Interruption.isRequested })
    }
}

/// The options that decide the numbers; `AlignmentConfiguration.arguments` writes them.
struct AlignDefinitionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The rows of the run file, as 0,3,8-11.", valueName: "list"))
    var rows: String?
    @Option(parsing: .unconditional, help: "Every n-th row of the run file. (default: 1)")
    var every: Int?
    @Option(
        parsing: .unconditional,
        help:
            "Batch sizes, increasing: in components for texts, in examples for everything else. (default: one component and 2, 4, 8 times as much while four batches are left)"
    )
    var batchSizes: CountList?
    @Option(help: "What batch sizes count: components or examples. (default: components for texts, else examples)")
    var batchUnit: BatchUnit?
    @Option(parsing: .unconditional, help: "Clip norms, increasing, or none. (default: the run's own)")
    var clipNorms: ClipNormList?
    @Option(
        parsing: .unconditional,
        help: "Share of the components that is measured, drawn without replacement. (default: 1)")
    var subset: Double?
    @Option(parsing: .unconditional, help: "Seed of that sample. (default: 0)")
    var subsetSeed: UInt64?
    @Option(help: ArgumentHelp("The components that are measured, as 0,3,8-11.", valueName: "list"))
    var components: String?
    @Option(help: "float32 or float64. (default: the run's)")
    var precision: Precision?
    @Option(
        parsing: .unconditional,
        help: "Evaluate a component in pieces of at most this many examples, to need less memory.")
    var microBatch: Int?
    @Option(help: "Dropout: fixed (the same masks at every point) or off.")
    var masks = EvaluationOptions.Masks.fixed
    @Option(help: "cpu or cuda.")
    var device = "cpu"

    func validate() throws {
        if rows != nil && every != nil { throw ValidationError("give --rows or --every, not both") }
        if masks == .fresh {
            throw ValidationError(
                "--masks fresh makes every component another function in the second pass, whose cosines with the mean of the "
                    + "first mean nothing; give fixed or off")
        }
        if components != nil && (subset != nil || subsetSeed != nil) {
            throw ValidationError("--components names what is measured; leave out --subset and --subset-seed")
        }
        if let microBatch, microBatch < 1 {
            throw ValidationError("--micro-batch must be at least 1, not \(microBatch)")
        }
    }

    func configuration(ofRun path: String) throws -> AlignmentConfiguration {
        AlignmentConfiguration(
            rows: try rows.map { try RowSelection(parsing: $0) } ?? .every(count: every ?? 1),
            batchSizes: batchSizes?.values, unit: batchUnit,
            clipNorms: try clipNorms?.values ?? ownClipNorm(ofRun: path),
            subset: try components.map { try ComponentSelection(parsing: $0) }
                ?? .sample(fraction: subset ?? 1, seed: subsetSeed ?? 0),
            precision: precision,
            evaluation: EvaluationOptions(masks: masks, microBatch: microBatch, device: device))
    }

    /// The clip norm that the run was made with. A run of another program may describe its optimiser in its own way.
    private func ownClipNorm(ofRun path: String) throws -> [Double] {
        let header = try RunFileReader(path).header
        let configuration = try? TrainingConfiguration(json: header.optimizer, file: path)
        return configuration?.clipNorm.map { [$0] } ?? []
    }
}

/// Numbers separated by commas, or `none`.
struct ClipNormList: ExpressibleByArgument, Equatable {
    var values: [Double]

    init?(argument: String) {
        if argument == "none" {
            values = []
        } else if let list = NumberList(argument: argument) {
            values = list.values
        } else {
            return nil
        }
    }
}

extension BatchUnit: ExpressibleByArgument {}
