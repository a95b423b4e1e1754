import Foundation

/// What a theorem prescribes: the update is x − min{stepSize, longestStep/‖g‖} g, so that gradients above `clipNorm` =
/// longestStep/stepSize are clipped. `nil` is no limit of that kind.
public struct StepRule: Sendable, Equatable {
    /// η: the step size of small gradients.
    public var stepSize: Double?
    /// ‖x_{k+1} − x_k‖ at most.
    public var longestStep: Double?
    /// The gradient norm at which clipping sets in.
    public var clipNorm: Double?
    /// No more iterations than this until ‖∇f‖ ≤ ε, in the sense of the theorem.
    public var iterations: Double?
    /// No fewer than this in the worst case.
    public var fewestIterations: Double?

    public init(
        stepSize: Double? = nil, longestStep: Double? = nil, clipNorm: Double? = nil, iterations: Double? = nil,
        fewestIterations: Double? = nil
    ) {
        self.stepSize = stepSize
        self.longestStep = longestStep
        self.clipNorm = clipNorm ?? stepSize.flatMap { step in longestStep.map { $0 / step } }
        self.iterations = iterations
        self.fewestIterations = fewestIterations
    }
}

/// The rules of the papers as functions of their constants; [Z] Zhang, He, Sra, Jadbabaie 2020, [I] Zhang, Jin, Fang, Wang 2020,
/// [Q] Qian, Wu, Zhuang, Wang, Xiao 2021. Iteration bounds need ε and Δ = f(x₀) − f*.
public enum StepRules {
    /// [Z] theorem 3, clipped gradient descent with η = 1/(10 L0), γ = min{1/η, 1/(10 L1 η)}, step min{η, γη/‖∇f‖}: at most
    /// 20 L0 Δ/ε² + 20 max(1, L1²) Δ/L0 iterations.
    public static func zhangThree(L0: Double, L1: Double, epsilon: Double? = nil, gap: Double? = nil) -> StepRule {
        let eta = 1 / (10 * L0)
        let gamma = min(1 / eta, 1 / (10 * L1 * eta))
        return StepRule(
            stepSize: eta, longestStep: gamma * eta, clipNorm: gamma,
            iterations: both(epsilon, gap) { 20 * L0 * $1 / ($0 * $0) + 20 * max(1, L1 * L1) * $1 / L0 })
    }

    /// [Z] theorem 4, gradient descent with any fixed step, M = sup ‖∇f‖ over f ≤ f(x₀): at least
    /// L1 M (Δ − 5ε/8)/(8ε²(log M + 1)) iterations on the worst function.
    public static func zhangFour(L1: Double, largestGradient M: Double, epsilon: Double, gap: Double) -> StepRule {
        StepRule(fewestIterations: L1 * M * (gap - 5 * epsilon / 8) / (8 * epsilon * epsilon * (log(M) + 1)))
    }

    /// [Z] theorem 6, gradient descent with the fixed step 1/(2(M L1 + L0)): at most 4(M L1 + L0)Δ/ε² iterations.
    public static func zhangSix(
        L0: Double, L1: Double, largestGradient M: Double, epsilon: Double? = nil, gap: Double? = nil
    ) -> StepRule {
        StepRule(
            stepSize: 1 / (2 * (M * L1 + L0)),
            iterations: both(epsilon, gap) { 4 * (M * L1 + L0) * $1 / ($0 * $0) })
    }

    /// [Z] theorem 7, clipped stochastic gradient descent with noise of size at most τ: step min{1/(16 L1(‖g‖ + τ)), η},
    /// η = min{1/(20 L0), 1/(128 L1 τ), 1/√T}; T is the iteration bound. The print has a further η in the first denominator, a slip:
    /// the proof is without it.
    public static func zhangSeven(L0: Double, L1: Double, noise: Double, epsilon: Double, gap: Double) -> StepRule {
        let delta = gap + (5 * L0 + 2 * L1 * noise) * noise * noise + 9 * noise * L0 * L0 / L1
        let iterations =
            delta
            * max(
                128 * L1 / epsilon, 4 * delta / (epsilon * epsilon * epsilon * epsilon),
                (80 * L0 + 512 * L1 * noise) / (epsilon * epsilon))
        let eta = min(1 / (20 * L0), 1 / (128 * L1 * noise), 1 / iterations.rounded(.up).squareRoot())
        // 1/(16 L1(g + τ)) falls below η where g exceeds 1/(16 L1 η) − τ; the step stays below 1/(16 L1).
        return StepRule(
            stepSize: eta, longestStep: 1 / (16 * L1), clipNorm: max(1 / (16 * L1 * eta) - noise, 0),
            iterations: iterations)
    }

    /// [Z] theorem 8, stochastic gradient descent with the step min{1/√T, 1/(L1(M + τ))}, ‖∇f‖ ≤ M everywhere: at most
    /// T = 16(Δ + (5 L0 + 4 L1 M)(M + τ)²)²/ε⁴ iterations.
    public static func zhangEight(
        L0: Double, L1: Double, largestGradient M: Double, noise: Double, epsilon: Double, gap: Double
    ) -> StepRule {
        let factor = gap + (5 * L0 + 4 * L1 * M) * (M + noise) * (M + noise)
        let iterations = 16 * factor * factor / (epsilon * epsilon * epsilon * epsilon)
        return StepRule(
            stepSize: min(1 / iterations.rounded(.up).squareRoot(), 1 / (L1 * (M + noise))), iterations: iterations)
    }

    /// [I] theorem 3.1, Algorithm 1 without noise: η ≤ (1 − β)/(10·1.06 L0), γ ≤ (1 − β)/(10·1.06 L1), clip norm γ/η; the mean of ‖∇F‖ is
    /// at most 2ε after 3Δ max{1/(ε²η), 25η/γ²} iterations.
    public static func improvedOne(
        L0: Double, L1: Double, beta: Double, epsilon: Double? = nil, gap: Double? = nil
    ) -> StepRule {
        let eta = (1 - beta) / (10 * 1.06 * L0)
        let gamma = (1 - beta) / (10 * 1.06 * L1)
        return StepRule(
            stepSize: eta, longestStep: gamma,
            iterations: both(epsilon, gap) { 3 * $1 * max(1 / ($0 * $0 * eta), 25 * eta / (gamma * gamma)) })
    }

    /// [I] theorem 3.2, Algorithm 1 with noise of standard deviation σ ≥ 1 and ε ≤ 0.1: with A = B = 1.01,
    /// γ ≤ (ε/2σ) min{ε/(A L0), (1 − β)/(A L0), (1 − β)/(25 B L1)} and γ/η = 5σ; the mean of E‖∇F‖ is at most 3ε after 3Δ/(ε²η) iterations.
    public static func improvedTwo(
        L0: Double, L1: Double, beta: Double, noise: Double, epsilon: Double, gap: Double? = nil
    ) -> StepRule {
        let constant = 1.01
        let gamma =
            epsilon / (2 * noise)
            * min(epsilon / (constant * L0), (1 - beta) / (constant * L0), (1 - beta) / (25 * constant * L1))
        let eta = gamma / (5 * noise)
        return StepRule(
            stepSize: eta, longestStep: gamma, clipNorm: 5 * noise,
            iterations: gap.map { 3 * $0 / (epsilon * epsilon * eta) })
    }

    /// [Q] theorem 3.1, clipped SGD with clip norm η and mean cosine c₁ of the component gradients with the whole (A3): step α ≤ c₁/(4ηL1).
    public static func qianOne(L1: Double, clipNorm: Double, meanCosine: Double) -> StepRule {
        let step = meanCosine / (4 * clipNorm * L1)
        return StepRule(stepSize: step, longestStep: step * clipNorm, clipNorm: clipNorm)
    }

    /// [Q] theorem 3.2, clipped incremental gradients in cyclic order over m components with constants L0ᵢ, L1ᵢ:
    /// α ≤ min{c₁/(2m(2ηL1 + G)), 1/(5m max L0ᵢ), 1/(8mη max L1ᵢ)}, G = 5 max L0ᵢ + 16η max L1ᵢ.
    public static func qianTwo(
        L1: Double, clipNorm: Double, meanCosine: Double, componentL0: Double, componentL1: Double, components: Int
    ) -> StepRule {
        let m = Double(components)
        let G = 5 * componentL0 + 16 * clipNorm * componentL1
        let step = min(
            meanCosine / (2 * m * (2 * clipNorm * L1 + G)), 1 / (5 * m * componentL0),
            1 / (8 * m * clipNorm * componentL1))
        return StepRule(stepSize: step, longestStep: step * clipNorm, clipNorm: clipNorm)
    }

    /// Vankov et al. 2024: min{1/(2 L0), 1/(3 L1 ‖∇f‖)}, a lower bound of `vankovStep`.
    public static func vankov(L0: Double, L1: Double) -> StepRule {
        StepRule(stepSize: 1 / (2 * L0), longestStep: 1 / (3 * L1))
    }

    /// Vankov et al. 2024: ln(1 + L1 g/(L0 + L1 g))/(L1 g), which minimises the upper bound
    /// f − hg² + (L0 + L1 g)/L1² (e^{L1 h g} − L1 h g − 1) of (L0, L1)-smooth functions over the step size h.
    public static func vankovStep(L0: Double, L1: Double, gradientNorm g: Double) -> Double {
        log1p(L1 * g / (L0 + L1 * g)) / (L1 * g)
    }

    /// Gorbunov et al. 2024: η/(L0 + L1 ‖∇f‖) with η = ν/2, ν e^ν = 1 (ν = 0.567…); above the clip norm L0/L1 it is within a factor
    /// 2 of its longest step η/L1.
    public static func gorbunov(L0: Double, L1: Double) -> StepRule {
        StepRule(stepSize: omega / 2 / L0, longestStep: omega / 2 / L1)
    }

    /// ν with ν e^ν = 1.
    public static let omega = 0.567_143_290_409_783_8

    /// Gluon 2025: the step of one block, ‖∇ᵢf‖/(L0ᵢ + L1ᵢ‖∇ᵢf‖).
    public static func gluonStep(L0: Double, L1: Double, gradientNorm g: Double) -> Double { g / (L0 + L1 * g) }

    private static func both(_ a: Double?, _ b: Double?, _ value: (Double, Double) -> Double) -> Double? {
        guard let a, let b else { return nil }
        return value(a, b)
    }
}
