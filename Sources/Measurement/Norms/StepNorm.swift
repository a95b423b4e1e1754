import ParameterSpace

/// A norm for steps with its dual for gradients, ‖g‖* = max { ⟨g, d⟩ : ‖d‖ ≤ 1 }.
///
/// A block of k ≥ 2 axes is a matrix of shape[0] rows and Π shape[1...] columns, as layers are in Muon; a vector is a matrix of
/// one column, a scalar one of one element. Over a layout, the Euclidean and the root-mean-square norm are those of the
/// flat vector; the others are the product norm of Gluon (Riabinin, Shulgin, Gruntkowska, Richtárik 2025, arXiv 2505.13416,
/// §3): ‖d‖ = max over the blocks, whose dual is the sum over them.
///
/// | norm | of a step, per block | dual, of a gradient, per block |
/// |---|---|---|
/// | `euclidean` | ‖d‖₂ | ‖g‖₂ |
/// | `rootMeanSquare` | ‖d‖₂/√n | √n‖g‖₂ |
/// | `spectral` | largest singular value | nuclear: sum of the singular values |
/// | `maximum` | max \|dᵢ\| | Σ \|gᵢ\| |
/// | `rowWise` | largest ‖row‖₂ | Σ ‖row‖₂ |
///
/// All is in Double, summed in a fixed order; singular values are exact to a few units in the last place of
/// the largest one. A vector that is not finite has a norm that is not finite.
public enum StepNorm: String, Codable, Sendable, Hashable, CaseIterable {
    case euclidean
    case rootMeanSquare = "root-mean-square"
    /// Of a vector the Euclidean norm, as for any matrix of one row or one column.
    case spectral
    case maximum
    /// Of a vector the maximum norm: its rows have one element each.
    case rowWise = "row-wise"

    /// Whether its dual is a multiple of the Euclidean norm, so that errors are too.
    package var isEuclideanMultiple: Bool { self == .euclidean || self == .rootMeanSquare }

    // MARK: One block

    /// ‖d‖ of the part of a flat vector that lies in `block`.
    public func norm(of step: [Double], in block: ParameterBlock) throws -> Double {
        switch self {
        case .euclidean: return Self.length(step, block.range)
        case .rootMeanSquare: return block.count == 0 ? 0 : Self.length(step, block.range) / Self.root(block.count)
        case .spectral: return Self.singularValues(step, block).reduce(0, Self.larger)
        case .maximum: return step[block.range].reduce(0) { Self.larger($0, abs($1)) }
        case .rowWise: return Self.rows(block).map { Self.length(step, $0) }.reduce(0, Self.larger)
        }
    }

    /// ‖g‖* of the part of a flat vector that lies in `block`.
    public func dualNorm(of gradient: [Double], in block: ParameterBlock) throws -> Double {
        switch self {
        case .euclidean: return Self.length(gradient, block.range)
        case .rootMeanSquare: return Self.length(gradient, block.range) * Self.root(block.count)
        case .spectral: return Self.singularValues(gradient, block).reduce(0, +)
        case .maximum: return gradient[block.range].reduce(0) { $0 + abs($1) }
        case .rowWise: return Self.rows(block).map { Self.length(gradient, $0) }.reduce(0, +)
        }
    }

    /// The d with ‖d‖ = 1 and ⟨g, d⟩ = ‖g‖* in a block: −d is the direction of steepest descent. Zero where g is zero; where
    /// several will do, the one that is zero wherever g gives no direction.
    /// - Returns: as many elements as the block has.
    public func maximizer(of gradient: [Double], in block: ParameterBlock) throws -> [Double] {
        let part = gradient[block.range]
        switch self {
        case .euclidean, .rootMeanSquare:
            let length = Self.length(gradient, block.range)
            let radius = self == .euclidean ? 1 : Self.root(block.count)
            return part.map { length == 0 ? 0 : radius * ($0 / length) }
        case .spectral: return try Self.polarFactor(gradient, block)
        case .maximum: return part.map { $0 == 0 ? 0 : ($0 > 0 ? 1 : -1) }
        case .rowWise:
            return Self.rows(block).flatMap { row -> [Double] in
                let length = Self.length(gradient, row)
                return gradient[row].map { length == 0 ? 0 : $0 / length }
            }
        }
    }

    // MARK: A whole layout

    /// ‖d‖ of every block, in their order.
    public func norms(of step: [Double], layout: ParameterLayout) throws -> [Double] {
        try layout.blocks.map { try norm(of: step, in: $0) }
    }

    /// ‖g‖* of every block, in their order.
    public func dualNorms(of gradient: [Double], layout: ParameterLayout) throws -> [Double] {
        try layout.blocks.map { try dualNorm(of: gradient, in: $0) }
    }

    /// ‖d‖ of a flat vector.
    public func norm(of step: [Double], layout: ParameterLayout) throws -> Double {
        switch self {
        case .euclidean: layout.norm(of: step)
        case .rootMeanSquare: layout.count == 0 ? 0 : layout.norm(of: step) / Self.root(layout.count)
        case .spectral, .maximum, .rowWise: try norms(of: step, layout: layout).reduce(0, Self.larger)
        }
    }

    /// ‖g‖* of a flat vector.
    public func dualNorm(of gradient: [Double], layout: ParameterLayout) throws -> Double {
        switch self {
        case .euclidean: layout.norm(of: gradient)
        case .rootMeanSquare: layout.norm(of: gradient) * Self.root(layout.count)
        case .spectral, .maximum, .rowWise: try dualNorms(of: gradient, layout: layout).reduce(0, +)
        }
    }

    /// The d with ‖d‖ = 1 and ⟨g, d⟩ = ‖g‖*, as for a block.
    public func maximizer(of gradient: [Double], layout: ParameterLayout) throws -> [Double] {
        switch self {
        case .euclidean, .rootMeanSquare:
            let length = layout.norm(of: gradient)
            let radius = self == .euclidean ? 1 : Self.root(layout.count)
            return gradient.map { length == 0 ? 0 : radius * ($0 / length) }
        case .spectral, .maximum, .rowWise:
            return try layout.blocks.flatMap { try maximizer(of: gradient, in: $0) }
        }
    }

    // MARK: Pieces

    private static func root(_ count: Int) -> Double { Double(count).squareRoot() }

    /// NaN as soon as one is NaN: `max` would lose it.
    private static func larger(_ first: Double, _ second: Double) -> Double {
        first.isNaN || second.isNaN ? .nan : max(first, second)
    }

    private static func length(_ x: [Double], _ range: Range<Int>) -> Double {
        Double.squaredNorm(x, in: range).squareRoot()
    }

    private static func sizes(_ block: ParameterBlock) -> (rows: Int, columns: Int) {
        (block.shape.first ?? 1, block.shape.dropFirst().reduce(1, *))
    }

    private static func rows(_ block: ParameterBlock) -> [Range<Int>] {
        let (rows, columns) = sizes(block)
        return (0..<rows).map { (block.offset + $0 * columns)..<(block.offset + ($0 + 1) * columns) }
    }

    /// The rows of a block, or its columns where they are longer.
    private static func lines(_ x: [Double], _ block: ParameterBlock) -> (lines: [[Double]], areRows: Bool) {
        let (rows, columns) = sizes(block)
        if rows <= columns { return (Self.rows(block).map { Array(x[$0]) }, true) }
        let starts = block.offset..<(block.offset + columns)
        return (
            starts.map { start in stride(from: start, to: block.range.upperBound, by: columns).map { x[$0] } }, false
        )
    }

    /// In decreasing order; the length of a vector is its only one.
    private static func singularValues(_ x: [Double], _ block: ParameterBlock) -> [Double] {
        let (rows, columns) = sizes(block)
        if min(rows, columns) <= 1 { return [length(x, block.range)] }
        guard Double.nonfiniteCount(x, in: block.range) == 0 else { return [.nan] }
        return ParameterSpace.singularValues(of: lines(x, block).lines)
    }

    /// U_r·V_rᵀ over the singular values that are not zero to rounding.
    private static func polarFactor(_ x: [Double], _ block: ParameterBlock) throws -> [Double] {
        let (rows, columns) = sizes(block)
        if min(rows, columns) <= 1 || Double.nonfiniteCount(x, in: block.range) > 0 {
            return try euclidean.maximizer(of: x, in: block)
        }
        let (lines, areRows) = lines(x, block)
        let factor = ParameterSpace.polarFactor(of: lines)
        if areRows { return factor.flatMap(\.self) }
        return (0..<rows).flatMap { row in factor.map { $0[row] } }
    }
}
