import Essentials
import ParameterSpace

/// f_S: the mean over the examples of a fixed list of components, summed in Double in the order of the list.
package struct ComponentSubset<Scalar: ParameterScalar> {
    private let objective: any Objective<Scalar>
    private let components: [Int]
    private let weights: [Double]
    private let totalWeight: Double
    private let isCancelled: () -> Bool

    package init(objective: any Objective<Scalar>, components: [Int], isCancelled: @escaping () -> Bool) {
        self.objective = objective
        self.components = components
        self.isCancelled = isCancelled
        weights = components.map { objective.weight(ofComponent: $0) }
        totalWeight = weights.reduce(0, +)
    }

    /// Overwrites `gradient` with ∇f_S(point); `scratch` holds one component gradient at a time.
    /// - Returns: f_S(point).
    package func evaluate(at point: [Scalar], scratch: inout [Scalar], into gradient: inout [Double]) throws -> Double {
        for index in gradient.indices { gradient[index] = 0 }
        var loss = 0.0
        for (component, weight) in zip(components, weights) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
            loss += weight * (try objective.gradient(ofComponent: component, at: point, into: &scratch))
            Scalar.accumulate(into: &gradient, scale: weight, scratch)
        }
        scale(&gradient, by: 1 / totalWeight)
        return loss / totalWeight
    }
}
