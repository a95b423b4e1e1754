import Foundation
import TestSupport
import Testing

/// `fit` over several files and in all formats, and `advise`, as a user runs them.
@Suite("Fits and advice") struct FitCommandTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    private func json(_ arguments: String...) throws -> [String: Any] {
        let text = try bench.succeed(arguments).standardOutput
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Two runs of one quadratic from other starts and with other step sizes.
    private func makeRuns() throws {
        for (name, rate, seed) in [("slow", "0.02", "1"), ("fast", "0.06", "2")] {
            try bench.succeed(
                "train", "--objective", "quadratic", "--spectrum", "4,2,1", "--components", "4", "--noise", "0.3",
                "--learning-rate", rate, "--iterations", "40", "--save", "every=1", "--seed", seed, "--threads", "1",
                "-o", "\(name).h5")
            try bench.succeed("estimate", "\(name).h5", "--subset", "1", "--threads", "1")
        }
    }

    @Test("runs side by side, together and block by block") func severalRuns() throws {
        try makeRuns()
        let compared = try json("fit", "slow.h5", "fast.h5", "--by", "run", "--format", "json", "--replicates", "200")
        let runs = try #require(compared["runs"] as? [[String: Any]])
        #expect(runs.map { $0["name"] as? String } == ["slow", "fast"])
        #expect((compared["tests"] as? [Any])?.count == 3 && compared["stepSizeControl"] != nil)
        let alone = try json("fit", "slow.h5", "--format", "json", "--replicates", "200")
        #expect((runs[0]["report"] as? NSDictionary) == alone as NSDictionary)
        let joint = try json("fit", "slow.h5", "fast.h5", "--by", "joint", "--format", "json", "--replicates", "0")
        let used = [alone, joint].map { ($0["points"] as? [String: Int])?["given"] ?? 0 }
        #expect(used[1] == 80 && used[0] == 40)
        let text = try bench.succeed("fit", "slow.h5", "fast.h5", "--by", "run", "--replicates", "200").standardOutput
        #expect(text.contains("Are the coefficients the same in all runs?") && text.contains("step size"))
        let blocks = try bench.succeed("fit", "slow.h5", "--by", "block", "--format", "csv", "--replicates", "0")
        #expect(blocks.standardOutput.hasPrefix("block,points,L0,"))
        let latex = try bench.succeed("fit", "slow.h5", "--format", "latex", "--replicates", "100").standardOutput
        #expect(latex.contains("\\begin{tabular}{llrl}") && latex.hasSuffix("\\end{tabular}\n"))
    }

    @Test("what must not be mixed is refused") func refusals() throws {
        try makeRuns()
        try bench.succeed(
            "estimate", "fast.h5", "--subset", "1", "--delta", "0.5", "--threads", "1", "-o", "coarse.h5")
        let mixed = try bench.smoothness("fit", "slow.h5", "coarse.h5", "--by", "joint")
        #expect(mixed.exitCode == 65 && mixed.standardError.contains("grid spacing delta: 0.1 and 0.5"))
        let allowed = try bench.smoothness(
            "fit", "slow.h5", "coarse.h5", "--by", "joint", "--allow-other-definitions", "--replicates", "0")
        #expect(allowed.exitCode == 0 && allowed.standardError.contains("another definition"))
        let twice = try bench.smoothness("fit", "fast.h5", "fast.estimates.h5", "--by", "run")
        #expect(twice.exitCode == 65 && twice.standardError.contains("its points would count twice"))
        let weighted = try bench.smoothness("fit", "points.csv", "--weighted")
        #expect(weighted.exitCode == 66)
        try bench.write("gradient_norm,smoothness\n1,2\n2,3\n3,4\n", to: "points.csv")
        let without = try bench.smoothness("fit", "points.csv", "--weighted")
        #expect(without.exitCode == 65 && without.standardError.contains("points.csv: smoothness_error: "))
        #expect(try bench.smoothness("fit", "points.csv", "--by", "block").exitCode == 65)
    }

    @Test("advice in every form") func advice() throws {
        try makeRuns()
        let report = try json("advise", "slow.h5", "--format", "json", "--epsilon", "0.05", "--replicates", "200")
        let settings = try #require(report["settings"] as? [String: Any])
        #expect(settings["learningRate"] as? Double == 0.02)
        let theorems = try #require(report["theorems"] as? [[String: Any]])
        #expect(
            theorems.count == 11
                && theorems.allSatisfy {
                    $0["stepSize"] != nil || $0["reasonWithoutNumbers"] != nil || $0["fewestIterations"] != nil
                })
        #expect((report["noise"] as? [String: Any])?["largest"] is Double)
        let text = try bench.succeed("advise", "slow.h5", "--replicates", "100", "--blocks").standardOutput
        #expect(text.contains("Not given\n  - ε (--epsilon)") && text.contains("Gluon 2025, block"))
        try bench.write(
            "gradient_norm,smoothness\n" + (1...40).map { "\($0),\(1.0 + 0.5 * Double($0))\n" }.joined(), to: "line.csv"
        )
        let lines = try bench.succeed("advise", "line.csv", "--optimizer", "pytorch", "--theorem", "improved-3.1")
            .standardOutput
        #expect(lines.contains("lr=0.09434)") && lines.contains("max_norm=2.000)"))
        let table = try bench.succeed("advise", "line.csv", "--format", "csv").standardOutput
        #expect(table.contains("\nvankov,clip_norm,1.33333333"))
    }

    @Test("pictures of an estimate, exports and reports") func outputs() throws {
        try makeRuns()
        for kind in ["iterations", "residuals", "gamma", "blocks"] {
            try bench.succeed(
                "plot", "slow.h5", "--kind", kind, "-o", "\(kind).csv", "-o", "\(kind).vl.json", "--replicates", "0")
            #expect(try bench.text("\(kind).csv").hasPrefix("curve,"))
        }
        try bench.succeed("plot", "slow.h5", "--linear", "-o", "linear.vl.json", "--replicates", "0")
        #expect(try bench.text("linear.vl.json").contains("\"type\": \"linear\""))
        let wrong = try bench.smoothness("plot", "slow.h5", "--kind", "gamma", "--linear")
        #expect(wrong.exitCode == 64 && wrong.standardError.contains("--linear belongs to the scatter"))

        try bench.succeed(
            "export", "slow.h5", "-o", "points.csv", "-o", "points.jsonl", "-o", "points.npz", "-o",
            "events.out.tfevents.0")
        let lines = try bench.text("points.csv").split(separator: "\n")
        #expect(lines.count == 41 && lines[0].hasPrefix("iteration,loss,gradient_norm,smoothness"))
        #expect(try bench.text("points.jsonl").split(separator: "\n").count == 40)
        try bench.succeed("export", "slow.h5", "--curves", "-o", "curves.csv")
        #expect(try bench.text("curves.csv").split(separator: "\n").count == 401)
        // What was exported can be fitted again, to the same numbers.
        let (first, again) = (
            try json("fit", "slow.h5", "--format", "json", "--replicates", "0"),
            try json("fit", "points.csv", "--format", "json", "--replicates", "0")
        )
        #expect(first["leastSquares"] as? NSDictionary == again["leastSquares"] as? NSDictionary)
        #expect(try bench.smoothness("export", "slow.h5", "-o", "points.txt").exitCode == 64)

        try bench.succeed("report", "slow.h5", "-o", "report.html", "-o", "report.md", "--replicates", "100")
        #expect(try bench.text("report.html").contains("smoothness estimate slow.h5"))
        #expect(try bench.text("report.md").contains("| least squares | L0 |"))
        #expect(try bench.smoothness("report", "slow.h5", "-o", "report.txt").exitCode == 64)
    }
}
