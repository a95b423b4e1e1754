import Batching
import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import TestSupport
import Testing

@Suite(
    "A real Slurm",
    .enabled(if: SlurmCluster.missing == nil, "\(SlurmCluster.missing ?? "")"))
struct SlurmTests {
    /// A run of which a row takes some milliseconds.
    private static let slow = ObjectiveDescription.quadratic(
        spectrum: (1...300).map { 1 / Double($0) }, rotations: 200, componentCount: 60, noise: 0.1, seed: 1)
    private static let definition = EstimationConfiguration(
        grid: .spacing(delta: 0.1), subset: .sample(fraction: 1, seed: 0))

    /// A folder with runs, a plan of them, and the same measured without disturbance.
    private func prepare(
        _ cluster: SlurmCluster, _ count: Int, iterations: Int = 30, isSlow: Bool = true,
        damage: (BatchFolder) throws -> Void = { _ in }
    ) throws
        -> BatchFolder
    {
        let batch = try BatchFolder()
        for index in 0..<count {
            try batch.train(
                "run\(index).h5", seed: UInt64(index), iterations: iterations, description: isSlow ? Self.slow : nil)
        }
        try damage(batch)
        for plan in ["plan", "undisturbed"] { try batch.plan(plan, Self.definition, unitRows: 6) }
        return batch
    }

    /// - Returns: the numbers of the array and of the merge.
    private func submit(
        _ batch: BatchFolder, _ cluster: SlurmCluster, plan: String = "plan", _ options: String...
    ) throws -> (job: String, merge: String) {
        let outcome = try run(
            Workplace.program, ["batch", "submit", plan, "--slurm"] + options, environment: cluster.environment,
            directory: batch.folder.url.path)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let last = outcome.standardOutput.split(separator: "\n").last ?? ""
        let words = last.split(separator: " ")
        return (String(try #require(words.first)), String(try #require(words.dropFirst().first)))
    }

    private func expectUndisturbed(_ batch: BatchFolder, failures: Int = 0) throws {
        try batch.measure("undisturbed")
        #expect(try batch.merge("undisturbed").failures.count == failures)
        let table = batch.text("plan/results/runs.csv")
        #expect(table == batch.text("undisturbed/results/runs.csv") && !table.isEmpty)
        try expectOnce(batch)
    }

    /// No unit is begun again after it was published.
    private func expectOnce(_ batch: BatchFolder) throws {
        for lines in batch.logs("plan").values {
            let done = lines.indices.filter { lines[$0].contains("] done: ") }
            #expect(done.count <= 1 && (done.first ?? lines.count - 1) == lines.count - 1, "\(lines)")
        }
    }

    @Test(
        "an array with a failing unit, a task that is preempted, a node that is drained, a time limit, a merge that waits for all"
    )
    func everything() async throws { try await SlurmCluster.with(everything) }

    @Sendable private func everything(_ cluster: SlurmCluster) throws {
        // Four batches at the same time, and one twice under names that a script has to quote.
        let named = try prepare(cluster, 1, isSlow: false)
        let names = ["odd 100%A #'\"@program@ `x`", "odder\\%j\nname"]
        for name in names { try named.plan(name, Self.definition, unitRows: 6) }
        let odd = try names.map { try submit(named, cluster, plan: $0, "--array-size", "1") }
        let array = try prepare(cluster, 4, isSlow: false) {
            try HDF5Fault($0.runs + "/run2.h5").overstateStepNorm(ofRow: 7)
        }
        let preempted = try prepare(cluster, 2)
        let drained = try prepare(cluster, 4)
        let limited = try prepare(cluster, 1)

        let first = try submit(array, cluster, "--array-size", "3", "--time", "10")
        let second = try submit(preempted, cluster, "--array-size", "2")
        try cluster.waitUntil("a worker of the preempted batch is at a unit") {
            try BatchStatus(of: PlanFolder(preempted.path("plan"))).running > 0
        }
        // As a preemption does: the script and everything that it has started get the signal, and the script passes it on.
        try cluster.command("scancel", "--full", "--signal=TERM", "\(second.job)_1")
        let third = try submit(drained, cluster, "--array-size", "4")
        try cluster.waitUntil("the drained batch is half-way") {
            try BatchStatus(of: PlanFolder(drained.path("plan"))).done > 3
        }
        try cluster.command("scontrol", "update", "nodename=b", "state=drain", "reason=test")
        let fourth = try submit(limited, cluster, "--array-size", "1", "--time", "1")

        try named.measure("undisturbed")
        _ = try named.merge("undisturbed")
        for (name, job) in try paired(names, odd) {
            try cluster.waitForEnd(of: job.merge)
            #expect(try cluster.states(job.job) + cluster.states(job.merge) == ["COMPLETED", "COMPLETED"], "\(name)")
            #expect(named.text("\(name)/logs/slurm-\(job.job)_1.out").contains("units done"), "\(name)")
            #expect(named.text("\(name)/logs/slurm-\(job.merge)-merge.out").contains("wrote "), "\(name)")
            #expect(named.text("\(name)/results/runs.csv") == named.text("undisturbed/results/runs.csv"))
        }

        try cluster.waitForEnd(of: first.merge)
        #expect(try cluster.states(first.job).sorted() == ["COMPLETED", "COMPLETED", "FAILED"])
        #expect(try cluster.states(first.merge) == ["FAILED"])
        let failures = try array.failures("plan")
        #expect(failures.count == 1 && failures[0].reason.contains("/trajectory/step_norm, row 7"))
        try expectUndisturbed(array, failures: 1)

        for (batch, job) in [(preempted, second), (drained, third), (limited, fourth)] {
            try cluster.waitForEnd(of: job.merge)
            let states = try cluster.states(job.job) + cluster.states(job.merge)
            #expect(
                states.allSatisfy { $0 == "COMPLETED" },
                "\(states) \(batch.text("plan/logs/slurm-\(job.job)_1.out")) \(batch.text("plan/logs/slurm-\(job.merge)-merge.out"))"
            )
            try expectUndisturbed(batch)
        }
        let said = preempted.text("plan/logs/slurm-\(second.job)_1.out")
        #expect(said.contains("asking for another turn"), "\(said)")
        #expect(try cluster.command("sinfo", "-h", "-N", "-n", "b", "-o", "%T").contains("drain"))
    }

    @Test("a script that was changed by hand is used as it is; what is cancelled stops, and does not come back")
    func cancelled() async throws { try await SlurmCluster.with(cancelled) }

    @Sendable private func cancelled(_ cluster: SlurmCluster) throws {
        let batch = try prepare(cluster, 2, iterations: 60)
        let dry = try run(
            Workplace.program,
            [
                "batch", "submit", "plan", "--slurm", "--dry-run", "--partition", "p", "--time", "1:00:00", "--gpus",
                "1",
                "--cpus", "2", "--memory", "4G", "--array-size", "5", "--most-running", "2", "--sbatch-option",
                "--nice=3",
            ],
            directory: batch.folder.url.path)
        for line in [
            "--partition=p", "--time=1:00:00", "--gpus=1", "--cpus-per-task=2", "--mem=4G", "--array=1-5%2", "--nice=3",
        ] {
            #expect(dry.standardOutput.contains("#SBATCH \(line)\n"), "\(dry.standardOutput)")
        }
        let first = try submit(batch, cluster, "--array-size", "1")
        try cluster.waitUntil("a worker is at a unit") {
            try BatchStatus(of: PlanFolder(batch.path("plan"))).running > 0
        }
        let start = Date.now
        let cancel = try run(
            Workplace.program, ["batch", "cancel", "plan"], environment: cluster.environment,
            directory: batch.folder.url.path)
        #expect(cancel.exitCode == 0, "\(cancel.standardError)")
        try cluster.waitForEnd(of: first.job)
        #expect(try cluster.states(first.job) == ["CANCELLED"] && Date.now.timeIntervalSince(start) < 60)
        #expect(try BatchStatus(of: PlanFolder(batch.path("plan"))).done < 20)

        // One that was submitted by hand is in no list of submissions: it finds out by itself, and does not put itself back into the queue.
        let done = try BatchStatus(of: PlanFolder(batch.path("plan"))).done
        let words = try cluster.command("sbatch", "--parsable", "--array=1", batch.path("plan/job.sh"))
        let byHand = String(words.prefix { $0.isNumber })
        try cluster.waitUntil("a worker is at a unit again") {
            try BatchStatus(of: PlanFolder(batch.path("plan"))).running > 0
        }
        let again = try run(
            Workplace.program, ["batch", "cancel", "plan"], environment: cluster.environment,
            directory: batch.folder.url.path)
        #expect(again.exitCode == 0, "\(again.standardError)")
        try cluster.waitForEnd(of: byHand)
        #expect(try cluster.states(byHand) == ["FAILED"])
        #expect(try BatchStatus(of: PlanFolder(batch.path("plan"))).done < done + 20)

        let script = batch.path("plan/job.sh")
        let changed = batch.text("plan/job.sh").replacing("plan=", with: "echo changed by hand\nplan=")
        try changed.write(toFile: script, atomically: true, encoding: .utf8)
        let second = try submit(batch, cluster, "--array-size", "1")
        try cluster.waitForEnd(of: second.merge)
        #expect(batch.text("plan/logs/slurm-\(second.job)_1.out").contains("changed by hand"))
        try expectUndisturbed(batch)
    }
}
