import ArgumentParser
import Batching
import Essentials
import Estimation
import Evaluation
import Foundation
import Reporting
import RunFiles
import Torch

/// `smoothness estimate`: the local smoothness along a run.
struct EstimateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "estimate",
        abstract: "Measure the gradient norm and the local smoothness of every iterate of a run.",
        discussion: """
            For every saved iterate x with its step d, the largest ‖∇f(x + γd) − ∇f(x)‖ / ‖γd‖ over a grid of γ (Zhang et al. \
            2020, eq. 20), both gradients of the same function: the mean over a fixed subset of the components. An \
            interrupted estimate continues when the same command is given again.

            With --follow the run may still be training: rows are estimated as they are saved, until the run ends. With \
            --compare-subsets the same is measured on several shares of the data, to see how much is enough (figure 6 there).
            """)

    @Argument(help: ArgumentHelp("The run file.", valueName: "run"), completion: .file())
    var runFile: String
    @OptionGroup(title: "What is measured") var measured: ListedOptions<EstimateListing>
    @OptionGroup(title: "Gradients from another process") var process: OracleOptions
    @Flag(
        help:
            "Take the gradients that the run has recorded on a fixed subset, without model or data; the default where its objective is unknown here."
    )
    var recorded = false
    @Option(
        parsing: .unconditional,
        help:
            "Groups of components evaluated at the same time, each on one thread. (default: what Slurm allots, or the processor's cores)"
    )
    var threads: Int?
    @Option(
        help: "Where the data file of the objective is now, if it has moved; with --objective torchscript, the batches."
    )
    var data: String?
    @OptionGroup(title: "Another objective than the run's") var objective: EstimateObjectiveOptions
    @Option(
        name: .shortAndLong,
        help:
            "The estimates file (default: RUN.estimates.h5); with --compare-subsets the picture: .svg, .pdf, .png, .csv or .vl.json."
    )
    var output: String?
    @Option(help: "Format of the table: text, csv or json.")
    var format = Table.Format.text
    @Option(
        help: ArgumentHelp(
            "Columns of the table, as iteration,gradient_norm,smoothness, or 'all'. (default: the main ones as text, all as csv and json)",
            valueName: "name,…"))
    var columns: EstimateColumns?
    @Flag(help: "Estimate a run that is still training as far as it is, and wait for the rest.")
    var follow = false
    @Option(
        help: ArgumentHelp(
            "Print one line for every iterate and block whose name matches, as 'lstm.*' or '*'.", valueName: "pattern"))
    var blocks: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Measure on each of these shares of the components, into RUN.subset-SHARE.estimates.h5, and compare.",
            valueName: "share,…"))
    var compareSubsets: WordList<Double>?
    @Option(help: "--compare-subsets: iterates or summary. (default: both as text and json, iterates as csv)")
    var table: ComparisonTable?
    @OptionGroup var integrity: ChecksumOption
    @Flag(help: "Begin anew where the output exists.")
    var force = false
    @Flag(help: "Print the plan, the number of gradients, the bytes and the time, and write nothing.")
    var dryRun = false

    func validate() throws {
        try checkThreadCount(threads)
        try process.refuse(measured, data: data)
        if [recorded, process.oracle != nil, objective.objective != nil].count(where: { $0 }) > 1 {
            throw ValidationError("--recorded, --oracle and --objective each say where gradients come from: give one")
        }
        if blocks != nil, columns != nil {
            throw ValidationError("--blocks has columns of its own: leave out --columns")
        }
        guard let compareSubsets else {
            if table != nil { throw ValidationError("--table belongs to --compare-subsets") }
            return
        }
        let subsets = measured.given.filter { ["--subset", "--components", "--target-error"].contains($0) }
        try ValidationError.refuse(
            names(("--follow", follow), ("--blocks", blocks != nil)) + subsets + names(("--columns", columns != nil)),
            "--compare-subsets measures on several subsets")
        if Set(compareSubsets.values).count < max(2, compareSubsets.values.count) {
            throw ValidationError("--compare-subsets needs two or more different shares")
        }
    }

    func run() throws {
        if let compareSubsets { return try compare(compareSubsets.values) }
        let target = output ?? EstimationJob.defaultOutput(forRun: runFile)
        try refuseInput(as: target, inputs: [runFile, data, objective.module])
        let configuration = try configuration()
        let parallelism = Parallelism(threads: threads, configuration, processCount: process.settings?.workerCount)
        let job = try EstimationJob(
            run: Console.absolute(runFile), configuration: configuration,
            output: output.map { Console.absolute($0) }, isForced: force, isFollowing: follow,
            dataOverride: objective.isScripted ? nil : data, modulePath: objective.module, oracle: process.pool(),
            workerCount: parallelism.workerCount, threads: parallelism.threads,
            hasChecksums: integrity.checksums ?? true)
        try setThreadCount(parallelism.threadsPerWorker)
        if dryRun {
            return try Console.output(
                job.plan.table(job.forecast()).rendered(as: format))
        }
        let selected = try blocks.map { try BlockSelection($0, inRun: job.plan.run) }
        try work(job)
        let reader = try EstimatesFileReader(job.plan.output)
        let estimates = try (0..<reader.committedRows).map { try reader.estimate(row: $0) }
        let rows = estimates.map { EstimateRow($0) }
        let main: EstimateColumns = configuration.direction == .hessian ? .hessian : .main
        let table =
            try selected?.table(of: reader)
            ?? EstimateRow.table(rows, columns ?? (format == .text ? main : .all), isForPeople: format == .text)
        try Console.output(table.rendered(as: format))
        let controls = EstimateControls(estimates)
        for line in controls.lines { Console.error("control: \(line)") }
        if let target = configuration.targetError { Console.error(EstimateRow.cost(of: rows, target: target)) }
        if let note = EstimateRow.missingIntervals(rows) { Console.error("note: \(note)") }
        for warning in [controls.warning, EstimateRow.remark(on: rows)].compactMap({ $0 }) {
            Console.error("warning: \(warning)")
        }
        Console.error("wrote \(job.plan.output)")
    }

    /// As it was asked for, or as the gradients allow that the run has recorded.
    private func configuration() throws -> EstimationConfiguration {
        let run = Console.absolute(runFile)
        let reader = try RunFileReader(run)
        let isUnknown = (try? ObjectiveDescription(json: reader.header.objective))?.isExternal ?? false
        let given = try objective.description(data: data)
        guard recorded || (isUnknown && reader.fixedSubset != nil && given == nil && process.oracle == nil) else {
            var configuration = try measured.definition
            configuration.objective = given
            return configuration
        }
        let isOther = compareSubsets != nil || data != nil || given != nil
        try measured.refuseForRecorded(isOther ? "--compare-subsets, --data, --objective" : nil)
        return try .recorded(in: run, mode: measured.definition.mode)
    }

    private func compare(_ shares: [Double]) throws {
        let configuration = try configuration()
        let parallelism = Parallelism(threads: threads, configuration, processCount: process.settings?.workerCount)
        try setThreadCount(parallelism.threadsPerWorker)
        let comparison = EstimateComparison(
            run: Console.absolute(runFile), configuration: configuration, shares: shares.sorted(),
            isForced: force, data: objective.isScripted ? nil : data, module: objective.module,
            oracle: try process.pool(), parallelism: parallelism, picture: output)
        if dryRun { return try Console.output(comparison.plan().rendered(as: format)) }
        try comparison.run(work)
        try Console.output(comparison.text(table, as: format))
        try comparison.draw()
    }

    private func work(_ job: EstimationJob) throws {
        let plan = job.plan
        if plan.uncoveredRows > 0 {
            Console.error(
                "warning: \(plan.run) has grown: its last \(plan.uncoveredRows) rows are not in \(plan.output) "
                    + "(--force begins anew with all)")
        }
        guard plan.disposition != .complete else {
            return Console.error("\(plan.output) is complete: nothing to do (--force redoes it)")
        }
        let isRecorded = job.configuration.source == .recorded
        let data =
            isRecorded ? "the gradients it has recorded" : "\(plan.subsetSize) of \(plan.componentCount) components"
        Console.error("\(follow ? "following" : "estimating") \(plan.run) on \(data) → \(plan.output)")
        for note in process.oracle == nil ? try job.notes() : [] { Console.error("note: \(note)") }
        if let note = job.fittingNote { Console.error("note: \(note)") }
        for warning in job.configuration.warnings { Console.error("warning: \(warning)") }
        if plan.disposition == .resume { Console.error("continuing after row \(plan.committedRows)") }
        Interruption.install()
        var reporter = ProgressReporter(label: "estimate", total: plan.rowCount, alreadyDone: plan.committedRows)
        defer { reporter.finish() }
        try job.run(
            progress: { progress in
                reporter.update(
                    completed: progress.rowsDone,
                    [
                        .gradientNorm(progress.latest.gradientNorm),
                        ProgressField("smoothness", String(format: "%.4g", progress.latest.smoothness)),
                    ])
            }, isCancelled: { Interruption.isRequested }, waiting: { Console.error($0) })
    }
}
