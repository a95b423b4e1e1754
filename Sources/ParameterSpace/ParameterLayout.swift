/// One named parameter tensor inside the flat vector x ∈ ℝᴾ.
public struct ParameterBlock: Sendable, Hashable, Codable {
    /// The field's name for it, as `lstm.weight_hh_l0`.
    public var name: String
    /// Row-major extents; empty for a scalar.
    public var shape: [Int]
    /// Index of the first element in the flat vector.
    public var offset: Int
    /// Number of elements, the product of `shape`.
    public var count: Int

    public var range: Range<Int> { offset..<(offset + count) }
}

/// The ordered blocks of one flat parameter vector, without gaps: block i + 1 starts where block i ends.
public struct ParameterLayout: Sendable, Hashable, Codable {
    public let blocks: [ParameterBlock]
    /// P, the number of elements of the flat vector.
    public let count: Int

    public init(_ tensors: [(name: String, shape: [Int])]) {
        var offset = 0
        blocks = tensors.map { tensor in
            let count = tensor.shape.reduce(1, *)
            defer { offset += count }
            return ParameterBlock(name: tensor.name, shape: tensor.shape, offset: offset, count: count)
        }
        count = offset
    }

    /// The block of this name, if there is one.
    public func block(named name: String) -> ParameterBlock? { blocks.first { $0.name == name } }
}
