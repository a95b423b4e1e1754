import Foundation
import ParameterSpace

/// Hessian–vector products of any objective, by central differences of its gradients:
///
///     ∇²fᵢ(x)·v ≈ (∇fᵢ(x + hv) − ∇fᵢ(x − hv)) / 2h,    h = ε^(1/3)·(1 + ‖x‖)/‖v‖
///
/// with ε the scalar's distance from 1 to the next number. That step balances the truncation, of the order of h², with the gradients'
/// rounding, ε‖∇fᵢ‖/h (Nocedal and Wright 2006, §8.1): both are then of the relative order ε^(2/3), 4e-11 in Double and 2e-5 in
/// Float, where 1 + ‖x‖ is the length over which the gradient changes. On a rougher function, or one with kinks within h, they are
/// larger, and `product(ofComponent:at:with:)` tells by how much. Differences are formed in Double.
///
/// Where the gradient is not one of a function (a carried state), this is its directional derivative, which need not be
/// symmetric.
public struct DifferenceHessianProduct<Scalar: ParameterScalar>: HessianProductObjective {
    public let base: any Objective<Scalar>

    public init(_ base: any Objective<Scalar>) { self.base = base }

    /// A product with a bound on its error.
    public struct Product: Sendable, Hashable {
        /// P elements.
        public var values: [Double]
        /// An estimate from above of ‖values − ∇²fᵢ(x)·v‖₂.
        public var error: Double
    }

    public func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]
    ) throws {
        let step = Self.step(at: point, along: vector)
        let values = try difference(ofComponent: component, at: point, with: vector, step: step).values
        for index in product.indices { product[index] = Scalar(values[index]) }
    }

    /// The product by step h with its error estimated from a second one by step 2h; four gradients instead of two.
    ///
    /// The error is the sum of ‖D(2h) − D(h)‖, which is three times the truncation of D(h) to leading order and as large as the
    /// gradients' scatter over 2h; of what the rounding of the gradients' own elements can do, ε(‖g₊‖ + ‖g₋‖)/2h; and of
    /// what rounding x ± hv to the scalar does to the direction, in proportion.
    public func product(ofComponent component: Int, at point: [Scalar], with vector: [Scalar]) throws -> Product {
        let step = Self.step(at: point, along: vector)
        guard step.isFinite else { return Product(values: point.map { _ in 0 }, error: 0) }
        let near = try difference(ofComponent: component, at: point, with: vector, step: step)
        let far = try difference(ofComponent: component, at: point, with: vector, step: 2 * step)
        let length = Double.squaredNorm(near.values, in: near.values.indices).squareRoot()
        let change = Double.squaredDistance(near.values, far.values, in: near.values.indices).squareRoot()
        let rounding = Double(Scalar.ulpOfOne) * near.gradientNorms / (2 * step)
        return Product(values: near.values, error: change + rounding + length * near.directionError)
    }

    /// h; infinite for v = 0, whose product is 0.
    private static func step(at point: [Scalar], along vector: [Scalar]) -> Double {
        let length = Scalar.squaredNorm(vector, in: vector.indices).squareRoot()
        guard length > 0 else { return .infinity }
        let size = Scalar.squaredNorm(point, in: point.indices).squareRoot()
        return cbrt(Double(Scalar.ulpOfOne)) * (1 + size) / length
    }

    private struct Difference {
        var values: [Double]
        /// ‖g₊‖ + ‖g₋‖
        var gradientNorms = 0.0
        /// ‖(x₊ − x₋)/2h − v‖/‖v‖
        var directionError = 0.0
    }

    private func difference(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], step: Double
    ) throws -> Difference {
        guard step.isFinite else { return Difference(values: point.map { _ in 0 }) }
        let ahead = zip(point, vector).map { Scalar(Double($0) + step * Double($1)) }
        let behind = zip(point, vector).map { Scalar(Double($0) - step * Double($1)) }
        var gradient = point
        _ = try base.gradient(ofComponent: component, at: ahead, into: &gradient)
        var norms = Scalar.squaredNorm(gradient, in: gradient.indices).squareRoot()
        var values = gradient.map { Double($0) }
        _ = try base.gradient(ofComponent: component, at: behind, into: &gradient)
        norms += Scalar.squaredNorm(gradient, in: gradient.indices).squareRoot()
        for index in values.indices { values[index] = (values[index] - Double(gradient[index])) / (2 * step) }
        var missed = 0.0
        for index in vector.indices {
            let applied = (Double(ahead[index]) - Double(behind[index])) / (2 * step)
            missed += (applied - Double(vector[index])) * (applied - Double(vector[index]))
        }
        let length = Scalar.squaredNorm(vector, in: vector.indices)
        return Difference(values: values, gradientNorms: norms, directionError: (missed / length).squareRoot())
    }

    // MARK: The objective itself

    public var layout: ParameterLayout { base.layout }
    public var componentCount: Int { base.componentCount }
    public func weight(ofComponent component: Int) -> Double { base.weight(ofComponent: component) }
    public func initialPoint(seed: UInt64) -> [Scalar] { base.initialPoint(seed: seed) }
    public func redrawn(_ draw: UInt64) -> any Objective<Scalar> { DifferenceHessianProduct(base.redrawn(draw)) }

    public func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try base.loss(ofComponent: component, at: point)
    }

    public func gradient(
        ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        try base.gradient(ofComponent: component, at: point, into: &gradient)
    }

    public func evaluation(ofComponent component: Int, at point: [Scalar]) throws -> ComponentEvaluation {
        try base.evaluation(ofComponent: component, at: point)
    }

    public func settled(at point: [Scalar]) throws -> any Objective<Scalar> {
        DifferenceHessianProduct(try base.settled(at: point))
    }
}
