import Foundation
import TestSupport
import Testing

/// Signals, pipes that break, and two processes at one file.
@Suite("Interruptions")
struct InterruptionTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let slow = [
        "train", "--threads", "1", "--objective", "quadratic", "--spectrum",
        (1...300).map { "\(1 / Double($0))" }.joined(separator: ","), "--rotations", "8", "--components", "30",
        "--noise",
        "0.1", "--algorithm", "clipping", "--beta", "0.9", "--nu", "0.3", "--gamma", "0.01", "--learning-rate", "0.05",
        "--iterations", "60000", "--save", "every=500",
    ]

    @Test(
        "a run that is stopped again and again ends in the bytes of one that is not",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
    func train() throws {
        try bench.succeed(Self.slow + ["-o", "whole.h5"])
        var arguments = Self.slow + ["-o", "run.h5"]
        for signal in [SIGTERM, SIGINT, SIGTERM] {
            let process = try bench.start(arguments)
            try process.wait(for: "train: ")
            usleep(150_000)
            process.send(signal: signal)
            let outcome = process.wait()
            #expect(outcome.exitCode == 75 && !outcome.wasSignalled && outcome.standardOutput.isEmpty)
            #expect(
                outcome.standardError.hasSuffix(
                    ". Continue with: smoothness train --resume \(bench.path("run.h5"))\n"), "\(outcome.standardError)")
            #expect(
                outcome.standardError.contains(
                    "\nstopping within ten seconds, finished rows are kept; a second signal stops at once\n"))
            #expect(try bench.smoothness("verify", "run.h5").exitCode == 0)
            arguments = ["train", "--resume", "run.h5"]
            try bench.expectRefusal(
                arguments + ["--device", "cuda"], code: 64,
                "@/run.h5: --device: a run goes on where it was begun: on another device its numbers would be others (expected "
                    + "cpu, found cuda). Leave out --device, or begin anew on the other with --force")
        }
        let last = try bench.succeed(arguments)
        #expect(last.standardError.hasSuffix("wrote \(bench.path("run.h5"))\n"))
        try bench.python(
            "same.py", ["whole.h5", "run.h5", "/trajectory", "/history", "/commit", "/objective", "/optimizer"])
    }

    @Test("an estimate is stopped and the same command finishes it") func estimate() throws {
        try bench.succeed(
            "train", "--threads", "1", "--objective", "quadratic", "--spectrum",
            (1...100).map { "\(1 / Double($0))" }.joined(separator: ","), "--rotations", "5", "--components", "4000",
            "--noise", "0.1", "--iterations", "40", "--save", "every=2", "-o", "run.h5")
        let arguments = ["estimate", "run.h5", "--subset", "1", "--delta", "0.25", "--threads", "1", "--format", "csv"]
        let process = try bench.start(arguments)
        try process.wait(for: "estimate: ")
        process.send(signal: SIGTERM)
        let outcome = process.wait()
        #expect(outcome.exitCode == 75 && !outcome.wasSignalled && outcome.standardOutput.isEmpty)
        let said = outcome.standardError.split(separator: "\n").last.map(String.init) ?? ""
        #expect(
            matches(
                said,
                pattern:
                    "error: \(bench.path("run.estimates.h5")): interrupted; * of 20 rows are committed. The same command "
                    + "continues where it stopped."), "\(said)")
        // What is there can be read and fitted meanwhile.
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
        let resumed = try bench.succeed(arguments)
        #expect(resumed.standardError.contains("continuing after row "))
        #expect(try bench.succeed(arguments + ["-o", "whole.h5"]).standardOutput == resumed.standardOutput)
    }

    @Test("a second signal ends the process at once, and nothing committed is lost") func secondSignal() throws {
        // One gradient takes seconds, so that the first signal has to wait for it.
        let process = try bench.start([
            "train", "--threads", "1", "--hidden", "500", "--embedding", "50", "--no-tied", "--layers", "1",
            "--vocabulary",
            "500", "--batch-size", "128", "--sequence-length", "200", "--iterations", "50", "--save",
            "every=10,first=20",
            "-o", "run.h5",
        ])
        try process.wait(for: "train: 1/50")
        process.send(signal: SIGINT)
        try process.wait(for: "a second signal stops at once")
        process.send(signal: SIGINT)
        let outcome = process.wait()
        #expect(outcome.exitCode == 130 && !outcome.wasSignalled, "\(outcome.standardError)")
        #expect(!outcome.standardError.contains("--resume"))
        let report = try bench.smoothness("verify", "run.h5")
        #expect(report.exitCode == 0, "\(report.standardOutput)")
        // On a busy machine the second signal may come while the end for the first one's sake is under way.
        let text = try bench.succeed("inspect", "run.h5").standardOutput
        #expect(text.contains(", writing\n") || text.contains(", interrupted\n"), "\(text)")
    }

    @Test(
        "ten seconds after a signal a command ends whatever it is doing, and a second signal ends it at once",
        arguments: [1, 2])
    func stuck(signals: Int) throws {
        try bench.succeed(
            "train", "--threads", "1", "--objective", "quadratic", "--iterations", "12", "--save", "every=1", "-o",
            "run.h5")
        // The table goes into a full pipe that nobody reads: once its rows are done the estimate hears of no signal.
        let outcome = try bench.shell(
            """
            mkfifo table; exec 3<>table; dd if=/dev/zero of=table bs=4096 oflag=nonblock 2>/dev/null
            smoothness estimate run.h5 --subset 1 --delta 1 --format csv >table 2>said &
            until smoothness inspect run.estimates.h5 2>/dev/null | grep -q complete; do kill -0 $! || exit; done
            start=$SECONDS
            kill -TERM $!; until grep -q 'a second signal stops at once' said; do kill -0 $! || exit; done
            if [ \(signals) = 2 ]; then kill -TERM $!; fi
            wait $!; echo "$? $((SECONDS - start))"
            """)
        let numbers = outcome.standardOutput.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try #require(numbers.count == 2, "\(outcome.standardOutput)\(outcome.standardError)")
        #expect(numbers[0] == (signals == 1 ? 75 : 128 + 15))
        #expect(signals == 1 ? (9..<14).contains(numbers[1]) : numbers[1] < 9, "\(numbers)")
        #expect(
            try bench.text("said").hasSuffix("\nstopped after ten seconds; what is committed is kept\n")
                == (signals == 1))
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
    }

    @Test("a gradient process that answers nothing ends with the command", arguments: ["INT", "TERM", "HUP"])
    func silentGradientProcess(signal: String) throws {
        try bench.succeed(
            "train", "--threads", "1", "--objective", "quadratic", "--iterations", "2", "--save", "every=1", "-o",
            "run.h5")
        try bench.write("echo $$ >number.part; mv number.part number; sleep 1000; :", to: "silent.sh")
        let process = try bench.start(["estimate", "run.h5", "--oracle", "sh silent.sh"])
        while !bench.exists("number"), process.isRunning { usleep(10_000) }
        process.send(signal: ["INT": SIGINT, "TERM": SIGTERM, "HUP": SIGHUP][signal] ?? SIGTERM)
        let outcome = process.wait()
        #expect(signal == "HUP" ? outcome.wasSignalled : outcome.exitCode == 75, "\(outcome.standardError)")
        let number = try bench.text("number").filter(\.isNumber)
        // What was killed may still be there for its parent to be told.
        func isRunning() -> Bool { FileManager.default.contents(atPath: "/proc/\(number)/cmdline")?.isEmpty == false }
        for _ in 0..<1000 where isRunning() { usleep(10_000) }
        #expect(!isRunning())
    }

    @Test("two writers at one file: the second is refused and disturbs nothing") func twoWriters() throws {
        // The last of two equal options counts: this one would take a minute.
        let slow = Self.slow + ["--iterations", "1000000"]
        let process = try bench.start(slow + ["-o", "run.h5"])
        try process.wait(for: "train: ")
        let busy = "@/run.h5: another process is writing this file. Wait for it to end, or write to another file"
        for (arguments, message) in [
            (
                slow + ["-o", "run.h5"],
                "@/run.h5: holds the beginning of this run. Continue it with: smoothness train --resume @/run.h5, or begin "
                    + "anew with --force"
            ),
            (["train", "--resume", "run.h5"], busy),
            (["train", "--objective", "quadratic", "--threads", "1", "-o", "run.h5", "--force"], busy),
        ] {
            let outcome = try bench.smoothness(arguments)
            #expect(outcome.exitCode == 73)
            let said = outcome.standardError.replacing(bench.place, with: "@").split(separator: "\n").last
            #expect(said == "error: \(message)")
            try #require(process.isRunning, "the first writer was over too soon for this test")
        }
        #expect(try bench.contents().keys.sorted() == ["run.h5"])
        // Readers are welcome.
        for command in ["inspect", "verify"] { try bench.succeed(command, "run.h5") }
        process.send(signal: SIGTERM)
        #expect(process.wait().exitCode == 75)
        #expect(try bench.smoothness("verify", "run.h5").exitCode == 0)
    }

    @Test("two estimates at one file: the second is refused and disturbs nothing") func twoEstimates() throws {
        try bench.succeed(
            "train", "--threads", "1", "--objective", "quadratic", "--spectrum",
            (1...100).map { "\(1 / Double($0))" }.joined(separator: ","), "--rotations", "5", "--components", "8000",
            "--noise", "0.1", "--iterations", "400", "--save", "every=2", "-o", "run.h5")
        let arguments = ["estimate", "run.h5", "--subset", "1", "--delta", "0.1", "--threads", "1"]
        let process = try bench.start(arguments)
        try process.wait(for: "estimate: ")
        for force in [[], ["--force"]] {
            let outcome = try bench.smoothness(arguments + force)
            #expect(outcome.exitCode == 73 && outcome.standardOutput.isEmpty)
            #expect(
                outcome.standardError.hasSuffix(
                    "error: \(bench.path("run.estimates.h5")): another process is writing this file. Wait for it to end, or "
                        + "write to another file\n"), "\(outcome.standardError)")
            try #require(process.isRunning, "the first writer was over too soon for this test")
        }
        process.send(signal: SIGTERM)
        #expect(process.wait().exitCode == 75)
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
        #expect(try bench.contents().keys.sorted() == ["run.estimates.h5", "run.h5"])
    }

    // MARK: - Standard streams

    @Test("a reader that goes away is an error, and the file is whole all the same") func brokenPipe() throws {
        // More than a pipe holds.
        try bench.succeed(
            "train", "--threads", "1", "--objective", "quadratic", "--iterations", "1500", "--save", "every=1", "-o",
            "run.h5")
        let outcome = try bench.shell(
            "set -o pipefail; smoothness estimate run.h5 --subset 1 --delta 1 --format csv | head -1")
        #expect(outcome.exitCode == 74)
        #expect(outcome.standardOutput.hasPrefix("iteration,loss,gradient_norm,smoothness,"))
        #expect(outcome.standardOutput.filter { $0 == "\n" }.count == 1)
        #expect(
            outcome.standardError.hasSuffix("\nerror: standard output: cannot be written: Broken pipe\n"),
            "\(outcome.standardError)")
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
        let again = try bench.smoothness("estimate", "run.h5", "--subset", "1", "--delta", "1")
        #expect(again.exitCode == 0 && again.standardError.contains("nothing to do"))
    }

    @Test(
        "closed and full standard streams do not end the work, and nothing is printed into files",
        arguments: ["2>/dev/full", ">&-", "<&- >&- 2>&-"])
    func streams(redirection: String) throws {
        let train = "smoothness train --threads 1 --objective quadratic --iterations 30 --save every=1 -o run.h5"
        #expect(try bench.shell("\(train) \(redirection)").exitCode == 0)
        #expect(try bench.shell("smoothness estimate run.h5 --subset 1 \(redirection)").exitCode == 0)
        for name in ["run.h5", "run.estimates.h5"] { #expect(try bench.smoothness("verify", name).exitCode == 0) }
        #expect(try bench.shell("smoothness inspect no.h5 \(redirection)").exitCode == 66)
    }
}
