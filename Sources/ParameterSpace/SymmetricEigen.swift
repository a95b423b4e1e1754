// Eigenvalues of dense symmetric matrices: Householder's tridiagonal form, then the implicit QL method (Golub and Van Loan, Matrix
// Computations, §8.3). Every sum has a fixed order and nothing uses threads, so the bits depend on the matrix alone.

/// Returns the eigenvalues of a symmetric matrix in increasing order.
///
/// Each is exact to a few units in the last place of the largest magnitude; the cost is O(n³).
/// - Parameter rows: n rows of n elements. An element that is not finite makes every eigenvalue NaN.
public func symmetricEigenvalues(of rows: [[Double]]) -> [Double] {
    var form = TridiagonalForm(rows, withVectors: false)
    form.diagonalize()
    return form.diagonal.sorted()
}

/// Returns the eigenvalues of a symmetric matrix in increasing order with their orthonormal eigenvectors.
/// - Parameter rows: n rows of n elements. An element that is not finite makes every eigenvalue NaN.
/// - Returns: n eigenvalues; `vectors[i]` has n elements and belongs to `values[i]`.
public func symmetricEigen(of rows: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
    var form = TridiagonalForm(rows, withVectors: true)
    form.diagonalize()
    let order = form.diagonal.indices.sorted { form.diagonal[$0] < form.diagonal[$1] }
    return (order.map { form.diagonal[$0] }, order.map { form.vectors[$0] })
}

/// Returns the spectral norm of a symmetric matrix: its largest |eigenvalue|, NaN where an element is not finite.
public func symmetricNorm(of rows: [[Double]]) -> Double {
    let values = symmetricEigenvalues(of: rows)
    guard let least = values.first, let largest = values.last else { return 0 }
    return max(abs(least), abs(largest))
}

/// A = Q·T·Qᵀ with T tridiagonal.
private struct TridiagonalForm {
    var diagonal: [Double]
    /// The element beside `diagonal[i]` and `diagonal[i + 1]`.
    var beside: [Double] = []
    /// The columns of Q; empty where they are not asked for.
    var vectors: [[Double]] = []
    /// What T is a multiple of, so that squares do not overflow.
    private var unit = 1.0

    init(_ rows: [[Double]], withVectors: Bool) {
        let count = rows.count
        precondition(rows.allSatisfy { $0.count == count }, "a symmetric matrix has as many columns as rows")
        guard rows.allSatisfy({ Double.nonfiniteCount($0, in: 0..<count) == 0 }) else {
            diagonal = rows.map { _ in .nan }
            vectors = rows
            return
        }
        unit = powerOfTwo(ofLargestIn: rows)
        var matrix = rows.map { [unit] in $0.map { $0 / unit } }
        if withVectors {
            vectors = (0..<count).map { row in (0..<count).map { $0 == row ? 1 : 0 } }
        }
        var w = [Double](repeating: 0, count: count)
        for column in 0..<max(0, count - 1) {
            let rest = (column + 1)..<count
            var v = matrix[column]
            let length = Double.squaredNorm(v, in: rest).squareRoot()
            // The sign that avoids cancellation.
            let image = v[column + 1] > 0 ? -length : length
            beside.append(image)
            v[column + 1] -= image
            let squared = Double.squaredNorm(v, in: rest)
            guard squared > 0 else { continue }
            // A ← HAH with H = I − 2vvᵀ/vᵀv: A − vwᵀ − wvᵀ.
            for row in rest { w[row] = 2 / squared * Double.dot(matrix[row], v, in: rest) }
            Double.axpby(-Double.dot(v, w, in: rest) / squared, v, 1, into: &w, in: rest)
            for row in rest {
                Double.axpby(-v[row], w, 1, into: &matrix[row], in: rest)
                Double.axpby(-w[row], v, 1, into: &matrix[row], in: rest)
            }
            guard withVectors else { continue }
            var sum = [Double](repeating: 0, count: count)
            for row in rest { Double.axpby(v[row], vectors[row], 1, into: &sum) }
            for row in rest { Double.axpby(-2 / squared * v[row], sum, 1, into: &vectors[row]) }
        }
        diagonal = matrix.indices.map { matrix[$0][$0] }
    }

    /// Makes T diagonal, with A's eigenvalues, by QL steps with Wilkinson's shift, and turns the columns of Q into eigenvectors.
    mutating func diagonalize() {
        let count = diagonal.count
        guard count > 0, diagonal[0].isFinite else { return }
        let largest = (diagonal + beside).reduce(0) { max($0, abs($1)) }
        let negligible = Double.ulpOfOne * largest
        var scratch = vectors.first ?? []
        beside.append(0)
        for low in 0..<count {
            // Two or three steps an eigenvalue are usual.
            for _ in 0..<100 {
                let high = (low..<count - 1).first { abs(beside[$0]) <= negligible } ?? count - 1
                if high == low { break }
                step(from: high, to: low, &scratch)
            }
        }
        diagonal = diagonal.map { unit * $0 }
    }

    private mutating func step(from high: Int, to low: Int, _ scratch: inout [Double]) {
        let half = (diagonal[low + 1] - diagonal[low]) / (2 * beside[low])
        let root = (half * half + 1).squareRoot()
        var bulge = diagonal[high] - diagonal[low] + beside[low] / (half + (half < 0 ? -root : root))
        var (sine, cosine, shift) = (1.0, 1.0, 0.0)
        for index in (low..<high).reversed() {
            let (leading, trailing) = (sine * beside[index], cosine * beside[index])
            let length = (leading * leading + bulge * bulge).squareRoot()
            beside[index + 1] = length
            guard length > 0 else {
                diagonal[index + 1] -= shift
                beside[high] = 0
                return
            }
            sine = leading / length
            cosine = bulge / length
            let pivot = diagonal[index + 1] - shift
            let turned = (diagonal[index] - pivot) * sine + 2 * cosine * trailing
            shift = sine * turned
            diagonal[index + 1] = pivot + shift
            bulge = cosine * turned - trailing
            if !vectors.isEmpty { rotate(&vectors, index, index + 1, cosine: cosine, sine: sine, &scratch) }
        }
        diagonal[low] -= shift
        beside[low] = bulge
        beside[high] = 0
    }
}

/// Replaces two vectors x and y by c·x − s·y and s·x + c·y.
/// - Parameter scratch: as many elements as a vector has, which are overwritten.
func rotate(
    _ vectors: inout [[Double]], _ first: Int, _ second: Int, cosine: Double, sine: Double, _ scratch: inout [Double]
) {
    Double.combine(
        into: &scratch, cosine, vectors[first], -sine, vectors[second], in: scratch.indices)
    Double.axpby(sine, vectors[first], cosine, into: &vectors[second])
    swap(&vectors[first], &scratch)
}

/// Returns the power of two next below the largest magnitude in a matrix, so that what is divided by it, which is exact, has squares that
/// do not overflow; 1 for a matrix of zeros.
func powerOfTwo(ofLargestIn rows: [[Double]]) -> Double {
    let largest = rows.reduce(0) { $1.reduce($0) { max($0, abs($1)) } }
    return largest > 0 ? Double(sign: .plus, exponent: Int(max(largest.exponent, -1000)), significand: 1) : 1
}
