import Batching
import Essentials
import Estimation
import Foundation
import TestSupport
import Testing

/// Plans that somebody else has made, or changed: nothing is written outside of them, nothing traps, and what is wrong is named with its line.
@Suite("Plans that were changed")
struct HostilePlanTests {
    private let batch: BatchFolder
    private let plan: PlanFolder
    private static let definition = EstimationConfiguration(
        grid: .spacing(delta: 0.5), subset: .sample(fraction: 1, seed: 0))

    init() throws {
        batch = try BatchFolder()
        plan = PlanFolder(batch.path("plan"))
        try batch.train("a.h5", seed: 1, iterations: 10)
        try batch.train("b.h5", seed: 2, iterations: 9)
        try batch.plan("plan", Self.definition, unitRows: 4)
    }

    /// Changes members of the second line of the manifest.
    private func change(_ members: [String: Any]) throws {
        var lines = try String(contentsOfFile: plan.manifest, encoding: .utf8).split(separator: "\n").map(String.init)
        var entry = try #require(try JSONSerialization.jsonObject(with: Data(lines[1].utf8)) as? [String: Any])
        entry.merge(members) { $1 }
        lines[1] = String(decoding: try JSONSerialization.data(withJSONObject: entry), as: UTF8.self)
        try (lines.joined(separator: "\n") + "\n").write(toFile: plan.manifest, atomically: true, encoding: .utf8)
    }

    /// Puts the digest of the manifest as it is now into the configuration, as whoever means harm would do.
    private func seal() throws {
        let data = try Data(contentsOf: URL(filePath: plan.manifest))
        var configuration = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: plan.configuration)))
                as? [String: Any])
        configuration["manifests"] = [
            ["lines": data.count { $0 == UInt8(ascii: "\n") }, "sha256": Digest(of: Array(data)).sha256]
        ]
        try JSONSerialization.data(withJSONObject: configuration).write(to: URL(filePath: plan.configuration))
    }

    private static let readers = [["run"], ["merge"], ["status"], ["retry"], ["submit", "--slurm", "--dry-run"]]

    @Test(
        "a manifest that is empty, shorter or another than planned is refused by every command, and no table is replaced"
    )
    func shortened() throws {
        try batch.measure("plan")
        try batch.merge("plan")
        let table = try String(contentsOfFile: plan.results + "/runs.csv", encoding: .utf8)
        try #require(table.split(separator: "\n").count == 3)
        let whole = try String(contentsOfFile: plan.manifest, encoding: .utf8)
        let lines = whole.split(separator: "\n")
        for changed in [
            "", lines[0] + "\n", lines[1] + "\n", whole + "\n", lines[1] + "\n" + lines[0] + "\n",
            whole.replacing("\"rows\":9", with: "\"rows\": 9"),
        ] {
            try #require(changed != whole)
            try String(changed).write(toFile: plan.manifest, atomically: true, encoding: .utf8)
            for command in Self.readers {
                let outcome = try batch.smoothness(["batch", command[0], "plan"] + command.dropFirst())
                #expect(
                    outcome.exitCode == 65
                        && outcome.standardError.hasPrefix(
                            "error: \(plan.manifest): is not what was planned (expected 2 lines of SHA-256 "),
                    "\(command): \(outcome.standardError)")
            }
            #expect(try String(contentsOfFile: plan.results + "/runs.csv", encoding: .utf8) == table)
        }
        // The remedy that is named: what is done stays done.
        try batch.plan("plan", Self.definition, unitRows: 4)
        #expect(try String(contentsOfFile: plan.manifest, encoding: .utf8) == whole)
        #expect(try batch.measure("plan").allSatisfy { $0 == .had })
        #expect(try batch.smoothness("batch", "merge", "plan").exitCode == 0)
    }

    @Test(
        "a configuration that is empty or no JSON is refused by every command with 65", arguments: ["", "[[[[", "{}"])
    func damagedConfiguration(_ text: String) throws {
        try text.write(toFile: plan.configuration, atomically: true, encoding: .utf8)
        for command in Self.readers {
            let outcome = try batch.smoothness(["batch", command[0], "plan"] + command.dropFirst())
            #expect(
                outcome.exitCode == 65 && outcome.standardError.hasPrefix("error: \(plan.configuration): "),
                "\(command): \(outcome.standardError)")
        }
    }

    @Test(
        "what cannot be in a manifest is refused by every command with 65 and the line",
        arguments: [
            (#"{"name": "../../../ESCAPED.h5"}"#, "name"), (#"{"name": "/tmp/x.h5"}"#, "name"),
            (#"{"name": ""}"#, "name"),
            (#"{"name": "x/../../y.h5"}"#, "name"), (#"{"name": "x\u0000y.h5"}"#, "name"),
            (#"{"name": "x\u001b[31m.h5"}"#, "name"),
            (#"{"name": "a.h5"}"#, "name"), (#"{"name": "a"}"#, "name"), (#"{"name": "b.h5.unfinished"}"#, "name"),
            (#"{"units": "0"}"#, "units"), (#"{"units": ""}"#, "units"), (#"{"cuts": [0]}"#, "cuts"),
            (#"{"cuts": []}"#, "cuts"),
            (#"{"cuts": [0, 8, 4, 9]}"#, "cuts"), (#"{"cuts": [-4, 4, 8, 9]}"#, "cuts"),
            (#"{"cuts": [0, 4, 8, 100]}"#, "cuts"),
            (#"{"rows": -1}"#, "rows"), (#"{"rows": 9000000000000000000}"#, "rows"), (#"{"rows": "9"}"#, "the line"),
            (#"{"digest": "../x"}"#, "digest"), (#"{"path": "run.h5"}"#, "path"),
            (#"{"seconds_per_row": -1}"#, "seconds_per_row"),
            (#"{"seconds_per_row": 1e300}"#, "seconds_per_row"), (#"{"peak_bytes": -5}"#, "peak_bytes"),
            (#"{"reason": "x"}"#, "units"),
        ])
    func manifest(_ change: String, _ member: String) throws {
        try self.change(try #require(try JSONSerialization.jsonObject(with: Data(change.utf8)) as? [String: Any]))
        for command in [["run"], ["merge"], ["status"], ["retry"], ["submit", "--slurm", "--dry-run"]] {
            let outcome = try run(
                Workplace.program, ["batch", command[0], "plan"] + command.dropFirst(), directory: batch.folder.url.path
            )
            #expect(outcome.exitCode == 65 && !outcome.wasSignalled, "\(command): \(outcome.standardError)")
            #expect(
                outcome.standardError.hasPrefix("error: \(plan.manifest): line 2: \(member) "),
                "\(outcome.standardError)")
        }
        #expect(!FileManager.default.fileExists(atPath: batch.path("ESCAPED.estimates.h5")))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/x.estimates.h5"))
    }

    @Test("a name of a unit that is no name cannot lead anywhere, and work goes on with the others") func units() throws
    {
        let names = String(repeating: "0", count: 96)
        try change(["units": names])
        try seal()
        let outcomes = try batch.measure("plan")
        #expect(
            outcomes.filter { $0 == .done }.count == 3 && outcomes.filter { $0 == .failed || $0 == .held }.count >= 1)
    }

    @Test("a configuration that was changed after the work does not get the results of another") func configuration()
        throws
    {
        try batch.measure("plan")
        let text = try String(contentsOfFile: plan.configuration, encoding: .utf8)
        try text.replacing("\"delta\" : 0.5", with: "\"delta\" : 0.25").write(
            toFile: plan.configuration, atomically: true, encoding: .utf8)
        try #require(try String(contentsOfFile: plan.configuration, encoding: .utf8) != text)
        let results = try batch.merge("plan")
        #expect(results.results.isEmpty && results.failures.count == 2, "\(results.failures)")
        #expect(results.failures.allSatisfy { $0.reason.contains("is not what it was when the batch was planned") })
    }

    @Test("what cannot be in a configuration is refused with 65") func configurations() throws {
        let text = try String(contentsOfFile: plan.configuration, encoding: .utf8)
        for (old, new) in [
            ("\"replicates\" : 20", "\"replicates\" : 4000000000"), ("\"replicates\" : 20", "\"replicates\" : -1"),
            ("\"rows\" : 4", "\"rows\" : 0"), ("\"version\" : 1", "\"version\" : 7"),
            ("\"groups\" : 16", "\"groups\" : 0"),
        ] {
            try text.replacing(old, with: new).write(toFile: plan.configuration, atomically: true, encoding: .utf8)
            try #require(try String(contentsOfFile: plan.configuration, encoding: .utf8) != text, "\(old)")
            for command in ["run", "merge"] {
                let outcome = try batch.smoothness("batch", command, "plan")
                #expect(
                    outcome.exitCode == 65 && outcome.standardError.hasPrefix("error: \(plan.configuration): "),
                    "\(new): \(outcome.standardError)")
            }
        }
    }

    @Test("runs that have changed since are reported, and the others are merged") func changedRun() throws {
        try batch.measure("plan")
        try FileManager.default.removeItem(atPath: batch.runs + "/b.h5")
        try batch.train("b.h5", seed: 3, iterations: 9)
        let outcome = try batch.smoothness("batch", "merge", "plan")
        #expect(outcome.exitCode == 3, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("b.h5: /trajectory: is not what it was when the batch was planned"))
        #expect(FileManager.default.fileExists(atPath: plan.results + "/estimates/a.estimates.h5"))
        #expect(!FileManager.default.fileExists(atPath: plan.results + "/estimates/b.estimates.h5"))
    }

    @Test(
        "folders of a plan that lead out of it are refused",
        arguments: ["units", "logs", "workers", "results", "results/estimates", "units/shelf", "logs/shelf"])
    func links(_ name: String) throws {
        if name.hasPrefix("results") { try batch.measure("plan") }
        let shelf = PlanFolder.shelf(of: try BatchManifest(of: plan).units[0].name)
        let place = plan.path + "/" + name.replacing("shelf", with: shelf)
        try FileManager.default.createDirectory(atPath: batch.path("elsewhere"), withIntermediateDirectories: false)
        try? FileManager.default.removeItem(atPath: place)
        try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: batch.path("elsewhere"))
        let outcome = try batch.smoothness("batch", name.hasPrefix("results") ? "merge" : "run", "plan")
        #expect(
            outcome.exitCode == (name == "results/estimates" ? 3 : 65), "\(outcome.exitCode) \(outcome.standardError)")
        #expect(!outcome.wasSignalled)
        #expect(try FileManager.default.contentsOfDirectory(atPath: batch.path("elsewhere")).isEmpty)
    }

    @Test("files of rows whose header promises what is not there, or that are no files, are made again") func rows()
        throws
    {
        let unit = try BatchManifest(of: plan).units[0]
        let path = "\(plan.units)/\(PlanFolder.shelf(of: unit.name))/\(unit.name).rows"
        try batch.measure("plan")
        let whole = try Data(contentsOf: URL(filePath: path))
        let end = try #require(whole.firstIndex(of: UInt8(ascii: "\n")))
        let header = String(decoding: whole[..<end], as: UTF8.self)
        let store = UnitStore(plan)
        func isWhole(_ data: Data) throws -> Bool {
            try data.write(to: URL(filePath: path))
            return store.published(unit) != nil
        }
        #expect(try isWhole(whole))
        for (old, new) in [
            ("\"rowCount\":4", "\"rowCount\":4000000000000000000"), ("\"rowCount\":4", "\"rowCount\":-4"),
            ("\"blockCount\":2", "\"blockCount\":9000000000000000000"), ("\"blockCount\":2", "\"blockCount\":-1"),
            ("\"firstRow\":0", "\"firstRow\":9223372036854775807"), ("\"gammaCount\":2", "\"gammaCount\":3"),
            ("\"groupCount\":1", "\"groupCount\":0"), ("\"groupCount\":1", "\"groupCount\":4000000000000000000"),
        ] {
            let changed = header.replacing(old, with: new)
            try #require(changed != header, "\(old) in \(header)")
            // With the digest that belongs to it, as whoever means harm would write it.
            let bytes = Array(changed.utf8) + Array(whole[end..<(whole.count - 64)])
            #expect(try !isWhole(Data(bytes + Array(Digest(of: bytes).sha256.utf8))), "\(new)")
        }
        for index in stride(from: 0, to: whole.count, by: 97) {
            var flipped = whole
            flipped[index] ^= 1
            #expect(try !isWhole(flipped), "byte \(index)")
        }
        try? FileManager.default.removeItem(atPath: path)
        try #require(mkfifo(path, 0o600) == 0)
        #expect(store.published(unit) == nil)
        // A terabyte that takes no space.
        try whole.write(to: URL(filePath: path))
        #expect(truncate(path, 1 << 40) == 0 && store.published(unit) == nil)
    }

    @Test("signs of workers, failures and submissions of others") func signs() throws {
        let name = "nowhere-7-7"
        try #"{"host":"x","process":1,"rows":1,"rows_done":-9223372036854775808,"since":"","unit":""#.appending(
            try BatchManifest(of: plan).units[0].name
        ).appending("\"}").write(toFile: "\(plan.workers)/\(name).json", atomically: true, encoding: .utf8)
        try #require(mkfifo("\(plan.workers)/other-8-8.json", 0o600) == 0)
        let status = try BatchStatus(of: plan)
        #expect(status.running == 1 && status.rowsDone == 0)
        try #"{"job":"--user=root","merge":"2","time":"","host":""}"#.appending("\n")
            .write(toFile: plan.submissions, atomically: true, encoding: .utf8)
        let outcome = try batch.smoothness("batch", "cancel", "plan")
        #expect(
            outcome.exitCode == 65 && outcome.standardError.contains("submissions.jsonl: line 1: job is wrong"),
            "\(outcome.standardError)")
    }

    @Test("estimates beside a run that are of another definition are not replaced by a merge, unless it is forced")
    func besideRuns() throws {
        try batch.measure("plan")
        let output = batch.runs + "/a.estimates.h5"
        #expect(try batch.smoothness("estimate", "runs/a.h5", "--delta", "1").exitCode == 0)
        let own = try Data(contentsOf: URL(filePath: output))
        let outcome = try batch.smoothness("batch", "merge", "plan", "--beside-runs")
        #expect(
            outcome.exitCode == 3
                && outcome.standardError.contains("a.estimates.h5: exists and is not of this run and definition"))
        #expect(try Data(contentsOf: URL(filePath: output)) == own)
        #expect(FileManager.default.fileExists(atPath: batch.runs + "/b.estimates.h5"))
        #expect(try batch.smoothness("batch", "merge", "plan", "--beside-runs", "--force").exitCode == 0)
        #expect(try Data(contentsOf: URL(filePath: output)) != own)
    }

    @Test("a plan that is made anew by force is there until the new one is whole") func forced() throws {
        try batch.measure("plan")
        try batch.merge("plan")
        let before = try String(contentsOfFile: plan.manifest, encoding: .utf8)
        // Nothing is found: nothing is thrown away.
        let failed = try batch.smoothness("batch", "plan", "runs", "--pattern", "*.none", "-o", "plan", "--force")
        #expect(failed.exitCode == 66 && FileManager.default.fileExists(atPath: plan.results + "/runs.csv"))
        #expect(try String(contentsOfFile: plan.manifest, encoding: .utf8) == before)
        let forced = try batch.smoothness("batch", "plan", "runs", "--subset", "0.5", "-o", "plan", "--force")
        #expect(forced.exitCode == 0 && !FileManager.default.fileExists(atPath: plan.results + "/runs.csv"))
        let names = try FileManager.default.contentsOfDirectory(atPath: batch.folder.url.path)
        #expect(Set(names) == ["runs", "plan"], "\(names)")
    }
}
