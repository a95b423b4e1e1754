import Evaluation
import ParameterSpace

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// f(x) = Σⱼ aⱼ exp(bⱼ x), the exponential family of figure 1a of Zhang, Jin, Fang, Wang 2020: exp, cosh and their
/// differences are (L0, L1)-smooth but not L-smooth for any L.
public struct ExponentialSum<Scalar: ParameterScalar>: UnivariateFormula {
    /// aⱼ
    public let amplitudes: [Double]
    /// bⱼ
    public let rates: [Double]
    public let start: Double
    private let first: ExponentialTerms
    private let second: ExponentialTerms
    /// Where f″ may have its extremes: the roots of f‴ are among these.
    private let turns: [Double]

    /// - Parameters:
    ///   - amplitudes: aⱼ, at least one.
    ///   - rates: bⱼ, as many.
    public init(amplitudes: [Double], rates: [Double], start: Double = 1) {
        precondition(!amplitudes.isEmpty && amplitudes.count == rates.count, "every exponential has one rate")
        self.amplitudes = amplitudes
        self.rates = rates
        self.start = start
        let terms = ExponentialTerms(zip(amplitudes, rates).map { ($0, $1) })
        first = terms.scaled { $0 }
        second = first.scaled { $0 }
        turns = second.scaled { $0 }.rootCandidates
    }

    public func value(ofComponent component: Int, at x: Double) -> Double {
        zip(amplitudes, rates).reduce(0) { $0 + $1.0 * exp($1.1 * x) }
    }

    public func derivative(ofComponent component: Int, at x: Double) -> Double { first.value(at: x) }
    public func secondDerivative(at x: Double) -> Double { second.value(at: x) }

    /// At the ends or at a root of f‴.
    public func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double {
        ([lower, upper] + turns.filter { $0 > lower && $0 < upper }).map { abs(secondDerivative(at: $0)) }
            .reduce(0, largerOrNaN)
    }

    /// sup over x of |f″(x)| − L1|f′(x)|, hence the least L0 ≥ 0 for this L1; `nil` where it is infinite.
    ///
    /// Toward each end of the line f′ and f″ keep their signs, so the difference is itself a sum of exponentials there, whose last
    /// growing term decides. Elsewhere the supremum lies at a root of f′, where |f′| has its corner, at a root of f″ (where
    /// the difference is not positive) or at a root of f‴ ± L1 f″.
    public func sufficientL0(forL1 L1: Double) -> Double? {
        guard !grows(towards: 1, L1: L1), !grows(towards: -1, L1: L1) else { return nil }
        let third = second.scaled { $0 }
        var candidates = first.rootCandidates
        for sign in [-1.0, 1] {
            candidates += ExponentialTerms(third.terms + second.scaled { _ in sign * L1 }.terms).rootCandidates
        }
        return candidates.map { abs(secondDerivative(at: $0)) - L1 * abs(first.value(at: $0)) }.reduce(0, max)
    }

    /// Whether |f″| − L1|f′| → ∞ as x → ±∞. Terms with a rate towards the other end vanish.
    private func grows(towards direction: Double, L1: Double) -> Bool {
        let growing = first.terms.filter { $0.rate * direction > 0 }
        let leading = direction > 0 ? growing.last : growing.first
        guard let leading else { return false }
        let slopeSign: Double = leading.amplitude > 0 ? 1 : -1
        let curvatureSign = slopeSign * direction
        let excess = ExponentialTerms(
            growing.map { (amplitude: $0.amplitude * (curvatureSign * $0.rate - L1 * slopeSign), rate: $0.rate) })
        return (direction > 0 ? excess.signAtInfinity : excess.signAtMinusInfinity) > 0
    }
}

/// What `ExponentialSum` is made from.
public struct ExponentialSumDescription: ParametrizedObjective {
    public static let kind = "exponential-sum"

    /// aⱼ
    public var amplitudes = [1.0, 1]
    /// bⱼ
    public var rates = [1.0, -1]
    public var start = 1.0
}

extension ExponentialSumDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("amplitudes", \.amplitudes, "aⱼ of Σ aⱼ exp(bⱼx)", .finiteNumbers),
            .init("rates", \.rates, "bⱼ"),
            .init("start", \.start, "x", .finite),
        ]
    }

    public func validate() throws {
        try checkParameters()
        try require(amplitudes.count == rates.count, "rates", "as many as amplitudes, \(amplitudes.count)", rates)
        try require(rates.allSatisfy(\.isFinite), "amplitudes and rates", "finite numbers", amplitudes + rates)
    }

    public var summary: String {
        zip(amplitudes, rates).map { "\($0)·exp(\($1)x)" }.joined(separator: " + ") + ", start \(start)"
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: ExponentialSum<Scalar>(amplitudes: amplitudes, rates: rates, start: start))
    }
}

extension ObjectiveDescription {
    /// Σ aⱼ exp(bⱼx); see `ExponentialSum`.
    public static func exponentialSum(amplitudes: [Double], rates: [Double], start: Double = 1) -> Self {
        Self(ExponentialSumDescription(amplitudes: amplitudes, rates: rates, start: start))
    }
}
