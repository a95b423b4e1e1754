import Essentials
import Fitting
import FittingFixture
import Foundation
import Testing

/// Every formula against numbers computed by hand from the papers.
@Suite struct StepRuleTests {
    @Test func zhang() throws {
        // L0 = 2, L1 = 3, ε = 0.1, Δ = 5: η = 1/20, γ = min{20, 20/30} = 2/3, 20·2·5/0.01 + 20·9·5/2 = 20,000 + 450.
        let three = StepRules.zhangThree(L0: 2, L1: 3, epsilon: 0.1, gap: 5)
        #expect(agree(three.stepSize ?? 0, 0.05, 1e-15) && agree(three.clipNorm ?? 0, 2.0 / 3, 1e-15))
        #expect(agree(three.longestStep ?? 0, 1.0 / 30, 1e-15) && agree(three.iterations ?? 0, 20450, 1e-14))
        // L1 < 1/10: γ = 1/η, and max(1, L1²) = 1.
        let flat = StepRules.zhangThree(L0: 2, L1: 0.05, epsilon: 0.1, gap: 5)
        #expect(agree(flat.clipNorm ?? 0, 20, 1e-15) && agree(flat.iterations ?? 0, 20050, 1e-14))
        // L1 M (Δ − 5ε/8)/(8ε²(log M + 1)) with M = e: 3e(5 − 0.0625)/(0.16).
        let four = StepRules.zhangFour(L1: 3, largestGradient: exp(1), epsilon: 0.1, gap: 5)
        #expect(agree(four.fewestIterations ?? 0, 3 * exp(1) * 4.9375 / 0.16, 1e-14))
        // h = 1/(2(4·3 + 2)) = 1/28, 4·14·5/0.01 = 28,000.
        let six = StepRules.zhangSix(L0: 2, L1: 3, largestGradient: 4, epsilon: 0.1, gap: 5)
        #expect(agree(six.stepSize ?? 0, 1.0 / 28, 1e-15) && agree(six.iterations ?? 0, 28000, 1e-14))
        // τ = ½: Δ' = 5 + (10 + 3)/4 + 9·½·4/3 = 14.25; max{3840, 4·14.25/10⁻⁴, (160 + 768)/0.01} = 570,000; T = 8,122,500.
        let seven = StepRules.zhangSeven(L0: 2, L1: 3, noise: 0.5, epsilon: 0.1, gap: 5)
        #expect(agree(seven.iterations ?? 0, 8_122_500, 1e-12))
        #expect(agree(seven.stepSize ?? 0, 1 / 2850.0, 1e-6) && agree(seven.longestStep ?? 0, 1.0 / 48, 1e-15))
        // Where 1/(16 L1(g + τ)) = η.
        #expect(agree(1 / (48 * ((seven.clipNorm ?? 0) + 0.5)), seven.stepSize ?? 0, 1e-12))
        // M = 4: factor 5 + (10 + 48)·20.25 = 1179.5; T = 16·1179.5²/10⁻⁴; h = min{1/√T, 1/13.5}.
        let eight = StepRules.zhangEight(L0: 2, L1: 3, largestGradient: 4, noise: 0.5, epsilon: 0.1, gap: 5)
        #expect(agree(eight.iterations ?? 0, 16 * 1179.5 * 1179.5 * 1e4, 1e-12))
        #expect(agree(eight.stepSize ?? 0, 1 / (4 * 1179.5 * 100), 1e-9))
    }

    @Test func improved() throws {
        // β = 0.9: η = 0.1/21.2, γ = 0.1/31.8, clip norm 2/3; 15·max{100·212, 25·(31.8²/21.2)·10}.
        let one = StepRules.improvedOne(L0: 2, L1: 3, beta: 0.9, epsilon: 0.1, gap: 5)
        #expect(agree(one.stepSize ?? 0, 0.1 / 21.2, 1e-14) && agree(one.longestStep ?? 0, 0.1 / 31.8, 1e-14))
        #expect(agree(one.clipNorm ?? 0, 2.0 / 3, 1e-14))
        #expect(agree(one.iterations ?? 0, 15 * max(21200, 25 * 31.8 * 31.8 / 21.2 * 10), 1e-12))
        // σ = 2, β = 0: γ = (0.1/4)·min{0.1/2.02, 1/2.02, 1/75.75} = 0.025/75.75; clip norm 10.
        let two = StepRules.improvedTwo(L0: 2, L1: 3, beta: 0, noise: 2, epsilon: 0.1, gap: 5)
        #expect(agree(two.longestStep ?? 0, 0.025 / 75.75, 1e-14) && two.clipNorm == 10)
        #expect(agree(two.stepSize ?? 0, 0.0025 / 75.75, 1e-14))
        #expect(agree(two.iterations ?? 0, 15 / 0.01 / (0.0025 / 75.75), 1e-12))
    }

    @Test func others() throws {
        // c₁ = 0.6, η = 2, L1 = 3: 0.6/24.
        #expect(agree(StepRules.qianOne(L1: 3, clipNorm: 2, meanCosine: 0.6).stepSize ?? 0, 0.025, 1e-14))
        // m = 4, L0ᵢ = 5, L1ᵢ = 1: G = 57, min{0.6/(8·(12 + 57)), 1/100, 1/64}.
        let two = StepRules.qianTwo(
            L1: 3, clipNorm: 2, meanCosine: 0.6, componentL0: 5, componentL1: 1, components: 4)
        #expect(agree(two.stepSize ?? 0, 0.6 / 552, 1e-14))
        let vankov = StepRules.vankov(L0: 2, L1: 3)
        #expect(vankov.stepSize == 0.25 && agree(vankov.clipNorm ?? 0, 4.0 / 9, 1e-14))
        // g = 1: ln(1 + 3/5)/3; above 1/(L0 + 1.5 L1 g) above the clipped step, for every g.
        #expect(agree(StepRules.vankovStep(L0: 2, L1: 3, gradientNorm: 1), log(1.6) / 3, 1e-14))
        for g in [1e-4, 0.1, 0.44, 1, 10, 1e4] {
            let best = StepRules.vankovStep(L0: 2, L1: 3, gradientNorm: g)
            let simple = 1 / (2 + 4.5 * g)
            #expect(best >= simple && simple >= min(0.25, 1 / (9 * g)) * (1 - 1e-14))
            // It minimises −hg² + (L0 + L1 g)/L1² (e^{L1 h g} − L1 h g − 1).
            func bound(_ h: Double) -> Double {
                -h * g * g + (2 + 3 * g) / 9 * (expm1(3 * h * g) - 3 * h * g)
            }
            #expect(bound(best) < bound(best * 1.01) && bound(best) < bound(best * 0.99))
        }
        #expect(agree(StepRules.omega * exp(StepRules.omega), 1, 1e-15))
        let gorbunov = StepRules.gorbunov(L0: 2, L1: 3)
        #expect(agree(gorbunov.clipNorm ?? 0, 2.0 / 3, 1e-14))
        #expect(StepRules.gluonStep(L0: 2, L1: 3, gradientNorm: 4) == 4.0 / 14)
    }

    /// Clipped gradient descent by theorem 3 on functions with known constants arrives within the stated number of iterations:
    /// cosh x and e^x + e^{-x}-like walls, a quadratic, and a quartic.
    @Test func theoremThreeArrives() throws {
        // (L0, L1), start, f(x₀) − f*, f′.
        let functions: [(Double, Double, Double, Double, (Double) -> Double)] = [
            (1, 1, 6, cosh(6) - 1, { sinh($0) }), (2, 0.1, 5, 25, { 2 * $0 }),
            // x⁴: 12x² ≤ L0 + L1·4|x|³ with L1 = 1 and L0 = max (12x² − 4x³) = 16 at x = 2.
            (16, 1, 4, 256, { 4 * $0 * $0 * $0 }),
        ]
        for (L0, L1, start, gap, slope) in functions {
            for epsilon in [1.0, 0.1, 0.01] {
                let rule = StepRules.zhangThree(L0: L0, L1: L1, epsilon: epsilon, gap: gap)
                let (eta, longest) = (try #require(rule.stepSize), try #require(rule.longestStep))
                var (x, count) = (start, 0)
                while abs(slope(x)) > epsilon, Double(count) <= rule.iterations ?? 0 {
                    x -= min(eta, longest / abs(slope(x))) * slope(x)
                    count += 1
                }
                #expect(abs(slope(x)) <= epsilon && Double(count) <= rule.iterations ?? 0)
            }
        }
    }
}

@Suite struct AdviceTests {
    private let points: SmoothnessPoints = {
        var points = Simulation.trajectory(
            400, intercept: 1, slope: 0.5, gradientMemory: 0.5, noiseMemory: 0.3, seed: 3, index: 0)
        points.loss = points.iteration.map { 3 - Double($0) / 200 }
        return points
    }()

    private func options(_ change: (inout AdviceOptions) -> Void = { _ in }) -> AdviceOptions {
        var options = AdviceOptions()
        options.fit.replicates = 300
        options.epsilon = 0.05
        options.noise = 2
        change(&options)
        return options
    }

    @Test func carriesIntervalsThrough() throws {
        let report = try advise(points, options: options())
        let (L0, L1) = (report.L0.value, report.L1.value)
        let three = try #require(report.theorems.first { $0.name == "zhang-3" })
        let rule = StepRules.zhangThree(L0: L0, L1: L1, epsilon: 0.05, gap: 3)
        let step = try #require(three.stepSize)
        #expect(step.value == rule.stepSize && three.iterations?.value == rule.iterations)
        // 1/(10 L0) falls with L0: its interval is that of L0 turned over.
        let (lower, upper) = (try #require(report.L0.lower), try #require(report.L0.upper))
        #expect(lower > 0)
        #expect(agree(step.lower ?? 0, 1 / (10 * upper), 0.01, scale: 0))
        #expect(agree(step.upper ?? 0, 1 / (10 * lower), 0.01, scale: 0))
        let longest = try #require(three.longestStep)
        let slopes = (try #require(report.L1.lower), try #require(report.L1.upper))
        #expect(agree(longest.lower ?? 0, 1 / (10 * slopes.1), 0.01, scale: 0))
        #expect(agree(longest.upper ?? 0, 1 / (10 * slopes.0), 0.01, scale: 0))
        let critical = try #require(report.criticalNorm)
        #expect((critical.lower ?? 0) >= lower / slopes.1 && (critical.upper ?? .infinity) <= upper / slopes.0)
        #expect((critical.lower ?? 1) < L0 / L1 && (critical.upper ?? 0) > L0 / L1)
        #expect(report.gap == 3 && agree(report.criticalNorm?.value ?? 0, L0 / L1, 1e-14))
        let beyond = points.gradientNorm.filter { $0 > L0 / L1 }.count
        #expect(report.shareAboveCritical == Double(beyond) / 400)
    }

    /// Where the interval of L0 reaches 0, steps 1/(10 L0) have no upper end, in every method.
    @Test(arguments: [AdviceLine.leastSquares, .expectile, .quantile])
    func hasNoUpperEndAtTheBound(_ line: AdviceLine) throws {
        // The first of some trajectories on which the line is inside and its interval is not.
        let reports = try (0..<10).map { index in
            try advise(
                Simulation.trajectory(
                    100, intercept: 0.1, slope: 0.5, gradientMemory: 0.7, noiseMemory: 0.7, seed: 5, index: index),
                options: options {
                    $0.line = line
                    $0.gap = 3
                    $0.fit.replicates = 200
                })
        }
        let report = try #require(reports.first { $0.L0.lower == 0 && $0.L0.value > 0 && $0.L1.value > 0 })
        let step = try #require(report.theorems.first { $0.name == "zhang-3" }?.stepSize)
        #expect(step.upper == nil && step.reasonWithoutInterval?.contains("reaches 0") == true)
        #expect(agree(step.lower ?? 0, 1 / (10 * (report.L0.upper ?? 0)), 0.01, scale: 0))
        let critical = try #require(report.criticalNorm)
        #expect((critical.lower ?? 1) < 0.1 * critical.value)
    }

    @Test func comparesTheRunsSettings() throws {
        let kept = try advise(
            points,
            options: options {
                $0.settings = RunStepSettings(
                    learningRate: 1e-3, clipNorm: 1, momentum: 0, isGradientMethod: true, algorithm: "sgd")
            })
        #expect(kept.theorems.first { $0.name == "improved-3.1" }?.runSatisfies == true)
        let broken = try advise(
            points,
            options: options {
                $0.settings = RunStepSettings(
                    learningRate: 10, clipNorm: nil, momentum: 0, isGradientMethod: true, algorithm: "sgd")
            })
        let three = try #require(broken.theorems.first { $0.name == "zhang-3" })
        #expect(three.runSatisfies == false && three.runComparison?.contains("does not clip") == true)
        let adam = try advise(
            points,
            options: options {
                $0.settings = RunStepSettings(
                    learningRate: 1e-3, clipNorm: nil, momentum: 0.9, isGradientMethod: false, algorithm: "adam")
            })
        #expect(adam.theorems.allSatisfy { $0.runSatisfies == nil })
    }

    /// Where an assumption is not met there is the reason and no number.
    @Test func refusesNumbers() throws {
        let small = try advise(points, options: options { $0.noise = 0.5 })
        let two = try #require(small.theorems.first { $0.name == "improved-3.2" })
        #expect(two.stepSize == nil && two.reasonWithoutNumbers?.contains("σ ≥ 1") == true)
        let coarse = try advise(points, options: options { $0.epsilon = 0.2 })
        #expect(coarse.theorems.first { $0.name == "improved-3.2" }?.reasonWithoutNumbers?.contains("ε ≤ 0.1") == true)
        let four = try #require(small.theorems.first { $0.name == "zhang-4" })
        #expect(four.fewestIterations == nil && four.reasonWithoutNumbers?.hasPrefix("not met: L") == true)
        // Smoothness that falls with the gradient norm: L1 = 0, and no theorem on clipping speaks.
        var falling = points
        falling.smoothness = falling.gradientNorm.map { 2 / $0 }
        let flat = try advise(falling, options: options())
        #expect(flat.L1.value == 0 && flat.criticalNorm == nil)
        for name in ["zhang-3", "improved-3.1", "vankov"] {
            let advice = try #require(flat.theorems.first { $0.name == name })
            #expect(advice.stepSize == nil && advice.reasonWithoutNumbers == "not met: L1 > 0")
        }
        var bare = points
        bare.loss = nil
        let missing = try advise(
            bare,
            options: options {
                $0.epsilon = nil
                $0.noise = nil
            })
        #expect(missing.missing.count == 5 && missing.gap == nil)
        #expect(missing.theorems.first { $0.name == "zhang-3" }?.iterations == nil)
        #expect(missing.theorems.first { $0.name == "zhang-7" }?.stepSize == nil)
        #expect(throws: SmoothnessError.self) { try advise(points, options: options { $0.epsilon = -1 }) }
    }

    @Test func measuresNoise() throws {
        let noise = try #require(
            GradientNoise(traces: [4, .nan, -1, 16, 1], squaredGradientNorms: [2, 1, 1, 4, 0], origin: "test"))
        #expect(noise.largest == 4 && noise.median == 2 && noise.points == 3 && noise.noiseScale == 3)
        #expect(GradientNoise(traces: [.nan, -1], squaredGradientNorms: [1, 1], origin: "test") == nil)
    }
}
