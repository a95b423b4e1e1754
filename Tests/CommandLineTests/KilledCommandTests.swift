import Foundation
import TestSupport
import Testing

/// What `kill.py` prints.
private struct KillCount: Decodable {
    var kills: Int
    var halfway: Int
    var completions: Int
    var absent: Int
}

/// SIGKILL at random moments. What is committed is exact, and the work goes on to the bytes of an undisturbed run.
@Suite("Killed commands", .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
struct KilledCommandTests {
    private static let isLong = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1"
    /// SMOOTHNESS_LONG_TESTS=1 (`make test-long`) makes it the number that the crash rule promises.
    private static let kills = isLong ? 200 : 12

    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let languageModel = [
        "--hidden", "8", "--embedding", "8", "--layers", "1", "--vocabulary", "200", "--batch-size", "16",
        "--sequence-length", "64", "--dropout", "0.2", "--threads", "1",
    ]

    /// Kills the command again and again; then `output` is whole and must verify.
    private func kill(_ kind: String, first: [String], again: [String], seed: Int) throws {
        try bench.succeed(first + ["--output", "whole.h5"])
        let printed = try bench.python(
            "kill.py",
            [kind, Workplace.program, "whole.h5", "killed.h5", "\(Self.kills)", "\(seed)", "--"]
                + first + ["--output", "killed.h5", "--"] + again)
        let count = try JSONDecoder().decode(KillCount.self, from: Data(printed.utf8))
        #expect(count.kills == Self.kills && count.completions >= 1)
        // Kills that meet an empty or a finished file prove little.
        #expect(count.halfway >= Self.kills / 4, "\(printed)")
        print("kill.py: \(printed)", terminator: "")
        let verification = try bench.smoothness("verify", "killed.h5")
        #expect(verification.exitCode == 0, "\(verification.standardOutput)")
        let left = try bench.contents().keys
        let files = ["whole.h5", "killed.h5", "run.h5"] + (kind == "train-estimate" ? Self.estimates : [])
        #expect(Set(left).isSubset(of: files), "\(left)")
    }

    @Test("a language model with momentum, every iterate saved")
    func trainLanguageModel() throws {
        try kill(
            "train",
            first: ["train"] + Self.languageModel + [
                "--learning-rate", "2", "--gamma", "0.5", "--beta", "0.9", "--nu", "0.5", "--iterations", "2500",
                "--save", "every=1",
            ], again: ["train", "--resume", "killed.h5"], seed: 1)
    }

    @Test("a quadratic with momentum, some iterates saved")
    func trainQuadratic() throws {
        let spectrum = (1...400).map { "\(1 / Double($0))" }.joined(separator: ",")
        try kill(
            "train",
            first: [
                "train", "--objective", "quadratic", "--spectrum", spectrum, "--rotations", "8", "--components", "50",
                "--noise", "0.1", "--algorithm", "heavy-ball", "--learning-rate", "0.005", "--order",
                "with-replacement",
                "--precision", "float64", "--iterations", "50000", "--save", "every=250", "--store-gradients",
                "--threads", "1",
            ], again: ["train", "--resume", "killed.h5"], seed: 2)
    }

    private static let estimates = ["whole.estimates.h5", "killed.estimates.h5"]

    @Test(
        "training with estimates in the loop: no row is missing, none is there twice, all are those of an undisturbed run"
    )
    func trainAndEstimate() throws {
        try kill(
            "train-estimate",
            first: ["train"] + Self.languageModel + [
                "--algorithm", "heavy-ball", "--learning-rate", "1", "--iterations", "300", "--estimate", "every=3",
                "--estimate-components", "0-2", "--estimate-delta", "0.5",
            ], again: ["train", "--resume", "killed.h5"], seed: 5)
        let verification = try bench.smoothness("verify", "killed.estimates.h5")
        #expect(verification.exitCode == 0, "\(verification.standardOutput)")
        try bench.python(
            "same.py", ["whole.estimates.h5", "killed.estimates.h5", "/estimates", "/live/iteration", "/commit"])
    }

    @Test("an estimate")
    func estimate() throws {
        try bench.succeed(
            ["train"] + Self.languageModel + [
                "--learning-rate", "5", "--iterations", "200", "--save", "every=1", "--output", "run.h5",
            ])
        let estimate = ["estimate", "run.h5", "--components", "0-4", "--delta", "0.5", "--threads", "1"]
        try kill("estimate", first: estimate, again: estimate + ["--output", "killed.h5"], seed: 3)
    }

    @Test("an alignment")
    func align() throws {
        try bench.succeed(
            ["train"] + Self.languageModel + [
                "--learning-rate", "5", "--iterations", "200", "--save", "every=1", "--output", "run.h5",
            ])
        let align = [
            "align", "run.h5", "--components", "0-3", "--every", "2", "--batch-sizes", "1,2", "--clip-norms", "0.25,1",
            "--threads",
            "1",
        ]
        try kill("align", first: align, again: align + ["--output", "killed.h5"], seed: 4)
    }
}
