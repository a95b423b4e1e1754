import Batching
import Essentials
import Estimation
import Evaluation
import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Batches on this machine")
struct BatchTests {
    private let batch: BatchFolder

    init() throws { batch = try BatchFolder() }

    private static let definition = EstimationConfiguration(
        grid: .spacing(delta: 0.5), subset: .sample(fraction: 1, seed: 0))
    private static let options = ["--delta", "0.5", "--subset", "1", "--replicates", "50"]

    private func smoothness(_ arguments: [String]) throws -> ProcessOutcome {
        try run(Workplace.program, arguments, directory: batch.folder.url.path)
    }

    private func expectIdentical(_ name: String, in plan: String) throws {
        let alone = batch.path("alone.h5")
        try? FileManager.default.removeItem(atPath: alone)
        try EstimationJob(run: "\(batch.runs)/\(name).h5", configuration: Self.definition, output: alone).run()
        #expect(
            try contents(ofEstimates: batch.path("\(plan)/results/estimates/\(name).estimates.h5"))
                == contents(ofEstimates: alone), "\(name)")
    }

    // MARK: - Broken runs

    /// What is done to a sound run, and what its reason must say.
    private static let faults: [(name: String, reason: String, harm: @Sendable (String) throws -> Void)] = [
        (
            "dangling", "there is no such file",
            { path in
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "/absent/run.h5")
            }
        ),
        ("text", "not an HDF5 file", { try Data("not a run".utf8).write(to: URL(filePath: $0)) }),
        (
            "truncated", "truncated",
            { path in
                let data = try Data(contentsOf: URL(filePath: path))
                try data.prefix(data.count / 2).write(to: URL(filePath: path))
            }
        ),
        (
            "foreign", "something-else",
            { try HDF5.File.open($0, .readWrite).setAttribute("format", to: "something-else") }
        ),
        (
            "newer", "newer", { try HDF5.File.open($0, .readWrite).setAttribute("format_version", to: "9.0") }
        ),
        (
            "unbegun", "holds no step",
            { try HDF5.File.open($0, .readWrite).dataset("/commit").write(all: [UInt64(0)]) }
        ),
        (
            "overcounted", "counts more rows than there is room for",
            { try HDF5.File.open($0, .readWrite).dataset("/commit").write(all: [UInt64(1000)]) }
        ),
        (
            "damaged", "/trajectory/step_norm, row 5",
            { try HDF5.File.open($0, .readWrite).dataset("/trajectory/step_norm").write(12.5, at: [5]) }
        ),
        (
            "disordered", "/trajectory/iteration",
            { try HDF5.File.open($0, .readWrite).dataset("/trajectory/iteration").write(Int64(9), at: [3]) }
        ),
        (
            "folder", "is a folder, not a run file",
            { path in
                try FileManager.default.removeItem(atPath: path)
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            }
        ),
    ]

    @Test("of 200 runs ten are broken in ten ways: ten reasons, and everything else as `estimate` has it, every bit")
    func broken() throws {
        let faults = Self.faults
        #expect(faults.count == 10)
        var sound: [String] = []
        for index in 0..<200 {
            let name = "group\(index % 7)/run\(index)"
            let precision: Precision = index.isMultiple(of: 3) ? .float32 : .float64
            try batch.train(name + ".h5", seed: UInt64(index), iterations: 6 + index % 5, precision: precision)
            if index % 20 == 13 {
                try faults[index / 20].harm("\(batch.runs)/\(name).h5")
            } else {
                sound.append(name)
            }
        }
        let outcome = try smoothness(
            ["batch", "runs", "-o", "plan", "--unit-rows", "3", "--jobs", "2", "--format", "csv"] + Self.options)
        #expect(outcome.exitCode == 3, "\(outcome.standardError)")
        #expect(outcome.standardOutput.split(separator: "\n").count == 191)
        let failures = try batch.failures("plan")
        #expect(failures.count == 10)
        for (index, fault) in faults.enumerated() {
            let path = "run\(20 * index + 13).h5"
            let failure = failures.first { $0.path.hasSuffix(path) }
            #expect(failure?.reason.contains(fault.reason) == true, "\(fault.name): \(String(describing: failure))")
            #expect(failure.map { outcome.standardError.contains($0.reason) } == true)
        }
        for name in sound { try expectIdentical(name, in: "plan") }
        // However many runs there are, the page compares them.
        let page = batch.text("plan/results/report.html")
        #expect(
            page.contains("Are the coefficients the same in all runs?") && page.contains("L1 over 190 runs: median"))
        // Nothing is done again.
        let again = try smoothness(
            ["batch", "runs", "-o", "plan", "--unit-rows", "3", "--jobs", "2", "--format", "csv"] + Self.options)
        #expect(again.exitCode == 3 && again.standardOutput == outcome.standardOutput)
        #expect(again.standardError.contains("\n0 units done"), "\(again.standardError)")
    }

    @Test("a run in which libhdf5 would spin is reported, and the others are measured")
    func damagedHeap() throws {
        try batch.train("sound.h5")
        try batch.train("damaged.h5", seed: 1)
        let place = URL(filePath: "\(batch.runs)/damaged.h5")
        var bytes = try Data(contentsOf: place)
        let heap = try #require(bytes.firstRange(of: Data("GCOL".utf8))).lowerBound
        let sector = (heap + 16 + 511) / 512 * 512
        bytes.replaceSubrange(sector..<(sector + 512), with: Data(count: 512))
        try bytes.write(to: place)
        let outcome = try smoothness(["batch", "runs", "-o", "plan", "--unit-rows", "3"] + Self.options)
        #expect(outcome.exitCode == 3, "\(outcome.standardError)")
        let failures = try batch.failures("plan")
        #expect(failures.count == 1 && failures.first?.path.hasSuffix("damaged.h5") == true, "\(failures)")
        #expect(failures.first?.reason.contains("is damaged") == true, "\(failures)")
        try expectIdentical("sound", in: "plan")
    }

    // MARK: - The steps

    @Test("plan, run by shards, status, merge; a second call measures what has come since and nothing else")
    func steps() throws {
        for index in 0..<5 { try batch.train("run\(index).h5", seed: UInt64(index), iterations: 10) }
        let plan = try smoothness(["batch", "plan", "runs", "-o", "plan", "--unit-rows", "4"] + Self.options)
        #expect(plan.exitCode == 0 && plan.standardOutput.contains("15"), "\(plan.standardError)")
        #expect(try BatchStatus(of: PlanFolder(batch.path("plan"))).waiting == 15)
        let early = try batch.smoothness("batch", "merge", "plan")
        #expect(early.exitCode == 75 && early.standardError.contains("5 runs are not finished"))
        for shard in ["2/3", "1/3"] {
            let outcome = try batch.smoothness("batch", "run", "plan", "--jobs", "1", "--shard", shard)
            #expect(outcome.exitCode == 0 && outcome.standardError.contains("5 units done, 0 done before, 0 failed"))
        }
        let half = try batch.smoothness("batch", "status", "plan", "--format", "json")
        #expect(
            half.standardOutput.contains("\"done\": 10") || half.standardOutput.contains("\"done\":10"),
            "\(half.standardOutput)")
        let rest = try batch.smoothness("batch", "run", "plan", "--jobs", "2")
        #expect(
            rest.exitCode == 0 && rest.standardError.contains("5 units done, 10 done before"), "\(rest.standardError)")
        let merged = try batch.smoothness("batch", "merge", "plan", "--format", "csv")
        #expect(merged.exitCode == 0 && merged.standardOutput.split(separator: "\n").count == 6)
        for index in 0..<5 { try expectIdentical("run\(index)", in: "plan") }
        let table = batch.text("plan/results/runs.csv")
        let file = try HDF5.File.open(batch.path("plan/results/runs.h5"))
        let slopes = try file.dataset("/runs/L1").read(as: Double.self)
        #expect(
            try file.readStrings("/runs/run").count == 5 && slopes.allSatisfy { $0.isNaN || table.contains("\($0)") })
        #expect(batch.text("plan/results/report.html").contains("run4.h5"))

        // A new run, and the folder of the plan inside the searched one is not searched.
        try batch.train("late.h5", seed: 77, iterations: 5)
        let second = try smoothness(["batch", "runs", "-o", "plan", "--unit-rows", "4", "--jobs", "2"] + Self.options)
        #expect(
            second.exitCode == 0 && second.standardError.contains("2 units done, 15 done before, 0 failed"),
            "\(second.standardError)")
        try expectIdentical("late", in: "plan")
        for lines in batch.logs("plan").values {
            #expect(lines.count { $0.contains("] done: ") } == 1, "\(lines)")
            #expect(lines.allSatisfy { $0.prefix(20).contains("T") && $0.contains("[") })
        }
    }

    @Test("estimates can go beside their runs, and a plan lies with its runs where nothing else is said")
    func besideRuns() throws {
        for index in 0..<2 { try batch.train("run\(index).h5", seed: UInt64(index)) }
        for _ in 0..<2 {
            let outcome = try smoothness(["batch", "runs", "--beside-runs"] + Self.options)
            #expect(outcome.exitCode == 0, "\(outcome.standardError)")
            #expect(FileManager.default.fileExists(atPath: batch.runs + "/run1.estimates.h5"))
            #expect(PlanFolder.isPlan(batch.runs + "/batch"))
        }
        let fit = try batch.smoothness("fit", "runs/run0.h5", "--replicates", "0")
        #expect(fit.exitCode == 0, "\(fit.standardError)")
    }

    @Test("a run that still trains: its new rows are measured by the next call, and the old ones are left alone")
    func growing() throws {
        try batch.train("run.h5", seed: 5, iterations: 7, capacity: 20)
        func call() throws -> ProcessOutcome {
            try smoothness(["batch", "runs", "-o", "plan", "--unit-rows", "4", "--jobs", "1"] + Self.options)
        }
        let first = try call()
        #expect(
            first.exitCode == 0 && first.standardError.contains("2 units done, 0 done before"), "\(first.standardError)"
        )
        try expectIdentical("run", in: "plan")
        let resumed = try batch.smoothness("train", "--resume", "runs/run.h5")
        #expect(resumed.exitCode == 0, "\(resumed.standardError)")
        let second = try call()
        #expect(second.standardError.contains("4 units done, 2 done before"), "\(second.standardError)")
        try expectIdentical("run", in: "plan")
    }

    @Test(
        "what is wrong with a unit on disk is garbage: it is made again; a run that changed under its plan is a failure, until it is planned anew"
    )
    func garbage() throws {
        for index in 0..<3 { try batch.train("run\(index).h5", seed: UInt64(index), iterations: 8) }
        let options = ["--unit-rows", "4", "--jobs", "1"] + Self.options
        _ = try smoothness(["batch", "runs", "-o", "plan"] + options)
        let before = batch.text("plan/results/runs.csv")
        let manifest = try BatchManifest(of: PlanFolder(batch.path("plan")))
        func unit(_ index: Int) -> URL {
            let name = manifest.units[index].name
            return URL(filePath: batch.path("plan/units/\(name.prefix(2))/\(name).rows"))
        }
        try Data("rubbish".utf8).write(to: unit(0))
        var bits = try Data(contentsOf: unit(3))
        bits[bits.count / 2] ^= 4
        try bits.write(to: unit(3))
        try FileManager.default.removeItem(at: URL(filePath: batch.path("plan/results")))
        let repaired = try smoothness(["batch", "runs", "-o", "plan"] + options)
        #expect(
            repaired.exitCode == 0 && repaired.standardError.contains("2 units done, 4 done before"),
            "\(repaired.standardError)")
        #expect(batch.text("plan/results/runs.csv") == before)

        // Another run in the place of one that is planned.
        try FileManager.default.removeItem(at: unit(2))
        try FileManager.default.removeItem(atPath: batch.runs + "/run1.h5")
        try batch.train("run1.h5", seed: 99, iterations: 8)
        let changed = try batch.smoothness("batch", "run", "plan")
        #expect(
            changed.exitCode == 3 && changed.standardError.contains("is not what it was when the batch was planned"),
            "\(changed.standardError)")
        #expect(try BatchStatus(of: PlanFolder(batch.path("plan"))).failed == 1)
        let retried = try batch.smoothness("batch", "retry", "plan")
        #expect(retried.exitCode == 0 && retried.standardError.contains("1 unit will be taken again"))
        #expect(try BatchStatus(of: PlanFolder(batch.path("plan"))).failed == 0)
        let renewed = try smoothness(["batch", "runs", "-o", "plan"] + options)
        #expect(renewed.exitCode == 0, "\(renewed.standardError)")
        try expectIdentical("run1", in: "plan")
    }

    @Test("several runs are merged at a time, and the tables are the same")
    func mergedTogether() throws {
        for index in 0..<6 { try batch.train("run\(index).h5", seed: UInt64(index)) }
        try batch.plan("plan", Self.definition, unitRows: 5)
        try batch.measure("plan")
        let plan = PlanFolder(batch.path("plan"))
        let tables = try [1, 4].map { threads in
            try? FileManager.default.removeItem(atPath: plan.results + "/estimates")
            return try BatchMerge(plan).run(threads: threads).table
        }
        #expect(tables[0] == tables[1] && tables[0].rows.count == 6)
    }

    @Test("a batch is called off where Slurm's queue cannot be reached, too")
    func cancelledElsewhere() throws {
        try batch.train("run.h5")
        try batch.plan("plan", Self.definition, unitRows: 5)
        let line = #"{"job":"7","merge":"8","time":"2026-01-01T00:00:00Z","host":"login"}"#
        try Data((line + "\n").utf8).write(to: URL(filePath: batch.path("plan/submissions.jsonl")))
        let outcome = try batch.smoothness("batch", "cancel", "plan", environment: ["PATH": "/absent"])
        #expect(outcome.exitCode != 0 && outcome.standardError.contains("scancel 7 8"), "\(outcome.standardError)")
        #expect(FileManager.default.fileExists(atPath: PlanFolder(batch.path("plan")).cancellation))
    }

    @Test("what is no plan, and what cannot be asked for, is refused")
    func refusals() throws {
        try batch.train("run.h5")
        for command in ["run", "status", "merge", "retry", "cancel"] {
            let outcome = try batch.smoothness("batch", command, "runs")
            #expect(outcome.exitCode == 66 && outcome.standardError.contains("is no plan of a batch"), "\(command)")
        }
        #expect(try batch.smoothness("batch", "absent").exitCode == 66)
        #expect(try batch.smoothness("batch", "runs", "--unit-rows", "0").exitCode == 64)
        #expect(try smoothness(["batch", "plan", "runs", "-o", "plan"] + Self.options).exitCode == 0)
        let other = try batch.smoothness("batch", "plan", "runs", "-o", "plan", "--delta", "0.25")
        #expect(
            other.exitCode == 73
                && other.standardError.contains(
                    #"another configuration (expected grid {"spacing":{"delta":0.25}}, subset {"standard":{"seed":0}}, found grid "#
                ), "\(other.standardError)")
        #expect(try batch.smoothness("batch", "run", "plan", "--shard", "3/2").exitCode == 64)
        #expect(try batch.smoothness("batch", "submit", "plan").exitCode == 64)
        #expect(try batch.smoothness("batch", "plan", "runs", "-o", "plan", "--delta", "0.25", "--force").exitCode == 0)
    }
}
