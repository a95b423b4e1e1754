import Essentials
import Fitting

/// [I] theorems 3.1 and 3.2: Algorithm 1 with the step sizes at which they say something, for clipping of gradients, of momentum
/// and of both.
struct FrameworkTheorems {
    let options: TheoryOptions

    init(_ options: TheoryOptions) { self.options = options }

    private typealias Member = (name: String, beta: Double, nu: Double)

    private static func members(beta: Double) -> [Member] {
        [
            ("gradient clipping, β = ν = 0", 0, 0), ("momentum clipping, β = \(short(beta)), ν = 1", beta, 1),
            ("mixed clipping, β = \(short(beta)), ν = 0.7", beta, 0.7),
        ]
    }

    private var instances: [(instance: Instance, L0: Double)] {
        let (L0, L1) = (options.L0, options.L1)
        return [
            (.fast(options), L0), (.slow(epsilon: options.epsilon, gap: options.gap), L0),
            (.steep(options), L0),
        ] + Instance.others(L1: L1)
    }

    func deterministicLines() -> [TheoryLine] {
        instances.flatMap { instance, L0 in
            Self.members(beta: 0.9).map { member in
                let epsilon = options.epsilon
                let rule = StepRules.improvedOne(
                    L0: L0, L1: options.L1, beta: member.beta, epsilon: epsilon, gap: instance.gap)
                let (eta, gamma) = (rule.stepSize ?? .nan, rule.longestStep ?? .nan)
                let needed = rule.iterations ?? .nan
                return TheoryLine(
                    source: "[I] theorem 3.1", instance: instance.name + ", L0 = \(short(L0))",
                    algorithm: "\(member.name), η = \(short(eta)), γ = \(short(gamma))",
                    quantity: "mean ‖∇F‖ over T = \(short(needed.rounded(.up))) iterations", relation: .atMost,
                    measured: mean(
                        instance, member, eta: eta, gamma: gamma, needed: needed, noise: 0, repetitions: 1),
                    bound: 2 * epsilon, assumptions: [.smooth(instance, L0: L0, L1: options.L1)])
            }
        }
    }

    func noisyLines() -> [TheoryLine] {
        instances.flatMap { instance, L0 in
            Self.members(beta: 0.5).map { member in
                let (epsilon, sigma, L1) = (options.epsilon, options.noise, options.L1)
                let rule = StepRules.improvedTwo(
                    L0: L0, L1: L1, beta: member.beta, noise: sigma, epsilon: epsilon, gap: instance.gap)
                let (eta, gamma) = (rule.stepSize ?? .nan, rule.longestStep ?? .nan)
                let needed = rule.iterations ?? .nan
                let repetitions = min(options.repetitions, 3)
                return TheoryLine(
                    source: "[I] theorem 3.2", instance: instance.name + ", L0 = \(short(L0)), σ = \(short(sigma))",
                    algorithm: "\(member.name), η = \(short(eta)), γ = \(short(gamma))",
                    quantity: "mean ‖∇F‖ over T = \(short(needed.rounded(.up))) iterations and \(repetitions) runs",
                    relation: .atMost,
                    measured: mean(
                        instance, member, eta: eta, gamma: gamma, needed: needed, noise: sigma, repetitions: repetitions
                    ),
                    bound: 3 * epsilon,
                    assumptions: [
                        .smooth(instance, L0: L0, L1: L1), .init("ε ≤ 0.1", epsilon <= 0.1), .init("σ ≥ 1", sigma >= 1),
                    ])
            }
        }
    }

    private func mean(
        _ instance: Instance, _ member: Member, eta: Double, gamma: Double,
        needed: Double, noise: Double, repetitions: Int
    ) -> Double? {
        guard needed <= Double(options.iterationLimit) else { return nil }
        let iterations = max(Int(needed.rounded(.up)), 1)
        return (0..<repetitions).reduce(0) { sum, repetition in
            var generator = SeededGenerator(seed: options.seed, purpose: "algorithm 1", index: repetition)
            return sum
                + Descent.meanGradientOfAlgorithmOne(
                    instance, eta: eta, gamma: gamma, beta: member.beta, nu: member.nu, iterations: iterations,
                    noise: noise, generator: &generator) / Double(repetitions)
        }
    }
}
