import ParameterSpace

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A symmetric matrix whose entries are polynomials of t ∈ [0, 1], in Bernstein's basis: H(t) = Σₖ C(n, k) tᵏ(1 − t)ⁿ⁻ᵏ Cₖ.
/// The basis is non-negative and adds up to one, so ‖H(t)‖ ≤ max ‖Cₖ‖; C₀ = H(0) and Cₙ = H(1).
struct BernsteinMatrix {
    private var controls: [DenseMatrix]

    private init(controls: [DenseMatrix]) { self.controls = controls }

    /// Interpolates at Chebyshev's extreme points, both ends among them.
    init(degree: Int, _ value: (Double) -> DenseMatrix) {
        let nodes = (0...degree).map { (1 - cos(.pi * Double($0) / Double(degree))) / 2 }
        let values = nodes.map(value)
        let inverse = Self.inverse(nodes.map { Self.basis(degree: degree, at: $0) })
        controls = inverse.map { row in
            zip(row, values).dropFirst().reduce(row[0] * values[0]) { $0 + $1.0 * $1.1 }
        }
        // Exactly, whatever the solution of the linear system rounds.
        controls[0] = values[0]
        controls[degree] = values[degree]
    }

    /// An upper bound of sup ‖H(t)‖ over [0, 1] and within `relativeGap` of it, unless `divisions` halvings do not suffice.
    func normSupremum(relativeGap: Double, divisions: Int) -> Double {
        var pieces = [Piece(self)]
        var attained = pieces[0].attained
        for _ in 0..<divisions {
            guard let index = pieces.indices.max(by: { pieces[$0].bound < pieces[$1].bound }) else { break }
            if pieces[index].bound.isNaN || attained.isNaN { return .nan }
            if pieces[index].bound <= attained * (1 + relativeGap) { break }
            let (left, right) = pieces.remove(at: index).curve.halves
            pieces += [Piece(left), Piece(right)]
            attained = max(attained, pieces[pieces.count - 1].attained, pieces[pieces.count - 2].attained)
        }
        // Of a piece whose ends hold its maximum the bound is that maximum itself.
        return pieces.map(\.bound).reduce(attained, largerOrNaN)
    }

    private struct Piece {
        let curve: BernsteinMatrix
        /// max ‖Cₖ‖
        let bound: Double
        /// The larger of the norms at the two ends.
        let attained: Double

        init(_ curve: BernsteinMatrix) {
            self.curve = curve
            let norms = curve.controls.map { symmetricNorm(of: $0.rowArrays) }
            bound = norms.reduce(0, largerOrNaN)
            attained = largerOrNaN(norms[0], norms[norms.count - 1])
        }
    }

    /// De Casteljau's division at ½.
    private var halves: (BernsteinMatrix, BernsteinMatrix) {
        var (left, right, level) = ([controls[0]], [controls[controls.count - 1]], controls)
        while level.count > 1 {
            level = zip(level, level.dropFirst()).map { 0.5 * ($0 + $1) }
            left.append(level[0])
            right.append(level[level.count - 1])
        }
        return (BernsteinMatrix(controls: left), BernsteinMatrix(controls: right.reversed()))
    }

    /// Bernstein's polynomials of a degree at t, by their recurrence.
    private static func basis(degree: Int, at t: Double) -> [Double] {
        var values = [1.0]
        for _ in 0..<degree {
            let (raised, kept) = ([0] + values.map { t * $0 }, values.map { (1 - t) * $0 } + [0])
            values = zip(raised, kept).map { $0 + $1 }
        }
        return values
    }

    /// Gauss and Jordan with partial pivoting; for the few points of an interpolation.
    private static func inverse(_ matrix: [[Double]]) -> [[Double]] {
        let size = matrix.count
        var work = matrix.enumerated().map { row, values in values + (0..<size).map { $0 == row ? 1 : 0 } }
        for column in 0..<size {
            let pivot = (column..<size).max { abs(work[$0][column]) < abs(work[$1][column]) } ?? column
            work.swapAt(column, pivot)
            let scale = work[column][column]
            work[column] = work[column].map { $0 / scale }
            for row in 0..<size where row != column {
                let factor = work[row][column]
                work[row] = zip(work[row], work[column]).map { $0 - factor * $1 }
            }
        }
        return work.map { Array($0[size...]) }
    }
}
