import Essentials
import Evaluation
import ParameterSpace

/// Measures the agreement of component gradients in two passes over the components: the first gives their mean, the second their
/// products with it.
///
/// Never more than one component gradient is in memory. For B batch sizes and P parameters an estimator holds two vectors of the
/// scalar (the iterate, a component gradient) and 1 + B of Double (the mean, the sum of the batch under way for each
/// size), whatever the number of components and iterates.
public struct AlignmentEstimator<Scalar: ParameterScalar>: ~Copyable {
    private let objective: any Objective<Scalar>
    private let components: [Int]
    private let partitions: [BatchPartition]
    private let clipNorms: [Double]
    private let subset: ComponentSubset<Scalar>
    private let isCancelled: () -> Bool
    private var iterate: [Scalar]
    private var component: [Scalar]
    private var mean: [Double]
    private var sums: [[Double]]

    /// Bytes of the parameter vectors for P parameters and B batch sizes.
    public static func byteCount(parameterCount: Int, sizeCount: Int) -> Int {
        parameterCount * (2 * MemoryLayout<Scalar>.stride + (1 + sizeCount) * MemoryLayout<Double>.stride)
    }

    public init(
        objective: any Objective<Scalar>, components: [Int], partitions: [BatchPartition], clipNorms: [Double],
        isCancelled: @escaping () -> Bool = { false }
    ) {
        self.objective = objective
        self.components = components
        self.partitions = partitions
        self.clipNorms = clipNorms
        self.isCancelled = isCancelled
        subset = ComponentSubset(objective: objective, components: components, isCancelled: isCancelled)
        iterate = Scalar.zeros(objective.layout.count)
        component = iterate
        mean = [Double](repeating: 0, count: objective.layout.count)
        sums = partitions.map { _ in [Double](repeating: 0, count: objective.layout.count) }
    }

    /// - Parameter read: overwrites a vector of P elements with x_k.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled between two gradients.
    public mutating func measure(
        iteration: Int, reading read: (inout [Scalar]) throws -> Void
    ) throws -> AlignmentRow {
        var row = AlignmentRow(iteration: iteration, partitions: partitions, clipNorms: clipNorms)
        try read(&iterate)
        guard Scalar.nonfiniteCount(iterate, in: iterate.indices) == 0 else {
            row.status = .nonFiniteIterate
            return row
        }
        row.loss = try subset.evaluate(at: iterate, scratch: &component, into: &mean)
        row.gradientNorm = objective.layout.norm(of: mean)
        guard row.loss.isFinite && row.gradientNorm.isFinite else {
            row.status = .nonFiniteGradient
            return row
        }
        guard row.gradientNorm > 0 else {
            row.status = .zeroGradient
            return row
        }
        try multiply(into: &row)
        // Overflow of a square, or a component that was finite only the first time.
        let isFinite = row.squaredNorms.allSatisfy(\.isFinite) && row.innerProducts.allSatisfy(\.isFinite)
        row.status = isFinite ? .ok : .nonFiniteGradient
        row.conclude(partitions: partitions, clipNorms: clipNorms)
        return row
    }

    /// The second pass.
    private mutating func multiply(into row: inout AlignmentRow) throws {
        var offsets = partitions.indices.map { partitions[..<$0].reduce(0) { $0 + $1.count } }
        for (place, index) in components.enumerated() {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
            _ = try objective.gradient(ofComponent: index, at: iterate, into: &component)
            let weight = objective.weight(ofComponent: index)
            for size in partitions.indices {
                let merged = partitions[size].componentsPerBatch
                if place.isMultiple(of: merged) { for element in sums[size].indices { sums[size][element] = 0 } }
                Scalar.accumulate(into: &sums[size], scale: weight, component)
                guard (place + 1).isMultiple(of: merged) || place + 1 == components.count else { continue }
                let total = partitions[size].weights[place / merged]
                row.innerProducts[offsets[size]] = objective.layout.dot(sums[size], mean) / total
                row.squaredNorms[offsets[size]] =
                    objective.layout.squaredNorms(of: sums[size]).reduce(0, +) / (total * total)
                offsets[size] += 1
            }
        }
    }
}
