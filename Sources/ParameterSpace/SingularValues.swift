// Singular values of dense matrices: Householder's QR factorisation, then Jacobi's rotations of pairs of vectors (Golub and Van Loan,
// Matrix Computations, §8.6.3; Demmel and Veselić 1992). Every sum has a fixed order and nothing uses threads, so the bits depend on the matrix
// alone.

/// Returns the singular values of a matrix in decreasing order.
///
/// Each is exact to a few units in the last place of the largest one. The cost is O(mn²) for n vectors of m elements.
/// - Parameter vectors: n rows, or columns, of m ≥ n finite elements.
public func singularValues(of vectors: [[Double]]) -> [Double] {
    guard let length = vectors.first?.count else { return [] }
    precondition(
        vectors.allSatisfy { $0.count == length } && length >= vectors.count, "a matrix lies on its longer side")
    let unit = powerOfTwo(ofLargestIn: vectors)
    var work = vectors.map { $0.map { $0 / unit } }
    if length > vectors.count { work = triangularFactor(of: work) }
    return orthogonalize(&work, length: work[0].count).map { unit * $0 }
}

/// Returns the polar factor of a matrix A = U·diag(σ)·Vᵀ: the sum of uᵢvᵢᵀ over the singular values that are not zero to rounding.
/// - Parameter vectors: n rows, or columns, of m ≥ n finite elements.
/// - Returns: the factor as the matrix was given, by rows or by columns.
public func polarFactor(of vectors: [[Double]]) -> [[Double]] {
    guard let length = vectors.first?.count else { return [] }
    let unit = powerOfTwo(ofLargestIn: vectors)
    // Behind every vector stands a row of the identity, which becomes one of V's columns.
    var work = vectors.enumerated().map { index, vector in
        vector.map { $0 / unit } + vectors.indices.map { $0 == index ? 1 : 0 }
    }
    let values = orthogonalize(&work, length: length)
    let least = Double(length) * Double.ulpOfOne * values[0]
    var factor = vectors.map { _ in [Double](repeating: 0, count: length) }
    for (value, vector) in zip(values, work) where value > least {
        let left = Array(vector[..<length])
        for index in factor.indices { Double.axpby(vector[length + index] / value, left, 1, into: &factor[index]) }
    }
    return factor
}

/// The rows of R, for A = Q·R with the columns of A.
private func triangularFactor(of columns: [[Double]]) -> [[Double]] {
    let (count, length) = (columns.count, columns[0].count)
    var columns = columns
    for index in 0..<count {
        let rest = index..<length
        var v = columns[index]
        let norm = Double.squaredNorm(v, in: rest).squareRoot()
        // The sign that avoids cancellation.
        let image = v[index] > 0 ? -norm : norm
        v[index] -= image
        columns[index][index] = image
        let squared = Double.squaredNorm(v, in: rest)
        guard squared > 0 else { continue }
        for other in (index + 1)..<max(count, index + 1) {
            let factor = -2 * Double.dot(columns[other], v, in: rest) / squared
            Double.axpby(factor, v, 1, into: &columns[other], in: rest)
        }
    }
    return (0..<count).map { row in (0..<count).map { $0 < row ? 0 : columns[$0][row] } }
}

/// Rotates pairs of vectors until every two are orthogonal to each other, and sorts them by decreasing length.
/// - Parameter length: how many elements count; what stands behind them is rotated along.
/// - Returns: the vectors' lengths.
private func orthogonalize(_ vectors: inout [[Double]], length: Int) -> [Double] {
    let range = 0..<length
    let tolerance = Double.ulpOfOne * Double(length).squareRoot()
    var scratch = vectors[0]
    var squares: [Double] = []
    func sort() {
        squares = vectors.map { Double.squaredNorm($0, in: range) }
        let order = vectors.indices.sorted { squares[$0] > squares[$1] }
        vectors = order.map { vectors[$0] }
        squares = order.map { squares[$0] }
    }
    var isOrthogonal = false
    // Ten rounds are usual at most.
    for _ in 0..<60 where !isOrthogonal {
        isOrthogonal = true
        sort()
        for first in vectors.indices {
            for second in vectors.indices[(first + 1)...] {
                let product = Double.dot(vectors[first], vectors[second], in: range)
                guard abs(product) > tolerance * squares[first].squareRoot() * squares[second].squareRoot() else {
                    continue
                }
                isOrthogonal = false
                let ratio = (squares[second] - squares[first]) / (2 * product)
                let root = (1 + ratio * ratio).squareRoot()
                let tangent = root.isFinite ? (ratio < 0 ? -1 : 1) / (abs(ratio) + root) : 1 / (2 * ratio)
                let cosine = 1 / (1 + tangent * tangent).squareRoot()
                rotate(&vectors, first, second, cosine: cosine, sine: cosine * tangent, &scratch)
                squares[first] = Double.squaredNorm(vectors[first], in: range)
                squares[second] = Double.squaredNorm(vectors[second], in: range)
            }
        }
    }
    sort()
    return squares.map { $0.squareRoot() }
}
