/// The outcome of a row of an alignment. The file stores the raw value.
public enum AlignmentStatus: UInt8, Sendable, Codable, CaseIterable {
    case ok = 0
    /// x_k holds NaN or infinity.
    case nonFiniteIterate = 1
    /// ∇f(x_k) = 0: no direction to agree with.
    case zeroGradient = 2
    /// A loss or gradient is NaN or infinite.
    case nonFiniteGradient = 3

    /// The name used in tables, CSV and JSON.
    public var name: String { "\(self)" }
}

/// The agreement of the component gradients at one iterate, for every batch size.
public struct AlignmentRow: Sendable, Equatable {
    /// k
    public var iteration: Int
    public var status = AlignmentStatus.ok
    /// f_S(x_k)
    public var loss = Double.nan
    /// ‖∇f_S(x_k)‖
    public var gradientNorm = Double.nan
    /// ⟨gⱼ, ∇f_S⟩ of every batch of every size, size after size.
    public var innerProducts: [Double]
    /// ‖gⱼ‖²
    public var squaredNorms: [Double]
    /// One a batch size.
    public var batches: [BatchAlignment]

    /// A row without any value yet.
    init(iteration: Int, partitions: [BatchPartition], clipNorms: [Double]) {
        self.iteration = iteration
        innerProducts = partitions.flatMap { $0.weights.map { _ in Double.nan } }
        squaredNorms = innerProducts
        batches = partitions.map { _ in BatchAlignment(clipNorms: clipNorms) }
    }

    /// Makes every number from the stored sums.
    mutating func conclude(partitions: [BatchPartition], clipNorms: [Double]) {
        guard status == .ok else { return }
        var offset = 0
        for (index, partition) in partitions.enumerated() {
            let range = offset..<(offset + partition.count)
            batches[index] = BatchAlignment(
                innerProducts: Array(innerProducts[range]), squaredNorms: Array(squaredNorms[range]),
                weights: partition.weights, gradientNorm: gradientNorm, clipNorms: clipNorms)
            offset = range.upperBound
        }
    }
}
