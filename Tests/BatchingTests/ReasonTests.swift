import Batching
import Estimation
import Evaluation
import Formulas
import Foundation
import TestSupport
import Testing

/// What a batch says of runs that cannot be measured, and of schedulers that refuse.
@Suite("Reasons of a batch")
struct ReasonTests {
    private let batch: BatchFolder

    init() throws { batch = try BatchFolder() }

    /// A run of another program, with a description of any length.
    private func importRun(_ name: String, description: String) throws {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
        for value in 0..<6 { withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { bytes += Array($0) } }
        try Data(bytes).write(to: URL(filePath: batch.path("w.npy")))
        try #"{"kind": "external", "description": "\#(description)"}"#.write(
            toFile: batch.path("objective.json"), atomically: true, encoding: .utf8)
        let outcome = try batch.smoothness("import", "w.npy", "--objective", "objective.json", "-o", "runs/\(name)")
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    }

    @Test("a share of one component is refused by the plan, with the reason, and the other runs are planned")
    func shares() throws {
        try batch.train("one.h5")
        try batch.train(
            "ten.h5",
            description: .quadratic(spectrum: [2, 1], rotations: 1, componentCount: 10, noise: 0.1, seed: 1))
        for sizing in [["--unit-rows", "4"], []] {
            let outcome = try batch.smoothness(
                ["batch", "plan", "runs", "--subset", "0.1", "-o", "plan\(sizing.count)"] + sizing)
            #expect(outcome.exitCode == 3, "\(outcome.standardError)")
            #expect(outcome.standardError.contains("/one.h5: "), "\(outcome.standardError)")
            let manifest = try BatchManifest(of: PlanFolder(batch.path("plan\(sizing.count)")))
            #expect(manifest.entries.map { $0.reason == nil } == [false, true])
            #expect(manifest.entries[0].reason?.contains("of 1 component") == true, "\(manifest.entries[0])")
        }
        #expect(try batch.smoothness("batch", "run", "plan2").exitCode == 3)
    }

    @Test("a reason of any length is said, as long as a person reads")
    func longReasons() throws {
        try importRun("other.h5", description: String(repeating: "long ", count: 600_000))
        try batch.train("own.h5")
        let outcome = try batch.smoothness("batch", "plan", "runs", "--subset", "1", "-o", "plan")
        #expect(outcome.exitCode == 3)
        let manifest = try BatchManifest(of: PlanFolder(batch.path("plan")))
        let reason = try #require(manifest.entries[0].reason)
        #expect(reason.contains("lives in another program") && reason.count <= 2001, "\(reason.prefix(200))")
        #expect(outcome.standardError.contains("lives in another program") && outcome.standardError.count < 20_000)
    }

    @Test("what sbatch says when it refuses is said line by line, with exit code 74")
    func refusingScheduler() throws {
        try batch.train("a.h5")
        try batch.plan("plan", .init(grid: .spacing(delta: 0.5), subset: .sample(fraction: 1, seed: 0)), unitRows: 4)
        let place = batch.path("bin")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
        try "#!/bin/sh\necho 'sbatch: error: no partition' >&2\necho 'sbatch: error: refused' >&2\nexit 1\n".write(
            toFile: place + "/sbatch", atomically: true, encoding: .utf8)
        try #require(chmod(place + "/sbatch", 0o755) == 0)
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let outcome = try batch.smoothness(
            "batch", "submit", "plan", "--slurm", environment: ["PATH": "\(place):\(search)"])
        #expect(
            outcome.exitCode == 74
                && outcome.standardError.hasSuffix(
                    "error: sbatch: has failed (found sbatch: error: no partition; sbatch: error: refused)\n"),
            "\(outcome.exitCode) \(outcome.standardError)")
    }
}
