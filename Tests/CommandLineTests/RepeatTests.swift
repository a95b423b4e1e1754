import Foundation
import TestSupport
import Testing

/// `inspect --config` prints a command, and the command repeats the work.
@Suite(
    "inspect --config", .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
struct RepeatTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try bench.write(
            "0.5,1,0\n-1,2,1\n0.25,-0.5,1\n1,1,0\n-0.75,0.5,1\n", to: "it's data, \"quoted\".csv")
        let line = "The king is dead -- long live the king, know't well-known Ünder 3rd!\n"
        try bench.write(String(repeating: line, count: 40), to: "text.txt")
        try bench.write(String(repeating: line, count: 5), to: "valid.txt")
    }

    private func printedCommand(_ file: String) throws -> String {
        let outcome = try bench.succeed("inspect", "--config", file)
        #expect(outcome.standardError.isEmpty)
        let line = outcome.standardOutput
        #expect(line.hasSuffix(" --output \(file)\n") && line.filter { $0 == "\n" }.count == 1)
        return line
    }

    /// Runs the command with another output, and expects the same bytes.
    private func expectRepeats(_ file: String, _ groups: [String]) throws {
        let line = try printedCommand(file).replacing(" --output \(file)\n", with: " --output again.h5")
        let outcome = try bench.shell(line)
        try #require(outcome.exitCode == 0, "\(line): \(outcome.standardError)")
        let compared = try bench.python("same.py", [file, "again.h5"] + groups)
        #expect((Int(compared.split(separator: " ")[0]) ?? 0) >= 10, "\(compared)")
    }

    static let small = [
        "--hidden", "5", "--embedding", "4", "--layers", "2", "--batch-size", "3", "--sequence-length", "4",
        "--vocabulary", "12", "--no-tied",
    ]

    static let trainings: [[String]] = [
        ["--objective", "quadratic"],
        [
            "--objective", "quadratic", "--spectrum", "3,0.1,-1e-05", "--rotations", "2", "--components", "7",
            "--noise", "0.25", "--objective-seed", "9", "--learning-rate", "1e-05", "--algorithm", "heavy-ball",
            "--beta", "0.37", "--order", "cyclic", "--save", "every=3,first=7", "--store-gradients", "--precision",
            "float64",
        ],
        [
            "--objective", "polynomial", "--coefficients", "-1,0.5,0,-2,0.3", "--start", "-1.5", "--gamma", "0.07",
            "--learning-rate", "0.013", "--algorithm", "clipping", "--beta", "0.9", "--nu", "0.7",
        ],
        ["--objective", "quartic-valley", "--start", "-0.5,2", "--learning-rate", "0.001", "--clip-norm", "0.3"],
        ["--objective", "exponential-walls", "--growth", "1.7", "--initial-gradient", "21", "--learning-rate", "0.03"],
        ["--objective", "slow-slope", "--slope", "0.2", "--gap", "0.4", "--learning-rate", "0.5"],
        ["--objective", "qian-example", "--start", "0.9", "--clip-norm", "2", "--order", "with-replacement"],
        [
            "--objective", "exponential-sum", "--amplitudes", "1,-0.5", "--rates", "-1,2", "--start", "-0.25",
            "--learning-rate", "0.003",
        ],
        [
            "--objective", "deep-linear-network", "--widths", "3,2,4", "--samples", "20", "--noise", "0.1",
            "--batch-size",
            "8", "--initial-scale", "0.5", "--objective-seed", "6", "--learning-rate", "0.02",
        ],
        [
            "--objective", "logistic-regression", "--samples", "50", "--features", "4", "--batch-size", "8",
            "--regularization", "0.02", "--objective-seed", "3", "--algorithm", "sgd", "--seed", "12",
        ],
        [
            "--objective", "logistic-regression", "--data", "it's data, \"quoted\".csv", "--batch-size", "2",
            "--epochs",
            "4",
        ],
        ["--iterations", "25"] + small,
        [
            "--objective", "quadratic", "--components", "4", "--noise", "0.1", "--algorithm", "adamw",
            "--learning-rate",
            "0.01", "--clip-norm", "0.5", "--clip-form", "soft", "--clip-scope", "block", "--beta2", "0.95",
            "--epsilon",
            "1e-06", "--weight-decay", "0.02", "--warm-up", "3", "--cosine", "--last-learning-rate", "0.001",
            "--average", "from=2",
        ],
        [
            "--objective", "logistic-regression", "--samples", "40", "--features", "3", "--gradient", "full",
            "--algorithm", "normalized", "--offset", "0.5", "--beta", "0.3", "--decay-epochs", "3,6", "--decay-factor",
            "4", "--weight-decay", "0.1", "--decay-place", "after",
        ],
        ["--objective", "quartic-valley", "--algorithm", "adam", "--clip-norm", "0.3", "--weight-decay", "0.1"],
        [
            "--algorithm", "heavy-ball", "--plateau", "1", "--average", "nonmonotone=1", "--epochs", "4",
            "--clip-scope",
            "block",
        ] + small,
        [
            "--data", "text.txt", "--tokens", "words", "--dropout", "0.25", "--precision", "float64", "--micro-batch",
            "2", "--objective-seed", "4", "--save", "every=1",
        ] + small,
        ["--data", "text.txt", "--valid", "valid.txt", "--epochs", "2", "--clip-norm", "inf", "--learning-rate", "0.5"]
            + small,
        ["--objective", "awd-lstm"] + small,
        [
            "--objective", "awd-lstm", "--word-dropout", "0.2", "--input-dropout", "0.3", "--hidden-dropout", "0",
            "--output-dropout", "0.15", "--weight-dropout", "0.6", "--activation", "0.5", "--temporal-activation", "3",
            "--state", "carried", "--burn-in", "2", "--segment-lengths", "random", "--training-draws", "fresh",
            "--objective-seed", "6",
        ] + small,
        [
            "--data", "text.txt", "--tokens", "bytes", "--state", "carried", "--hidden", "5", "--embedding", "4",
            "--batch-size", "3",
        ],
        [
            "--objective", "transformer", "--data", "text.txt", "--tokens", "characters", "--layers", "1", "--heads",
            "2", "--embedding", "8", "--dropout", "0.1", "--batch-size", "3", "--sequence-length", "8",
            "--training-draws", "fresh",
        ],
    ]

    @Test("a training run", arguments: trainings) func train(_ arguments: [String]) throws {
        let length = arguments.contains("--epochs") || arguments.contains("--iterations") ? [] : ["--iterations", "20"]
        try bench.succeed(["train", "--threads", "1", "-o", "run.h5"] + length + arguments)
        try expectRepeats("run.h5", ["/trajectory", "/history", "/parameters", "/objective", "/optimizer", "/commit"])
    }

    static let estimates: [[String]] = [
        ["--delta", "0.3", "--subset", "0.5", "--subset-seed", "17"],
        [
            "--gammas", "0.25,1,0.0625", "--components", "0,2-4", "--precision", "float64", "--masks", "off",
            "--micro-batch", "2",
        ],
    ]

    @Test("an estimate", arguments: estimates) func estimate(_ arguments: [String]) throws {
        try bench.succeed(
            [
                "train", "--threads", "1", "-o", "run.h5", "--data", "text.txt", "--dropout", "0.25", "--iterations",
                "6",
                "--save", "every=2",
            ] + Self.small)
        // A name that a shell would take apart.
        let output = "what 'he' $aid.h5"
        try bench.succeed(["estimate", "run.h5", "--threads", "1", "-o", output] + arguments)
        let line = try bench.succeed("inspect", "--config", output).standardOutput
        let quoted = "'what '\\''he'\\'' $aid.h5'"
        #expect(line.hasSuffix(" --output \(quoted)\n"), "\(line)")
        #expect(line.contains(" --threads 1 "))
        let repeated = try bench.shell(line.replacing(" --output \(quoted)\n", with: " --output again.h5"))
        try #require(repeated.exitCode == 0, "\(repeated.standardError)")
        let compared = try bench.python(
            "same.py",
            [
                output, "again.h5", "/estimates", "/gammas", "/components", "/component_weights", "/repeatability",
                "/configuration", "/commit",
            ])
        #expect((Int(compared.split(separator: " ")[0]) ?? 0) >= 30, "\(compared)")
        // Where it stood, there is nothing to do.
        let same = try bench.shell(line)
        #expect(same.exitCode == 0 && same.standardError.contains("nothing to do"))
    }

    @Test("run in another folder, the command of an estimate finds the run beside it") func anotherFolder() throws {
        try FileManager.default.createDirectory(atPath: bench.path("sub"), withIntermediateDirectories: false)
        try Sample.run.copy(to: bench.path("sub/run.h5"))
        try Sample.estimates.copy(to: bench.path("sub/run.estimates.h5"))
        let line = try bench.succeed("inspect", "--config", "sub/run.estimates.h5").standardOutput
        #expect(
            line == "smoothness estimate sub/run.h5 --delta 0.5 --subset 1.0 --subset-seed 0 --precision float32 "
                + "--masks fixed --threads 1 --output sub/run.estimates.h5\n")
        #expect(try bench.shell(line).standardError.contains("nothing to do"))
    }

    @Test(
        "with the output elsewhere and data that have moved, the command names both, from any folder",
        arguments: ["estimate", "align"])
    func movedData(_ command: String) throws {
        for name in ["runs", "results", "data"] {
            try FileManager.default.createDirectory(atPath: bench.path(name), withIntermediateDirectories: false)
        }
        try bench.succeed(
            [
                "train", "--threads", "1", "-o", "runs/awd.h5", "--data", "text.txt", "--iterations", "4", "--save",
                "every=2",
            ] + Self.small)
        try FileManager.default.moveItem(atPath: bench.path("text.txt"), toPath: bench.path("data/moved.txt"))
        try bench.succeed(
            command, "runs/awd.h5", "--data", "data/moved.txt", "--threads", "1", "-o", "results/awd.h5")
        try bench.succeed("verify", "results/awd.h5")
        let line = try bench.succeed("inspect", "--config", "results/awd.h5").standardOutput
        #expect(line.hasPrefix("smoothness \(command) runs/awd.h5 "))
        #expect(line.hasSuffix(" --data data/moved.txt --threads 1 --output results/awd.h5\n"))
        let repeated = try bench.shell(line.replacing("--output results/awd.h5", with: "--output again.h5"))
        try #require(repeated.exitCode == 0, "\(repeated.standardError)")
        let group = command == "align" ? "/alignment" : "/estimates"
        try bench.python("same.py", ["results/awd.h5", "again.h5", group, "/configuration", "/commit"])
        // From the folder of the results the run is not below: an absolute path.
        let elsewhere = try bench.shell("cd results && eval \"$(smoothness inspect --config awd.h5)\"")
        #expect(elsewhere.exitCode == 0 && elsewhere.standardError.contains("nothing to do"), "\(elsewhere)")
        // Where the run has come to lie beside the analysis, it is found there.
        try FileManager.default.moveItem(atPath: bench.path("runs/awd.h5"), toPath: bench.path("awd.h5"))
        #expect(
            try bench.succeed("inspect", "--config", "again.h5").standardOutput.hasPrefix(
                "smoothness \(command) awd.h5 "))
    }

    @Test("a run's command, to the letter") func literal() throws {
        try Sample.run.copy(to: bench.path("run.h5"))
        #expect(
            try printedCommand("run.h5")
                == "smoothness train --objective quadratic --spectrum 1.0,2.0,3.0,4.0,5.0,6.0,7.0,8.0,9.0,10.0 --rotations "
                + "0 --components 1 --noise 0.0 --objective-seed 0 --algorithm clipping --learning-rate 0.01 --clip-norm "
                + "inf --beta 0.0 --nu 0.0 --order reshuffle --iterations 12 --save every=1 --seed 0 --precision float32 "
                + "--threads 1 --device cpu --output run.h5\n")
    }
}
