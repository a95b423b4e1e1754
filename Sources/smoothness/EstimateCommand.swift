import ArgumentParser
import Essentials
import Estimation
import Foundation
import Objectives
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
            """)

    @Argument(help: ArgumentHelp("The run file.", valueName: "run"), completion: .file())
    var runFile: String
    @OptionGroup(title: "What is measured") var definition: EstimateDefinitionOptions
    @Option(
        parsing: .unconditional,
        help: "Threads, shared among groups of components. (default: what Slurm allots, or the processor's cores)")
    var threads: Int?
    @Option(help: "Where the data file of the objective is now, if it has moved.")
    var data: String?
    @Option(name: .shortAndLong, help: "The estimates file. (default: RUN.estimates.h5)")
    var output: String?
    @Option(help: "Format of the table: text, csv or json.")
    var format = Table.Format.text
    @Flag(help: "Begin anew where the output exists.")
    var force = false
    @Flag(help: "Print the plan, the number of gradients, the bytes and the time, and write nothing.")
    var dryRun = false

    func validate() throws {
        try checkThreadCount(threads)
    }

    func run() throws {
        let target = output ?? EstimationJob.defaultOutput(forRun: runFile)
        try refuseInput(as: target, inputs: [runFile, data])
        let parallelism = Parallelism(threads: threads, definition)
        let job = try EstimationJob(
            run: Console.absolute(runFile), configuration: definition.configuration,
            output: output.map { Console.absolute($0) }, isForced: force, dataOverride: data,
            workerCount: parallelism.workerCount, threads: parallelism.threads)
        try setThreadCount(parallelism.threadsPerWorker)
        if dryRun {
            return try Console.output(
                job.plan.table(secondsPerGradient: job.secondsPerComponentGradient()).rendered(as: format))
        }
        try work(job)
        let reader = try EstimatesFileReader(job.plan.output)
        let estimates = try (0..<reader.committedRows).map { try reader.estimate(row: $0) }
        let rows = estimates.map { EstimateRow($0) }
        try Console.output(EstimateRow.table(rows).rendered(as: format))
        for line in EstimateControls(estimates).lines { Console.error("control: \(line)") }
        if let remark = EstimateRow.remark(on: rows) { Console.error("warning: \(remark)") }
        Console.error("wrote \(job.plan.output)")
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
        Console.error(
            "estimating \(plan.run) on \(plan.subsetSize) of \(plan.componentCount) components → \(plan.output)")
        for note in try ObjectiveDescription(json: RunFileReader(plan.run).header.objective).gradientNotes {
            Console.error("note: \(note)")
        }
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
            }, isCancelled: { Interruption.isRequested })
    }
}

extension EstimateRow {
    /// `3 of 20 rows are not ok: 2 zeroStep, 1 nonFiniteIterate`; `nil` where all are.
    static func remark(on rows: [EstimateRow]) -> String? {
        var counts: [EstimateStatus: Int] = [:]
        for row in rows where row.status != .ok { counts[row.status, default: 0] += 1 }
        guard !counts.isEmpty else { return nil }
        let parts = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.name)" }
        return "\(counts.values.reduce(0, +)) of \(rows.count) rows are not ok: " + parts.joined(separator: ", ")
    }

    /// The table for stdout, one row an iterate.
    static func table(_ rows: [EstimateRow]) -> Table {
        Table(
            columns: columnNames,
            rows: rows.map { row in
                [.integer(row.iteration)] + row.numericValues.map { .number($0) }
                    + [.bool(row.isSafe), .bool(row.isBelowFloor), .string(row.status.name)]
            })
    }
}

extension EstimationPlan {
    /// One row for stdout: what an estimate would do. `seconds` leaves out reading and writing.
    func table(secondsPerGradient: Double) -> Table {
        Table(
            columns: [
                "disposition", "parameters", "subset", "components", "gammas", "rows", "rows_done", "gradients",
                "component_gradients", "bytes", "memory_bytes", "seconds",
            ],
            rows: [
                [
                    .string(disposition.rawValue), .integer(parameterCount), .integer(subsetSize),
                    .integer(componentCount), .integer(gammas.count), .integer(rowCount), .integer(committedRows),
                    .integer(subsetGradientCount), .integer(componentGradientCount), .integer(outputBytes),
                    .integer(workspaceBytes), .number(Double(componentGradientCount) * secondsPerGradient),
                ]
            ])
    }
}
