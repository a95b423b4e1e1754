import ParameterSpace

/// The update rules as functions of numbers: one step from x_t to x_{t+1}.
///
/// g is the gradient that iteration t uses, with λ x_t added to it where weight decay comes *before* clipping; c = γ/η is the
/// clip norm, infinite without clipping; all memories begin at zero. Every vector below is computed in Double and
/// rounded once to the scalar of the run.
///
/// `clip(v)` is the factor of a step along v, `gain(v)` that of a gradient that is clipped before it enters a memory:
///
///     hard   clip(v) = min(η, γ/‖v‖)            gain(v) = min(1, c/‖v‖)
///     soft   clip(v) = η/(1 + η‖v‖/γ)           gain(v) = 1/(1 + ‖v‖/c)
///
/// ‖v‖ is over all parameters or, with the scope `block`, over each block of parameters on its own, with the same γ and c.
///
/// | algorithm | memory | step | weight decay after clipping |
/// |---|---|---|---|
/// | `clipping` | m ← β m + (1 − β) g | x ← k x − ν clip(m) m − (1 − ν) clip(g) g | k = 1 − ηλ |
/// | `sgd` | | x ← k x − clip(g) g | k = 1 − ηλ |
/// | `heavy-ball` | m ← β m + gain(g) g + λ x | x ← x − η m | inside m |
/// | `normalized` | m ← β m + (1 − β) g | x ← k x − η/(‖m‖ + b) m | k = 1 − ηλ |
/// | `adam` | h = gain(g) g + λ x; m ← β m + (1 − β) h; v ← β₂ v + (1 − β₂) h² | x ← x − η m̂/(√v̂ + ε) | inside h |
/// | `adamw` | as `adam`, without λ x | x ← (1 − ηλ) x − η m̂/(√v̂ + ε) | decoupled: always so |
///
/// with m̂ = m/(1 − β^{t+1}) and v̂ = v/(1 − β₂^{t+1}). Sources: `clipping` is Algorithm 1 of Zhang, Jin, Fang, Wang 2020, the soft
/// form that of its published code; `normalized` is equation 6 of Zhang, He, Sra, Jadbabaie 2020 for β = 0 and the normalised
/// momentum of the former (ν = 1, η → ∞) for b = 0; `adam` is Kingma, Ba 2015 and `adamw` Loshchilov, Hutter 2019. Where m can
/// make no difference (ν = 0, or β = 0 so that m = g) it is neither kept nor computed.
public struct UpdateRule: Sendable, Hashable {
    public let algorithm: TrainingConfiguration.Algorithm
    /// η
    public private(set) var learningRate: Double
    /// γ, infinite without clipping.
    public private(set) var gamma: Double
    /// c = γ/η, infinite without clipping.
    public let clipNorm: Double
    public let form: TrainingConfiguration.ClippingForm
    public let scope: TrainingConfiguration.ClippingScope
    public let beta: Double
    /// ν; 0 where β = 0, since then m = g.
    public let nu: Double
    /// b of `normalized`.
    public let offset: Double
    /// β₂ and ε of `adam` and `adamw`.
    public let adam: TrainingConfiguration.AdamConstants
    /// λ and its place; `nil` without weight decay.
    public let weightDecay: TrainingConfiguration.WeightDecay?

    public init(_ configuration: TrainingConfiguration) {
        algorithm = configuration.algorithm
        learningRate = configuration.learningRate
        gamma = configuration.gamma ?? .infinity
        clipNorm = configuration.clipNorm ?? .infinity
        form = configuration.clippingForm
        scope = configuration.clippingScope
        beta = configuration.beta
        nu = configuration.beta == 0 ? 0 : configuration.nu
        offset = configuration.offset
        adam = configuration.adam ?? TrainingConfiguration.AdamConstants()
        weightDecay = configuration.weightDecay.flatMap { $0.rate == 0 ? nil : $0 }
    }

    /// The rule of an iteration in which the schedule multiplies η with a factor; γ goes with η, the clip norm stays.
    public func scaled(by factor: Double) -> UpdateRule {
        var rule = self
        rule.learningRate *= factor
        rule.gamma *= factor
        return rule
    }

    /// Whether the rule carries a vector m from one iteration to the next.
    public var keepsMomentum: Bool {
        switch algorithm.memory {
        case .none: false
        case .mean: algorithm.hasNu ? nu > 0 : beta > 0
        case .sum: beta > 0
        case .moments: true
        }
    }

    /// Whether it carries the second moment v.
    public var keepsSecondMoment: Bool { algorithm.memory == .moments }

    /// Whether weight decay makes another vector of the gradient: λ x added before clipping, or on the way into a memory.
    var adjustsGradient: Bool { decayBefore != 0 || decayInMemory != 0 }

    /// λ where it is added to the gradient before anything else, else 0.
    var decayBefore: Double {
        guard let weightDecay, weightDecay.place == .before else { return 0 }
        return weightDecay.rate
    }

    /// λ where it is added to the clipped gradient on its way into a memory, else 0.
    var decayInMemory: Double {
        guard let weightDecay, weightDecay.place == .after else { return 0 }
        switch algorithm.memory {
        case .sum where keepsMomentum: return weightDecay.rate
        case .moments where !algorithm.isDecoupled: return weightDecay.rate
        case .none, .mean, .sum, .moments: return 0
        }
    }

    /// k, what x_t is multiplied with.
    public var keep: Double {
        guard let weightDecay, weightDecay.place != .before, decayInMemory == 0 else { return 1 }
        return 1 - learningRate * weightDecay.rate
    }

    /// gain(g), what a gradient of this norm is multiplied with on its way into the memory of `heavy-ball` and `adam`, and
    /// whether the clip norm was reached.
    public func gain(gradientNorm: Double) -> (factor: Double, isClipped: Bool) {
        let isClipped = gradientNorm > clipNorm
        switch form {
        case .hard: return (isClipped ? clipNorm / gradientNorm : 1, isClipped)
        case .soft: return (1 / (1 + gradientNorm / clipNorm), isClipped)
        }
    }

    /// The factors in x_{t+1} = k x_t − a m − b g, and whether a clip norm was reached.
    public struct Step: Sendable, Hashable {
        public var momentumFactor: Double
        public var gradientFactor: Double
        public var isClipped: Bool
    }

    /// a and b of all algorithms but Adam's.
    /// - Parameters:
    ///   - gradientNorm: ‖g‖.
    ///   - momentumNorm: ‖m_{t+1}‖; not looked at unless `keepsMomentum`.
    public func step(gradientNorm: Double, momentumNorm: Double) -> Step {
        if algorithm.isNormalized {
            return keepsMomentum
                ? Step(momentumFactor: normalizing(momentumNorm), gradientFactor: 0, isClipped: false)
                : Step(momentumFactor: 0, gradientFactor: normalizing(gradientNorm), isClipped: false)
        }
        switch algorithm.memory {
        case .sum where keepsMomentum:
            return Step(
                momentumFactor: learningRate, gradientFactor: 0, isClipped: gain(gradientNorm: gradientNorm).isClipped)
        case .mean where keepsMomentum:
            let (momentum, gradient) = (clip(momentumNorm), clip(gradientNorm))
            return Step(
                momentumFactor: nu * momentum.factor, gradientFactor: (1 - nu) * gradient.factor,
                isClipped: momentum.isClipped || (nu < 1 && gradient.isClipped))
        case .none, .mean, .sum, .moments:
            let gradient = clip(gradientNorm)
            return Step(momentumFactor: 0, gradientFactor: gradient.factor, isClipped: gradient.isClipped)
        }
    }

    /// What the kernel of Adam needs in iteration t.
    public func adamNumbers(gain: Double, iteration: Int) -> AdamNumbers {
        AdamNumbers(
            gain: gain, beta1: beta, beta2: adam.beta2, step: learningRate / correction(beta, iteration),
            correction: 1 / correction(adam.beta2, iteration), epsilon: adam.epsilon)
    }

    /// clip(v), and whether ‖v‖ is beyond the clip norm.
    private func clip(_ norm: Double) -> (factor: Double, isClipped: Bool) {
        let longest = gamma / norm
        let isClipped = longest < learningRate
        switch form {
        case .hard: return (isClipped ? longest : learningRate, isClipped)
        case .soft: return (learningRate / (1 + learningRate * norm / gamma), isClipped)
        }
    }

    /// η/(‖v‖ + b); a zero vector takes no step.
    private func normalizing(_ norm: Double) -> Double {
        norm + offset > 0 ? learningRate / (norm + offset) : 0
    }
}
