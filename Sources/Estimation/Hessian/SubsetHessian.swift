import Essentials
import Objectives
import ParameterSpace

/// ∇²f_S(x) as an operator, f_S = Σ wᵢ fᵢ / Σ wᵢ over a list of components. Products are summed in Double in the order of the
/// list, so that they do not depend on the number of threads.
///
/// The vector is rounded to the scalar once, relative to its largest element.
public struct SubsetHessian<Scalar: ParameterScalar>: Sendable {
    public let objective: any HessianProductObjective<Scalar>
    /// In the order of summation.
    public let components: [Int]
    /// wᵢ of every one of them.
    public let weights: [Double]
    /// x
    public let point: [Scalar]
    private let isCancelled: @Sendable () -> Bool

    /// - Parameters:
    ///   - objective: with products of its own, or a `DifferenceHessianProduct`.
    ///   - components: at least one.
    ///   - weights: one a component, with a positive sum; the objective's, where `nil`.
    ///   - isCancelled: asked before every component.
    public init(
        objective: any HessianProductObjective<Scalar>, components: [Int], weights: [Double]? = nil,
        point: [Scalar], isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        let weights = weights ?? components.map { objective.weight(ofComponent: $0) }
        precondition(
            weights.count == components.count && weights.reduce(0, +) > 0 && point.count == objective.layout.count,
            "components, weights and point do not belong together")
        self.objective = objective
        self.components = components
        self.weights = weights
        self.point = point
        self.isCancelled = isCancelled
    }

    /// P
    public var dimension: Int { point.count }

    /// ∇²f_S(x)·v
    /// - Throws: `SmoothnessError` of kind `.interrupted` where it is cancelled; what the objective throws.
    public func product(with vector: [Double]) throws -> [Double] {
        // Scaled by a power of two, so that Float neither overflows nor loses a small vector.
        let exponent = vector.reduce(0) { max($0, abs($1)) }.exponent
        let scale = exponent > -1000 && exponent < 1000 ? Double(sign: .plus, exponent: exponent, significand: 1) : 1
        let direction = vector.map { Scalar($0 / scale) }
        var scratch = Scalar.zeros(dimension)
        var sum = [Double](repeating: 0, count: dimension)
        for (component, weight) in zip(components, weights) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two products") }
            try objective.hessianProduct(ofComponent: component, at: point, with: direction, into: &scratch)
            Scalar.accumulate(into: &sum, scale: weight, scratch)
        }
        let factor = scale / weights.reduce(0, +)
        for index in sum.indices { sum[index] *= factor }
        return sum
    }

    /// ‖∇²f_S(x)‖₂, see `spectralNorm(ofDimension:product:seed:tolerance:maximumIterations:memoryBudget:)`.
    public func spectralNorm(
        seed: UInt64, tolerance: Double, maximumIterations: Int, memoryBudget: Int = 1 << 30
    ) throws -> LanczosResult {
        try Estimation.spectralNorm(
            ofDimension: dimension, product: { try product(with: $0) }, seed: seed, tolerance: tolerance,
            maximumIterations: maximumIterations, memoryBudget: memoryBudget)
    }
}
