import Batching
import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import TestSupport
import Testing

/// SIGKILL and SIGTERM at random moments, of workers and of those who started them.
@Suite("Killed batches")
struct KillTests {
    /// SMOOTHNESS_LONG_TESTS=1 (`make test-long`) makes it 300 in all: 200 here, 100 under Slurm.
    private static let isLong = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1"

    /// A run of which a row takes some milliseconds.
    private static let objective = ObjectiveDescription.quadratic(
        spectrum: (1...200).map { 1 / Double($0) }, rotations: 100, componentCount: 40, noise: 0.1, seed: 1)

    private static let definition = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))

    /// Makes runs, plans them twice, and measures one plan in peace.
    private func prepare(_ batch: BatchFolder, runs: Int, iterations: Int) throws {
        for index in 0..<runs {
            try batch.train("run\(index).h5", seed: UInt64(index), iterations: iterations, description: Self.objective)
        }
        for plan in ["plan", "undisturbed"] { try batch.plan(plan, Self.definition, unitRows: 5) }
        #expect(try batch.measure("undisturbed").allSatisfy { $0 == .done })
        try batch.merge("undisturbed")
    }

    /// The final tables are those of the undisturbed batch, estimates have the same bits, and no unit was begun after it was published.
    private func expectUndisturbed(_ batch: BatchFolder) throws {
        let merged = try batch.merge("plan")
        #expect(merged.unfinished.isEmpty && merged.failures.isEmpty)
        #expect(batch.text("plan/results/runs.csv") == batch.text("undisturbed/results/runs.csv"))
        let names = try FileManager.default.contentsOfDirectory(atPath: batch.path("undisturbed/results/estimates"))
        #expect(!names.isEmpty)
        for name in names {
            #expect(
                try contents(ofEstimates: batch.path("plan/results/estimates/\(name)"))
                    == contents(ofEstimates: batch.path("undisturbed/results/estimates/\(name)")))
        }
        // Workers of a call that was killed end by themselves, at most a row later.
        while !Self.processes(with: batch.path("plan")).isEmpty { usleep(5_000) }
        try batch.merge("plan")
        let left = try #require(
            FileManager.default.enumerator(atPath: batch.path("plan"))?.compactMap { $0 as? String }
        )
        .filter { name in
            [".creating-", ".claim", ".part"].contains { name.contains($0) } || name.hasPrefix("workers/")
        }
        #expect(left.isEmpty, "\(left)")
        for lines in batch.logs("plan").values {
            let done = lines.indices.filter { lines[$0].contains("] done: ") }
            #expect(done.count <= 1 && (done.first ?? lines.count - 1) == lines.count - 1, "\(lines)")
        }
    }

    /// The processes that a process has started.
    private static func children(of parent: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
            // After the name, which is in parentheses: the state and the parent.
            let rest = String(decoding: stat, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
            return rest.count > 1 && Int32(rest[1]) == parent
        }
    }

    @Test("on this machine: workers and the call itself")
    func local() async throws { try await onOwnThread(killLocally) }

    @Sendable private func killLocally() throws {
        let most = Self.isLong ? 200 : 8
        var generator = SeededGenerator(seed: 11, purpose: "kills")
        var (kills, calls, batches) = (0, 0, 0)
        repeat {
            let batch = try BatchFolder()
            try prepare(batch, runs: Self.isLong ? 4 : 2, iterations: Self.isLong ? 60 : 30)
            var isOver = false
            while !isOver {
                let call = try RunningProcess(
                    Workplace.program, ["batch", "run", "plan", "--jobs", "2"], directory: batch.folder.url.path)
                calls += 1
                while call.isRunning {
                    Thread.sleep(forTimeInterval: 0.05 + (Self.isLong ? 0.9 : 0.5) * generator.uniform())
                    guard kills < most, call.isRunning else { continue }
                    let signal = generator.uniform() < 0.6 ? SIGKILL : SIGTERM
                    let workers = Self.children(of: call.identifier)
                    // Mostly a worker, sometimes the call itself.
                    if let worker = workers.randomElement(using: &generator), generator.uniform() < 0.7 {
                        kill(worker, signal)
                    } else {
                        call.send(signal: signal)
                    }
                    kills += 1
                }
                let outcome = call.wait()
                #expect(
                    outcome.wasSignalled || [0, 75].contains(outcome.exitCode),
                    "\(outcome.exitCode) \(outcome.standardError)")
                isOver = outcome.exitCode == 0 && !outcome.wasSignalled
            }
            try expectUndisturbed(batch)
            batches += 1
        } while kills < most
        print("killed batches: \(kills) kills, \(calls) calls, \(batches) batches")
    }

    @Test(
        "SIGTERM, SIGINT and SIGUSR2 end a call within ten seconds with exit code 75, and rows are kept",
        arguments: [SIGTERM, SIGINT, SIGUSR2])
    func stops(signal: Int32) async throws { try await onOwnThread { try stop(by: signal) } }

    private func stop(by signal: Int32) throws {
        let batch = try BatchFolder()
        try batch.train("run.h5", iterations: 40, description: Self.objective)
        try batch.plan("plan", Self.definition, unitRows: 40)
        let call = try RunningProcess(
            Workplace.program, ["batch", "run", "plan", "--jobs", "1"], directory: batch.folder.url.path)
        while call.isRunning, try BatchStatus(of: PlanFolder(batch.path("plan"))).running == 0 {
            Thread.sleep(forTimeInterval: 0.02)
        }
        let start = Date.now
        call.send(signal: signal)
        // Schedulers signal a job and its script passes that on: the same request again changes nothing.
        if signal != SIGINT { call.send(signal: signal) }
        while call.isRunning { Thread.sleep(forTimeInterval: 0.02) }
        let outcome = call.wait()
        #expect(
            outcome.exitCode == 75 && !outcome.wasSignalled && Date.now.timeIntervalSince(start) < 12,
            "\(outcome.standardError)")
        #expect(try batch.measure("plan") == [.done])
        let left = try #require(
            FileManager.default.enumerator(atPath: batch.path("plan/units"))?.compactMap { $0 as? String })
        #expect(left.filter { $0.contains(".") }.count == 1, "\(left.filter { $0.contains(".") })")
    }

    @Test("under Slurm", .enabled(if: SlurmCluster.missing == nil, "\(SlurmCluster.missing ?? "")"))
    func slurm() async throws { try await SlurmCluster.with(slurm) }

    @Sendable private func slurm(_ cluster: SlurmCluster) throws {
        let most = Self.isLong ? 100 : 4
        var generator = SeededGenerator(seed: 12, purpose: "kills")
        var (kills, submissions) = (0, 0)
        repeat {
            let batch = try BatchFolder()
            try prepare(batch, runs: Self.isLong ? 4 : 2, iterations: Self.isLong ? 60 : 30)
            var isOver = false
            while !isOver {
                let submit = try batch.smoothness(
                    "batch", "submit", "plan", "--slurm", "--array-size", "2", environment: cluster.environment)
                try #require(submit.exitCode == 0, "\(submit.standardError)")
                submissions += 1
                let words = (submit.standardOutput.split(separator: "\n").last ?? "").split(separator: " ").map(
                    String.init)
                while try cluster.isOpen(words[1]) {
                    Thread.sleep(forTimeInterval: 0.1 + 0.9 * generator.uniform())
                    let plan = batch.path("plan")
                    let calls = Self.processes(with: plan)
                    guard kills < most, let victim = calls.randomElement(using: &generator) else { continue }
                    kill(victim, generator.uniform() < 0.6 ? SIGKILL : SIGTERM)
                    kills += 1
                }
                let status = try BatchStatus(of: PlanFolder(batch.path("plan")))
                // A task whose call was killed has failed: the user submits again.
                isOver = status.done == status.units
                #expect(status.failed == 0)
            }
            try expectUndisturbed(batch)
        } while kills < most
        print("killed under Slurm: \(kills) kills, \(submissions) submissions")
    }

    /// The calls and the workers of a plan.
    private static func processes(with plan: String) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard let line = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
            let words = String(decoding: line, as: UTF8.self).split(separator: "\0")
            return words.count > 3 && words[0].hasSuffix("smoothness") && words[1] == "batch"
                && ["run", "worker"].contains(words[2]) && words[3] == plan[...]
        }
    }
}
