import Essentials
import Foundation
import HDF5
import TestSupport
import Testing

/// A command that makes files, which stand there already when it is called.
struct WritingCommand: Sendable, CustomTestStringConvertible {
    let name: String
    let arguments: [String]
    /// By their final names.
    let outputs: [String]
    /// Whether it can be called where its outputs are not there.
    var makesAnew = true
    /// Python in the place of the program.
    var isPython = false

    var testDescription: String { name }

    private static let train = [
        "train", "--objective", "quadratic", "--components", "20", "--noise", "0.1", "--threads", "1",
    ]
    private static let plan = ["batch", "plan", "runs", "-o", "plan", "--subset", "1", "--unit-rows", "6"]
    private static let merged = [
        "runs.csv", "runs.h5", "report.html", "estimates/a.estimates.h5", "estimates/b.estimates.h5",
    ]

    static let all: [WritingCommand] = [
        WritingCommand(
            name: "train",
            arguments: train + ["--iterations", "3000", "--save", "every=20", "-o", "out.h5", "--force"],
            outputs: ["out.h5"]),
        WritingCommand(
            name: "train --estimate",
            arguments: train + [
                "--iterations", "600", "--estimate", "every=20", "--estimate-delta", "0.5", "-o", "out.h5", "--force",
            ],
            outputs: ["out.h5", "out.estimates.h5"]),
        WritingCommand(
            name: "train --repeat",
            arguments: train + ["--iterations", "600", "--repeat", "2", "-o", "out.h5", "--force"],
            outputs: ["out-1.h5", "out-2.h5"]),
        WritingCommand(
            name: "import",
            arguments: ["import", "run.h5", "--iterate", "trajectory/iterate", "-o", "out.h5", "--force"],
            outputs: ["out.h5"]),
        WritingCommand(
            name: "estimate",
            arguments: ["estimate", "run.h5", "--subset", "1", "--threads", "1", "-o", "out.h5", "--force"],
            outputs: ["out.h5"]),
        WritingCommand(
            name: "estimate --compare-subsets",
            arguments: [
                "estimate", "run.h5", "--compare-subsets", "0.5,1", "--delta", "0.5", "--threads", "1", "--force", "-o",
                "out.csv",
            ],
            outputs: ["run.subset-0.5.estimates.h5", "run.subset-1.0.estimates.h5", "out.csv"]),
        WritingCommand(
            name: "align",
            arguments: ["align", "run.h5", "--batch-sizes", "1,2", "--threads", "1", "-o", "out.h5", "--force"],
            outputs: ["out.h5"]),
        WritingCommand(
            name: "fit", arguments: ["fit", "run.h5", "--replicates", "50", "-o", "out.txt"], outputs: ["out.txt"]),
        WritingCommand(
            name: "advise", arguments: ["advise", "run.h5", "--replicates", "50", "-o", "out.txt"], outputs: ["out.txt"]
        ),
        WritingCommand(
            name: "report", arguments: ["report", "run.h5", "--replicates", "50", "-o", "out.html", "-o", "out.md"],
            outputs: ["out.html", "out.md"]),
        WritingCommand(
            name: "plot",
            arguments: [
                "plot", "run.h5", "--replicates", "20", "-o", "out.csv", "-o", "out.svg", "-o", "out.png", "-o",
                "out.vl.json",
            ],
            outputs: ["out.csv", "out.svg", "out.png", "out.vl.json"]),
        WritingCommand(
            name: "export",
            arguments: ["export", "run.h5", "-o", "out.csv", "-o", "out.jsonl", "-o", "out.npz", "-o", "out.tfevents"],
            outputs: ["out.csv", "out.jsonl", "out.npz", "out.tfevents"]),
        WritingCommand(name: "bridge", arguments: ["bridge", "-o", "out.py"], outputs: ["out.py"]),
        WritingCommand(
            name: "batch plan", arguments: plan + ["--force"],
            outputs: ["plan/manifest.jsonl", "plan/configuration.json"],
            makesAnew: false),
        WritingCommand(
            name: "batch merge", arguments: ["batch", "merge", "plan"], outputs: merged.map { "plan/results/\($0)" }),
        WritingCommand(
            name: "batch submit", arguments: ["batch", "submit", "plan", "--slurm"],
            outputs: ["plan/job.sh", "plan/merge.sh"]),
        WritingCommand(name: "the recorder", arguments: ["record.py"], outputs: ["out.h5"], isPython: true),
    ]
}

/// SIGKILL at random moments of every command that writes: what stood there stays until the new file is whole, no file is ever short, and the next
/// call leaves nothing of what killed ones have left.
@Suite("Outputs of killed commands")
struct KilledOutputTests {
    /// SMOOTHNESS_LONG_TESTS=1 (`make test-long`) makes it 510 in all.
    private static let kills = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1" ? 30 : 3

    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let recorder = """
        import numpy as np
        from smoothness_bridge import Recorder
        x = {"w": np.linspace(0.0, 1.0, 300).reshape(20, 15)}
        with Recorder("out.h5", x, 300, 1, {"algorithm": "sgd", "learning_rate": 0.01}, overwrite=True, quiet=True) as recorder:
            for k in range(300):
                g = {name: np.sin((k + 1) * value) for name, value in x.items()}
                recorder.before_step(k, float(k), parameters=x, gradients=g)
                x = {name: x[name] - 0.01 * g[name] for name in x}
                recorder.after_step(parameters=x)

        """

    /// Runs with their estimates, and a plan of them that is worked off, made once.
    private static let sample = Result { try makeSample() }

    private static func makeSample() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("runs"), withIntermediateDirectories: false)
        let train = [
            "train", "--objective", "quadratic", "--components", "20", "--noise", "0.1", "--threads", "1", "--save",
            "every=1",
        ]
        for arguments in [
            train + ["--iterations", "60", "-o", "run.h5"], ["estimate", "run.h5", "--subset", "1", "--delta", "0.5"],
            train + ["--iterations", "12", "--seed", "1", "-o", "runs/a.h5"],
            train + ["--iterations", "12", "--seed", "2", "-o", "runs/b.h5"],
            ["batch", "plan", "runs", "-o", "plan", "--subset", "1", "--unit-rows", "6"],
            ["batch", "run", "plan", "--jobs", "1"],
            ["bridge", "-o", "smoothness_bridge.py"],
        ] {
            let outcome = try TestSupport.run(Workplace.program, arguments, directory: folder.url.path)
            try #require(outcome.exitCode == 0, "\(arguments): \(outcome.standardError)")
        }
        try recorder.write(toFile: folder.path("record.py"), atomically: true, encoding: .utf8)
        // What stands for a cluster.
        for (name, text) in [("sbatch", "echo 17"), ("squeue", "true")] {
            try "#!/bin/sh\n\(text)\n".write(toFile: folder.path(name), atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path(name))
        }
        atexit { try? FileManager.default.removeItem(at: KilledOutputTests.sample.get().url) }
        return folder
    }

    @Test(
        arguments: WritingCommand.all.filter { !$0.isPython || Workplace.python != nil })
    func killed(_ command: WritingCommand) async throws { try await onThread { try kill(command) } }

    private func kill(_ command: WritingCommand) throws {
        let sample = try Self.sample.get()
        for name in try FileManager.default.contentsOfDirectory(atPath: sample.url.path) {
            try FileManager.default.copyItem(atPath: sample.path(name), toPath: bench.path(name))
        }
        try FileManager.default.createDirectory(atPath: bench.path("tmp"), withIntermediateDirectories: false)
        let start = ContinuousClock.now
        try finish(command)
        let duration = (ContinuousClock.now - start) / .seconds(1)
        let names = try everything()
        let reference = try command.outputs.map { try bench.bytes($0) }
        var generator = SeededGenerator(seed: 14, purpose: "kills of \(command.name)")
        var (kills, calls) = (0, 0)
        while kills < Self.kills {
            calls += 1
            if command.makesAnew, kills % 3 == 2 {
                for name in command.outputs { try? FileManager.default.removeItem(atPath: bench.path(name)) }
            }
            let before = command.outputs.map { FileManager.default.contents(atPath: bench.path($0)) }
            let process = try begin(command)
            Thread.sleep(forTimeInterval: 1.1 * duration * generator.uniform())
            process.send(signal: SIGKILL)
            let outcome = process.wait()
            #expect(outcome.wasSignalled || outcome.exitCode == 0, "\(outcome.standardError)")
            kills += outcome.wasSignalled ? 1 : 0
            for (index, name) in command.outputs.enumerated() {
                try expectSound(name, before: before[index], reference: reference[index], call: calls)
            }
        }
        waitForOthers()
        try finish(command)
        for (index, name) in command.outputs.enumerated() {
            try expectSound(name, before: Data(), reference: reference[index], call: calls + 1)
        }
        let left = try everything().subtracting(names)
        #expect(left.isEmpty, "\(command.name) has left \(left)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: bench.path("tmp")).isEmpty)
        print(
            "killed outputs: \(command.name): \(kills) kills, \(calls) calls of \(String(format: "%.2f", duration)) s")
    }

    private var environment: [String: String] {
        let search = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return ["TMPDIR": bench.path("tmp"), "PATH": "\(bench.place):\(search)"]
    }

    private func begin(_ command: WritingCommand) throws -> RunningProcess {
        try RunningProcess(
            command.isPython ? try #require(Workplace.python) : Workplace.program, command.arguments,
            environment: environment, directory: bench.place)
    }

    private func finish(_ command: WritingCommand) throws {
        let outcome = try begin(command).wait()
        try #require(outcome.exitCode == 0 && !outcome.wasSignalled, "\(command.name): \(outcome.standardError)")
    }

    /// Whether a file is what it was, or a whole new one; what was not there may be absent, or be one that is continued in its place.
    private func expectSound(_ name: String, before: Data?, reference: Data, call: Int) throws {
        guard let now = FileManager.default.contents(atPath: bench.path(name)) else {
            #expect(before == nil, "\(name) is gone after call \(call)")
            return
        }
        if now == before || now == reference { return }
        let isTable = name.hasSuffix("runs.h5")
        guard name.hasSuffix(".h5"), !isTable else {
            // An event file holds its time.
            #expect(
                (name.hasSuffix("tfevents") || isTable) && now.count == reference.count,
                "\(name) is not whole after call \(call)")
            return
        }
        let verification = try bench.smoothness("verify", name)
        #expect(verification.exitCode == 0, "call \(call): \(verification.standardOutput)")
        guard before != nil else { return }
        let state = try File.open(bench.path(name)).attribute("state", as: String.self)
        #expect(state == "complete", "\(name) is \(state) after call \(call)")
    }

    /// All files below the folder but those of temporary folders.
    private func everything() throws -> Set<String> {
        let names = try #require(FileManager.default.enumerator(atPath: bench.place)).compactMap { $0 as? String }
        return Set(names.filter { !$0.hasPrefix("tmp/") && !$0.hasPrefix("__pycache__") })
    }

    /// Waits for processes that killed calls have started, which end by themselves.
    private func waitForOthers() {
        func isThere() -> Bool {
            let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return processes.contains { process in
                guard Int32(process) != nil,
                    let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")
                else { return false }
                return place.hasPrefix(bench.place)
            }
        }
        while isThere() { usleep(5_000) }
    }
}

/// Runs work on a thread of its own: tests share as many threads as there are processors, and one that has to act at the right moment would come
/// too late.
private func onThread(_ work: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let thread = Thread { continuation.resume(with: Result { try work() }) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}
