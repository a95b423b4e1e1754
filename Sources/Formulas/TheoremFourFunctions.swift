import Evaluation
import Foundation
import ParameterSpace

/// The fast function in the proof of theorem 4 of Zhang, He, Sra, Jadbabaie 2020 (appendix D): exponential walls around
/// a quadratic bottom, twice continuously differentiable, with growth λ > 0 (the paper's L1):
///
///     f(x) = λx²/2 + 1/(2λ)      for |x| ≤ 1/λ
///     f(x) = exp(λ|x| − 1)/λ     elsewhere
///
/// Outside, f″ = λ|f′|; at the bottom f″ = λ while f′(0) = 0. So (L0, L1) = (λ, λ), and no smaller L0 will do: the
/// paper's "L0 = 1" (equation 11) fails at x = 0 for every λ > 1.
public struct ExponentialWalls<Scalar: ParameterScalar>: UnivariateFormula {
    public let growth: Double
    /// M = |f′(x₀)|.
    public let initialGradient: Double

    /// - Parameters:
    ///   - growth: λ > 0
    ///   - initialGradient: M ≥ 1; the start is x₀ = (log M + 1)/λ, where f′(x₀) = M.
    public init(growth: Double, initialGradient: Double = 10) {
        precondition(growth > 0 && initialGradient >= 1, "the growth must be positive, the initial gradient at least 1")
        self.growth = growth
        self.initialGradient = initialGradient
    }

    public var start: Double { (log(initialGradient) + 1) / growth }

    public func value(ofComponent component: Int, at x: Double) -> Double {
        isBottom(x) ? growth * x * x / 2 + 1 / (2 * growth) : exp(growth * abs(x) - 1) / growth
    }

    public func derivative(ofComponent component: Int, at x: Double) -> Double {
        isBottom(x) ? growth * x : (x < 0 ? -1 : 1) * exp(growth * abs(x) - 1)
    }

    public func secondDerivative(at x: Double) -> Double {
        isBottom(x) ? growth : growth * exp(growth * abs(x) - 1)
    }

    /// f″ does not decrease away from zero.
    public func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double {
        largerOrNaN(secondDerivative(at: lower), secondDerivative(at: upper))
    }

    public func sufficientL0(forL1 L1: Double) -> Double? { L1 >= growth ? growth : nil }

    private func isBottom(_ x: Double) -> Bool { abs(x) <= 1 / growth }
}

/// The slow function in the proof of theorem 4 of Zhang, He, Sra, Jadbabaie 2020 (appendix D), with slope ε > 0:
///
///     f(x) = (ε/4)(6x² − x⁴)          for |x| ≤ 1
///     f(x) = 2ε(|x| − 1) + 5ε/4       elsewhere
///
/// f″ = 3ε(1 − x²) inside and 0 outside, so (L0, L1) = (3ε, 0); as f′(0) = 0, no L1 allows a smaller L0. The paper's
/// "L0 = 1" (equation 11) therefore needs ε ≤ 1/3.
public struct SlowSlope<Scalar: ParameterScalar>: UnivariateFormula {
    /// ε
    public let slope: Double
    /// Δ
    public let gap: Double

    /// - Parameters:
    ///   - slope: ε > 0; the gradient on the slope is 2ε.
    ///   - gap: Δ ≥ 0; the start is x₀ = 1 + Δ/ε, so that f(x₀) − f* = 2Δ + 5ε/4.
    public init(slope: Double, gap: Double = 1) {
        precondition(slope > 0 && gap >= 0, "the slope must be positive, the gap not negative")
        self.slope = slope
        self.gap = gap
    }

    public var start: Double { 1 + gap / slope }

    public func value(ofComponent component: Int, at x: Double) -> Double {
        abs(x) <= 1 ? slope / 4 * x * x * (6 - x * x) : 2 * slope * (abs(x) - 1) + 5 * slope / 4
    }

    public func derivative(ofComponent component: Int, at x: Double) -> Double {
        abs(x) > 1 ? (x < 0 ? -2 : 2) * slope : slope * x * (3 - x * x)
    }

    public func secondDerivative(at x: Double) -> Double {
        abs(x) > 1 ? 0 : 3 * slope * (1 - x * x)
    }

    /// f″ falls away from zero on both sides.
    public func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double {
        lower <= 0 && upper >= 0
            ? 3 * slope : largerOrNaN(secondDerivative(at: lower), secondDerivative(at: upper))
    }

    public func sufficientL0(forL1 L1: Double) -> Double? { 3 * slope }
}

/// What `ExponentialWalls` is made from.
public struct ExponentialWallsDescription: ParametrizedObjective {
    public static let kind = "exponential-walls"

    /// λ, the L1 of theorem 4.
    public var growth = 1.0
    /// M = |f′(x₀)|
    public var initialGradient = 10.0

    enum CodingKeys: String, CodingKey {
        case growth
        case initialGradient = "initial_gradient"
    }
}

extension ExponentialWallsDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("growth", \.growth, "λ, which is L1", .positive),
            .init(
                "initial-gradient", \.initialGradient, "the gradient at the start",
                .init { try require($1.isFinite && $1 >= 1, $0, "1 or more", $1) }),
        ]
    }

    public var summary: String {
        "exponential walls around a quadratic (theorem 4, fast), growth \(growth), initial gradient \(initialGradient)"
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: ExponentialWalls<Scalar>(growth: growth, initialGradient: initialGradient))
    }
}

extension ObjectiveDescription {
    /// The fast function of theorem 4; see `ExponentialWalls`.
    public static func exponentialWalls(growth: Double, initialGradient: Double = 10) -> Self {
        Self(ExponentialWallsDescription(growth: growth, initialGradient: initialGradient))
    }
}

/// What `SlowSlope` is made from.
public struct SlowSlopeDescription: ParametrizedObjective {
    public static let kind = "slow-slope"

    /// ε
    public var slope = 0.1
    /// Δ
    public var gap = 1.0
}

extension SlowSlopeDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("slope", \.slope, "ε", .positive),
            .init("gap", \.gap, "Δ", .nonnegative),
        ]
    }

    public var summary: String { "slow slope (theorem 4, slow), slope \(slope), gap \(gap)" }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: SlowSlope<Scalar>(slope: slope, gap: gap))
    }
}

extension ObjectiveDescription {
    /// The slow function of theorem 4; see `SlowSlope`.
    public static func slowSlope(slope: Double, gap: Double = 1) -> Self {
        Self(SlowSlopeDescription(slope: slope, gap: gap))
    }
}
