import ParameterSpace

/// The update rules as functions of numbers: one step from x_t to x_{t+1}.
///
/// Every rule has the form m ← fl(β m + s g), x_{t+1} = fl(x_t − a m − b g), computed in Double and rounded once to the
/// scalar of the run, with m₀ = 0 and
/// - `clipping` (Algorithm 1 of Zhang, Jin, Fang, Wang 2020): s = 1 − β, a = ν min(η, γ/‖m_{t+1}‖),
///   b = (1 − ν) min(η, γ/‖g_t‖);
/// - `sgd`: a = 0, b = min(η, γ/‖g_t‖), which is Algorithm 1 with ν = 0;
/// - `heavy-ball`: s = min(1, c/‖g_t‖) with the clip norm c = γ/η, a = η, b = 0: the gradient is clipped before it enters.
///
/// Without clipping γ = c = ∞. Norms are those of the rounded vectors (`ParameterLayout.norm`). Where m can make no
/// difference (ν = 0, or β = 0 so that m = g) it is neither kept nor computed.
public struct UpdateRule: Sendable, Hashable {
    public let algorithm: TrainingConfiguration.Algorithm
    /// η
    public let learningRate: Double
    /// γ, infinite without clipping.
    public let gamma: Double
    /// c = γ/η, infinite without clipping.
    public let clipNorm: Double
    public let beta: Double
    /// ν; 0 where β = 0, since then m = g.
    public let nu: Double

    public init(_ configuration: TrainingConfiguration) {
        algorithm = configuration.algorithm
        learningRate = configuration.learningRate
        gamma = configuration.gamma ?? .infinity
        clipNorm = configuration.clipNorm ?? .infinity
        beta = configuration.beta
        nu = configuration.beta == 0 ? 0 : configuration.nu
    }

    /// Whether the rule carries a vector m from one iteration to the next.
    public var keepsMomentum: Bool {
        switch algorithm {
        case .clipping: nu > 0
        case .sgd: false
        case .heavyBall: beta > 0
        }
    }

    /// What the gradient is multiplied with on its way into m: s.
    public func momentumGain(gradientNorm: Double) -> Double {
        switch algorithm {
        case .clipping: 1 - beta
        case .sgd: 0
        case .heavyBall: gradientNorm > clipNorm ? clipNorm / gradientNorm : 1
        }
    }

    /// The factors a of m and b of g in x_{t+1} = x_t − a m − b g, and whether either was shortened by clipping.
    public struct Step: Sendable, Hashable {
        public var momentumFactor: Double
        public var gradientFactor: Double
        public var isClipped: Bool
    }

    /// - Parameters:
    ///   - gradientNorm: ‖g_t‖.
    ///   - momentumNorm: ‖m_{t+1}‖; not looked at unless `keepsMomentum`.
    public func step(gradientNorm: Double, momentumNorm: Double) -> Step {
        switch algorithm {
        case .heavyBall where keepsMomentum:
            return Step(
                momentumFactor: learningRate, gradientFactor: 0, isClipped: gradientNorm > clipNorm)
        case .clipping where keepsMomentum:
            let (momentum, gradient) = (clipped(momentumNorm), clipped(gradientNorm))
            return Step(
                momentumFactor: nu * momentum.factor, gradientFactor: (1 - nu) * gradient.factor,
                isClipped: momentum.isClipped || (nu < 1 && gradient.isClipped))
        case .clipping, .sgd, .heavyBall:
            let gradient = clipped(gradientNorm)
            return Step(momentumFactor: 0, gradientFactor: gradient.factor, isClipped: gradient.isClipped)
        }
    }

    /// min(η, γ/‖v‖)
    private func clipped(_ norm: Double) -> (factor: Double, isClipped: Bool) {
        let longest = gamma / norm
        return longest < learningRate ? (longest, true) : (learningRate, false)
    }

    /// One step. Overwrites `momentum` with m_{t+1} (empty unless `keepsMomentum`) and `next` with x_{t+1}.
    /// - Parameter gradientNorm: ‖g‖ = `layout.norm(of: gradient)`, which the caller has already.
    /// - Returns: whether the step was clipped.
    public func advance<Scalar: ParameterScalar>(
        from iterate: [Scalar], gradient: [Scalar], gradientNorm: Double, momentum: inout [Scalar],
        into next: inout [Scalar], layout: ParameterLayout
    ) -> Bool {
        guard keepsMomentum else {
            let step = step(gradientNorm: gradientNorm, momentumNorm: .nan)
            Scalar.step(into: &next, from: iterate, 0, gradient, step.gradientFactor, gradient)
            return step.isClipped
        }
        Scalar.axpby(momentumGain(gradientNorm: gradientNorm), gradient, beta, into: &momentum)
        // Only Algorithm 1 looks at ‖m‖.
        let momentumNorm = algorithm == .clipping ? layout.norm(of: momentum) : .nan
        let step = step(gradientNorm: gradientNorm, momentumNorm: momentumNorm)
        Scalar.step(into: &next, from: iterate, step.momentumFactor, momentum, step.gradientFactor, gradient)
        return step.isClipped
    }
}
