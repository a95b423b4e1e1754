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

    @Test("what is no usual measurement says so wherever it is used") func measuredOtherwise() throws {
        try makeRuns()
        func said(_ options: String...) throws -> (estimate: String, fit: String, report: String) {
            let estimate = try bench.succeed(
                ["estimate", "slow.h5", "--subset", "1", "--threads", "1", "--force", "-o", "other.h5"] + options)
            let fit = try bench.succeed("fit", "other.h5", "--replicates", "0").standardOutput
            try bench.succeed("report", "other.h5", "--replicates", "0", "-o", "other.md")
            let report = try String(contentsOfFile: bench.path("other.md"), encoding: .utf8)
            return (estimate.standardError, fit, report)
        }
        let fresh = try said("--control", "fresh-subset")
        for text in [fresh.estimate, fresh.fit, fresh.report] {
            #expect(text.contains("every probe takes its gradient"))
        }
        #expect(fresh.fit.contains("control fresh-subset") && !fresh.report.contains("the same at both points"))
        let rough = try said("--direction", "hessian", "--hessian-iterations", "1")
        for text in [rough.estimate, rough.fit, rough.report] {
            #expect(text.contains("Lanczos' method has not come to its tolerance in 40 of 40 rows"))
        }
        #expect(rough.estimate.contains("converged in 0 of 40 rows") && !rough.estimate.contains("floors:"))
        #expect(rough.fit.contains("L = ‖∇²f_S(x_k)‖₂") && !rough.fit.contains("max_γ"))
        let sums = try said("--mode", "zhang-code")
        let flaw = "divides the gradient norm by the number of components"
        #expect(sums.fit.contains(flaw))
        #expect(try bench.succeed("advise", "other.h5", "--replicates", "0").standardOutput.contains("! zhang-code"))
        let blocks = try bench.succeed("fit", "other.h5", "--by", "block", "--replicates", "0")
        #expect(blocks.standardError.contains(flaw))
        let again = try bench.succeed("inspect", "other.h5", "--config").standardOutput
        #expect(again.contains("--mode zhang-code") && !again.contains("--delta"))
        for grid in [["--gammas", "0.5,1"], ["--delta", "0.5"]] {
            try bench.expectRefusal(
                ["estimate", "slow.h5", "--mode", "zhang-code"] + grid, code: 64,
                "--mode zhang-code probes γ = 0.5 alone: leave out \(grid[0])\nUsage: *\n  See *")
        }
        let usual = try said()
        #expect(!usual.fit.contains("control") && usual.report.contains("the same at both points"))
        let skipping = try said("--search", "coarse-to-fine", "--delta", "0.01")
        #expect(skipping.estimate.contains("probes were skipped"))
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
        #expect(
            allowed.standardOutput.contains("! coarse.h5 was measured by another definition than slow.h5 (")
        )
        for grouping in ["joint", "run"] {
            let noted = try json(
                "fit", "slow.h5", "coarse.h5", "--by", grouping, "--allow-other-definitions", "--replicates", "0",
                "--format", "json")
            let notes = try #require(noted["notes"] as? [String])
            #expect(notes.contains { $0.contains("was measured by another definition") && $0.contains("0.1 and 0.5") })
        }
        let alike = try bench.succeed("fit", "slow.h5", "fast.h5", "--by", "joint", "--replicates", "0")
        #expect(alike.standardOutput.contains("\nEuclidean norm, mode zhang-paper, γ in 0.1, "))
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
            #expect(try bench.text("\(kind).csv").contains("curve,"))
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
        // The columns of the estimates' own table, none left out.
        let columns = try bench.succeed("estimate", "slow.h5", "--subset", "1", "--threads", "1", "--format", "csv")
            .standardOutput.prefix { $0 != "\n" }.split(separator: ",")
        #expect(Set(columns).subtracting(lines[0].split(separator: ",")).isEmpty)
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
        let page = try bench.text("report.html")
        #expect(page.contains("smoothness estimate slow.h5") && page.contains("smoothness train --objective quadratic"))
        // The commands are those that make this page, and what was measured is said at its top.
        #expect(page.contains("smoothness fit slow.h5 --replicates 100\n"))
        #expect(page.contains("S are 4 components") && page.contains("norm euclidean"))
        try bench.succeed(
            "report", "slow.h5", "-o", "other.md", "--replicates", "50", "--confidence", "0.9", "--scheme",
            "stationary",
            "--quantile", "0.8", "--alpha", "0.5", "--epsilon", "0.01")
        let other = try bench.text("other.md")
        let options = "--scheme stationary --quantile 0.8 --alpha 0.5 --replicates 50 --confidence 0.9"
        #expect(other.contains("smoothness fit slow.h5 \(options)\n"), "\(other.suffix(600))")
        #expect(other.contains("smoothness advise slow.h5 \(options) --epsilon 0.01\n"))
        #expect(try bench.text("report.md").contains("| least squares | L0 |"))
        #expect(try bench.smoothness("report", "slow.h5", "-o", "report.txt").exitCode == 64)
    }

    @Test("a share of the data against another") func subsets() throws {
        try makeRuns()
        for share in ["0.5", "1"] {
            try bench.succeed("estimate", "slow.h5", "--subset", share, "--threads", "1", "-o", "share-\(share).h5")
        }
        try bench.succeed(
            "plot", "--kind", "subsets", "share-1.h5", "share-0.5.h5", "-o", "s.csv", "-o", "s.vl.json", "--width",
            "120",
            "--font-size", "7")
        let text = try bench.text("s.csv")
        #expect(text.hasPrefix("panel,curve,iteration,smoothness,smoothness_largest,low,high\n"))
        #expect(text.contains("50 % of the data (2)") && text.contains("100 % of the data (4)"))
        for (arguments, code, fragment) in [
            (["share-1.h5"], Int32(64), "two estimates"),
            (["share-1.h5", "slow.estimates.h5"], 65, "as many components"),
            (["share-1.h5", "fast.estimates.h5"], 65, "another run"),
            (["share-1.h5", "slow.h5"], 65, "not an estimates file"),
        ] {
            let outcome = try bench.smoothness(["plot", "--kind", "subsets"] + arguments + ["-o", "x.csv"])
            #expect(outcome.exitCode == code && outcome.standardError.contains(fragment), "\(outcome.standardError)")
        }
        for wrong in [["--width", "5"], ["--font-size", "200"], ["--height", "nan"]] {
            #expect(try bench.smoothness(["plot", "slow.h5", "-o", "x.csv"] + wrong).exitCode == 64, "\(wrong)")
        }
    }

    /// Weights are those of the standard errors: points of a tenth of the error count a hundredfold.
    @Test("weights, and the momentum of Algorithm 1") func weightsAndMomentum() throws {
        var lines = ["iteration,gradient_norm,smoothness,smoothness_error,gradient_norm_error"]
        for k in 0..<40 {
            let g = 1 + Double(k)
            // Two lines: the precise points lie on 1 + g, the others on 5 + 3 g.
            lines.append(k % 2 == 0 ? "\(k),\(g),\(1 + g),0.001,0.001" : "\(k),\(g),\(5 + 3 * g),1,0.01")
        }
        try bench.write(lines.joined(separator: "\n") + "\n", to: "w.csv")
        let plain = try json("fit", "w.csv", "--format", "json", "--replicates", "200")
        let weighted = try json("fit", "w.csv", "--format", "json", "--replicates", "200", "--weighted")
        func slope(_ report: [String: Any]) -> [String: Any] {
            (report["leastSquares"] as? [String: Any])?["slope"] as? [String: Any] ?? [:]
        }
        #expect(abs((slope(plain)["value"] as? Double ?? 0) - 2.0844277673545966) < 1e-12)
        #expect(abs((slope(weighted)["value"] as? Double ?? 0) - 1) < 1e-4)
        #expect((weighted["weights"] as? String)?.contains("standard error") == true)
        #expect(slope(weighted)["lower"] is Double)
        let both = weighted["powerLawWithErrors"] as? [String: Any]
        let exponent = both?["exponent"] as? [String: Any]
        #expect((exponent?["lower"] as? Double ?? 9) <= (exponent?["value"] as? Double ?? 0))
        #expect((exponent?["upper"] as? Double ?? 0) >= (exponent?["value"] as? Double ?? 9))

        try bench.write(
            "gradient_norm,smoothness\n" + (1...40).map { "\($0),\(1.0 + 0.5 * Double($0))\n" }.joined(), to: "line.csv"
        )
        let torch = try bench.succeed(
            "advise", "line.csv", "--optimizer", "pytorch", "--theorem", "improved-3.1", "--momentum", "0.9"
        ).standardOutput
        // (1 − β)/10.6 and twice that for L0 = 1, L1 = ½.
        #expect(
            torch.contains("m.lerp_(p.grad, 1 - 0.9000)") && torch.contains("min(0.009434, 0.01887 / norm)"), "\(torch)"
        )
    }

    @Test("what is no sound data is refused or warned of") func unsoundData() throws {
        func fit(_ rows: [String]) throws -> (code: Int32, text: String) {
            try bench.write("iteration,gradient_norm,smoothness\n" + rows.map { $0 + "\n" }.joined(), to: "p.csv")
            let outcome = try bench.smoothness("fit", "p.csv", "--replicates", "50")
            return (outcome.exitCode, outcome.standardOutput + outcome.standardError)
        }
        let good = (0..<30).map { "\($0),\(1 + $0),\(2 + $0)" }
        for (rows, code, fragment) in [
            (Array(good.prefix(2)), Int32(65), "too few points"), ([], 65, "too few points"),
            ((0..<30).map { "\($0),2,\(1 + $0)" }, 65, "all gradient norms are equal"),
            (good + ["30,-1,2", "31,0,2", "32,nan,2", "33,1,0", "34,inf,1"], 0, "5 of 35 points were left out"),
            (good + good, 0, "30 points have the iteration of another one"),
            ((0..<30).map { "\($0),nan,nan" }, 65, "0 of 30 usable"), (["0,abc,1"], 65, "line 2, column gradient_norm"),
        ] {
            let outcome = try fit(rows)
            #expect(outcome.code == code && outcome.text.contains(fragment), "\(outcome)")
        }
        try makeRuns()
        try bench.succeed(
            "estimate", "fast.h5", "--subset", "1", "--norm", "maximum", "--threads", "1", "-o", "norm.h5")
        let mixed = try bench.smoothness("fit", "slow.h5", "norm.h5", "--by", "joint")
        #expect(
            mixed.exitCode == 65 && mixed.standardError.contains("norm: euclidean and maximum"),
            "\(mixed.standardError)")
        let heading = try bench.succeed("fit", "norm.h5", "--replicates", "0").standardOutput
        #expect(heading.contains("norm maximum of steps, its dual of gradients"), "\(heading.prefix(400))")
        #expect(try bench.smoothness("fit", "slow.h5", "fast.h5").exitCode == 64)
        try bench.succeed(
            "train", "--objective", "quadratic", "--spectrum", "9,1", "--components", "4", "--learning-rate", "0.02",
            "--iterations", "30", "--save", "every=1", "--threads", "1", "-o", "other.h5")
        try bench.succeed("estimate", "other.h5", "--subset", "1", "--threads", "1")
        let other = try bench.succeed("fit", "slow.h5", "other.h5", "--by", "joint", "--replicates", "0")
        #expect(other.standardError.contains("trains another objective"), "\(other.standardError)")
        // The exported segment's largest gradient norm is fitted again, too.
        try bench.succeed("export", "slow.h5", "-o", "again.csv")
        let segments = try [
            json("fit", "slow.h5", "--format", "json", "--replicates", "0"),
            json("fit", "again.csv", "--format", "json", "--replicates", "0"),
        ]
        .map { $0["segment"] as? NSDictionary }
        #expect(segments[0] != nil && segments[0] == segments[1])
    }
}
