import Evaluation
import ParameterSpace

/// F(x, y) = x² + (y − 3x + 2)⁴, the polynomial of figure 1b of Zhang, Jin, Fang, Wang 2020.
///
/// With u = y − 3x + 2 and q = 12u²: ∇F = (2x − 12u³, 4u³), and ∇²F = [[2 + 9q, −3q], [−3q, q]] has trace 2 + 10q and
/// determinant 2q.
public struct QuarticValley<Scalar: ParameterScalar>: TwiceDifferentiableObjective, KnownSmoothness {
    public let start: [Double]

    /// - Parameter start: x₀, y₀
    public init(start: [Double] = [1, -1]) {
        precondition(start.count == 2, "the start has two coordinates")
        self.start = start
    }

    public var layout: ParameterLayout { ParameterLayout([("x", []), ("y", [])]) }
    public var componentCount: Int { 1 }
    public func weight(ofComponent component: Int) -> Double { 1 }
    public func initialPoint(seed: UInt64) -> [Scalar] { start.map { Scalar($0) } }

    public func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        let (x, u) = coordinates(of: point)
        return x * x + u * u * u * u
    }

    public func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let (x, u) = coordinates(of: point)
        gradient[0] = Scalar(2 * x - 12 * u * u * u)
        gradient[1] = Scalar(4 * u * u * u)
        return x * x + u * u * u * u
    }

    public func hessianNorm(at point: [Scalar]) -> Double { Self.norm(atDepth: coordinates(of: point).u) }

    public func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double] {
        let u = coordinates(of: point).u
        let along = 12 * u * u * (vector[1] - 3 * vector[0])
        return [2 * vector[0] - 3 * along, along]
    }

    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) {
        product = hessianProduct(at: point, with: vector.map { Double($0) }).map { Scalar($0) }
    }

    /// The norm grows with |u|, and u is affine along a segment, so one of the ends attains it.
    public func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double {
        largerOrNaN(hessianNorm(at: first), hessianNorm(at: second))
    }

    /// 2 + 16000/L1², for L1 > 0: ‖∇²F‖ ≤ trace = 2 + 120u² and ‖∇F‖ ≥ 4|u|³, and 120u² − 4 L1|u|³ is largest at
    /// |u| = 20/L1. Not the least such L0.
    public func sufficientL0(forL1 L1: Double) -> Double? { L1 > 0 ? 2 + 16000 / (L1 * L1) : nil }

    private func coordinates(of point: [Scalar]) -> (x: Double, u: Double) {
        let (x, y) = (Double(point[0]), Double(point[1]))
        return (x, y - 3 * x + 2)
    }

    private static func norm(atDepth u: Double) -> Double {
        let q = 12 * u * u
        let half = 1 + 5 * q
        return half + (half * half - 2 * q).squareRoot()
    }
}

/// What `QuarticValley` is made from.
public struct QuarticValleyDescription: ParametrizedObjective {
    public static let kind = "quartic-valley"

    /// x₀, y₀
    public var start = [1.0, -1]
}

extension QuarticValleyDescription {
    public static var standard: Self { Self() }

    public static var parameters: [ObjectiveParameter<Self>] {
        [
            .init(
                "start", \.start, "x,y",
                .init { try require($1.count == 2 && $1.allSatisfy(\.isFinite), $0, "two finite numbers", $1) })
        ]
    }

    public var summary: String { "x² + (y − 3x + 2)⁴, start (\(start.map { "\($0)" }.joined(separator: ", ")))" }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) -> ObjectiveSet<Scalar> {
        ObjectiveSet(training: QuarticValley<Scalar>(start: start))
    }
}

extension ObjectiveDescription {
    /// x² + (y − 3x + 2)⁴; see `QuarticValley`.
    public static func quarticValley(start: [Double] = [1, -1]) -> Self { Self(QuarticValleyDescription(start: start)) }
}
