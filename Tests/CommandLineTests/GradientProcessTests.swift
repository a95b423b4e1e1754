import Foundation
import TestSupport
import Testing

/// Gradient processes that are right, wrong, dying or silent.
@Suite("Gradient processes", .enabled(if: Workplace.python != nil, "needs Python with NumPy: set SMOOTHNESS_PYTHON"))
struct GradientProcessTests {
    private let bench: Workbench
    private let python: String

    init() throws {
        bench = try Workbench()
        python = try #require(Workplace.python)
    }

    private static let isLong = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1"

    private func oracle(_ way: String, _ pause: Double = 0) -> String {
        let script = Workplace.packageRoot.appending(path: "Tests/CommandLineTests/Twins/faulty_process.py").path
        return "'\(python)' '\(script)' \(way) \(pause)"
    }

    /// A run over the parameters of faulty_process.py, recorded without any framework.
    private func record(rows: Int = 6) throws {
        try bench.succeed("bridge", "--output", "smoothness_bridge.py")
        try bench.write(
            """
            import os, sys
            sys.path.insert(0, os.getcwd())
            import numpy as np
            from smoothness_bridge import Recorder
            x = {"x": np.arange(6) / 3}
            with Recorder("run.h5", x, \(rows), 1, {"algorithm": "sgd", "learning_rate": 0.1}, quiet=True) as recorder:
                for k in range(\(rows)):
                    recorder.before_step(k, 1.0, parameters=x)
                    x = {"x": x["x"] - 0.1 * (x["x"] - np.sin(x["x"]) / 4 - 0.01 * k)}
                    recorder.after_step(parameters=x)
            """, to: "record.py")
        _ = try bench.python(script: bench.path("record.py"), [])
    }

    private func estimate(_ way: String, _ more: String..., output: String = "estimates.h5") throws -> ProcessOutcome {
        try bench.smoothness(
            ["estimate", "run.h5", "--oracle", oracle(way), "--subset", "1", "--delta", "0.5", "-o", output] + more)
    }

    @Test("the rows do not depend on the number of processes, nor on one of them dying once")
    func workers() throws {
        try record()
        let one = try estimate("right", "--format", "csv")
        #expect(one.exitCode == 0, "\(one.standardError)")
        #expect(one.standardOutput.split(separator: "\n").count == 7)
        let three = try estimate("right", "--format", "csv", "--oracle-workers", "3", output: "three.h5")
        #expect(three.exitCode == 0 && three.standardOutput == one.standardOutput, "\(three.standardError)")
        let once = try estimate("once", "--format", "csv", output: "once.h5")
        #expect(once.exitCode == 0 && once.standardOutput == one.standardOutput, "\(once.standardError)")
        #expect(bench.exists("died-once"))
        let again = try estimate("right")
        #expect(again.exitCode == 0 && again.standardError.contains("nothing to do"))
        let flooding = try estimate("floods", "--format", "csv", output: "floods.h5")
        #expect(flooding.exitCode == 0 && flooding.standardOutput == one.standardOutput, "\(flooding.standardError)")
        let hessian = try estimate("right", "--direction", "hessian", output: "hessian.h5")
        #expect(hessian.exitCode == 0, "\(hessian.standardError)")
    }

    /// Way, exit code, and what the one message says.
    static let faults: [(String, Int32, [String])] = [
        (
            "dies-at-start", 74,
            ["ended with exit code 1, 4 times without an answer", "the data are not where they were"]
        ),
        ("killed", 74, ["was ended by signal 9, 4 times without an answer", "about to run out of memory"]),
        ("leaves-another", 74, ["ended with exit code 7, 4 times without an answer"]),
        ("half-a-line", 74, ["4 times without an answer"]),
        ("chatters", 65, ["prints to standard output", "'epoch 3, loss 0.5'"]),
        ("binary", 65, ["prints to standard output"]),
        ("endless", 65, ["prints a line without end"]),
        ("endless-lines", 65, ["prints without end and does not answer", "'epoch 3, loss 0.5'"]),
        (
            "other-data", 65,
            ["describes another function than the first time, on other data", "Seed what makes, shuffles or augments"]
        ),
        ("bare-nan", 65, ["writes NaN or Infinity as a number", "as \"NaN\""]),
        ("other-id", 65, ["answers another request"]),
        ("losses", 65, ["without its losses"]),
        ("error", 65, ["reports: RuntimeError: CUDA out of memory"]),
        ("newer", 65, ["another version of the protocol", "expected 1, found 7"]),
        ("weights", 65, ["weights: ", "expected 24 numbers, found 23"]),
        ("nan-weight", 65, ["describes itself wrongly"]),
        ("no-parameters", 65, ["describes itself wrongly", "parameters"]),
        ("shape", 65, ["the iterates do not fit the objective"]),
        ("random", 65, ["this is no function", "dropout"]),
        ("counts", 65, ["this is no function"]),
    ]

    @Test("each fault is one clear message, and what was there stays as it was")
    func messages() throws {
        try record()
        for (way, code, texts) in Self.faults {
            // With a digest it would not go on where one without has begun.
            let outcome = try estimate(way, output: way == "other-data" ? "other.h5" : "estimates.h5")
            #expect(
                outcome.exitCode == code && !outcome.wasSignalled,
                "\(way): \(outcome.exitCode) \(outcome.standardError)")
            #expect(outcome.standardOutput.isEmpty, "\(way)")
            #expect(
                outcome.standardError.components(separatedBy: "error: ").count == 2, "\(way): \(outcome.standardError)")
            for text in texts { #expect(outcome.standardError.contains(text), "\(way): \(outcome.standardError)") }
        }
        // Where a shell stands between, a closed output stays open.
        for way in ["never", "closes-output"] {
            let silent = try estimate(way, "--oracle-timeout", "2")
            #expect(silent.exitCode == 74, "\(silent.standardError)")
            for text in ["has not answered for 2.0 s a component", "--oracle-timeout"] {
                #expect(silent.standardError.contains(text), "\(silent.standardError)")
            }
        }
        // Whatever went wrong before, the same command goes on.
        #expect(try estimate("right").exitCode == 0)
    }

    /// Way and what the message says: descriptions and answers that are longer, larger or other than they may be.
    static let absurdities: [(String, String)] = [
        ("huge-components", "(expected 1 … 10000000"), ("no-components", "(expected 1 …"),
        ("endless-components", "describes itself wrongly"), ("huge-shape", "(expected parameters for which"),
        ("tall-shape", "(expected parameters for which"), ("negative-shape", "(expected positive extents"),
        ("many-axes", "of at most 64 axes"), ("long-name", "(expected at most 4096 bytes, found 1000000"),
        ("negative-weight", "(expected positive numbers, found -1.0"),
        ("huge-weights", "with a sum that is a number"), ("tiny-weights", "with a sum that is a number"),
        ("same-names", "expected distinct names"), ("other-precision", "expected float32 or float64"),
        ("long-line", "prints a line without end"), ("long-answer", "prints a line without end"),
        ("deep", "an answer to request"), ("huge-id", "an answer to request"), ("long-error", "reports: eeee"),
    ]

    @Test("what a process says of itself is held against what can be, before memory is set aside")
    func absurd() throws {
        try record()
        for (way, text) in Self.absurdities {
            let outcome = try estimate(way, "--oracle-timeout", "30")
            #expect(outcome.exitCode == 65 && !outcome.wasSignalled, "\(way): \(outcome.standardError.prefix(4000))")
            #expect(outcome.standardError.contains(text), "\(way): \(outcome.standardError.prefix(4000))")
            #expect(outcome.standardError.utf8.count < 20_000, "\(way)")
        }
        let slow = try estimate("slow-line", "--oracle-timeout", "2")
        #expect(slow.exitCode == 74 && slow.standardError.contains("has not answered"), "\(slow.standardError)")
        let warned = try estimate("warns")
        #expect(warned.exitCode == 0, "\(warned.standardError)")
        #expect(warned.standardError.contains("warning: the process says: the moon is full"), "\(warned.standardError)")
    }

    @Test("a process that complains without end is held back: neither it nor the program keeps a processor busy")
    func endlessComplaints() throws {
        try record()
        try bench.write(
            """
            import resource, subprocess, sys
            outcome = subprocess.run(sys.argv[1:], stderr=subprocess.PIPE, text=True)
            assert outcome.returncode == 74 and "has not answered for 5.0 s" in outcome.stderr, outcome.stderr
            spent = resource.getrusage(resource.RUSAGE_CHILDREN)
            print(spent.ru_utime + spent.ru_stime)
            """, to: "spent.py")
        let printed = try bench.python(
            script: bench.path("spent.py"),
            [
                Workplace.program, "estimate", "run.h5", "--oracle", oracle("complains"), "--subset", "1",
                "--oracle-timeout", "5",
            ])
        // Both programs begin, and a process begins with NumPy; five seconds of two processors otherwise.
        let seconds = try #require(Double(printed.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(seconds < 3, "\(seconds)")
    }

    @Test("NaN is data: rows have a status and no value")
    func notANumber() throws {
        try record()
        let outcome = try estimate("nan", "--format", "csv")
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("6 of 6 rows"), "\(outcome.standardError)")
    }

    @Test("an estimate goes on with the same function only, and says which one it was")
    func identity() throws {
        try record()
        #expect(try estimate("right").exitCode == 0)
        let own = try bench.smoothness("inspect", "--config", "estimates.h5")
        #expect(own.standardOutput.contains("--oracle 'the command that serves bowl'"), "\(own.standardOutput)")
        let excluded = try bench.smoothness("estimate", "run.h5", "--oracle", "true", "--masks", "off")
        #expect(excluded.exitCode == 64)
        #expect(try bench.smoothness("estimate", "run.h5", "--oracle-workers", "2").exitCode == 64)
    }

    @Test("an estimate that was broken off goes on with the same data only")
    func otherData() throws {
        try record()
        let whole = try estimate("data-one", "--format", "csv", output: "whole.h5")
        #expect(whole.exitCode == 0, "\(whole.standardError)")
        // With its digest another process stands behind it; the first rows are there.
        try bench.write("", to: "torn")
        let torn = try estimate("data-one", "--format", "csv")
        #expect(torn.exitCode == 65 && torn.standardError.contains("went away"), "\(torn.standardError)")
        for (way, found) in [("data-two", "found data-two"), ("right", "found none")] {
            let other = try estimate(way)
            #expect(other.exitCode == 73, "\(way): \(other.standardError)")
            for text in ["on other data than the gradient process has now", "expected data-one", found] {
                #expect(other.standardError.contains(text), "\(way): \(other.standardError)")
            }
        }
        try FileManager.default.removeItem(atPath: bench.path("torn"))
        let resumed = try estimate("data-one", "--format", "csv")
        #expect(resumed.exitCode == 0 && resumed.standardOutput == whole.standardOutput, "\(resumed.standardError)")
        #expect(resumed.standardError.contains("continuing"), "\(resumed.standardError)")
        #expect(try estimate("data-two", "--force").exitCode == 0)
    }

    @Test("verify --oracle finds what is wrong with a process, and nothing with the one of the document")
    func conformance() throws {
        let document = try String(
            contentsOf: Workplace.packageRoot.appending(path: "docs/gradient-process.md"), encoding: .utf8)
        let block = try #require(
            document.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first)
        try bench.write(block, to: "least.py")
        for command in [oracle("right"), "'\(python)' '\(bench.path("least.py"))'"] {
            let right = try bench.smoothness("verify", "--oracle", command)
            #expect(right.exitCode == 0, "\(right.standardOutput)\(right.standardError)")
            #expect(right.standardOutput.contains(": valid, 13 of 13 checks passed"), "\(right.standardOutput)")
        }
        for (way, finding) in [
            ("not-a-mean", "gradients add up over components"),
            ("not-the-derivative", "the gradient is the derivative of the loss"),
            ("wrong-in-the-middle", "of component 12, found"),
            ("counts", "the same component is the same function twice"),
            ("half-written", "writes whole, finite gradients"),
            ("careless", "errors are messages"), ("nan", "writes whole, finite gradients"),
            (
                "silent-block",
                "the blocks whose gradient is zero: expected no change of the loss with them, found b move it"
            ),
            ("partial-block", "the gradient of every block is the derivative of the loss"),
            ("partial-block", "others in b."),
            ("constant", "the loss depends on the parameters"), ("writes-point", "the point stays as it was written"),
            ("tall-shape", "parameters for which this machine has memory"),
            ("chatters", "answers every request"),
            ("dies-at-start", "answers every request"),
        ] {
            let wrong = try bench.smoothness("verify", "--oracle", oracle(way))
            #expect(wrong.exitCode == 65 && wrong.standardOutput.contains("FAILED"), "\(way): \(wrong.standardOutput)")
            #expect(wrong.standardOutput.contains(finding), "\(way): \(wrong.standardOutput)")
        }
        #expect(try bench.smoothness("verify").exitCode == 64)
    }

    @Test("processes killed at random moments: no hang, no wrong number, no row lost")
    func kills() throws {
        try record(rows: 40)
        let arguments = ["--delta", "0.25", "--subset", "1"]
        let definition = try bench.smoothness(
            ["estimate", "run.h5", "--oracle", oracle("right", 0.001), "-o", "whole.h5"] + arguments)
        #expect(definition.exitCode == 0, "\(definition.standardError)")
        let printed = try bench.python(
            "kill_processes.py",
            [
                "oracle", Workplace.program, "run.h5", "whole.h5", "killed.h5", Self.isLong ? "100" : "10", "7",
                oracle("right", 0.001),
            ]
                + arguments)
        struct Count: Decodable { var kills: Int }
        #expect(try JSONDecoder().decode(Count.self, from: Data(printed.utf8)).kills >= 10, "\(printed)")
    }
}
