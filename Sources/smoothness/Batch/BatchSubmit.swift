import ArgumentParser
import Batching
import Essentials
import Foundation
import Reporting

struct BatchSubmit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Submit a plan to Slurm: an array of workers, and a merge that waits for them.",
        discussion: """
            Writes job.sh and merge.sh into the plan, ordinary scripts: change them and submit again, and they are used as they are. Every task \
            takes its share of the units; one that is preempted, or comes near its time limit, publishes what is done and asks for another turn.
            """)

    @Argument(help: "The folder of the plan.", completion: .directory) var plan: String
    @Flag(help: "The scheduler.") var slurm = false
    @Option(help: "Partition.") var partition: String?
    @Option(help: "Account.") var account: String?
    @Option(help: "Quality of service.") var qos: String?
    @Option(help: "Time limit of a task, as Slurm takes it: minutes, hours:minutes:seconds, days-hours.")
    var time: String?
    @Option(
        parsing: .unconditional, help: "Tasks of the array. (default: one for half an hour of work, at most 1000)")
    var arraySize: Int?
    @Option(parsing: .unconditional, help: "How many of them may run at the same time.")
    var mostRunning: Int?
    @Option(help: "GPUs of a task.") var gpus: String?
    @Option(parsing: .unconditional, help: "Processors of a task.") var cpus: Int?
    @Option(help: "Memory of a task, as 4G.") var memory: String?
    @Option(
        name: .customLong("sbatch-option"), parsing: .unconditionalSingleValue,
        help: "A further option of sbatch as one argument, as --constraint=avx512; may be given again.")
    var further: [String] = []
    @Flag(help: "Merge to estimates beside their runs.") var besideRuns = false
    @Flag(help: "Write the scripts anew, also where they were changed by hand.") var force = false
    @Flag(help: "Print job.sh and submit nothing.") var dryRun = false

    func validate() throws {
        guard slurm else { throw ValidationError("say --slurm; for other schedulers see docs/cluster.md") }
        for (name, value) in [("--array-size", arraySize), ("--most-running", mostRunning), ("--cpus", cpus)] {
            if let value, value < 1 { throw ValidationError("\(name) must be at least 1, not \(value)") }
        }
    }

    func run() throws {
        let folder = PlanFolder(plan)
        let manifest = try BatchManifest(of: folder)
        guard !manifest.units.isEmpty else {
            throw SmoothnessError(.data, "has no unit", file: folder.path, remedy: "None of its files is a run.")
        }
        let scripts = try SlurmScripts(
            folder, manifest: manifest,
            options: SlurmOptions(
                partition: partition, account: account, qualityOfService: qos, time: time, arraySize: arraySize,
                mostRunning: mostRunning, gpus: gpus, processors: cpus, memory: memory, further: further),
            program: BatchWorkOptions.program, mergeArguments: besideRuns ? ["--beside-runs"] : [])
        if dryRun { return try Console.output(scripts.job) }
        let submission = try Submission.submit(folder, scripts, isForced: force) { Console.error("note: \($0)") }
        try Console.output(
            Table(
                columns: ["job", "merge", "tasks", "units"],
                rows: [
                    [
                        .string(submission.job), .string(submission.merge), .integer(scripts.tasks),
                        .integer(manifest.units.count),
                    ]
                ]
            ).rendered(as: .text))
        Console.error("wrote \(folder.jobScript) and \(folder.mergeScript)")
        Console.error("next: smoothness batch status \(Escaping.shell(path: plan))")
    }
}
