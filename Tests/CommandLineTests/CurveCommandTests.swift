import Foundation
import HDF5
import TestSupport
import Testing

@Suite("smoothness plot --curves")
struct CurveCommandTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    /// The rows of a CSV, by column.
    private func table(_ name: String) throws -> [[String: String]] {
        let lines = try bench.text(name).split(separator: "\n").map { line in
            // Only the first field can be quoted.
            let parts = line.hasPrefix("\"") ? line.dropFirst().split(separator: "\"", maxSplits: 1) : []
            return parts.isEmpty
                ? line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
                : [String(parts[0])]
                    + parts[1].dropFirst().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.dropFirst().map { Dictionary(zip(lines[0], $0), uniquingKeysWith: { $1 }) }
    }

    private func evaluations(_ name: String, _ column: String) throws -> [Double] {
        try HDF5.File.open(bench.path(name)).dataset("/history/evaluation/\(column)").read(as: Double.self)
    }

    @Test func seedsAreOneCurveWithASpread() throws {
        let train =
            [
                "train", "--threads", "1", "--epochs", "3", "--repeat", "3", "--save", "every=50", "--precision",
                "float64",
            ]
            + RepeatTests.small
        try bench.write(String(repeating: "one two three four five six seven\n", count: 30), to: "text.txt")
        try bench.succeed(train + ["--data", "text.txt", "--learning-rate", "1", "-o", "slow.h5"])
        try bench.succeed(train + ["--data", "text.txt", "--learning-rate", "4", "-o", "fast.h5", "--seed", "7"])
        let files = ["slow-1.h5", "slow-2.h5", "slow-3.h5", "fast-1.h5", "fast-2.h5", "fast-3.h5"]
        try bench.succeed(
            ["plot", "--curves"] + files + ["-o", "curves.csv", "-o", "curves.svg", "-o", "curves.vl.json"])
        let rows = try table("curves.csv")
        #expect(rows.count == 2 * 3 * 3)
        let slow = rows.filter { $0["quantity"] == "validation_loss" }.prefix(3)
        let runs = try ["slow-1.h5", "slow-2.h5", "slow-3.h5"].map { try evaluations($0, "validation_loss") }
        for (epoch, row) in slow.enumerated() {
            let values = runs.map { $0[epoch] }
            let mean = values.reduce(0, +) / 3
            let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
            func number(_ column: String) -> Double { row[column].flatMap(Double.init) ?? .nan }
            #expect(number("epoch") == Double(epoch + 1) && row["runs"] == "3" && row["not_finite"] == "0")
            #expect(abs(number("mean") - mean) < 1e-14 && number("minimum") == values.min()!)
            #expect(number("maximum") == values.max()! && abs(number("standard_deviation") - deviation) < 1e-14)
            #expect(values.max()! > values.min()!)
        }
        #expect(Set(rows.map { $0["group"] ?? "" }) == ["η 1", "η 4"])
        #expect(Set(rows.map { $0["quantity"] ?? "" }) == ["training_loss", "validation_loss", "perplexity"])
        #expect(try bench.text("curves.svg").contains("η 4 (3 runs)"))
        let json = try JSONSerialization.jsonObject(with: try bench.bytes("curves.vl.json")) as? [String: Any]
        #expect((json?["hconcat"] as? [Any])?.count == 3)
    }

    @Test func runsWithoutEvaluationsAreDrawnByIteration() throws {
        try bench.succeed(
            "train", "--objective", "quadratic", "--threads", "1", "--iterations", "1000", "--repeat", "2", "-o",
            "run.h5")
        try bench.succeed("plot", "--curves", "run-1.h5", "run-2.h5", "--log", "-o", "curves.csv")
        let rows = try table("curves.csv")
        // Windows of three iterations.
        #expect(rows.count == 334 && rows.allSatisfy { $0["quantity"] == "training_loss" && $0["runs"] == "2" })
        #expect(rows[0]["iteration"] == "3.0" && rows[333]["iteration"] == "1000.0")
        let losses = try ["run-1.h5", "run-2.h5"].map {
            try HDF5.File.open(bench.path($0)).dataset("/history/loss").read(as: Double.self)
        }
        let expected = losses.map { $0[0..<3].reduce(0, +) / 3 }.reduce(0, +) / 2
        #expect(abs((rows[0]["mean"].flatMap(Double.init) ?? 0) - expected) < 1e-12 * expected)
        // With another algorithm there are two groups, named by what differs.
        try bench.succeed(
            "train", "--objective", "quadratic", "--threads", "1", "--iterations", "1000", "--algorithm", "adam",
            "--clip-norm", "1", "-o", "adam.h5")
        try bench.succeed("plot", "--curves", "run-1.h5", "run-2.h5", "adam.h5", "--spread", "deviation", "-o", "b.csv")
        let groups = Set(try table("b.csv").map { $0["group"] ?? "" })
        #expect(groups.count == 2)
        #expect(groups.contains { $0.hasPrefix("adam, η 0.001, c 1, β 0.9") }, "\(groups)")
        #expect(groups.contains { $0.hasPrefix("clipping, η 0.01, unclipped, β 0") }, "\(groups)")
        // Without --output, a picture beside the first.
        try bench.succeed("plot", "--curves", "run-1.h5")
        #expect(bench.exists("run-1.curves.svg"))
    }

    /// One evaluation a run is a point, no curve: the minibatch losses are drawn.
    @Test func runsOfOneEpochAreDrawnByIteration() throws {
        let text = String(repeating: "one two three four five six seven\n", count: 30)
        try bench.write(text, to: "text.txt")
        try bench.succeed(
            ["train", "--threads", "1", "--epochs", "1", "--data", "text.txt", "-o", "one.h5"] + RepeatTests.small)
        try bench.succeed("plot", "--curves", "one.h5", "-o", "one.csv")
        let rows = try table("one.csv")
        #expect(rows.count > 1 && rows.allSatisfy { $0["quantity"] == "training_loss" && $0["iteration"] != nil })
    }

    @Test func whatCannotBeDrawnIsRefused() throws {
        try Sample.run.copy(to: bench.path("run.h5"))
        try Sample.estimates.copy(to: bench.path("run.estimates.h5"))
        try bench.write("text", to: "text.txt")
        for (arguments, code, fragment) in [
            (["run.h5", "run.h5"], Int32(64), "--curves"),
            (["run.h5", "--spread", "range"], 64, "belong to --curves"),
            (["--curves", "run.h5", "--no-fit"], 64, "not fitted"),
            (["--curves", "run.h5", "--replicates", "3"], 64, "not fitted"),
            (["--curves", "run.h5", "-o", "x.bmp"], 64, ".csv"),
            (["--curves", "run.h5", "text.txt"], 65, "is not a run file"),
            (["--curves", "run.estimates.h5"], 65, "is not a run file"),
            (["--curves", "missing.h5"], 66, "missing.h5"),
        ] {
            let outcome = try bench.smoothness(["plot"] + arguments)
            #expect(outcome.exitCode == code, "\(arguments): \(outcome.standardError)")
            #expect(outcome.standardError.contains(fragment), "\(arguments): \(outcome.standardError)")
            #expect(try bench.contents().count == 3)
        }
        // No input is replaced.
        try FileManager.default.createSymbolicLink(
            atPath: bench.path("link.csv"), withDestinationPath: bench.path("run.h5"))
        let before = try bench.bytes("run.h5")
        #expect(try bench.smoothness("plot", "--curves", "run.h5", "-o", "link.csv").exitCode == 73)
        #expect(try bench.bytes("run.h5") == before)
    }
}
