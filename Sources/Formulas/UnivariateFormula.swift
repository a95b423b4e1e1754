import Evaluation
import ParameterSpace

/// A function of one variable in closed form. Arithmetic is in Double; results are rounded once to the scalar.
public protocol UnivariateFormula<Scalar>: TwiceDifferentiableObjective, KnownSmoothness {
    /// x₀, where training starts whatever the seed.
    var start: Double { get }
    /// fᵢ(x)
    func value(ofComponent component: Int, at x: Double) -> Double
    /// fᵢ′(x)
    func derivative(ofComponent component: Int, at x: Double) -> Double
    /// fᵢ″(x)
    func secondDerivative(ofComponent component: Int, at x: Double) -> Double
    /// f″(x) of the whole objective.
    func secondDerivative(at x: Double) -> Double
    /// sup |f″| over [lower, upper], exact up to rounding.
    func secondDerivativeSupremum(from lower: Double, to upper: Double) -> Double
}

/// A function whose constants in ‖∇²f(x)‖ ≤ L0 + L1‖∇f(x)‖ (Zhang, He, Sra, Jadbabaie 2020, definition 1) are known.
public protocol KnownSmoothness {
    /// An L0 with which the inequality holds at every x for this L1 ≥ 0; `nil` where there is none.
    func sufficientL0(forL1 L1: Double) -> Double?
}

extension UnivariateFormula {
    public var layout: ParameterLayout { ParameterLayout([("x", [])]) }
    public var componentCount: Int { 1 }
    public func weight(ofComponent component: Int) -> Double { 1 }
    public func initialPoint(seed: UInt64) -> [Scalar] { [Scalar(start)] }

    public func loss(ofComponent component: Int, at point: [Scalar]) -> Double {
        value(ofComponent: component, at: Double(point[0]))
    }

    public func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) -> Double {
        let x = Double(point[0])
        gradient[0] = Scalar(derivative(ofComponent: component, at: x))
        return value(ofComponent: component, at: x)
    }

    /// That of the whole objective, for a formula of one component.
    public func secondDerivative(ofComponent component: Int, at x: Double) -> Double { secondDerivative(at: x) }

    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) {
        product[0] = Scalar(secondDerivative(ofComponent: component, at: Double(point[0])) * Double(vector[0]))
    }

    public func hessianNorm(at point: [Scalar]) -> Double { abs(secondDerivative(at: Double(point[0]))) }

    public func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double] {
        [secondDerivative(at: Double(point[0])) * vector[0]]
    }

    public func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double {
        let ends = (Double(first[0]), Double(second[0]))
        // `min` and `max` would lose a NaN.
        if ends.0.isNaN || ends.1.isNaN { return .nan }
        return secondDerivativeSupremum(from: min(ends.0, ends.1), to: max(ends.0, ends.1))
    }
}
