import Evaluation
import ParameterSpace

/// Example 1 of Qian, Wu, Zhuang, Wang, Xiao 2021: f₁(x) = f₂(x) = −x², f₃(x) = 5x², so that f(x) = x². From x₀ = 1
/// with clip norm 2 the mean clipped gradient is −2/3: clipping each component leads away from the minimum.
public struct QianExample<Scalar: ParameterScalar>: UnivariateFormula {
    public static var factors: [Double] { [-1, -1, 5] }
    public let start: Double

    public init(start: Double = 1) { self.start = start }

    public var componentCount: Int { Self.factors.count }

    public func value(ofComponent component: Int, at x: Double) -> Double { Self.factors[component] * x * x }
    public func derivative(ofComponent component: Int, at x: Double) -> Double { 2 * Self.factors[component] * x }
    public func secondDerivative(ofComponent component: Int, at x: Double) -> Double { 2 * Self.factors[component] }
    public func secondDerivative(at x: Double) -> Double { 2 }
    public func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double { 2 }
    public func sufficientL0(forL1 L1: Double) -> Double? { 2 }
}

/// What `QianExample` is made from.
public struct QianExampleDescription: ParametrizedObjective {
    public static let kind = "qian-example"

    public var start = 1.0
}

extension QianExampleDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init("start", \.start, "x", .finite)
        ]
    }

    public var summary: String { "−x², −x², 5x² (Qian et al. 2021, example 1), start \(start)" }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: QianExample<Scalar>(start: start))
    }
}

extension ObjectiveDescription {
    /// −x², −x², 5x²; see `QianExample`.
    public static func qianExample(start: Double = 1) -> Self { Self(QianExampleDescription(start: start)) }
}
