import Foundation

extension AdviceWork {
    func theorems() -> [TheoremAdvice] {
        [
            zhangThree(), zhangFour(), zhangSix(), zhangSeven(), zhangEight(), improvedOne(), improvedTwo(), qianOne(),
            qianTwo(), vankov(), gorbunov(),
        ] + gluon()
    }

    private typealias Rule = (SmoothnessLine) -> StepRule

    /// The numbers of a rule, unless an assumption is not met or something is missing.
    private func advice(
        _ name: String, _ source: String, _ algorithm: String, _ text: String, _ assumptions: [TheoremAssumption],
        missing: String? = nil, rule: Rule?
    ) -> TheoremAdvice {
        var advice = TheoremAdvice(
            name: name, source: source, algorithm: algorithm, rule: text, assumptions: assumptions)
        if let failed = assumptions.first(where: { $0.state == .notMet }) {
            advice.reasonWithoutNumbers = "not met: \(failed.statement)"
            return advice
        }
        guard let rule else {
            advice.reasonWithoutNumbers = missing ?? "not known from a run"
            return advice
        }
        advice.stepSize = estimate { rule($0).stepSize }
        advice.longestStep = estimate { rule($0).longestStep }
        advice.clipNorm = estimate { rule($0).clipNorm }
        advice.iterations = estimate { rule($0).iterations }
        advice.fewestIterations = estimate { rule($0).fewestIterations }
        compare(&advice)
        return advice
    }

    /// Which of ε and, where the theorem takes them, σ and Δ are not given.
    private func lacking(noise needsNoise: Bool, gap needsGap: Bool) -> String {
        let names = [
            needsNoise && noise == nil ? "σ" : nil, options.epsilon == nil ? "ε" : nil,
            needsGap && gap == nil ? "Δ" : nil,
        ].compactMap(\.self)
        return names.joined(separator: ", ") + (names.count == 1 ? " is missing" : " are missing")
    }

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

    private var positiveL0: TheoremAssumption { .init("L0 > 0", holds: L0 > 0) }
    private var positiveL1: TheoremAssumption { .init("L1 > 0", holds: L1 > 0) }
    private var smooth: TheoremAssumption {
        .init("(L0, L1)-smooth everywhere, seen along one run only", .notCheckable)
    }
    private var boundedGradient: TheoremAssumption {
        largestGradient.isGiven
            ? .init("sup ‖∇f‖ ≤ M = \(significant(largestGradient.value, digits: 4)), given", .notCheckable)
            : .init(
                "sup ‖∇f‖ ≤ M; taken for M is the largest gradient norm seen, \(significant(largestGradient.value, digits: 4))",
                .notCheckable)
    }
    private var boundedNoise: TheoremAssumption {
        .init(
            "‖noise‖ ≤ τ always; taken for τ is σ = \(noise.map { significant($0, digits: 4) } ?? "unknown")",
            .notCheckable)
    }

    private func zhangThree() -> TheoremAdvice {
        advice(
            "zhang-3", "[Z] theorem 3", "clipped gradient descent",
            "η = 1/(10 L0), γ = min{1/η, 1/(10 L1 η)}, step min{η, γη/‖∇f‖}; ≤ 20 L0 Δ/ε² + 20 max(1, L1²) Δ/L0 iterations",
            [smooth, positiveL0, positiveL1]
        ) { StepRules.zhangThree(L0: $0.intercept, L1: $0.slope, epsilon: options.epsilon, gap: gap?.value) }
    }

    private func zhangFour() -> TheoremAdvice {
        let M = largestGradient.value
        var assumptions = [
            smooth, boundedGradient, TheoremAssumption("L0 ≥ 1", holds: L0 >= 1),
            TheoremAssumption("L1 ≥ 1", holds: L1 >= 1), TheoremAssumption("M > 1", holds: M > 1),
        ]
        var rule: Rule?
        if let epsilon = options.epsilon, let gap = gap?.value {
            assumptions.append(.init("Δ ≥ 5ε/4", holds: gap >= 5 * epsilon / 4))
            rule = { StepRules.zhangFour(L1: $0.slope, largestGradient: M, epsilon: epsilon, gap: gap) }
        }
        return advice(
            "zhang-4", "[Z] theorem 4", "gradient descent with any fixed step, worst case",
            "≥ L1 M (Δ − 5ε/8)/(8ε²(log M + 1)) iterations", assumptions, missing: lacking(noise: false, gap: true),
            rule: rule)
    }

    private func zhangSix() -> TheoremAdvice {
        let M = largestGradient.value
        return advice(
            "zhang-6", "[Z] theorem 6", "gradient descent with a fixed step",
            "h = 1/(2(M L1 + L0)); ≤ 4(M L1 + L0)Δ/ε² iterations",
            [smooth, boundedGradient, .init("M L1 + L0 > 0", holds: M * L1 + L0 > 0)]
        ) {
            StepRules.zhangSix(
                L0: $0.intercept, L1: $0.slope, largestGradient: M, epsilon: options.epsilon, gap: gap?.value)
        }
    }

    private func zhangSeven() -> TheoremAdvice {
        var rule: Rule?
        if let noise, let epsilon = options.epsilon, let gap = gap?.value {
            rule = {
                StepRules.zhangSeven(L0: $0.intercept, L1: $0.slope, noise: noise, epsilon: epsilon, gap: gap)
            }
        }
        return advice(
            "zhang-7", "[Z] theorem 7", "clipped stochastic gradient descent",
            "h = min{1/(16 L1(‖g‖ + τ)), η}, η = min{1/(20 L0), 1/(128 L1 τ), 1/√T}",
            [smooth, positiveL0, positiveL1, boundedNoise], missing: lacking(noise: true, gap: true), rule: rule)
    }

    private func zhangEight() -> TheoremAdvice {
        var rule: Rule?
        let M = largestGradient.value
        if let noise, let epsilon = options.epsilon, let gap = gap?.value {
            rule = {
                StepRules.zhangEight(
                    L0: $0.intercept, L1: $0.slope, largestGradient: M, noise: noise, epsilon: epsilon, gap: gap)
            }
        }
        return advice(
            "zhang-8", "[Z] theorem 8", "stochastic gradient descent with a fixed step",
            "h = min{1/√T, 1/(L1(M + τ))}; T = 16(Δ + (5 L0 + 4 L1 M)(M + τ)²)²/ε⁴",
            [smooth, positiveL1, boundedGradient, boundedNoise], missing: lacking(noise: true, gap: true), rule: rule)
    }

    private func improvedOne() -> TheoremAdvice {
        var result = advice(
            "improved-3.1", "[I] theorem 3.1", "Algorithm 1 without noise, β = \(significant(beta, digits: 3))",
            "η ≤ (1 − β)/(10.6 L0), γ ≤ (1 − β)/(10.6 L1), clip norm γ/η; 3Δ max{1/(ε²η), 25η/γ²} iterations to a mean ‖∇F‖ ≤ 2ε",
            [smooth, positiveL0, positiveL1]
        ) {
            StepRules.improvedOne(
                L0: $0.intercept, L1: $0.slope, beta: beta, epsilon: options.epsilon, gap: gap?.value)
        }
        result.momentum = beta
        return result
    }

    private func improvedTwo() -> TheoremAdvice {
        var assumptions = [smooth, positiveL0, positiveL1]
        var rule: Rule?
        if let noise {
            assumptions.append(.init("σ ≥ 1 (σ = \(significant(noise, digits: 4)))", holds: noise >= 1))
        }
        if let epsilon = options.epsilon { assumptions.append(.init("ε ≤ 0.1", holds: epsilon <= 0.1)) }
        if let noise, let epsilon = options.epsilon {
            rule = {
                StepRules.improvedTwo(
                    L0: $0.intercept, L1: $0.slope, beta: beta, noise: noise, epsilon: epsilon, gap: gap?.value)
            }
        }
        var result = advice(
            "improved-3.2", "[I] theorem 3.2", "Algorithm 1 with noise, β = \(significant(beta, digits: 3))",
            "γ ≤ (ε/2σ) min{ε/(1.01 L0), (1 − β)/(1.01 L0), (1 − β)/(25.25 L1)}, clip norm γ/η = 5σ; 3Δ/(ε²η) iterations to a mean "
                + "E‖∇F‖ ≤ 3ε", assumptions, missing: lacking(noise: true, gap: false), rule: rule)
        result.momentum = beta
        return result
    }

    private func qianOne() -> TheoremAdvice {
        var rule: Rule?
        let clipNorm = options.settings?.clipNorm
        if let cosine = options.meanCosine {
            rule = { line in
                StepRules.qianOne(
                    L1: line.slope, clipNorm: clipNorm ?? line.intercept / line.slope, meanCosine: cosine)
            }
        }
        return advice(
            "qian-3.1", "[Q] theorem 3.1", "SGD with every component's gradient clipped",
            "α ≤ c₁/(4 η L1) with clip norm η = \(clipNorm.map { "\($0), the run's" } ?? "L0/L1") and c₁ the mean cosine of components",
            [smooth, positiveL1, .init("(A3) cosines ≥ 0: see smoothness align", .notCheckable)],
            missing: "c₁ is missing", rule: rule)
    }

    private func qianTwo() -> TheoremAdvice {
        advice(
            "qian-3.2", "[Q] theorem 3.2", "incremental gradients in cyclic order, clipped",
            "α ≤ min{c₁/(2m(2ηL1 + G)), 1/(5m max L0ᵢ), 1/(8mη max L1ᵢ)}, G = 5 max L0ᵢ + 16η max L1ᵢ",
            [.init("(A5) every component is (L0ᵢ, L1ᵢ)-smooth", .notCheckable)],
            missing: "L0ᵢ and L1ᵢ of every component are not measured by an estimate of their mean", rule: nil)
    }

    private func vankov() -> TheoremAdvice {
        advice(
            "vankov", "Vankov et al. 2024", "clipped gradient descent",
            "min{1/(2 L0), 1/(3 L1 ‖∇f‖)}, a lower bound of the best step ln(1 + L1 g/(L0 + L1 g))/(L1 g)",
            [smooth, positiveL0, positiveL1]
        ) { StepRules.vankov(L0: $0.intercept, L1: $0.slope) }
    }

    private func gorbunov() -> TheoremAdvice {
        advice(
            "gorbunov", "Gorbunov et al. 2024", "smoothed clipping, convex functions",
            "η/(L0 + L1 ‖∇f‖), η = ν/2, ν e^ν = 1; step size at ‖∇f‖ → 0, longest step at ‖∇f‖ → ∞",
            [smooth, positiveL0, positiveL1, .init("f is convex", .notCheckable)]
        ) { StepRules.gorbunov(L0: $0.intercept, L1: $0.slope) }
    }

    /// One entry a block, by the block's own least-squares constants at its median gradient norm.
    private func gluon() -> [TheoremAdvice] {
        options.blocks.map { name, points in
            var advice = TheoremAdvice(
                name: "gluon \(name)", source: "Gluon 2025, block \(name)", algorithm: "layer-wise normalised steps",
                rule: "tᵢ = ‖∇ᵢf‖/(L0ᵢ + L1ᵢ‖∇ᵢf‖) by the block's expectile line, at its median gradient norm",
                assumptions: [smooth])
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
