import Essentials
import Evaluation
import Foundation
import TestSupport
import Testing
import Theory

private func options(_ change: (inout TheoryOptions) -> Void) -> TheoryOptions {
    var options = TheoryOptions()
    options.repetitions = 7
    change(&options)
    return options
}

private func lines(_ experiment: Experiment, _ source: String, _ options: TheoryOptions) -> [TheoryLine] {
    experiment.lines(options).filter { $0.source == source }
}

@Suite("Theorems as experiments")
struct TheoryTests {
    /// (L0, L1, M, ε, Δ)
    static let hard: [(Double, Double, Double, Double, Double)] = [
        (1, 1, 20, 0.1, 1), (4, 4, 100, 0.05, 2), (10, 2, 5, 0.2, 0.5), (3, 3, 1.5, 0.3, 3),
    ]

    @Test("on the hard functions theorems 3, 4 and 6 hold, whatever the numbers", arguments: hard.indices)
    func hardFunctions(index: Int) throws {
        let (L0, L1, M, epsilon, gap) = Self.hard[index]
        let all = Experiment.deterministic.lines(
            options { ($0.L0, $0.L1, $0.largestGradient, $0.epsilon, $0.gap) = (L0, L1, M, epsilon, gap) })
        #expect(all.count >= 7)
        for line in all { #expect(line.verdict == .holds, "\(line)") }
        #expect(all[0].source == "[Z] theorem 4" && all[0].relation == .atLeast)
    }

    private struct TwinAnswer: Decodable {
        struct Function: Decodable {
            var delta: Double
            var clipped: Double
            var clipped_bound: Double
            var fixed: Double
            var fixed_bound: Double
        }
        var lower: Double
        var fast: Function
        var slow: Function
    }

    @Test(
        "a program written from the paper counts the same iterations and finds the same bounds",
        .enabled(if: Workplace.python != nil, "needs Python: set SMOOTHNESS_PYTHON"), arguments: hard.indices)
    func twin(index: Int) throws {
        let (L0, L1, M, epsilon, gap) = Self.hard[index]
        let script = Workplace.packageRoot.appending(path: "Tests/TheoryTests/Twins/theorems.py").path
        let outcome = try run(
            try #require(Workplace.python), [script] + [L0, L1, M, epsilon, gap].map { "\($0)" })
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let answer = try JSONDecoder().decode(TwinAnswer.self, from: Data(outcome.standardOutput.utf8))
        let all = Experiment.deterministic.lines(
            options { ($0.L0, $0.L1, $0.largestGradient, $0.epsilon, $0.gap) = (L0, L1, M, epsilon, gap) })
        #expect(abs(all[0].bound / answer.lower - 1) < 1e-9)
        for (source, offset, pick) in [
            ("[Z] theorem 6", 0, { ($0.fixed, $0.fixed_bound) }),
            ("[Z] theorem 3", 0, { ($0.clipped, $0.clipped_bound) }),
        ] as [(String, Int, (TwinAnswer.Function) -> (Double, Double))] {
            let own = all.filter { $0.source == source }
            for (line, function) in try paired(own.dropFirst(offset).prefix(2), [answer.fast, answer.slow]) {
                let (count, bound) = pick(function)
                #expect(line.measured == count, "\(line)")
                #expect(abs(line.bound / bound - 1) < 1e-9)
            }
        }
    }

    @Test("the gap between the lower bound for GD and the count of clipped GD grows with M and L1")
    func separation() throws {
        func ratio(_ scale: Double) throws -> Double {
            let all = Experiment.deterministic.lines(
                options { ($0.L0, $0.L1, $0.largestGradient, $0.epsilon, $0.gap) = (scale, scale, 100 * scale, 0.1, 1) }
            )
            let clipped = all.filter { $0.source == "[Z] theorem 3" }.prefix(2).compactMap(\.measured).max()
            return try #require(all[0].measured) / (#require(clipped) / scale)
        }
        let (large, small) = (try ratio(8), try ratio(1))
        #expect(large > 8 * small)
    }

    @Test("the paper's own constants for the fast function, L0 = 1 < L1, are no assumption that holds")
    func paperConstants() throws {
        let all = Experiment.deterministic.lines(options { ($0.L0, $0.L1) = (1, 5) })
        let lower = try #require(all.first { $0.source == "[Z] theorem 4" })
        #expect(lower.verdict == .notApplicable && lower.obstacle == "(L0, L1)-smooth: needs L0 ≥ 5, is 1")
        // The proof needs only that L0 is some constant: the count is what it was.
        let count = try #require(lower.measured)
        #expect(count >= lower.bound)
        let fast = all.filter { $0.instance.contains("fast") && $0.source != "[Z] theorem 4" }
        #expect(fast.count == 2 && fast.allSatisfy { $0.verdict == .notApplicable })
        #expect(
            all.filter { $0.source == "[Z] theorem 3" && !$0.instance.contains("fast") }.allSatisfy {
                $0.verdict == .holds
            })
    }

    @Test("assumptions that fail are named: M too small, L0 below 3ε, L1 below 1, a gap below 5ε/4")
    func assumptions() throws {
        func obstacle(_ change: (inout TheoryOptions) -> Void) -> String? {
            Experiment.deterministic.lines(options(change))[0].obstacle
        }
        #expect(obstacle { _ in } == nil)
        #expect(obstacle { $0.L0 = 0.5 } == "L0 ≥ 1")
        #expect(obstacle { $0.L1 = 0.5 } == "L1 ≥ 1")
        #expect(obstacle { $0.largestGradient = 1 } == "M > 1")
        #expect(obstacle { $0.gap = 0.1 } == "Δ ≥ 5ε/4")
        #expect(obstacle { ($0.epsilon, $0.gap) = (0.5, 2) } == "(L0, L1)-smooth: needs L0 ≥ 1.5, is 1")
        #expect(obstacle { ($0.epsilon, $0.gap, $0.L0, $0.largestGradient) = (2, 8, 9, 3) } == "M ≥ 2ε")
    }

    @Test(
        "stochastic theorems 7 and 8 hold; without a bounded gradient theorem 8 does not apply", arguments: [0.1, 1.0])
    func stochastic(noise: Double) throws {
        let all = Experiment.stochastic.lines(
            options { ($0.epsilon, $0.noise, $0.L0, $0.L1, $0.largestGradient) = (0.3, noise, 3, 1, 5) })
        let seven = all.filter { $0.source == "[Z] theorem 7" }
        #expect(seven.count >= 5 && seven.allSatisfy { $0.verdict == .holds }, "\(seven)")
        let eight = all.filter { $0.source == "[Z] theorem 8" }
        #expect(eight.count == 3 && eight.prefix(2).allSatisfy { $0.verdict == .holds }, "\(eight)")
        #expect(eight[2].verdict == .notApplicable && eight[2].measured == nil)
    }

    @Test("Algorithm 1: theorem 3.1 holds for clipping of gradients, of momentum and of both")
    func framework() throws {
        let all = Experiment.framework.lines(options { ($0.epsilon, $0.largestGradient) = (0.2, 3) })
        #expect(all.count >= 15)
        #expect(all.allSatisfy { $0.verdict == .holds || $0.verdict == .undecided }, "\(all)")
        #expect(all.count { $0.verdict == .holds } >= 12)
        let refused = Experiment.framework.lines(options { ($0.epsilon, $0.L0, $0.L1) = (0.2, 1, 2) })
        #expect(refused[0].verdict == .notApplicable && refused[0].obstacle?.contains("needs L0 ≥ 2") == true)
    }

    @Test("Algorithm 1 with noise: theorem 3.2 holds, needs ε ≤ 0.1 and σ ≥ 1, and says when it would take too long")
    func noisyFramework() throws {
        let all = Experiment.noisyFramework.lines(
            options { ($0.gap, $0.largestGradient, $0.iterationLimit) = (0.3, 1.2, 300_000) })
        #expect(all.allSatisfy { $0.verdict == .holds || $0.verdict == .undecided }, "\(all)")
        #expect(
            all.contains { $0.verdict == .holds } && all.contains { $0.verdict == .undecided && $0.measured == nil })
        for (change, obstacle) in [
            ({ $0.epsilon = 0.2 }, "ε ≤ 0.1"), ({ $0.noise = 0.5 }, "σ ≥ 1"),
        ] as [((inout TheoryOptions) -> Void, String)] {
            let lines = Experiment.noisyFramework.lines(
                options {
                    $0.iterationLimit = 1
                    change(&$0)
                })
            #expect(lines.allSatisfy { $0.verdict == .notApplicable && $0.obstacle == obstacle })
        }
    }

    @Test("Qian's example 1: E x₁ = 1 + 2α/3, divergence stops at clip norm 4 and within |x| < ½")
    func example() throws {
        let all = Experiment.example.lines(options { _ in })
        #expect(all.count == 10 && all.allSatisfy { $0.verdict == .holds }, "\(all)")
        let (stop, unstable) = (try #require(all[1].measured), try #require(all[2].measured))
        #expect(abs(stop - 4) < 1e-9 && abs(unstable - 0.5) < 1e-9)
        // Two thirds of α outwards in each of three steps of a pass.
        let far = try #require(all.first { $0.algorithm.hasSuffix("c = 2") && $0.quantity == "|x| after 2000 passes" })
        let distance = try #require(far.measured)
        #expect(abs(distance - (1 + 2000 * 0.02)) < 1e-6)
    }

    @Test("Qian's theorems 3.1 and 3.2 hold where (A3) and (A4) do, and do not apply to example 1")
    func incremental() throws {
        let all = Experiment.incremental.lines(options { _ in })
        #expect(all.count == 24)
        let (example, sound) = (
            all.filter { $0.instance == "−x², −x², 5x²" }, all.filter { $0.instance != "−x², −x², 5x²" }
        )
        #expect(example.allSatisfy { $0.verdict == .notApplicable && $0.obstacle?.hasPrefix("(A3)") == true })
        #expect(sound.count == 18 && sound.allSatisfy { $0.verdict == .holds }, "\(sound)")
        let turned = sound.filter { $0.instance.contains("diag") }
        // Cosines of at least 2√2/3 (Kantorovich) and norms in a ratio of at least ½.
        #expect(turned.allSatisfy { $0.assumptions[0].statement.contains("c₁ = 0.9") }, "\(turned)")
    }

    @Test(
        "figures 1a and 1b: the Hessian stays below L0 + L1‖∇f‖ and touches it; exponentials steeper than L1 have no L0"
    )
    func figures() throws {
        let all = Experiment.figures.lines(options { $0.L1 = 3 })
        #expect(all.count == 14 && all.allSatisfy { $0.verdict == .holds }, "\(all)")
        let cosh = try #require(all.first { $0.instance == "cosh x" })
        #expect(cosh.measured == 1)
        let shallow = Experiment.figures.lines(options { $0.L1 = 0.5 })
        #expect(
            shallow.filter { $0.quantity.contains("L1 = 0.5") && $0.instance.contains("exp") }.allSatisfy {
                $0.verdict == .notApplicable
            })
        #expect(FigurePoints.figureOneA(L1: 1).count == 6 * 101)
        let points = FigurePoints.figureOneB(L1: 1, count: 50, seed: 3)
        #expect(points.count == 50 && points.map(\.x) == FigurePoints.figureOneB(L1: 1, count: 50, seed: 3).map(\.x))
    }

    @Test("verdicts: at most, at least, equal, undecided, not applicable")
    func verdicts() {
        func verdict(
            _ relation: TheoryLine.Relation, _ measured: Double?, _ bound: Double,
            _ assumptions: [TheoryLine.Assumption] = []
        ) -> TheoryLine.Verdict {
            TheoryLine(
                source: "", instance: "", algorithm: "", quantity: "", relation: relation, measured: measured,
                bound: bound, assumptions: assumptions
            ).verdict
        }
        #expect(verdict(.atMost, 1, 1) == .holds && verdict(.atMost, 1.1, 1) == .fails)
        #expect(verdict(.atLeast, 1, 1) == .holds && verdict(.atLeast, 0.9, 1) == .fails)
        #expect(verdict(.equal, 1 + 1e-12, 1) == .holds && verdict(.equal, 1.001, 1) == .fails)
        #expect(verdict(.atMost, nil, 1) == .undecided && verdict(.atMost, .infinity, 1) == .fails)
        #expect(verdict(.atMost, .nan, 1) == .fails)
        #expect(verdict(.atMost, 2, 1, [.init("a", true), .init("b", false)]) == .notApplicable)
    }
}

@Suite("smoothness theory")
struct TheoryCommandTests {
    private func theory(_ arguments: String...) throws -> ProcessOutcome {
        try run(Workplace.program, ["theory"] + arguments)
    }

    @Test("prints lines with verdicts, and points")
    func table() throws {
        let outcome = try theory("--experiments", "example", "figures", "--format", "csv")
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        let lines = outcome.standardOutput.split(separator: "\n")
        #expect(lines[0] == "source,instance,algorithm,quantity,measured,relation,bound,ratio,verdict,assumptions")
        #expect(lines.count == 1 + 10 + 7 && outcome.standardError.hasSuffix("17 lines, 0 failures\n"))
        let json = try theory("--experiments", "deterministic", "--l1", "3", "--format", "json")
        let rows = try #require(
            JSONSerialization.jsonObject(with: Data(json.standardOutput.utf8)) as? [[String: Any]])
        #expect(json.exitCode == 0 && rows[0]["verdict"] as? String == "not applicable")
        #expect((rows[0]["assumptions"] as? String)?.contains("needs L0 ≥ 3, is 1") == true)
        let points = try theory("--points", "1b", "--format", "csv")
        #expect(points.standardOutput.hasPrefix("function,x,y,gradient_norm,hessian_norm,bound\n"))
        #expect(points.standardOutput.split(separator: "\n").count == 501)
    }

    @Test("numbers that make no experiment are refused")
    func refusals() throws {
        for arguments in [
            ["--l0", "0"], ["--l1", "-1"], ["--epsilon", "nan"], ["--gap", "inf"], ["--largest-gradient", "0.5"],
            ["--repetitions", "0"], ["--iteration-limit", "0"], ["--experiments", "alchemy"], ["--points", "2"],
        ] {
            let outcome = try run(Workplace.program, ["theory"] + arguments)
            #expect(outcome.exitCode == 64 && outcome.standardOutput.isEmpty, "\(arguments)")
        }
    }
}
