import Essentials
import Foundation

/// A theorem that prescribes steps for (L0, L1)-smooth functions, and everything that the program knows of it.
///
/// Advice, its text, CSV and JSON, pages and `--optimizer` loop over `Theorem.all`: a new theorem is a value and one line there.
struct Theorem: Sendable {
    /// What a rule needs besides L0 and L1.
    enum Need: String, CaseIterable {
        case noise = "σ"
        case epsilon = "ε"
        case gap = "Δ"
        case meanCosine = "c₁"
    }

    /// A stable name, as `zhang-3`.
    let name: String
    /// As `[Z] theorem 3`.
    let source: String
    let algorithm: String
    /// Whether the algorithm has the momentum β.
    var hasMomentum = false
    /// The formula.
    let statement: @Sendable (AdviceWork) -> String
    /// Functions that return `nil` where an assumption says nothing yet.
    let assumptions: [@Sendable (AdviceWork) -> TheoremAssumption?]
    /// Without these there are no numbers.
    var needs: [Need] = []
    /// Why there are never numbers.
    var reasonWithoutRule: String?
    /// Returns the rule for L0 and L1; asked where nothing is missing.
    var rule: @Sendable (AdviceWork, SmoothnessLine) -> StepRule = { _, _ in StepRule() }

    static let all = [
        zhangThree, zhangFour, zhangSix, zhangSeven, zhangEight, improvedOne, improvedTwo, qianOne, qianTwo, vankov,
        gorbunov,
    ]
}

extension AdviceWork {
    func theorems() -> [TheoremAdvice] { Theorem.all.map(advice) + gluon() }

    /// The numbers of a rule, unless an assumption is not met or something is missing.
    private func advice(_ theorem: Theorem) -> TheoremAdvice {
        let momentum = theorem.hasMomentum ? ", β = \(significant(beta, digits: 3))" : ""
        var advice = TheoremAdvice(
            name: theorem.name, source: theorem.source, algorithm: theorem.algorithm + momentum,
            rule: theorem.statement(self), assumptions: theorem.assumptions.compactMap { $0(self) },
            momentum: theorem.hasMomentum ? beta : nil)
        let missing = theorem.needs.filter(isMissing).map(\.rawValue)
        if let failed = advice.assumptions.first(where: { $0.state == .notMet }) {
            advice.reasonWithoutNumbers = "not met: \(failed.statement)"
        } else if let reason = theorem.reasonWithoutRule {
            advice.reasonWithoutNumbers = reason
        } else if !missing.isEmpty {
            advice.reasonWithoutNumbers =
                missing.joined(separator: ", ") + (missing.count == 1 ? " is missing" : " are missing")
        } else {
            let rule = { theorem.rule(self, $0) }
            advice.stepSize = estimate { rule($0).stepSize }
            advice.longestStep = estimate { rule($0).longestStep }
            advice.clipNorm = estimate { rule($0).clipNorm }
            advice.iterations = estimate { rule($0).iterations }
            advice.fewestIterations = estimate { rule($0).fewestIterations }
            compare(&advice)
        }
        return advice
    }

    private func isMissing(_ need: Theorem.Need) -> Bool {
        switch need {
        case .noise: noise == nil
        case .epsilon: options.epsilon == nil
        case .gap: gap == nil
        case .meanCosine: options.meanCosine == nil
        }
    }

    // What a rule needs, once it is known not to be missing.
    fileprivate var knownNoise: Double { noise ?? .nan }
    fileprivate var knownEpsilon: Double { options.epsilon ?? .nan }
    fileprivate var knownGap: Double { gap?.value ?? .nan }
    fileprivate var M: Double { largestGradient.value }

    /// Holds the run's settings against the longest allowed step size and step.
    private func compare(_ advice: inout TheoremAdvice) {
        guard let settings = options.settings, let step = advice.stepSize?.value else { return }
        guard settings.isGradientMethod else {
            advice.runComparison = "not comparable: the run used \(settings.algorithm)"
            return
        }
        func times(_ value: Double) -> String { significant(value, digits: 3) }
        var complaints: [String] = []
        if settings.learningRate > step * (1 + 1e-12) {
            complaints.append("its learning rate is \(times(settings.learningRate / step)) times the step size allowed")
        }
        if let longest = advice.longestStep?.value {
            if let clipNorm = settings.clipNorm {
                let own = settings.learningRate * clipNorm
                if own > longest * (1 + 1e-12) {
                    complaints.append("its longest step is \(times(own / longest)) times the one allowed")
                }
            } else {
                let own = settings.learningRate * fit.gradientNorm.maximum
                if own > longest * (1 + 1e-12) {
                    complaints.append(
                        "it does not clip, and its steps reached \(times(own / longest)) times the longest allowed")
                }
            }
        }
        advice.runSatisfies = complaints.isEmpty
        advice.runComparison = complaints.isEmpty ? "the run keeps to it" : complaints.joined(separator: "; ")
    }

    /// One entry a block, by the block's own least-squares constants at its median gradient norm.
    private func gluon() -> [TheoremAdvice] {
        options.blocks.map { name, points in
            var advice = TheoremAdvice(
                name: "gluon \(name)", source: "Gluon 2025, block \(name)", algorithm: "layer-wise normalised steps",
                rule: "tᵢ = ‖∇ᵢf‖/(L0ᵢ + L1ᵢ‖∇ᵢf‖) by the block's expectile line, at its median gradient norm",
                assumptions: [.seenAlongOneRun])
            do {
                let usable = try points.usable().points
                var plain = options.fit
                plain.replicates = 0
                plain.minimumLoss = nil
                plain.isWeighted = false
                let line = try Fitting.fit(points, options: plain).expectile.line
                let middle = median(usable.gradientNorm)
                advice.longestStep = Estimate(
                    value: StepRules.gluonStep(L0: line.intercept, L1: line.slope, gradientNorm: middle),
                    reasonWithoutInterval: "blocks are not bootstrapped here")
            } catch {
                advice.reasonWithoutNumbers = "\(error)"
            }
            return advice
        }
    }
}

// Assumptions of several theorems.
extension TheoremAssumption {
    fileprivate static let positiveL0: @Sendable (AdviceWork) -> TheoremAssumption? = {
        TheoremAssumption("L0 > 0", holds: $0.L0 > 0)
    }
    fileprivate static let positiveL1: @Sendable (AdviceWork) -> TheoremAssumption? = {
        TheoremAssumption("L1 > 0", holds: $0.L1 > 0)
    }
    static let seenAlongOneRun = TheoremAssumption(
        "(L0, L1)-smooth everywhere, seen along one run only", .notCheckable)
    fileprivate static let smooth: @Sendable (AdviceWork) -> TheoremAssumption? = { _ in seenAlongOneRun }
    fileprivate static let boundedGradient: @Sendable (AdviceWork) -> TheoremAssumption? = { work in
        let M = significant(work.M, digits: 4)
        return TheoremAssumption(
            work.largestGradient.isGiven
                ? "sup ‖∇f‖ ≤ M = \(M), given" : "sup ‖∇f‖ ≤ M; taken for M is the largest gradient norm seen, \(M)",
            .notCheckable)
    }
    fileprivate static let boundedNoise: @Sendable (AdviceWork) -> TheoremAssumption? = { work in
        TheoremAssumption(
            "‖noise‖ ≤ τ always; taken for τ is σ = \(work.noise.map { significant($0, digits: 4) } ?? "unknown")",
            .notCheckable)
    }
    /// An assumption that no data of one run can decide.
    fileprivate static func open(_ statement: String) -> @Sendable (AdviceWork) -> TheoremAssumption? {
        { _ in TheoremAssumption(statement, .notCheckable) }
    }
}

extension Theorem {
    private typealias A = TheoremAssumption

    static let zhangThree = Theorem(
        name: "zhang-3", source: "[Z] theorem 3", algorithm: "clipped gradient descent",
        statement: { _ in
            "η = 1/(10 L0), γ = min{1/η, 1/(10 L1 η)}, step min{η, γη/‖∇f‖}; ≤ 20 L0 Δ/ε² + 20 max(1, L1²) Δ/L0 iterations"
        }, assumptions: [A.smooth, A.positiveL0, A.positiveL1],
        rule: { StepRules.zhangThree(L0: $1.intercept, L1: $1.slope, epsilon: $0.options.epsilon, gap: $0.gap?.value) })

    static let zhangFour = Theorem(
        name: "zhang-4", source: "[Z] theorem 4", algorithm: "gradient descent with any fixed step, worst case",
        statement: { _ in "≥ L1 M (Δ − 5ε/8)/(8ε²(log M + 1)) iterations" },
        assumptions: [
            A.smooth, A.boundedGradient, { A("L0 ≥ 1", holds: $0.L0 >= 1) }, { A("L1 ≥ 1", holds: $0.L1 >= 1) },
            { A("M > 1", holds: $0.M > 1) },
            { work in
                guard let epsilon = work.options.epsilon, let gap = work.gap?.value else { return nil }
                return A("Δ ≥ 5ε/4", holds: gap >= 5 * epsilon / 4)
            },
        ], needs: [.epsilon, .gap],
        rule: {
            StepRules.zhangFour(L1: $1.slope, largestGradient: $0.M, epsilon: $0.knownEpsilon, gap: $0.knownGap)
        })

    static let zhangSix = Theorem(
        name: "zhang-6", source: "[Z] theorem 6", algorithm: "gradient descent with a fixed step",
        statement: { _ in "h = 1/(2(M L1 + L0)); ≤ 4(M L1 + L0)Δ/ε² iterations" },
        assumptions: [A.smooth, A.boundedGradient, { A("M L1 + L0 > 0", holds: $0.M * $0.L1 + $0.L0 > 0) }],
        rule: {
            StepRules.zhangSix(
                L0: $1.intercept, L1: $1.slope, largestGradient: $0.M, epsilon: $0.options.epsilon, gap: $0.gap?.value)
        })

    static let zhangSeven = Theorem(
        name: "zhang-7", source: "[Z] theorem 7", algorithm: "clipped stochastic gradient descent",
        statement: { _ in "h = min{1/(16 L1(‖g‖ + τ)), η}, η = min{1/(20 L0), 1/(128 L1 τ), 1/√T}" },
        assumptions: [A.smooth, A.positiveL0, A.positiveL1, A.boundedNoise], needs: [.noise, .epsilon, .gap],
        rule: {
            StepRules.zhangSeven(
                L0: $1.intercept, L1: $1.slope, noise: $0.knownNoise, epsilon: $0.knownEpsilon, gap: $0.knownGap)
        })

    static let zhangEight = Theorem(
        name: "zhang-8", source: "[Z] theorem 8", algorithm: "stochastic gradient descent with a fixed step",
        statement: { _ in "h = min{1/√T, 1/(L1(M + τ))}; T = 16(Δ + (5 L0 + 4 L1 M)(M + τ)²)²/ε⁴" },
        assumptions: [A.smooth, A.positiveL1, A.boundedGradient, A.boundedNoise], needs: [.noise, .epsilon, .gap],
        rule: {
            StepRules.zhangEight(
                L0: $1.intercept, L1: $1.slope, largestGradient: $0.M, noise: $0.knownNoise, epsilon: $0.knownEpsilon,
                gap: $0.knownGap)
        })

    static let improvedOne = Theorem(
        name: "improved-3.1", source: "[I] theorem 3.1", algorithm: "Algorithm 1 without noise", hasMomentum: true,
        statement: { _ in
            "η ≤ (1 − β)/(10.6 L0), γ ≤ (1 − β)/(10.6 L1), clip norm γ/η; 3Δ max{1/(ε²η), 25η/γ²} iterations to a mean ‖∇F‖ ≤ 2ε"
        }, assumptions: [A.smooth, A.positiveL0, A.positiveL1],
        rule: {
            StepRules.improvedOne(
                L0: $1.intercept, L1: $1.slope, beta: $0.beta, epsilon: $0.options.epsilon, gap: $0.gap?.value)
        })

    static let improvedTwo = Theorem(
        name: "improved-3.2", source: "[I] theorem 3.2", algorithm: "Algorithm 1 with noise", hasMomentum: true,
        statement: { _ in
            "γ ≤ (ε/2σ) min{ε/(1.01 L0), (1 − β)/(1.01 L0), (1 − β)/(25.25 L1)}, clip norm γ/η = 5σ; 3Δ/(ε²η) iterations to a mean "
                + "E‖∇F‖ ≤ 3ε"
        },
        assumptions: [
            A.smooth, A.positiveL0, A.positiveL1,
            { $0.noise.map { A("σ ≥ 1 (σ = \(significant($0, digits: 4)))", holds: $0 >= 1) } },
            { $0.options.epsilon.map { A("ε ≤ 0.1", holds: $0 <= 0.1) } },
        ], needs: [.noise, .epsilon],
        rule: {
            StepRules.improvedTwo(
                L0: $1.intercept, L1: $1.slope, beta: $0.beta, noise: $0.knownNoise, epsilon: $0.knownEpsilon,
                gap: $0.gap?.value)
        })

    static let qianOne = Theorem(
        name: "qian-3.1", source: "[Q] theorem 3.1", algorithm: "SGD with every component's gradient clipped",
        statement: { work in
            let clipNorm = work.options.settings?.clipNorm.map { "\($0), the run's" } ?? "L0/L1"
            return "α ≤ c₁/(4 η L1) with clip norm η = \(clipNorm) and c₁ the mean cosine of components"
        }, assumptions: [A.smooth, A.positiveL1, A.open("(A3) cosines ≥ 0: see smoothness align")],
        needs: [.meanCosine],
        rule: { work, line in
            StepRules.qianOne(
                L1: line.slope, clipNorm: work.options.settings?.clipNorm ?? line.intercept / line.slope,
                meanCosine: work.options.meanCosine ?? .nan)
        })

    static let qianTwo = Theorem(
        name: "qian-3.2", source: "[Q] theorem 3.2", algorithm: "incremental gradients in cyclic order, clipped",
        statement: { _ in
            "α ≤ min{c₁/(2m(2ηL1 + G)), 1/(5m max L0ᵢ), 1/(8mη max L1ᵢ)}, G = 5 max L0ᵢ + 16η max L1ᵢ"
        }, assumptions: [A.open("(A5) every component is (L0ᵢ, L1ᵢ)-smooth")],
        reasonWithoutRule: "L0ᵢ and L1ᵢ of every component are not measured by an estimate of their mean")

    static let vankov = Theorem(
        name: "vankov", source: "Vankov et al. 2024", algorithm: "clipped gradient descent",
        statement: { _ in
            "min{1/(2 L0), 1/(3 L1 ‖∇f‖)}, a lower bound of the best step ln(1 + L1 g/(L0 + L1 g))/(L1 g)"
        }, assumptions: [A.smooth, A.positiveL0, A.positiveL1],
        rule: { StepRules.vankov(L0: $1.intercept, L1: $1.slope) })

    static let gorbunov = Theorem(
        name: "gorbunov", source: "Gorbunov et al. 2024", algorithm: "smoothed clipping, convex functions",
        statement: { _ in
            "η/(L0 + L1 ‖∇f‖), η = ν/2, ν e^ν = 1; step size at ‖∇f‖ → 0, longest step at ‖∇f‖ → ∞"
        }, assumptions: [A.smooth, A.positiveL0, A.positiveL1, A.open("f is convex")],
        rule: { StepRules.gorbunov(L0: $1.intercept, L1: $1.slope) })
}
