import Evaluation
import ParameterSpace

/// f(x) = Σₖ aₖ xᵏ, by its coefficients from the constant up (Zhang, He, Sra, Jadbabaie 2020, lemma 2).
public struct Polynomial<Scalar: ParameterScalar>: UnivariateFormula {
    public let coefficients: [Double]
    public let start: Double
    private let first: [Double]
    private let second: [Double]
    private let third: [Double]

    /// - Parameter coefficients: a₀, a₁, …, at least one.
    public init(coefficients: [Double], start: Double = 1) {
        precondition(!coefficients.isEmpty, "a polynomial needs at least one coefficient")
        self.coefficients = coefficients
        self.start = start
        first = PolynomialAlgebra.derivative(of: coefficients)
        second = PolynomialAlgebra.derivative(of: first)
        third = PolynomialAlgebra.derivative(of: second)
    }

    public func value(ofComponent component: Int, at x: Double) -> Double {
        PolynomialAlgebra.value(of: coefficients, at: x)
    }

    public func derivative(ofComponent component: Int, at x: Double) -> Double {
        PolynomialAlgebra.value(of: first, at: x)
    }

    public func secondDerivative(at x: Double) -> Double { PolynomialAlgebra.value(of: second, at: x) }

    /// The extremes of f″ lie at the ends and at the real roots of f‴.
    public func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double {
        let candidates = [lower, upper] + PolynomialAlgebra.roots(of: third, from: lower, to: upper)
        return candidates.map { abs(secondDerivative(at: $0)) }.reduce(0, largerOrNaN)
    }

    /// sup over x of |f″(x)| − L1|f′(x)|, hence the least L0 for this L1. It is finite for every L1 > 0 (lemma 2), and
    /// for L1 = 0 up to degree two. The supremum lies where f′ = 0 or f‴ = ±L1 f″.
    public func sufficientL0(forL1 L1: Double) -> Double? {
        let degree = coefficients.lastIndex { $0 != 0 } ?? 0
        if degree <= 2 { return abs(secondDerivative(at: 0)) }
        guard L1 > 0 else { return nil }
        var candidates = PolynomialAlgebra.roots(of: first)
        for sign in [-1.0, 1.0] {
            let padded = third + Array(repeating: 0, count: second.count - third.count)
            candidates += PolynomialAlgebra.roots(of: zip(padded, second).map { $0 + sign * L1 * $1 })
        }
        return candidates.map { abs(secondDerivative(at: $0)) - L1 * abs(derivative(ofComponent: 0, at: $0)) }
            .reduce(0, max)
    }
}

/// The larger of two, and NaN as soon as one is NaN: `max` would lose it.
func largerOrNaN(_ first: Double, _ second: Double) -> Double {
    first.isNaN || second.isNaN ? .nan : max(first, second)
}

/// What `Polynomial` is made from.
public struct PolynomialDescription: ParametrizedObjective {
    public static let kind = "polynomial"

    /// From the constant up.
    public var coefficients: [Double] = [0, 0, 0, 0, 1]
    public var start = 1.0
}

extension PolynomialDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("coefficients", \.coefficients, "coefficients from the constant up", .finiteNumbers),
            .init("start", \.start, "x", .finite),
        ]
    }

    public var summary: String { "polynomial of degree \(coefficients.lastIndex { $0 != 0 } ?? 0), start \(start)" }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: Polynomial<Scalar>(coefficients: coefficients, start: start))
    }
}

extension ObjectiveDescription {
    /// Σ aₖ xᵏ, coefficients from the constant up; see `Polynomial`.
    public static func polynomial(coefficients: [Double], start: Double = 1) -> Self {
        Self(PolynomialDescription(coefficients: coefficients, start: start))
    }
}
