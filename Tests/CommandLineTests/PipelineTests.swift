import Foundation
import HDF5
import TestSupport
import Testing

/// From training to the picture, each step in its own process, and every output held against every other.
@Suite("train, estimate, fit, plot, inspect, verify")
struct PipelineTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private static let hasGnuplot = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/gnuplot")
    }

    /// Separable for nobody, so that the minimum is finite.
    private func writeSamples() throws {
        let lines = (0..<60).map { index in
            let x = Double(index % 10) / 3 - 1.5
            let y = Double((index * 7) % 13) / 4 - 1.5
            return "\(x),\(y),\((index * index + index / 3) % 3 == 0 ? 1 : 0)"
        }
        try bench.write(lines.joined(separator: "\n") + "\n", to: "samples.csv")
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var train: [String]
        var estimate: [String]
        /// What `agree.py` repeats in NumPy.
        var twin: [String] = []
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "language model",
            train: [
                "--hidden", "8", "--embedding", "8", "--layers", "2", "--vocabulary", "100", "--batch-size", "8",
                "--sequence-length", "12", "--dropout", "0.1", "--learning-rate", "5", "--clip-norm", "0.3",
                "--iterations", "60", "--save", "every=4",
            ], estimate: ["--components", "0-7,20,40", "--delta", "0.5"]),
        Case(
            name: "quadratic",
            train: [
                "--objective", "quadratic", "--spectrum", "8,4,2,1", "--learning-rate", "0.1", "--gamma", "0.5",
                "--precision", "float64", "--iterations", "30", "--save", "every=1",
            ], estimate: ["--subset", "1", "--delta", "0.25"], twin: ["quadratic"]),
        Case(
            name: "logistic regression",
            train: [
                "--objective", "logistic-regression", "--data", "samples.csv", "--batch-size", "16",
                "--regularization", "0.01", "--learning-rate", "1", "--beta", "0.5", "--precision", "float64",
                "--iterations", "40", "--save", "every=2", "--store-gradients",
            ], estimate: ["--subset", "1", "--gammas", "0.1,0.6,1"], twin: ["logistic-regression", "samples.csv"]),
    ]

    @Test(
        .enabled(if: Workplace.python != nil, "needs Python with h5py and SciPy: set SMOOTHNESS_PYTHON"),
        .enabled(if: hasGnuplot == true, "needs gnuplot"), arguments: cases)
    func everyStepAgreesWithTheOthers(_ example: Case) throws {
        try writeSamples()
        func keep(_ name: String, _ arguments: [String]) throws {
            try bench.write(try bench.succeed(arguments).standardOutput, to: name)
        }
        try keep("train.json", ["train", "--threads", "1", "-o", "run.h5", "--format", "json"] + example.train)
        let estimate = ["estimate", "run.h5", "--threads", "1"] + example.estimate
        try keep("estimates.csv", estimate + ["--format", "csv"])
        let text = try bench.succeed(estimate).standardOutput.split(separator: "\n")
        #expect(
            text.first.map { $0.hasPrefix("iteration  ") && $0.contains("  smoothness_low  ") && $0.count < 200 }
                == true)
        let chosen = try bench.succeed(estimate + ["--format", "csv", "--columns", "status,iteration"]).standardOutput
        #expect(chosen.hasPrefix("status,iteration\nok,0\n"))
        let whole = try bench.bytes("run.estimates.h5")
        // Finished: only printed again, in another form.
        try keep("estimates.json", estimate + ["--format", "json"])
        #expect(try bench.bytes("run.estimates.h5") == whole)

        // One fit, wherever the points come from.
        try keep("fit.json", ["fit", "run.h5", "--format", "json"])
        let fit = try bench.text("fit.json")
        #expect(try bench.succeed("fit", "run.estimates.h5", "--format", "json").standardOutput == fit)
        // A CSV has one row an iterate, without the gradients on the way of a step.
        #expect(
            try withoutSegments(bench.succeed("fit", "estimates.csv", "--format", "json").standardOutput)
                == withoutSegments(fit))

        let drawn = try bench.succeed(
            "plot", "run.h5", "-o", "scatter.csv", "-o", "scatter.vl.json", "-o", "scatter.svg", "-o", "scatter.png",
            "-o", "scatter.pdf")
        #expect(drawn.standardOutput.isEmpty)
        #expect(
            drawn.standardError
                == ["csv", "vl.json", "svg", "png", "pdf"].map { "wrote \(bench.path("scatter.\($0)"))\n" }.joined())
        #expect(try bench.text("scatter.svg").contains("gradient norm"))
        #expect(try bench.text("scatter.svg").hasSuffix("</svg>\n\n"))
        #expect(try bench.bytes("scatter.png").starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
        #expect(try bench.bytes("scatter.pdf").starts(with: Data("%PDF-".utf8)))

        try keep("run.json", ["inspect", "run.h5", "--format", "json"])
        try keep("estimates.inspect.json", ["inspect", "run.estimates.h5", "--format", "json"])
        for name in ["run.h5", "run.estimates.h5"] {
            let report = try bench.succeed("verify", name, "--format", "json").standardOutput
            let object = try #require(try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any])
            let checks = try #require(object["checks"] as? [[String: Any]])
            #expect(checks.count > 10 && checks.allSatisfy { $0["ok"] as? Bool == true })
        }
        #expect(try bench.python("agree.py", ["run.h5", "run.estimates.h5"] + example.twin).hasSuffix(" rows agree\n"))
    }

    /// A report as JSON without what follows from the gradients on the way of a step.
    private func withoutSegments(_ report: String) throws -> NSDictionary {
        var object = try #require(try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any])
        object["segment"] = nil
        object["comparison"] = nil
        return object as NSDictionary
    }

    @Test("one flipped bit in a committed iterate is found, and said where") func damage() throws {
        try Sample.run.copy(to: bench.path("run.h5"))
        try flipLastBit(row: 5, column: 3)
        let outcome = try bench.smoothness("verify", "run.h5")
        #expect(outcome.exitCode == 65 && outcome.standardError.isEmpty)
        #expect(
            outcome.standardOutput.contains("FAILED step norms: at /trajectory/step_norm row 4"),
            "\(outcome.standardOutput)")
        #expect(outcome.standardOutput.contains("run.h5: NOT VALID"))
    }

    /// Of one element of `/trajectory/iterate`; what was opened is closed again, so that the bytes are in the file.
    private func flipLastBit(row: Int, column: Int) throws {
        let file = try HDF5.File.open(bench.path("run.h5"), .readWrite)
        let dataset = try file.dataset("/trajectory/iterate")
        let value = try dataset.read(as: Float.self, start: [row, column], count: [1, 1])[0]
        try dataset.write([Float(bitPattern: value.bitPattern ^ 1)], start: [row, column], count: [1, 1])
        try dataset.close()
        try file.close()
    }
}
