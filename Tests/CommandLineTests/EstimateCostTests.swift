import Foundation
import TestSupport
import Testing

/// What an estimate costs, and that it does not depend on how it is shared among threads.
@Suite("estimate: threads, memory, time, gradients")
struct EstimateCostTests {
    private static let isLong = ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1"
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func train(_ objective: [String], iterations: Int, every: Int = 1) throws {
        try bench.succeed(
            ["train", "--objective"] + objective + [
                "--iterations", "\(iterations)", "--save", "every=\(every)", "--threads", "1", "-o", "run.h5",
            ])
    }

    // MARK: Threads

    static let small: [[String]] = [
        [
            "lstm", "--hidden", "24", "--embedding", "16", "--dropout", "0.2", "--sequence-length", "10",
            "--batch-size", "4",
        ],
        ["mlp", "--hidden-sizes", "24,16", "--image-size", "10", "--images", "600", "--batch-size", "16"],
        [
            "resnet", "--architecture", "cifar-8", "--width", "4", "--images", "60", "--batch-size", "6",
            "--image-size", "8",
        ],
        ["logistic-regression", "--samples", "400", "--features", "7", "--batch-size", "10"],
    ]

    @Test("The table is the same to the last digit for 1, 2 and 4 threads", arguments: small)
    func threads(objective: [String]) throws {
        try train(objective, iterations: 3)
        for options in [
            ["--subset", "0.5", "--delta", "0.5"], ["--subset", "1", "--delta", "0.5", "--target-error", "20%"],
            ["--components", "0-2", "--groups", "2", "--gammas", "0.3,1"],
            ["--components", "0-4", "--groups", "1", "--gammas", "0.3,1"],
            ["--components", "0-3", "--direction", "hessian", "--hessian-iterations", "8"],
        ] {
            let tables = try ["1", "2", "4"].map { threads in
                try bench.succeed(
                    ["estimate", "run.h5", "--force", "--format", "csv", "--threads", threads] + options
                ).standardOutput
            }
            #expect(tables[0].split(separator: "\n").count == 4)
            #expect(tables[1] == tables[0], "\(options)")
            #expect(tables[2] == tables[0], "\(options)")
        }
    }

    // MARK: Gradients and bytes

    private func rows(_ command: [String]) throws -> [[String: Any]] {
        let text = try bench.succeed(command).standardOutput
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    }

    @Test(
        "A dry run foretells component gradients and bytes within a factor of 1.5",
        arguments: [
            ["--direction", "step"], ["--direction", "adversarial"], ["--direction", "random", "--groups", "1"],
        ])
    func plannedGradients(options: [String]) throws {
        try train(["logistic-regression", "--samples", "400", "--features", "7", "--batch-size", "10"], iterations: 12)
        let command = ["estimate", "run.h5", "--subset", "0.5", "--rounding-probes", "0", "--format", "json"] + options
        let plan = try rows(command + ["--dry-run"])[0]
        let gradients = try rows(command).reduce(0) { $0 + (($1["component_gradients"] as? Double) ?? .nan) }
        let bytes = Double(try #require(try bench.contents()["run.estimates.h5"]).count)
        for (name, found) in [("component_gradients", gradients), ("bytes", bytes)] {
            let foretold = try #require(plan[name] as? Double)
            #expect(foretold / found < 1.5 && found / foretold < 1.5, "\(name): \(foretold) foretold, \(found) found")
        }
    }

    @Test("More rounding probes than there are rows are one a row, however many") func roundingProbes() throws {
        try train(["logistic-regression", "--samples", "40", "--features", "3", "--batch-size", "10"], iterations: 5)
        let tables = try ["5", "\(Int.max)"].map {
            try bench.succeed(["estimate", "run.h5", "--rounding-probes", $0, "--force", "--format", "csv"])
                .standardOutput
        }
        #expect(tables[0] == tables[1] && tables[0].contains("\n"))
    }

    // MARK: Forecast

    static let sizeable: [[String]] = [
        [
            "lstm", "--hidden", "300", "--embedding", "300", "--vocabulary", "5000", "--sequence-length", "35",
            "--batch-size", "10",
        ],
        ["resnet", "--architecture", "cifar-20", "--images", "1200", "--batch-size", "32"],
    ]

    private struct Forecast: Decodable {
        var memory: [Double]
        var seconds: [Double]
    }

    /// Workers need the most memory when all of them are at the same place of their gradients, which happens or does not: the median of three. On a
    /// machine that others use, time needs patience besides.
    @Test(
        "A dry run foretells memory within 20 % and time within a factor of 1.5",
        .enabled(if: Workplace.python != nil, "needs Python: set SMOOTHNESS_PYTHON"), arguments: sizeable)
    func forecast(objective: [String]) throws {
        try train(objective, iterations: 4, every: 2)
        let size = Self.isLong ? ["--components", "0-11", "--delta", "0.25"] : ["--components", "0-4", "--delta", "1"]
        let output = try bench.python("forecast.py", [Workplace.program, Self.isLong ? "5" : "3", "run.h5"] + size)
        let found = try JSONDecoder().decode(Forecast.self, from: Data(output.utf8))
        let memory = found.memory.sorted()[found.memory.count / 2]
        #expect(abs(memory - 1) < 0.2, "\(found)")
        guard Self.isLong else { return }
        let seconds = found.seconds.sorted()[found.seconds.count / 2]
        #expect(seconds < 1.5 && seconds > 1 / 1.5, "\(found)")
    }

    // MARK: Gradients

    private func componentGradients(_ options: [String]) throws -> Double {
        let rows = try bench.succeed(["estimate", "run.h5", "--force", "--format", "csv"] + options).standardOutput
            .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        let column = try #require(rows[0].firstIndex(of: "component_gradients"))
        return rows.dropFirst().reduce(0) { $0 + (Double($1[column]) ?? .nan) }
    }

    @Test("A target error of 5 % takes at most a fifth of the gradients of all data")
    func targetError() throws {
        try train(
            [
                "logistic-regression", "--samples", "40000", "--features", "10", "--batch-size", "10",
                "--learning-rate", "1",
            ],
            iterations: 20, every: 5)
        let all = try componentGradients(["--subset", "1"])
        let few = try componentGradients(["--target-error", "5%"])
        #expect(all >= 5 * few, "\(few) of \(all)")
    }
}
