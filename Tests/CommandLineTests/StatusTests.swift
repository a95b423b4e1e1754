import Foundation
import TestSupport
import Testing

/// NaN, infinity and steps of length zero are data with a status: shown, counted, and left out of fits openly.
@Suite("Rows without a value")
struct StatusTests {
    private let bench: Workbench

    init() throws { bench = try Workbench() }

    /// Without checksums, so that its numbers can be changed.
    private func trainQuadratic(_ arguments: String...) throws {
        try bench.succeed(
            ["train", "--threads", "1", "--objective", "quadratic", "--no-checksums", "-o", "run.h5"] + arguments)
    }

    /// The column `status` of an estimate.
    private func statuses(_ arguments: String...) throws -> [String] {
        let table = try bench.succeed(["estimate", "run.h5", "--threads", "1", "--format", "csv"] + arguments)
        let lines = table.standardOutput.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        let column = try #require(lines.first?.firstIndex(of: "status"))
        return lines.dropFirst().map { $0[column] }
    }

    private func fit(_ input: String) throws -> (points: [String: Int], warnings: [String]) {
        let text = try bench.succeed("fit", input, "--format", "json").standardOutput
        let report = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let warnings = try #require(report["warnings"] as? [[String: String]])
        return (
            try #require(report["points"] as? [String: Int]),
            warnings.filter { $0["code"] == "pointsLeftOut" }.compactMap { $0["message"] }
        )
    }

    @Test(
        "NaN and infinity in iterates, and a step of length zero",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
    func editedIterates() throws {
        try trainQuadratic(
            "--spectrum", "4,2,1", "--components", "4", "--noise", "0.3", "--learning-rate", "0.1", "--iterations",
            "24",
            "--save", "every=2")
        try bench.python("edit_run.py", ["run.h5", "nan-iterate", "3"])
        try bench.python("edit_run.py", ["run.h5", "nan-next", "5", "8"])
        try bench.python("edit_run.py", ["run.h5", "zero-step", "6"])
        #expect(
            matches(
                try bench.succeed("verify", "run.h5").standardOutput,
                pattern: """
                    note: 3 of 24 iterations are not finite
                    note: 3 of 12 snapshot rows are not finite and say so: 3, 5, 8
                    note: the file has no checksums: a changed number that fits with the others cannot be told
                    run.h5: valid, * of * checks passed

                    """))
        #expect(
            try bench.succeed("inspect", "run.h5").standardOutput.contains(
                "status          3 snapshots not finite, 1 without a step, 3 iterations not finite\n"))

        let expected = (0..<12).map { row in
            [3, 5, 8].contains(row) ? "nonFiniteIterate" : row == 6 ? "zeroStep" : "ok"
        }
        #expect(try statuses("--subset", "1", "--delta", "0.5") == expected)
        #expect(
            try bench.succeed("inspect", "run.estimates.h5").standardOutput.contains(
                "rows           8 ok, 3 nonFiniteIterate, 1 zeroStep\n"))
        #expect(
            matches(
                try bench.succeed("verify", "run.estimates.h5").standardOutput,
                pattern: """
                    note: 4 of 12 rows have no value and say so
                    run.estimates.h5: valid, * of * checks passed

                    """))

        let (points, warnings) = try fit("run.h5")
        #expect(
            points == [
                "given": 12, "used": 8, "zeroStep": 1, "nonFinite": 3, "negative": 0, "zeroGradientNorm": 0,
                "zeroSmoothness": 0, "belowFloor": 0, "withoutStandardError": 0,
            ])
        #expect(
            warnings == [
                "4 of 12 points were left out: 1 (the step is zero, x_{k+1} = x_k), 3 (gradient norm or smoothness is NaN or "
                    + "infinite)"
            ])
        #expect(
            try bench.succeed("fit", "run.h5").standardOutput.contains(
                "Smoothness against gradient norm: 8 of 12 points, iterations 0 to 22\n"))
        try bench.succeed("plot", "run.h5", "-o", "scatter.csv")
        let left = try bench.text("scatter.csv").split(separator: "\n").dropFirst()
            .map { $0.split(separator: ",", omittingEmptySubsequences: false).last.map(String.init) ?? "" }
        let reasons = ["ok": "", "zeroStep": "zeroStep"]
        #expect(left == expected.map { reasons[$0] ?? "nonFinite" })
    }

    @Test("a run that arrives: the first step reaches the minimum, the others have no length") func arrival() throws {
        try trainQuadratic("--spectrum", "1,1", "--learning-rate", "1", "--iterations", "5", "--save", "every=1")
        #expect(try statuses("--subset", "1") == ["ok"] + Array(repeating: "zeroStep", count: 4))
        try bench.expectRefusal(
            ["fit", "run.h5"], code: 65,
            "run.h5: too few points to fit a line (expected at least 3 usable points, found 1 of 5 usable and left out "
                + "(4: the step is zero, x_{k+1} = x_k)). See in the status column of the estimates why they cannot be used."
        )
    }

    @Test("a run that stays where it began has nothing to fit and nothing to draw") func standstill() throws {
        try bench.succeed(
            "train", "--threads", "1", "--objective", "polynomial", "--coefficients", "0,0,1", "--start", "0",
            "--iterations", "4", "--save", "every=1", "-o", "run.h5")
        #expect(try statuses("--subset", "1") == Array(repeating: "zeroStep", count: 4))
        let few =
            "too few points to fit a line (expected at least 3 usable points, found 0 of 4 usable and left out (4: the step is "
            + "zero, x_{k+1} = x_k)). See in the status column of the estimates why they cannot be used."
        try bench.expectRefusal(["fit", "run.estimates.h5"], code: 65, "run.estimates.h5: " + few)
        let drawn = try bench.smoothness("plot", "run.h5", "-o", "scatter.svg")
        #expect(drawn.exitCode == 65)
        #expect(
            drawn.standardError == """
                no lines are drawn: \(few)
                error: there is no usable point to draw (expected positive finite gradient norms and smoothness, found 4 \
                points, none of them usable)

                """)
        #expect(!bench.exists("scatter.svg") && !bench.exists("scatter.svg.dat"))
        // The data is still worth having.
        try bench.succeed("plot", "run.h5", "-o", "scatter.csv")
        #expect(try bench.text("scatter.csv").split(separator: "\n").count == 5)
    }

    @Test("a run that diverges keeps its finite iterates, and the gradients beyond them are counted") func divergence()
        throws
    {
        try trainQuadratic("--learning-rate", "10", "--iterations", "1000", "--save", "every=1")
        let summary = try bench.succeed("inspect", "run.h5", "--format", "json").standardOutput
        let run = try #require(try JSONSerialization.jsonObject(with: Data(summary.utf8)) as? [String: Any])
        let rows = try #require(run["committedSnapshots"] as? Int)
        #expect(run["nonFiniteIterations"] as? Int == 1 && run["nonFiniteRows"] as? Int == 1 && rows < 1000)
        #expect(try bench.smoothness("verify", "run.h5").exitCode == 0)

        let found = try statuses("--subset", "1", "--delta", "1")
        let broken = found.filter { $0 == "nonFiniteGradient" }.count
        #expect(found.count == rows && broken >= 1)
        #expect(
            found == Array(repeating: "ok", count: rows - broken) + Array(repeating: "nonFiniteGradient", count: broken)
        )
        let (points, warnings) = try fit("run.h5")
        #expect(points["given"] == rows && points["used"] == rows - broken && points["nonFinite"] == broken)
        #expect(warnings.count == 1)
        #expect(try bench.smoothness("verify", "run.estimates.h5").exitCode == 0)
    }

    @Test(
        "no committed row, or one iterate and no step",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"),
        arguments: ["no-row", "one-iterate"])
    func noStep(_ change: String) throws {
        try trainQuadratic("--iterations", "4", "--save", "every=2")
        try bench.python("edit_run.py", ["run.h5", change])
        try bench.expectRefusal(
            ["estimate", "run.h5"], code: 65,
            "@/run.h5: /trajectory: holds no step (expected an iterate and its next iterate, found no committed row). "
                + "Train for at least one iteration, and save at least one.")
        #expect(try bench.succeed("inspect", "run.h5").standardOutput.contains("snapshots       0 of "))
    }
}
