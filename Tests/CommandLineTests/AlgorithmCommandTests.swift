import Foundation
import HDF5
import TestSupport
import Testing

/// The options of algorithms and schedules, runs too large, and `--repeat`.
@Suite("smoothness train: algorithms and repetitions")
struct AlgorithmCommandTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let quadratic = ["train", "--objective", "quadratic", "--threads", "1"]

    @Test(arguments: [
        (["--nu", "0.5", "--algorithm", "adam"], "nu"),
        (["--gamma", "1", "--algorithm", "adamw"], "--clip-norm instead of --gamma"),
        (["--beta2", "0.9"], "--beta2 and --epsilon belong to adam and adamw"),
        (["--epsilon", "0.9", "--algorithm", "sgd"], "--beta2 and --epsilon belong to adam and adamw"),
        (["--offset", "1"], "offset"),
        (["--clip-norm", "1", "--algorithm", "normalized"], "clip norm"),
        (["--clip-form", "soft", "--algorithm", "normalized"], "clip form"),
        (["--clip-form", "square"], "square"),
        (["--clip-scope", "layer"], "layer"),
        (["--weight-decay", "-1"], "weight decay"),
        (["--decay-place", "after"], "--decay-place needs --weight-decay"),
        (["--weight-decay", "0.1", "--decay-place", "decoupled"], "weight decay place"),
        (["--weight-decay", "0.1", "--decay-place", "before", "--algorithm", "adamw"], "weight decay place"),
        (["--weight-decay", "200", "--decay-place", "after"], "η λ"),
        (["--gradient", "full", "--order", "cyclic"], "--order is of single components"),
        (["--warm-up", "0"], "warm-up"),
        (["--decay-epochs", "2,1"], "decay epochs"),
        (["--decay-epochs", "1,x"], "decay-epochs"),
        (["--decay-epochs", "1", "--cosine"], "give one of --decay-epochs, --cosine"),
        (["--decay-factor", "3"], "--decay-factor belongs to"),
        (["--decay-factor", "1", "--plateau", "2"], "decay factor"),
        (["--last-learning-rate", "0.1"], "belongs to --cosine"),
        (["--last-learning-rate", "0.1", "--cosine"], "last learning rate"),
        (["--plateau", "2"], "no held-out data"),
        (["--average", "nonmonotone=5"], "no held-out data"),
        (["--average", "soon"], "from=E with E ≥ 0 or nonmonotone=N"),
        (["--repeat", "0"], "--repeat must lie between"),
    ])
    func whatDoesNotGoTogetherIsRefused(options: [String], fragment: String) throws {
        let outcome = try bench.smoothness(Self.quadratic + ["-o", "run.h5"] + options)
        #expect(outcome.exitCode == 64, "\(outcome.standardError)")
        #expect(outcome.standardError.contains(fragment), "\(outcome.standardError)")
        #expect(outcome.standardOutput.isEmpty)
        #expect(try bench.contents().isEmpty)
    }

    @Test func resumeTakesNoneOfThem() throws {
        for options in [["--cosine"], ["--average", "from=1"], ["--gradient", "full"], ["--repeat", "2"]] {
            let outcome = try bench.smoothness(["train", "--resume", "x.h5"] + options)
            #expect(outcome.exitCode == 64 && outcome.standardError.contains(options[0]), "\(outcome.standardError)")
        }
    }

    /// Terabytes are refused, or planned, before anything of that size is made: a process that may have four gigabytes of memory can say so.
    @Test func aRunTooLargeIsKnownWithoutItsMemory() throws {
        let huge = Self.quadratic + ["--iterations", "100000000", "--save", "every=1"]
        let spectrum = [String](repeating: "1", count: 20_000).joined(separator: ",")
        func limited(_ arguments: [String]) throws -> ProcessOutcome {
            try TestSupport.run(
                "/bin/bash", ["-c", "ulimit -v 4194304; exec \"$@\"", "bash", Workplace.program] + arguments,
                directory: bench.place)
        }
        let outcome = try limited(huge + ["--spectrum", spectrum, "--precision", "float64", "-o", "run.h5"])
        #expect(outcome.exitCode == 73, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("bytes") && outcome.standardError.contains("fewer saved iterates"))
        #expect(try bench.contents().isEmpty)
        let plan = try limited(huge + ["--dry-run", "--format", "csv"])
        #expect(plan.exitCode == 0, "\(plan.standardError)")
        #expect(plan.standardOutput.contains("100000000,100000000"))
        // 10 eigenvalues of 4 bytes and 42 bytes of numbers a row, as many again for the history.
        let fields = plan.standardOutput.split(separator: "\n").last?.split(separator: ",").map(String.init) ?? []
        #expect(fields.count == 9 && (Int(fields[7]) ?? 0) > 100_000_000 * (40 + 42 + 34))
        let warned = try bench.smoothness(huge + ["--spectrum", spectrum, "--dry-run", "-o", "run.h5"])
        #expect(warned.exitCode == 0)
    }

    @Test func theDryRunCountsTheGradientsOfAllComponents() throws {
        let plan = try bench.succeed(
            Self.quadratic + [
                "--components", "7", "--gradient", "full", "--epochs", "9", "--dry-run", "--format", "csv", "--repeat",
                "2", "-o", "run.h5", "--seed", "5",
            ])
        let rows = plan.standardOutput.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(rows.count == 3)
        let columns = Dictionary(zip(rows[0], rows[2]), uniquingKeysWith: { $1 })
        #expect(columns["components"] == "7" && columns["iterations"] == "9" && columns["epochs"] == "9.0")
        #expect(columns["gradients"] == "63" && columns["seed"] == "6")
        #expect(columns["run"]?.hasSuffix("/run-2.h5") == true)
        #expect(try bench.contents().isEmpty)
    }

    private func attribute(_ name: String, of file: String) throws -> String {
        try HDF5.File.open(bench.path(file)).attribute(name, of: "/", as: String.self)
    }

    private let repeated =
        quadratic + [
            "--components", "4", "--noise", "0.3", "--iterations", "12", "--repeat", "3", "--seed", "10", "-o",
            "run.h5",
            "--format", "csv",
        ]

    @Test func repetitionsDifferInTheirSeeds() throws {
        let outcome = try bench.succeed(repeated)
        let lines = outcome.standardOutput.split(separator: "\n")
        #expect(lines.count == 4 && lines[0].hasPrefix("run,seed,iterations,"))
        #expect(Set(try bench.contents().keys) == ["run-1.h5", "run-2.h5", "run-3.h5"])
        for (number, seed) in [(1, 10), (2, 11), (3, 12)] {
            #expect(lines[number].contains("/run-\(number).h5,\(seed),12,"))
            let optimizer = try HDF5.File.open(bench.path("run-\(number).h5")).readString("/optimizer")
            #expect(optimizer.contains("\"seed\":\(seed),"))
            // Each is the run that its seed alone makes.
            try bench.succeed(
                Self.quadratic + [
                    "--components", "4", "--noise", "0.3", "--iterations", "12", "--seed", "\(seed)", "-o", "alone.h5",
                    "--force",
                ])
            let losses = try ["run-\(number).h5", "alone.h5"].map {
                try HDF5.File.open(bench.path($0)).dataset("/history/loss").read(as: Double.self)
            }
            #expect(losses[0] == losses[1])
        }
        #expect(try attribute("run_id", of: "run-1.h5") != attribute("run_id", of: "run-2.h5"))
        // Nothing is left to do, and nothing is touched.
        let before = try bench.contents()
        let again = try bench.succeed(repeated)
        #expect(again.standardError.components(separatedBy: "nothing to do").count == 4)
        #expect(try bench.contents() == before)
        // One that is missing is made, the others stay.
        try FileManager.default.removeItem(atPath: bench.path("run-2.h5"))
        #expect(try bench.succeed(repeated).standardError.contains("wrote \(bench.path("run-2.h5"))"))
        #expect(try bench.bytes("run-3.h5") == before["run-3.h5"])
    }

    @Test func whatStandsInTheWayIsFoundBeforeTheFirstRun() throws {
        try bench.write("precious", to: "run-3.h5")
        try bench.expectRefusal(
            repeated, code: 73, "@/run-3.h5: exists and is no run file. Write elsewhere, or use --force")
    }

    @Test("the same command continues an interrupted run") func interruption() throws {
        let arguments =
            Self.quadratic + [
                "--components", "3", "--noise", "0.2", "--iterations", "400000", "--save", "every=100000",
                "--algorithm", "adam", "--repeat", "2", "-o", bench.path("run.h5"),
            ]
        let process = try RunningProcess(Workplace.program, arguments)
        while process.isRunning && !process.standardErrorSoFar.contains("train: ") { usleep(10_000) }
        process.send(signal: SIGINT)
        let outcome = process.wait()
        #expect(outcome.exitCode == 75)
        #expect(outcome.standardError.contains("Give the same command again"))
        #expect(try attribute("state", of: "run-1.h5") == "interrupted")
        let identity = try attribute("run_id", of: "run-1.h5")
        try bench.succeed(arguments)
        #expect(try attribute("state", of: "run-1.h5") == "complete")
        #expect(try attribute("state", of: "run-2.h5") == "complete")
        #expect(try attribute("run_id", of: "run-1.h5") == identity)
        #expect(try bench.succeed("verify", "run-1.h5").standardError.isEmpty)
    }
}
