import Batching
import Estimation
import Evaluation
import Formulas
import Foundation
import TestSupport
import Testing

/// Several workers in one plan that have not been told of one another.
@Suite("Claims to units")
struct ClaimTests {
    private static let definition = EstimationConfiguration(
        grid: .spacing(delta: 0.1), subset: .sample(fraction: 1, seed: 0))
    /// A run of which a row takes some milliseconds.
    private static let slow = ObjectiveDescription.quadratic(
        spectrum: (1...200).map { 1 / Double($0) }, rotations: 100, componentCount: 40, noise: 0.1, seed: 1)

    private let batch: BatchFolder

    init() throws { batch = try BatchFolder() }

    /// The first unit of a plan, and where its claim lies.
    private func unit() throws -> (name: String, claim: String) {
        let name = try #require(try BatchManifest(of: PlanFolder(batch.path("plan"))).units.first).name
        return (name, batch.path("plan/units/\(name.prefix(2))/\(name).claim"))
    }

    private func claim(_ path: String, by worker: String) throws {
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: worker)
    }

    @Test(
        "two calls over a plan, and two tasks of a sparse array: no unit is done twice, and both end when everything is done",
        arguments: [false, true])
    func together(isArray: Bool) async throws { try await onOwnThread { try workTogether(isArray) } }

    private func workTogether(_ isArray: Bool) throws {
        for index in 0..<2 {
            try batch.train("run\(index).h5", seed: UInt64(index), iterations: 30, description: Self.slow)
        }
        try batch.plan("plan", Self.definition, unitRows: 5)
        let calls = try [2, 9].map { task in
            try RunningProcess(
                Workplace.program, ["batch", "run", "plan", "--jobs", "1"] + (isArray ? ["--shard", "auto"] : []),
                environment: isArray
                    ? [
                        "SLURM_ARRAY_TASK_ID": "\(task)", "SLURM_ARRAY_TASK_MIN": "2", "SLURM_ARRAY_TASK_MAX": "9",
                        "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_STEP": "1",
                    ] : [:],
                directory: batch.folder.url.path)
        }
        while calls.contains(where: \.isRunning) { Thread.sleep(forTimeInterval: 0.02) }
        for call in calls {
            let outcome = call.wait()
            #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        }
        let logs = batch.logs("plan").values
        #expect(logs.count == 12 && logs.allSatisfy { $0.count == 2 }, "\(logs)")
        #expect(try batch.measure("plan").allSatisfy { $0 == .had })
        let left = FileManager.default.enumerator(atPath: batch.path("plan/units"))?.compactMap { $0 as? String } ?? []
        #expect(left.filter { $0.contains(".") }.allSatisfy { $0.hasSuffix(".rows") }, "\(left)")
    }

    @Test("the claim of a process that is gone holds nobody off")
    func dead() throws {
        try batch.train("run.h5")
        try batch.plan("plan", Self.definition, unitRows: 20)
        let host = ProcessInfo.processInfo.hostName
        // No such process; and this very one, had it begun at another time.
        for worker in ["\(host)-4194305-77", "\(host)-\(getpid())-1", "no name of a worker"] {
            let (name, place) = try unit()
            try claim(place, by: worker)
            #expect(try batch.measure("plan") == [.done], "\(worker)")
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: place)) == nil)
            try FileManager.default.removeItem(atPath: batch.path("plan/units/\(name.prefix(2))/\(name).rows"))
        }
    }

    @Test("a worker of another machine holds its unit as long as it shows signs of life")
    func remote() throws {
        try batch.train("run.h5")
        try batch.plan("plan", Self.definition, unitRows: 20)
        let sign = batch.path("plan/workers/another-machine-12-34.json")
        try Data("{}".utf8).write(to: URL(filePath: sign))
        try claim(try unit().claim, by: "another-machine-12-34")
        #expect(try batch.measure("plan") == [.held])
        try FileManager.default.setAttributes(
            [.modificationDate: Date.now.addingTimeInterval(-90)], ofItemAtPath: sign)
        #expect(try batch.measure("plan") == [.done])
    }

    @Test("what somebody else is at is waited for, and taken once he is gone")
    func waits() async throws { try await onOwnThread(waitForAnother) }

    @Sendable private func waitForAnother() throws {
        try batch.train("run.h5")
        try batch.plan("plan", Self.definition, unitRows: 20)
        let sign = batch.path("plan/workers/another-machine-12-34.json")
        try Data("{}".utf8).write(to: URL(filePath: sign))
        try claim(try unit().claim, by: "another-machine-12-34")
        let call = try RunningProcess(
            Workplace.program, ["batch", "run", "plan", "--jobs", "1"], directory: batch.folder.url.path)
        let told = "waiting for 1 unit that workers of other calls are at"
        while call.isRunning, !call.standardErrorSoFar.contains(told) { Thread.sleep(forTimeInterval: 0.02) }
        #expect(call.isRunning)
        try FileManager.default.removeItem(atPath: sign)
        while call.isRunning { Thread.sleep(forTimeInterval: 0.02) }
        let outcome = call.wait()
        #expect(
            outcome.exitCode == 0 && outcome.standardError.contains("1 unit done, 0 done before"),
            "\(outcome.standardError)")
    }
}
