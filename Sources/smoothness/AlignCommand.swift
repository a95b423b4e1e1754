import ArgumentParser
import Batching
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
    @OptionGroup(title: "What is measured") var measured: ListedOptions<AlignListing>
    @Option(parsing: .unconditional, help: "Threads for tensor operations. (default: what Slurm allots, or the processor's cores)")
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
        try measured.requireOneFunction()
    }

    func run() throws {
        let target = output ?? AlignmentJob.defaultOutput(forRun: runFile)
        try refuseInput(as: target, inputs: [runFile, data])
        let path = Console.absolute(runFile)
        let threads = threads ?? Allotment().processors
        let job = try AlignmentJob(
            run: path, configuration: measured.configuration(ofRun: path),
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

extension ListedOptions<AlignListing> {
    /// Returns what is measured of a run, with the clip norm that it was made with where no other is given.
    func configuration(ofRun path: String) throws -> AlignmentConfiguration {
        var standard = AlignListing.standard
        let header = try RunFileReader(path).header
        // A run of another program may describe its optimiser in its own way.
        let training = try? TrainingConfiguration(json: header.optimizer, file: path)
        standard.clipNorms = training?.clipNorm.map { [$0] } ?? []
        return try definition(from: standard)
    }

    /// Refuses what makes no sense of an alignment.
    func requireOneFunction() throws {
        guard self["masks"] == "fresh" else { return }
        throw ValidationError(
            "--masks fresh makes every component another function in the second pass, whose cosines with the mean of the "
                + "first mean nothing; give fixed or off")
    }
}
