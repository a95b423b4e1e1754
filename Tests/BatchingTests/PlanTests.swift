import Batching
import Essentials
import Estimation
import Foundation
import TestSupport
import Testing

@Suite("Plans, shards and allotments")
struct PlanTests {
    @Test(
        "** stands for any number of folders",
        arguments: [
            ("**/*.h5", ["a.h5", "x/a.h5", "x/y/a.h5"], ["a.h6", "x/a"]), ("*.h5", ["a.h5"], ["x/a.h5"]),
            ("x/**/b?.h5", ["x/b1.h5", "x/y/z/b2.h5"], ["b1.h5", "x/b.h5", "y/b1.h5"]),
            ("**/final/*.h5", ["final/a.h5", "x/final/a.h5"], ["x/final/y/a.h5", "a.h5"]),
        ])
    func pattern(_ pattern: String, _ matching: [String], _ others: [String]) {
        let pattern = PathPattern(pattern)
        #expect(matching.allSatisfy(pattern.matches) && !others.contains(where: pattern.matches))
    }

    @Test("shards are disjoint, cover everything and cost about the same")
    func shards() throws {
        var generator = SeededGenerator(seed: 1, purpose: "costs")
        for count in [1, 2, 3, 7, 40] {
            let costs = (0..<200).map { _ in 0.1 + generator.uniform() }
            let parts = try (1...count).map { try Shard(parsing: "\($0)/\(count)").units(costs: costs) }
            #expect(parts.flatMap { $0 } == Array(0..<200))
            let sums = parts.map { $0.reduce(0) { $0 + costs[$1] } }
            #expect(sums.max()! - sums.min()! < 2.3)
        }
        // More shards than units, and units of which nothing is known.
        let few = try (1...5).flatMap { try Shard(parsing: "\($0)/5").units(costs: [0, 0, 0]) }
        #expect(few == [0, 1, 2])
        for wrong in ["", "0/3", "4/3", "a/3", "1", "1/0", "1/2/3", "-1/2"] {
            #expect(throws: SmoothnessError.self) { try Shard(parsing: wrong, environment: [:]) }
        }
    }

    /// The tasks of an array, as their schedulers tell them.
    private func slurm(_ tasks: [Int], step: Int = 1) throws -> [[Int]] {
        try tasks.map { task in
            try Shard(
                parsing: "auto",
                environment: [
                    "SLURM_ARRAY_TASK_ID": "\(task)", "SLURM_ARRAY_TASK_COUNT": "\(tasks.count)",
                    "SLURM_ARRAY_TASK_MIN": "\(tasks.min()!)", "SLURM_ARRAY_TASK_MAX": "\(tasks.max()!)",
                    "SLURM_ARRAY_TASK_STEP": "\(step)",
                ]
            ).units(costs: Array(repeating: 1, count: 12))
        }
    }

    @Test(
        "arrays from 0, from 1 and in steps are cut exactly; tasks of a sparse one do everything together, apart from one another"
    )
    func arrays() throws {
        for parts in [try slurm([0, 1, 2, 3]), try slurm([1, 2, 3, 4]), try slurm([10, 15, 20, 25], step: 5)] {
            #expect(parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]])
        }
        let sparse = try slurm([2, 3, 9, 13])
        #expect(sparse.allSatisfy { Set($0) == Set(0..<12) } && Set(sparse.map { $0[0] }).count == 4)
        func shard(_ text: String, _ environment: [String: String]) throws -> Shard {
            try Shard(parsing: text, environment: environment)
        }
        // The number of shares is in the script, whatever tasks are submitted again.
        #expect(
            try shard("auto/8", ["SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_COUNT": "2"])
                == .part(index: 7, count: 8))
        let fromZero = [
            "SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "8", "SLURM_ARRAY_TASK_MIN": "0",
            "SLURM_ARRAY_TASK_MAX": "7", "SLURM_ARRAY_TASK_STEP": "1",
        ]
        #expect(try shard("auto/8", fromZero) == .part(index: 1, count: 8))
        #expect(throws: SmoothnessError.self) { try shard("auto/9", fromZero) }
        #expect(try shard("auto/8", ["PBS_ARRAY_INDEX": "3"]) == .part(index: 3, count: 8))
        #expect(try shard("auto/8", ["PBS_ARRAYID": "8"]) == .part(index: 8, count: 8))
        #expect(try shard("auto", ["LSB_JOBINDEX": "2", "LSB_JOBINDEX_END": "4"]) == .part(index: 2, count: 4))
        #expect(
            try shard(
                "auto", ["SGE_TASK_ID": "5", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "9", "SGE_TASK_STEPSIZE": "4"])
                == .part(index: 2, count: 3))
        for environment in [[:], ["LSB_JOBINDEX": "0"], ["SGE_TASK_ID": "undefined"]] {
            #expect(throws: SmoothnessError.self) { try shard("auto", environment) }
        }
        #expect(throws: SmoothnessError.self) { try shard("auto", ["PBS_ARRAY_INDEX": "3"]) }
        #expect(throws: SmoothnessError.self) { try shard("auto/8", ["SLURM_ARRAY_TASK_ID": "9"]) }
    }

    @Test("workers share the processors and the memory that are allotted")
    func allotment() {
        let allotment = Allotment(
            environment: ["SLURM_CPUS_PER_TASK": "8", "SLURM_MEM_PER_CPU": "1"])
        #expect(allotment.processors == 8 && allotment.memory == 8 << 20)
        #expect(Allotment(environment: ["NCPUS": "3"]).processors == 3)
        // Slurm says how many processors each task has only where it was asked for a number of them.
        #expect(Allotment(environment: ["SLURM_CPUS_ON_NODE": "5"]).processors == 5)
        #expect(
            Allotment(environment: ["SLURM_CPUS_ON_NODE": "6", "SLURM_CPUS_PER_TASK": "3"]).processors == 3)
        #expect(Allotment(environment: ["SLURM_MEM_PER_NODE": "5"]).memory == 5 << 20)
        func workers(_ jobs: Int?, _ peak: Int, _ units: Int = 100) -> [Int] {
            let workers = Allotment(processors: 8, memory: 100).workers(jobs: jobs, peakBytes: peak, units: units)
            return [workers.jobs, workers.threads]
        }
        #expect(workers(nil, 0) == [8, 1] && workers(nil, 30) == [3, 2] && workers(nil, 1000) == [1, 8])
        #expect(workers(2, 1000) == [2, 4] && workers(nil, 0, 2) == [2, 4])
    }

    @Test("the limits of control groups, those around the own one too, in both versions")
    func controlGroups() throws {
        let folder = try TemporaryFolder()
        func limit(_ name: String, _ text: String) throws {
            let file = folder.url.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        func memory(_ groups: String) -> Int? {
            Allotment.controlGroupMemory(groups: groups, below: folder.url.path)
        }
        #expect(memory("0::/slurm/job_7/step_0\n") == nil)
        try limit("slurm/job_7/memory.max", "3000\n")
        try limit("slurm/job_7/step_0/memory.max", "max\n")
        #expect(memory("0::/slurm/job_7/step_0\n") == 3000 && memory("0::/slurm\n") == nil && memory("0::/\n") == nil)
        try limit("memory.max", "2000\n")
        #expect(memory("0::/slurm/job_7/step_0\n") == 2000 && memory("0::/\n") == 2000)
        try limit("memory/slurm/memory.limit_in_bytes", "1000\n")
        #expect(memory("9:cpu,memory:/slurm/job_7\n3:cpuset:/a\n") == 1000 && memory("3:cpuset:/slurm\n") == nil)
    }

    @Test("pipes, copies and runs that are gone are told, and hold nothing up")
    func oddities() throws {
        let batch = try BatchFolder()
        try batch.train("a.h5", seed: 1)
        try batch.train("b.h5", seed: 2)
        try FileManager.default.copyItem(atPath: batch.runs + "/a.h5", toPath: batch.runs + "/copy.h5")
        #expect(mkfifo(batch.runs + "/pipe.h5", 0o600) == 0)
        var notes: [String] = []
        let plan = PlanFolder(batch.path("plan"))
        let first = try planner(batch, rows: 4).plan(in: plan) { notes.append($0) }
        #expect(first.failures.map(\.path) == [batch.runs + "/pipe.h5"])
        #expect(first.failures[0].reason.contains("is a pipe or a device"))
        #expect(
            notes.count == 1 && notes[0].contains("1 runs are copies of others") && notes[0].contains("copy.h5 of "))
        try FileManager.default.removeItem(atPath: batch.runs + "/copy.h5")
        try FileManager.default.removeItem(atPath: batch.runs + "/b.h5")
        notes = []
        _ = try planner(batch, rows: 4).plan(in: plan) { notes.append($0) }
        #expect(notes.count == 1 && notes[0].contains("2 runs of the plan are there no more"), "\(notes)")
    }

    private func planner(_ batch: BatchFolder, rows: Int?, delta: Double = 0.5) throws -> BatchPlanner {
        try BatchPlanner(
            BatchConfiguration(
                paths: [batch.runs],
                estimation: EstimationConfiguration(
                    grid: .spacing(delta: delta), subset: .sample(fraction: 1, seed: 0)),
                sizing: BatchConfiguration.Sizing(seconds: 300, rows: rows)))
    }

    @Test(
        "units follow from content: the same rows keep their names when a run grows, other definitions have other names"
    )
    func names() throws {
        let batch = try BatchFolder()
        try batch.train("a.h5", seed: 1, iterations: 10, capacity: 40)
        try batch.train("sub/b.h5", seed: 2, iterations: 9)
        let plan = PlanFolder(batch.path("plan"))
        let first = try planner(batch, rows: 4).plan(in: plan)
        #expect(
            first.entries.map(\.name) == ["a.h5", "sub/b.h5"]
                && first.entries.map(\.cuts) == [[0, 4, 8, 10], [0, 4, 8, 9]])
        #expect(try BatchManifest(of: plan) == first && Set(first.units.map(\.name)).count == 6)
        // The same files again, elsewhere, with another size of units.
        let other = try planner(batch, rows: 5).plan(in: PlanFolder(batch.path("other")))
        #expect(other.units.count == 4 && Set(other.units.map(\.name)).isDisjoint(with: first.units.map(\.name)))
        let definition = try planner(batch, rows: 4, delta: 0.25).plan(in: PlanFolder(batch.path("third")))
        #expect(Set(definition.units.map(\.name)).isDisjoint(with: first.units.map(\.name)))
        #expect(throws: SmoothnessError.self) { try planner(batch, rows: 4, delta: 0.25).plan(in: plan) }

        // a.h5 goes on, c.h5 is new, b.h5 is gone.
        try FileManager.default.removeItem(atPath: batch.runs + "/a.h5")
        try FileManager.default.removeItem(atPath: batch.runs + "/sub/b.h5")
        try batch.train("c.h5", seed: 3, iterations: 2)
        let renewed = try planner(batch, rows: 4).plan(in: plan)
        #expect(renewed.entries.map(\.name) == ["c.h5"])
    }

    @Test("nothing found is an error")
    func nothing() throws {
        let batch = try BatchFolder()
        for path in [batch.runs, batch.path("absent")] {
            let configuration = BatchConfiguration(paths: [path], estimation: EstimationConfiguration())
            #expect(throws: SmoothnessError.self) {
                try BatchPlanner(configuration).plan(in: PlanFolder(batch.path("plan")))
            }
        }
        #expect(!FileManager.default.fileExists(atPath: batch.path("plan")))
    }
}
