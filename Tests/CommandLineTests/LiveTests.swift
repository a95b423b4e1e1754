import Foundation
import TestSupport
import Testing

/// `estimate --follow` beside a training process, and `train --estimate`.
@Suite("Estimates of runs that are being made")
struct LiveTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let languageModel = [
        "train", "--hidden", "8", "--embedding", "8", "--layers", "1", "--vocabulary", "200", "--batch-size", "16",
        "--sequence-length", "32", "--dropout", "0.2", "--learning-rate", "5", "--beta", "0.5", "--threads", "1",
    ]
    private static let slow = [
        "train", "--threads", "1", "--objective", "quadratic", "--spectrum",
        (1...300).map { "\(1 / Double($0))" }.joined(separator: ","), "--rotations", "8", "--components", "30",
        "--noise", "0.1", "--learning-rate", "0.05",
    ]
    private static let definition = ["--subset", "0.2", "--delta", "0.25", "--groups", "4"]
    private static var inLoop: [String] { definition.map { $0.replacing("--", with: "--estimate-") } }

    /// The table as CSV, with all digits: what is there is printed and not made.
    private func table(_ run: String, _ more: String...) throws -> String {
        try bench.succeed(["estimate", run] + Self.definition + ["--format", "csv", "--threads", "2"] + more)
            .standardOutput
    }

    // MARK: - In the loop

    @Test(
        "in the loop and without iterates: the numbers of saving them and estimating afterwards, and the command repeats it"
    )
    func inLoop() throws {
        let train = Self.languageModel + ["--iterations", "60"]
        try bench.succeed(train + ["--save", "every=4,first=50", "-o", "saved.h5"])
        let afterwards = try table("saved.h5")
        #expect(afterwards.filter { $0 == "\n" }.count == 14)
        let outcome = try bench.succeed(train + ["--estimate", "every=4,first=50", "-o", "run.h5"] + Self.inLoop)
        #expect(
            outcome.standardError.hasSuffix("wrote \(bench.path("run.h5"))\nwrote \(bench.path("run.estimates.h5"))\n"))
        #expect(try table("run.h5") == afterwards)
        #expect(try bench.succeed("inspect", "run.h5").standardOutput.contains(" 0 of 0 "))
        for name in ["run.h5", "run.estimates.h5"] {
            let report = try bench.smoothness("verify", name)
            #expect(report.exitCode == 0, "\(report.standardOutput)")
        }
        #expect(try bench.succeed("fit", "run.h5", "--replicates", "0").exitCode == 0)
        // The same command again, and another one.
        let again = try bench.succeed(train + ["--estimate", "every=4,first=50", "-o", "run.h5"] + Self.inLoop)
        #expect(again.standardError.hasSuffix("its estimates are in \(bench.path("run.estimates.h5"))\n"))
        for (file, repetition) in [("run.h5", "second.h5"), ("run.estimates.h5", "third.h5")] {
            let line = try bench.succeed("inspect", "--config", file).standardOutput
            #expect(
                line.contains(" --save none ") && line.contains(" --estimate every=4,first=50 --estimate-delta 0.25 "))
            let repeated = line.replacing("--output run.h5", with: "--output \(repetition)")
            #expect(try bench.shell(repeated).exitCode == 0)
            #expect(try table(repetition) == afterwards)
        }
    }

    @Test("iterates saved besides, another precision and repeated runs are the same as afterwards")
    func inLoopBesides() throws {
        let options = ["--estimate-precision", "float64", "--estimate", "every=3"] + Self.inLoop
        try bench.succeed(
            Self.languageModel + ["--iterations", "20", "--save", "every=3", "--repeat", "2", "-o", "run.h5"] + options)
        for run in ["run-1", "run-2"] {
            let measured = try table("\(run).h5", "--precision", "float64")
            #expect(try table("\(run).h5", "--precision", "float64", "--output", "after.h5", "--force") == measured)
        }
        #expect(try bench.contents().keys.sorted().count == 5)
    }

    @Test("a run that is stopped goes on with its estimates; one that diverges has those of its iterations")
    func inLoopStopped() throws {
        let train = Self.slow + ["--iterations", "3000", "--estimate", "every=10"] + Self.inLoop
        try bench.succeed(train + ["-o", "whole.h5"])
        var arguments = train + ["-o", "run.h5"]
        for _ in 0..<2 {
            let process = try bench.start(arguments)
            try process.wait(for: "train: ")
            usleep(100_000)
            process.send(signal: SIGTERM)
            #expect(process.wait().exitCode == 75)
            for name in ["run.h5", "run.estimates.h5"] {
                let report = try bench.smoothness("verify", name)
                #expect(report.exitCode == 0, "\(report.standardOutput)")
            }
            #expect(try bench.succeed("inspect", "run.estimates.h5").standardOutput.contains("interrupted, "))
            arguments = ["train", "--resume", "run.h5"]
        }
        try bench.succeed(arguments)
        #expect(try table("run.h5") == table("whole.h5"))
        try bench.succeed(
            "train", "--objective", "quartic-valley", "--learning-rate", "3", "--clip-norm", "inf", "--iterations",
            "500",
            "--threads", "1", "--estimate", "every=2", "-o", "diverged.h5")
        let text = try bench.succeed("inspect", "diverged.estimates.h5").standardOutput
        #expect(text.contains("complete, ") && text.contains(" of 250 rows"))
        #expect(try bench.smoothness("verify", "diverged.estimates.h5").exitCode == 0)
    }

    @Test("what cannot be measured in the loop is refused before anything is made")
    func inLoopRefusals() throws {
        let train = ["train", "--objective", "quadratic", "--threads", "1", "-o", "run.h5"]
        for (options, message) in [
            (["--estimate-subset", "0.5"], "--estimate-subset belongs to --estimate every=N*"),
            (["--estimate", "3"], "*is no save schedule*"),
            (["--estimate", "none"], "*is no save schedule*"),
            (["--estimate", "every=2", "--estimate-delta", "x"], "*--estimate-delta*"),
            (
                ["--estimate", "every=2", "--estimate-delta", "0.1", "--estimate-gammas", "1"],
                "*give --estimate-delta or --estimate-gammas, not both*"
            ),
            (["--estimate", "every=2", "--estimate-control", "permute"], "*the permutation control*"),
            (["--estimate", "every=2", "--estimate-direction", "momentum"], "*the direction of the momentum*"),
            (["--estimate", "every=2", "--estimate-gammas", "2"], "*γ is outside the step*"),
            (["--estimate", "every=2", "--estimate-subset", "7"], "*the subset is not a part of the components*"),
            (["--estimate", "every=2", "--estimate-components", "500"], "*the objective has no component 500*"),
        ] {
            let outcome = try bench.smoothness(train + options)
            let first = outcome.standardError.split(separator: "\n").first.map(String.init) ?? ""
            #expect(outcome.exitCode == 64 && matches(first, pattern: "error: " + message), "\(outcome.standardError)")
        }
        #expect(try bench.contents().isEmpty)
        try bench.write("something", to: "run.estimates.h5")
        try bench.expectRefusal(
            train + ["--estimate", "every=2"], code: 73,
            "@/run.estimates.h5: exists, and --estimate is to write it. Write elsewhere, or use --force")
        try bench.succeed(train + ["--estimate", "every=2", "--force"])
        try bench.succeed("verify", "run.estimates.h5")
        // Nor does --force let go of a run for one that cannot be.
        try bench.expectRefusal(
            train + ["--force", "--estimate", "every=2", "--estimate-delta", "0"], code: 64, "*δ is outside the step*")
        try bench.succeed("verify", "run.h5")
    }

    // MARK: - Beside the loop

    @Test(
        "following a run that is training: the numbers of an estimate made afterwards, and files that are sound half-way"
    )
    func follow() throws {
        let train = try bench.start(Self.slow + ["--iterations", "40000", "--save", "every=2000", "-o", "run.h5"])
        try train.wait(for: "train: ")
        // Held back half-way, so that what follows it must wait.
        train.send(signal: SIGSTOP)
        let arguments = ["estimate", "run.h5", "--follow", "--format", "csv", "--threads", "1"] + Self.definition
        // Stopped on the way, and begun again.
        let first = try bench.start(arguments)
        try first.wait(for: "estimate: ")
        let half = try bench.smoothness("verify", "run.estimates.h5")
        #expect(half.exitCode == 0 && half.standardOutput.contains(" of at most 20 rows"), "\(half.standardOutput)")
        first.send(signal: SIGINT)
        let stopped = first.wait()
        #expect(stopped.exitCode == 75 && stopped.standardError.contains("The same command continues"))
        let second = try bench.start(arguments)
        try second.wait(for: "waiting for row ")
        train.send(signal: SIGCONT)
        let followed = second.wait()
        #expect(followed.exitCode == 0, "\(followed.standardError)")
        #expect(train.wait().exitCode == 0)
        #expect(followed.standardOutput.filter { $0 == "\n" }.count == 21)
        #expect(try table("run.h5", "-o", "after.h5") == followed.standardOutput)
        #expect(try table("run.h5") == followed.standardOutput)
        #expect(try bench.succeed(arguments).standardError.contains("nothing to do"))
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
        #expect(try bench.succeed("inspect", "--config", "run.estimates.h5").standardOutput.contains(" --follow "))
    }

    @Test("a run whose writer is killed, one that is stopped, and one that goes on")
    func followInterrupted() throws {
        let save = ["--iterations", "60000", "--save", "every=2000", "-o", "run.h5"]
        let train = try bench.start(Self.slow + save)
        try train.wait(for: "train: ")
        train.send(signal: SIGSTOP)
        let arguments = ["estimate", "run.h5", "--follow", "--format", "csv", "--threads", "1"] + Self.definition
        let follower = try bench.start(arguments)
        try follower.wait(for: "estimate: ")
        train.send(signal: SIGKILL)
        _ = train.wait()
        let died = follower.wait()
        #expect(died.exitCode == 75 && died.standardOutput.isEmpty)
        let said = died.standardError.split(separator: "\n").last.map(String.init) ?? ""
        #expect(
            matches(
                said,
                pattern:
                    "error: \(bench.path("run.h5")): its writer has died after row * of 30, up to which it is estimated. "
                    + "Continue it with: smoothness train --resume \(bench.path("run.h5")), and give this command again."
            ),
            "\(said)")
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)

        let resumed = try bench.start(["train", "--resume", "run.h5"])
        try resumed.wait(for: "train: ")
        resumed.send(signal: SIGTERM)
        #expect(resumed.wait().exitCode == 75)
        // All rows that there are, and the end: nobody is writing.
        let rows = try bench.succeed(arguments).standardOutput
        #expect(try table("run.h5", "-o", "after.h5") == rows)
        #expect(try bench.succeed(arguments).standardError.contains("nothing to do"))
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)

        let last = try bench.start(["train", "--resume", "run.h5"])
        try last.wait(for: "train: ")
        let whole = try bench.start(arguments)
        #expect(last.wait().exitCode == 0)
        let outcome = whole.wait()
        #expect(outcome.exitCode == 0 && outcome.standardOutput.hasPrefix(rows), "\(outcome.standardError)")
        #expect(outcome.standardOutput.filter { $0 == "\n" }.count == 31)
    }

    @Test("what cannot be followed is refused; a wait says what it waits for") func followRefusals() throws {
        try bench.expectRefusal(["estimate", "no.h5", "--follow"], code: 66, "@/no.h5: there is no such file")
        try Sample.run.copy(to: bench.path("run.h5"))
        try bench.expectRefusal(
            ["estimate", "run.h5", "--follow", "--control", "permute"], code: 64,
            "the permutation control takes the step of any other row, which must all be there*")
        // A complete run is estimated as ever.
        try bench.succeed("estimate", "run.h5", "--follow", "--delta", "0.5")
        #expect(try !bench.succeed("inspect", "--config", "run.estimates.h5").standardOutput.contains("--follow"))

        let train = try bench.start(
            Self.slow + ["--iterations", "10000000", "--save", "every=9000000", "-o", "slow.h5"])
        try train.wait(for: "train: ")
        let follower = try bench.start(["estimate", "slow.h5", "--follow", "--threads", "1"])
        try follower.wait(for: "waiting for row 2 of 2: slow.h5 is being written\n")
        try FileManager.default.moveItem(atPath: bench.path("slow.h5"), toPath: bench.path("moved.h5"))
        usleep(300_000)
        follower.send(signal: SIGTERM)
        #expect(follower.wait().exitCode == 75)
        train.send(signal: SIGKILL)
        _ = train.wait()
        #expect(try bench.smoothness("verify", "slow.estimates.h5").exitCode == 0)
    }
}
