import ArgumentParser
import Batching
import Essentials
import Foundation
import Reporting
import Synchronization

struct BatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch",
        abstract: "Estimate and fit many runs, on this machine or on a cluster.",
        discussion: """
            `smoothness batch runs/` plans, measures and merges everything below a folder. The steps can be taken one by one: `plan` freezes \
            which rows of which runs are measured and cuts them into units; `run` works units off here, `submit` on a Slurm cluster; `status` \
            says how far they are; `merge` joins them to one estimates file a run, one table and one page. What is done is never done \
            again, whatever stops the work; a run that fails is reported with its reason, the others are measured, and the exit code is 3.

            The options of `smoothness batch runs/`, what is measured among them, are shown by `smoothness batch all --help`.
            """,
        subcommands: [
            BatchAll.self, BatchPlan.self, BatchWork.self, BatchSubmit.self, BatchStatusCommand.self, BatchRetry.self,
            BatchCancel.self, BatchMergeCommand.self, BatchWorkerCommand.self,
        ], defaultSubcommand: BatchAll.self)
}

/// What is measured and fitted, and how it is cut.
struct BatchPlanOptions: ParsableArguments {
    @Argument(help: "Run files, or folders that hold them.", completion: .file())
    var paths: [String]
    @Option(help: "Which files below a folder; ** stands for any number of folders.")
    var pattern = BatchConfiguration.standardPattern
    @Option(help: "Where the data file of the objectives is now, if it has moved.")
    var data: String?
    @Option(parsing: .unconditional, help: "About how many minutes a unit of work is to take. (default: 5)")
    var unitMinutes: Double?
    @Option(parsing: .unconditional, help: "How many rows a unit has, instead.")
    var unitRows: Int?
    @OptionGroup(title: "What is measured") var measured: ListedOptions<EstimateListing>
    @OptionGroup(title: "Fit") var intervals: IntervalOptions
    @Flag(help: "Throw away the plan that stands there, with everything in it, when the new one is made.")
    var force = false

    func validate() throws {
        if unitMinutes != nil && unitRows != nil {
            throw ValidationError("give --unit-minutes or --unit-rows, not both")
        }
        if let unitMinutes, !(unitMinutes > 0 && (60 * unitMinutes).isFinite) {
            throw ValidationError("--unit-minutes must be a number above 0, not \(unitMinutes)")
        }
        if let unitRows, unitRows < 1 { throw ValidationError("--unit-rows must be at least 1, not \(unitRows)") }
    }

    var configuration: BatchConfiguration {
        get throws {
            let definition = try measured.definition
            return BatchConfiguration(
                paths: paths, pattern: pattern, estimation: definition,
                // One --seed: of directions, of controls and of the bootstrap.
                fit: intervals.options(seed: definition.seed), data: data.map { Console.absolute($0) },
                sizing: BatchConfiguration.Sizing(seconds: 60 * (unitMinutes ?? 5), rows: unitRows))
        }
    }

    /// Makes the plan, or renews it.
    func plan(in folder: PlanFolder) throws -> BatchManifest {
        let configuration = try configuration
        let manifest = try BatchPlanner(configuration).plan(in: folder, isForced: force) {
            Console.error("note: \($0)")
        }
        Console.error(
            "\(counted(manifest.units.count, "unit")) of \(counted(manifest.entries.count - manifest.failures.count, "run")) → \(folder.path)"
        )
        for failure in manifest.failures { BatchReport.show(failure) }
        return manifest
    }
}

/// How a plan is worked off here.
struct BatchWorkOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Workers at the same time. (default: one a processor that is allotted, as far as the memory goes)")
    var jobs: Int?
    @Option(parsing: .unconditional, help: "Threads of a worker. (default: the processors shared among them)")
    var threads: Int?

    func validate() throws {
        try checkThreadCount(threads)
        try checkCount("--jobs", jobs)
    }

    /// Works, and says what came of it.
    func work(_ folder: PlanFolder, shard: Shard) throws -> PoolResult {
        Interruption.install([SIGINT, SIGTERM, SIGUSR2], patience: .scheduled)
        let run = try BatchRun(folder, shard: shard)
        // One at a time on a GPU, unless more are asked for: each would take its memory.
        let workers = Allotment().workers(
            jobs: jobs ?? (run.usesGPU ? 1 : nil), peakBytes: run.peakBytes, units: run.units.count)
        let threads = threads ?? workers.threads
        Console.error(
            "\(counted(run.units.count, "unit")), \(counted(workers.jobs, "worker")) of \(counted(threads, "thread"))")
        var (reporter, shown): (ProgressReporter?, Int) = (nil, -1)
        let result = try run.run(
            program: Self.program, arguments: ["batch", "worker", folder.path, "--threads", "\(threads)"],
            jobs: workers.jobs, shouldStop: { Interruption.isRequested },
            progress: { done, before in
                if reporter == nil {
                    reporter = ProgressReporter(label: "batch", total: run.units.count, alreadyDone: before)
                }
                if done != shown || done < run.units.count { reporter?.update(completed: done) }
                shown = done
            },
            waiting: { count in
                Console.error(
                    "waiting for \(counted(count, "unit")) that workers of other calls are at: \(folder.workers) tells which"
                )
            })
        reporter?.finish()
        Console.error(
            "\(counted(result.done, "unit")) done, \(result.had) done before, \(result.failed) failed"
                + (result.lostWorkers > 0 ? ", \(result.lostWorkers) workers lost and replaced" : ""))
        return result
    }

    /// This program, as another process can start it.
    static var program: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}

/// What is told at the end of a batch, and the exit codes.
enum BatchReport {
    static func show(_ failure: BatchFailure) {
        // Most reasons begin with the file.
        let isNamed = failure.reason.contains(failure.path)
        Console.error("failed: " + (isNamed ? "" : "\(failure.path): ") + failure.reason)
    }

    static func interrupted(_ folder: PlanFolder) -> SmoothnessError {
        SmoothnessError(
            .interrupted, "stopped; what is done is kept", file: folder.path,
            remedy: "The same command continues.")
    }

    static func partial(_ failures: Int, of runs: Int) -> SmoothnessError {
        SmoothnessError(.partial, "\(failures) of \(runs) runs failed; the others are measured")
    }

    /// Merges, writes and prints the table.
    static func merge(_ folder: PlanFolder, isBesideRuns: Bool, isForced: Bool, format: Table.Format) throws {
        let merge = try BatchMerge(folder, isBesideRuns: isBesideRuns, isForced: isForced)
        let reporter = Mutex(
            ProgressReporter(label: "merge", total: merge.manifest.entries.count - merge.manifest.failures.count))
        let results = try merge.run(
            threads: Allotment().processors, isCancelled: { Interruption.isRequested }
        ) { done in reporter.withLock { $0.update(completed: done) } }
        reporter.withLock { $0.finish() }
        try Console.output(results.table.dropping(["run_id"]).rendered(as: format))
        for path in try results.save(in: folder, configuration: merge.configuration) { Console.error("wrote \(path)") }
        for failure in results.failures { show(failure) }
        if !results.unfinished.isEmpty {
            throw SmoothnessError(
                .interrupted, "\(results.unfinished.count) runs are not finished and are not in the table",
                file: folder.path, remedy: "Go on with: smoothness batch run \(Escaping.shell(folder.path))")
        }
        if !results.failures.isEmpty { throw partial(results.failures.count, of: merge.manifest.entries.count) }
    }
}

struct BatchAll: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all", abstract: "Plan, run and merge.",
        discussion: """
            A second call measures what has come since: new runs, and new snapshots of runs that still train. Nothing that is done is done again.
            """)

    @OptionGroup var options: BatchPlanOptions
    @OptionGroup(title: "Work") var work: BatchWorkOptions
    @Option(
        name: .shortAndLong, help: "The folder of the plan and its results. (default: batch in the folder of the runs)")
    var output: String?
    @Flag(help: "Put the estimates beside their runs, as RUN.estimates.h5, instead of into the plan.")
    var besideRuns = false
    @OptionGroup var format: FormatOption

    func run() throws {
        let folder = PlanFolder(output ?? defaultOutput)
        _ = try options.plan(in: folder)
        let result = try work.work(folder, shard: .whole)
        guard !result.wasStopped else { throw BatchReport.interrupted(folder) }
        try BatchReport.merge(folder, isBesideRuns: besideRuns, isForced: options.force, format: format.format)
    }

    private var defaultOutput: String {
        let first = Console.absolute(options.paths[0])
        var isFolder: ObjCBool = false
        let isThere = FileManager.default.fileExists(atPath: first, isDirectory: &isFolder)
        return isThere && isFolder.boolValue ? first + "/batch" : "batch"
    }
}
