import Essentials

/// The subset S cut into B groups of components, from whose spread every standard error comes.
///
/// The components stand in the order in which they were drawn, and the j-th belongs to group j mod B: a random division into
/// groups that differ by one component at most. The first n of them are a sample of size n, so that a subset can grow.
public struct ComponentGroups: Sendable, Hashable {
    /// Where nothing else is asked for.
    public static let standardCount = 16

    /// In the order in which they were drawn.
    public let components: [Int]
    /// wᵢ of every one of them.
    public let weights: [Double]
    /// B; 1 where there is but one component.
    public let count: Int
    /// Σ wᵢ over all m components of the objective.
    public let populationWeight: Double

    /// - Parameters:
    ///   - components: in the order in which they were drawn.
    ///   - count: B; no more groups are made than there are components.
    public init(components: [Int], weights: [Double], count: Int, populationWeight: Double) {
        precondition(!components.isEmpty && components.count == weights.count && count > 0, "a subset has components")
        self.components = components
        self.weights = weights
        self.count = min(count, components.count)
        self.populationWeight = populationWeight
    }

    /// The subset that a selection draws from an objective.
    /// - Throws: `SmoothnessError(.usage)` as `ComponentSelection.resolved`.
    public init<Scalar>(
        _ selection: ComponentSelection, of objective: any Objective<Scalar>, count: Int = standardCount
    ) throws {
        let drawn = try selection.drawn(of: objective.componentCount)
        self.init(
            components: drawn, weights: drawn.map { objective.weight(ofComponent: $0) }, count: count,
            populationWeight: objective.totalWeight(of: 0..<objective.componentCount))
    }

    /// What is evaluated side by side: the groups, or the parts of the only one, as many whatever the number of threads.
    package func parts<Scalar>(for objective: any Objective<Scalar>) -> ComponentGroups {
        guard count == 1, !objective.sharesWorkOfComponents else { return self }
        return ComponentGroups(
            components: components, weights: weights, count: Self.mostParts, populationWeight: populationWeight)
    }

    /// Parts of a single group.
    private static let mostParts = 64

    /// The group of the component at a position.
    public func group(ofPosition position: Int) -> Int { position % count }

    /// The positions of a range that belong to a group, in order.
    package func positions(ofGroup group: Int, in range: Range<Int>) -> StrideTo<Int> {
        let first = range.lowerBound + (group - range.lowerBound % count + count) % count
        return stride(from: first, to: range.upperBound, by: count)
    }

    /// The weights of the sample that the first `size` components are.
    public func sample(ofSize size: Int) -> GroupedSample {
        var sums = [Double](repeating: 0, count: min(count, size))
        var squares = 0.0
        for position in 0..<size {
            sums[group(ofPosition: position)] += weights[position]
            squares += weights[position] * weights[position]
        }
        return GroupedSample(groupWeights: sums, squaredWeights: squares, populationWeight: populationWeight)
    }
}

/// The weights of a sample of components in B groups: all that the statistics need to know of it.
public struct GroupedSample: Sendable, Hashable {
    /// W_b, the weight of every group.
    public let groupWeights: [Double]
    /// W = Σ W_b
    public let totalWeight: Double
    /// The share f of the sample in the examples of the whole objective; 1 where it is all of them.
    public let share: Double
    /// Kish's effective number of components: (Σ wᵢ)² / Σ wᵢ².
    public let effectiveSize: Double

    /// - Parameter squaredWeights: Σ wᵢ² over the components.
    public init(groupWeights: [Double], squaredWeights: Double, populationWeight: Double) {
        self.groupWeights = groupWeights
        totalWeight = groupWeights.reduce(0, +)
        let share = totalWeight / populationWeight
        // The sums run in different orders.
        self.share = share > 1 - 1e-12 ? 1 : share
        effectiveSize = totalWeight * totalWeight / squaredWeights
    }
}
