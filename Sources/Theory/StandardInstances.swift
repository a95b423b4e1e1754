import Evaluation
import Formulas
import ParameterSpace

extension Instance {
    /// The fast function of [Z] theorem 4: exponential walls of growth λ = L1, started where |f′| = M.
    static func fast(_ options: TheoryOptions) -> Instance {
        let walls = ExponentialWalls<Double>(growth: options.L1, initialGradient: options.largestGradient)
        return Instance(
            "exponential walls (fast), λ = \(short(options.L1)), M = \(short(options.largestGradient))", walls,
            infimum: 1 / (2 * options.L1))
    }

    /// The slow function of [Z] theorem 4 with slope 2ε; the gap Δ = f(x₀) − f* is at least 5ε/4.
    static func slow(epsilon: Double, gap: Double) -> Instance {
        let slope = SlowSlope<Double>(slope: epsilon, gap: max(gap - 5 * epsilon / 4, 0) / 2)
        return Instance(
            "slow slope, ε = \(short(epsilon)), Δ = \(short(gap))", slope, infimum: 0, globalGradient: 2 * epsilon)
    }

    /// The same with the steepest slope that L0 allows, 2L0/3.
    static func steep(_ options: TheoryOptions) -> Instance {
        slow(epsilon: options.L0 / 3, gap: max(options.gap, 5 * options.L0 / 12))
    }

    /// Functions that are no part of the proofs, each with the L0 that it needs for this L1. Those that need more than 1000 are left
    /// out: their steps are so short that nothing is decided.
    static func others(L1: Double) -> [(instance: Instance, L0: Double)] {
        others().compactMap { instance in
            guard let least = instance.sufficientL0(L1), least > 0, least <= 1000 else { return nil }
            return (instance, least)
        }
    }

    private static func others() -> [Instance] {
        let valley = QuarticValley<Double>(start: [0.2, -1.1])
        let quadratic = Quadratic<Double>(spectrum: [4, 1, 0.1], rotations: 2, seed: 3)
        return [
            Instance("x⁴", Polynomial<Double>(coefficients: [0, 0, 0, 0, 1], start: 0.9), infimum: 0),
            Instance(
                "cosh x", ExponentialSum<Double>(amplitudes: [0.5, 0.5], rates: [1, -1], start: 1), infimum: 1),
            Instance(name: "x² + (y − 3x + 2)⁴", objective: valley, start: [0.2, -1.1], sublevelGradient: nil),
            Instance(
                name: "quadratic, eigenvalues 4, 1, 0.1", objective: quadratic, start: [0.5, -0.5, 1],
                sublevelGradient: nil),
        ]
    }

    /// A whole objective with infimum 0.
    private init(
        name: String, objective: some TwiceDifferentiableObjective<Double> & KnownSmoothness, start: [Double],
        sublevelGradient: Double?
    ) {
        self.init(
            name: name,
            value: { x in
                var gradient = x
                return (try? objective.gradient(ofComponent: 0, at: x, into: &gradient)) ?? .nan
            },
            gradient: { x, gradient in
                // Formulas do not throw; what cannot happen must not look like a minimum.
                if (try? objective.gradient(ofComponent: 0, at: x, into: &gradient)) == nil { gradient[0] = .nan }
            }, start: start, infimum: 0, sufficientL0: { objective.sufficientL0(forL1: $0) },
            sublevelGradient: sublevelGradient)
    }
}
