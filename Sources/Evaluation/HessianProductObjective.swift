import ParameterSpace

/// An objective that can multiply the Hessian of a component by a vector without forming it.
public protocol HessianProductObjective<Scalar>: Objective {
    /// Overwrites `product` (P elements) with ∇²fᵢ(x)·v, of the very function whose gradient `gradient` gives: the same data,
    /// masks and cuts. Where a recurrent network carries its state, the state counts as a constant here too: the
    /// operator is symmetric, but it is not the derivative of that gradient, in which the state depends on x.
    ///
    /// The arithmetic is that of `gradient`: formulas in Double with one rounding at the end, networks in the scalar. A kink (ReLU, max pooling) counts with the second derivative of the side it is evaluated on.
    /// - Parameters:
    ///   - point: x, P elements.
    ///   - vector: v, P elements.
    /// - Throws: `MissingSecondDerivative` where an operation can be differentiated only once; `DifferenceHessianProduct` is the
    ///   way out.
    func hessianProduct(
        ofComponent component: Int, at point: [Scalar], with vector: [Scalar], into product: inout [Scalar]) throws
}

extension Objective {
    /// This objective with Hessian–vector products: its own, or differences of its gradients where it has none. (One that has them
    /// may still find out on the way that it cannot, and throw `MissingSecondDerivative`.)
    public var withHessianProducts: any HessianProductObjective<Scalar> {
        self as? any HessianProductObjective<Scalar> ?? DifferenceHessianProduct(self)
    }
}

/// An operation of the objective cannot be differentiated a second time.
public struct MissingSecondDerivative: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which, in the words of the library that refused.
    public var reason: String

    public init(reason: String) { self.reason = reason }

    public var description: String { "no second derivative: \(reason)" }
}
