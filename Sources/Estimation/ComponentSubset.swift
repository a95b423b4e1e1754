import Essentials
import Objectives
import ParameterSpace

/// f_S at a point and Σ wᵢ²‖∇fᵢ‖² there.
struct SubsetValue {
    var loss: Double
    /// 0 where it was not asked for.
    var componentSquares = 0.0
}

/// f_S: the mean over the examples of a fixed list of components, summed in Double in the order of the list.
struct ComponentSubset<Scalar: ParameterScalar> {
    private let objective: any Objective<Scalar>
    private let components: [Int]
    private let weights: [Double]
    private let totalWeight: Double
    private let squaredWeights: Double
    private let isCancelled: () -> Bool

    init(objective: any Objective<Scalar>, components: [Int], isCancelled: @escaping () -> Bool) {
        self.objective = objective
        self.components = components
        self.isCancelled = isCancelled
        weights = components.map { objective.weight(ofComponent: $0) }
        totalWeight = weights.reduce(0, +)
        squaredWeights = weights.reduce(0) { $0 + $1 * $1 }
    }

    /// Overwrites `gradient` with ∇f_S(point); `scratch` holds one component gradient at a time.
    /// - Parameter countingSquares: whether to sum the squared norms of the component gradients too.
    func evaluate(
        at point: [Scalar], countingSquares: Bool, scratch: inout [Scalar], into gradient: inout [Double]
    ) throws -> SubsetValue {
        for index in gradient.indices { gradient[index] = 0 }
        var value = SubsetValue(loss: 0)
        for (component, weight) in zip(components, weights) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
            value.loss += weight * (try objective.gradient(ofComponent: component, at: point, into: &scratch))
            Scalar.accumulate(into: &gradient, scale: weight, scratch)
            if countingSquares {
                value.componentSquares += weight * weight * Scalar.squaredNorm(scratch, in: scratch.indices)
            }
        }
        scale(&gradient, by: 1 / totalWeight)
        value.loss /= totalWeight
        return value
    }

    /// The squared norm of the expected gradient, without the bias that the noise of components drawn independently gives
    /// ‖∇f_S‖² (docs/method.md); for the finite sum over m components it is too small by s²/m on average, s² the variance of the
    /// component gradients. NaN for a single component.
    func unbiasedSquaredNorm(squaredNorm: Double, componentSquares: Double) -> Double {
        guard components.count > 1 else { return .nan }
        let total = totalWeight * totalWeight
        return (squaredNorm * total - componentSquares) / (total - squaredWeights)
    }
}
