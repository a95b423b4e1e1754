import Essentials
import Fitting

/// [Z] theorems 7 and 8: stochastic gradients with noise of a bounded size τ. The iteration complexity is the first t at which at
/// least half of the runs have seen ‖∇f‖ ≤ ε (eq. 8): the median over repetitions.
struct StochasticTheorems {
    let options: TheoryOptions

    init(_ options: TheoryOptions) { self.options = options }

    func lines() -> [TheoryLine] {
        let (epsilon, gap) = (options.epsilon, options.gap)
        let steep = Instance.steep(options)
        let slow = Instance.slow(epsilon: epsilon, gap: gap)
        let fast = Instance.fast(options)
        let clipped =
            [fast, slow, steep].map(theoremSeven)
            + Instance.others(L1: options.L1).map { theoremSeven($0.instance, L0: $0.L0) }
        return clipped + [slow, steep, fast].map(theoremEight)
    }

    private func theoremSeven(_ instance: Instance) -> TheoryLine { theoremSeven(instance, L0: options.L0) }

    /// The paper prints h = min{1/(16ηL1(‖g‖ + τ)), η}; the η in the denominator is a slip: the proof uses h without it.
    private func theoremSeven(_ instance: Instance, L0: Double) -> TheoryLine {
        let (L1, noise, epsilon) = (options.L1, options.noise, options.epsilon)
        let rule = StepRules.zhangSeven(L0: L0, L1: L1, noise: noise, epsilon: epsilon, gap: instance.gap)
        let (eta, bound) = (rule.stepSize ?? .nan, rule.iterations ?? .nan)
        return TheoryLine(
            source: "[Z] theorem 7", instance: instance.name + ", L0 = \(short(L0)), τ = \(short(noise))",
            algorithm: "clipped SGD, h = min{1/(16 L1(‖g‖ + τ)), η}, η = \(short(eta))",
            quantity: "median iterations until ‖∇f‖ ≤ ε", relation: .atMost,
            measured: median(instance, purpose: "theorem 7", bound: bound) { min(1 / (16 * L1 * ($0 + noise)), eta) },
            bound: bound, assumptions: [.smooth(instance, L0: L0, L1: L1)])
    }

    private func theoremEight(_ instance: Instance) -> TheoryLine {
        let (L0, L1, noise, epsilon) = (options.L0, options.L1, options.noise, options.epsilon)
        let M = instance.globalGradient
        let rule = StepRules.zhangEight(
            L0: L0, L1: L1, largestGradient: M, noise: noise, epsilon: epsilon, gap: instance.gap)
        let (step, bound) = (rule.stepSize ?? .nan, rule.iterations ?? .nan)
        return TheoryLine(
            source: "[Z] theorem 8", instance: instance.name + ", L0 = \(short(L0)), τ = \(short(noise))",
            algorithm: "SGD, h = min{1/√T, 1/(L1(M + τ))} = \(short(step))",
            quantity: "median iterations until ‖∇f‖ ≤ ε", relation: .atMost,
            measured: M.isFinite ? median(instance, purpose: "theorem 8", bound: bound) { _ in step } : nil,
            bound: bound,
            assumptions: [
                .smooth(instance, L0: L0, L1: L1),
                .init("‖∇f‖ ≤ M everywhere: noise leaves the set f ≤ f(x₀)", M.isFinite),
            ])
    }

    /// `nil` where more than half of the runs did not arrive before the limit, and the bound is beyond it.
    private func median(
        _ instance: Instance, purpose: String, bound: Double, stepSize: (Double) -> Double
    ) -> Double? {
        let enough = bound < Double(options.iterationLimit)
        let limit = enough ? Int(bound) + 1 : options.iterationLimit
        let counts = (0..<options.repetitions).map { repetition -> Double in
            var generator = SeededGenerator(seed: options.seed, purpose: purpose, index: repetition)
            return Descent.iterations(
                instance, untilGradient: options.epsilon, limit: limit, noise: options.noise, generator: &generator,
                stepSize: stepSize) ?? .infinity
        }.sorted()
        // The first t at which at least half have arrived.
        let median = counts[(counts.count - 1) / 2]
        return median.isFinite || enough ? median : nil
    }
}
