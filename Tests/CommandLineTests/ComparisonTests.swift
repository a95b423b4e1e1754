import Foundation
import TestSupport
import Testing

/// `estimate --compare-subsets` and `--blocks`.
@Suite("Subsets and blocks")
struct ComparisonTests {
    private let bench: Workbench

    init() throws {
        bench = try Workbench()
        try bench.succeed(
            "train", "--objective", "logistic-regression", "--samples", "200", "--features", "5", "--batch-size", "2",
            "--iterations", "24", "--save", "every=3", "--learning-rate", "0.5", "--precision", "float64", "--threads",
            "1",
            "-o", "run.h5")
    }

    private func csv(_ arguments: String...) throws -> [[String]] {
        try bench.succeed(["estimate", "run.h5", "--threads", "1", "--format", "csv"] + arguments).standardOutput
            .split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }

    @Test("every share has an estimates file of its own, and the table is made of them") func subsets() throws {
        let shares = ["0.1", "0.3", "1.0"]
        let table = try csv("--compare-subsets", "0.1,1,0.3", "--delta", "0.5", "--groups", "5", "-o", "picture.csv")
        #expect(
            table[0] == [
                "iteration", "subset", "components", "gradient_norm", "gradient_norm_error", "smoothness",
                "smoothness_error", "smoothness_low", "smoothness_high", "status",
            ])
        #expect(table.count == 1 + 8 * 3)
        for (index, share) in shares.enumerated() {
            let single = try csv("--subset", share, "--delta", "0.5", "--groups", "5", "-o", "single-\(share).h5")
            let columns = ["iteration", "gradient_norm", "gradient_norm_error", "smoothness", "smoothness_error"]
                .map { single[0].firstIndex(of: $0)! }
            let rows = table.dropFirst().filter { $0[1] == share }
            #expect(
                rows.map { [$0[0], $0[3], $0[4], $0[5], $0[6]] }
                    == single.dropFirst().map { row in columns.map { row[$0] } })
            #expect(rows.allSatisfy { $0[2] == ["10", "30", "100"][index] && $0[9] == "ok" })
            #expect(try bench.smoothness("verify", "run.subset-\(share).estimates.h5").exitCode == 0)
        }
        // The picture's data are the table's, and nothing is measured twice.
        let data = try bench.text("picture.csv").split(separator: "\n")
        #expect(data[0] == "curve,iteration,smoothness,low,high" && data.count == 25)
        let before = try bench.contents()
        let again = try bench.succeed(
            "estimate", "run.h5", "--compare-subsets", "0.1,0.3,1", "--delta", "0.5", "--groups", "5", "--threads", "1",
            "--format", "csv", "--table", "summary")
        #expect(again.standardError.components(separatedBy: "nothing to do").count == 4)
        #expect(try bench.contents() == before)
        try checkSummary(again.standardOutput, of: table)
        try bench.expectRefusal(
            ["estimate", "run.h5", "--compare-subsets", "0.1,0.001", "--delta", "0.5", "--groups", "5"], code: 64,
            "--compare-subsets: a share of 0.001 of 100 components is no component at all. The smallest that is one component is 0.01."
        )
        for name in ["picture.svg", "picture.vl.json"] {
            try bench.succeed(
                "estimate", "run.h5", "--compare-subsets", "0.1,0.3,1", "--delta", "0.5", "--groups", "5", "-o", name)
            #expect(try bench.text(name).contains("0.3 of the data (30)"))
        }
    }

    /// The summary, computed anew from the table of the iterates.
    private func checkSummary(_ text: String, of table: [[String]]) throws {
        let summary = text.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(
            summary[0] == [
                "subset", "components", "rows", "median_relative_deviation", "covered_share", "median_relative_error",
                "component_gradients",
            ])
        func values(_ share: String, _ column: Int) -> [Double] {
            table.dropFirst().filter { $0[1] == share }.map { Double($0[column])! }
        }
        func median(_ values: [Double]) -> Double {
            let sorted = values.sorted()
            return (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
        }
        let truth = values("1.0", 5)
        for line in summary.dropFirst() {
            let (smoothness, errors) = (values(line[0], 5), values(line[0], 6))
            let intervals = zip(values(line[0], 7), values(line[0], 8))
            let covered = zip(intervals, truth).count { $0.0 <= $1 * (1 + 1e-9) && $1 <= $0.1 * (1 + 1e-9) }
            #expect(line[2] == "8")
            #expect(abs(Double(line[3])! - median(zip(smoothness, truth).map { abs($0 / $1 - 1) })) < 1e-12)
            #expect(Double(line[4])! == Double(covered) / 8)
            #expect(abs(Double(line[5])! - median(zip(errors, smoothness).map { $0 / $1 })) < 1e-12)
            // Two γ and the base, and the repeatability is no part of it.
            #expect(Int(line[6])! == 8 * 3 * Int(line[1])!)
        }
    }

    @Test("the blocks that a pattern names, in the norm that was asked for") func blocks() throws {
        try bench.succeed(
            "train", "--hidden", "6", "--embedding", "5", "--layers", "1", "--no-tied", "--vocabulary", "50",
            "--batch-size", "4", "--sequence-length", "8", "--iterations", "6", "--save", "every=2", "--threads", "1",
            "-o",
            "run.h5", "--force")
        let all = try csv("--blocks", "*", "--delta", "0.5")
        #expect(
            all[0] == [
                "iteration", "block", "gradient_norm", "gradient_norm_error", "smoothness", "smoothness_error", "gamma",
                "step_norm", "status",
            ])
        let names = Set(all.dropFirst().map { $0[1] })
        #expect(all.count == 1 + 3 * names.count && names.count > 3)
        // The squares of the blocks add up to the whole.
        let whole = try csv("--delta", "0.5")
        for row in whole.dropFirst() {
            for (column, name) in [(2, "gradient_norm"), (7, "step_norm")] {
                let parts = all.dropFirst().filter { $0[0] == row[0] }.map { Double($0[column])! }
                let norm = parts.reduce(0) { $0 + $1 * $1 }.squareRoot()
                let expected = Double(row[whole[0].firstIndex(of: name)!])!
                #expect(abs(norm - expected) <= 1e-12 * expected)
            }
        }
        let pattern = "lstm*"
        let some = try csv("--blocks", pattern, "--delta", "0.5")
        #expect(some.count > 1 && some.dropFirst() == all.dropFirst().filter { $0[1].hasPrefix("lstm") }[...])
        try bench.expectRefusal(
            ["estimate", "run.h5", "--delta", "0.5", "--blocks", "conv*"], code: 64,
            "@/run.h5: --blocks: no block has such a name (expected a pattern that matches one of *, found conv*)")
        // In the norm ‖·‖/√n of a step, n the size of the block, the same step is shorter.
        let scaled = try csv("--blocks", "*", "--delta", "0.5", "--norm", "root-mean-square", "-o", "rms.h5")
        for (row, plain) in try paired(scaled.dropFirst(), all.dropFirst()) {
            let ratio = Double(plain[7])! / Double(row[7])!
            #expect(abs(ratio * ratio - (ratio * ratio).rounded()) < 1e-6 * ratio * ratio)
            // The dual is longer by as much.
            #expect(abs(Double(row[2])! / Double(plain[2])! - ratio) < 1e-9 * ratio)
        }
    }
}
