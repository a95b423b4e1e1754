import ArgumentParser
import Batching
import Essentials
import Foundation
import Reporting
import Torch

struct BatchPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Freeze which rows of which runs are measured, and cut them into units.",
        discussion: """
            A plan of the same configuration that stands in the folder is renewed: new runs and new rows are added, what is done stays done.
            """)

    @OptionGroup var options: BatchPlanOptions
    @Option(name: .shortAndLong, help: "The folder of the plan.", completion: .directory)
    var output: String

    func run() throws {
        let folder = PlanFolder(output)
        let manifest = try options.plan(in: folder)
        let seconds = manifest.units.reduce(0) { $0 + $1.expectedSeconds }
        try Console.output(
            Table(
                columns: ["runs", "broken", "units", "rows", "seconds"],
                rows: [
                    [
                        .integer(manifest.entries.count), .integer(manifest.failures.count),
                        .integer(manifest.units.count),
                        .integer(manifest.units.reduce(0) { $0 + $1.rows.count }),
                        seconds > 0 ? .number(seconds) : .missing,
                    ]
                ]
            ).rendered(as: .text))
        Console.error(
            "next: smoothness batch run \(Escaping.shell(path: output)), or smoothness batch submit \(Escaping.shell(path: output)) --slurm"
        )
        if !manifest.failures.isEmpty {
            throw SmoothnessError(
                .partial,
                "\(manifest.failures.count) of \(manifest.entries.count) files cannot be measured; the others can")
        }
    }
}

struct BatchWork: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Work a plan off on this machine, or a share of it.",
        discussion: """
            Stops within ten seconds of SIGINT, SIGTERM or SIGUSR2 with what is done published, and exit code 75; the same command continues.
            """)

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String
    @OptionGroup(title: "Work") var work: BatchWorkOptions
    @Option(
        help: ArgumentHelp(
            "Take only the i-th of n shares (from 1); auto/n: i is the task of the scheduler's array; auto: n too.",
            valueName: "i/n"))
    var shard: String?

    func run() throws {
        let folder = PlanFolder(plan)
        let shard = try shard.map { try Shard(parsing: $0) } ?? .whole
        let result = try work.work(folder, shard: shard)
        guard !result.wasStopped else { throw BatchReport.interrupted(folder) }
        let manifest = try BatchManifest(of: folder)
        if result.held > 0 {
            Console.error("left to other workers that are at them: \(counted(result.held, "unit"))")
        }
        if result.failed > 0 || (shard == .whole && !manifest.failures.isEmpty) {
            let failures = UnitStore(folder).failures(manifest)
            for failure in failures { BatchReport.show(failure) }
            throw BatchReport.partial(failures.count, of: manifest.entries.count)
        }
    }
}

struct BatchStatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say how far a batch is, from its files alone.")

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String
    @OptionGroup var format: FormatOption

    func run() throws {
        let folder = PlanFolder(plan)
        let status = try BatchStatus(of: folder)
        try Console.output(status.table(isForPeople: format.format == .text).rendered(as: format.format))
        guard status.failed + status.brokenRuns > 0 else { return }
        let failures = UnitStore(folder).failures(try BatchManifest(of: folder))
        for failure in failures.prefix(Self.mostShown) { BatchReport.show(failure) }
        if failures.count > Self.mostShown {
            Console.error(
                "and \(failures.count - Self.mostShown) more: in \(folder.failures) once a `run` or `merge` has ended")
        }
    }

    private static let mostShown = 20
}

struct BatchRetry: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Let units that failed be taken again.",
        discussion: "Give `batch run` or `batch submit` afterwards; `batch plan` looks at files anew that were no runs."
    )

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String

    func run() throws {
        let folder = PlanFolder(plan)
        let manifest = try BatchManifest(of: folder)
        let store = UnitStore(folder)
        let count = store.retry(manifest)
        _ = try store.saveFailures(manifest)
        Console.error(
            "\(counted(count, "unit")) will be taken again; next: smoothness batch run \(Escaping.shell(path: plan))")
    }
}

struct BatchCancel: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Call a batch off, on this machine and in Slurm's queue.",
        discussion: "What is done stays: `batch run` or `batch submit` goes on with it.")

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String

    func run() throws {
        let folder = PlanFolder(plan)
        try folder.require()
        try Submission.cancel(folder) { Console.error($0) }
    }
}

struct BatchMergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge", abstract: "Join the units to an estimates file a run, one table and one page.")

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String
    @Flag(help: "Put the estimates beside their runs, as RUN.estimates.h5, instead of into the plan.")
    var besideRuns = false
    @Flag(help: "--beside-runs: replace estimates of another definition that stand there.")
    var force = false
    @OptionGroup var format: FormatOption

    func run() throws {
        Interruption.install([SIGINT, SIGTERM, SIGUSR2], patience: .scheduled)
        try BatchReport.merge(PlanFolder(plan), isBesideRuns: besideRuns, isForced: force, format: format.format)
    }
}

/// What `batch run` starts: reads names of units, a line each, and answers with what became of them.
struct BatchWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Take units from standard input.", shouldDisplay: false)

    @Argument(help: "The folder of the plan.") var plan: String
    @Option(parsing: .unconditional, help: "Threads.") var threads: Int

    func run() throws {
        // Who started it decides when it is killed; a terminal's SIGINT goes to both.
        signal(SIGINT, SIG_IGN)
        Interruption.install([SIGTERM, SIGUSR2], patience: .full)
        let parent = getppid()
        let configuration = try BatchConfiguration(of: PlanFolder(plan)).estimation
        let parallelism = Parallelism(threads: threads, configuration)
        try setThreadCount(parallelism.threadsPerWorker)
        var worker = try UnitWorker(PlanFolder(plan), workerCount: parallelism.workerCount, threads: threads)
        while let unit = readLine() {
            let outcome = try worker.work(unit) { Interruption.isRequested || getppid() != parent }
            // There is nobody to tell it where the call was killed.
            guard getppid() == parent else { return }
            try Console.output(outcome.rawValue + "\n")
            guard outcome != .interrupted else {
                throw SmoothnessError(.interrupted, "a worker has stopped; the rows that it had are kept")
            }
        }
    }
}
