import ParameterSpace

/// The largest eigenvalue of a dense symmetric matrix: Householder's tridiagonal form, then bisection with Sturm's
/// count (Golub and Van Loan, Matrix Computations, §8.3 and §8.4). Error: a few units in the last place of the norm;
/// O(n³).
enum SymmetricEigenvalue {
    /// - Parameter matrix: rows of a symmetric matrix. Only finite entries give a finite answer.
    static func largest(of matrix: [[Double]]) -> Double {
        guard matrix.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { return .nan }
        let (diagonal, offDiagonal) = tridiagonal(matrix)
        return largest(diagonal: diagonal, offDiagonal: offDiagonal)
    }

    /// The spectral norm: the largest |eigenvalue|.
    static func largestMagnitude(of matrix: [[Double]]) -> Double {
        guard matrix.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { return .nan }
        let (diagonal, offDiagonal) = tridiagonal(matrix)
        return max(
            largest(diagonal: diagonal, offDiagonal: offDiagonal),
            largest(diagonal: diagonal.map { -$0 }, offDiagonal: offDiagonal))
    }

    /// An orthogonally similar tridiagonal matrix.
    static func tridiagonal(_ symmetric: [[Double]]) -> (diagonal: [Double], offDiagonal: [Double]) {
        var matrix = symmetric
        let count = matrix.count
        var offDiagonal: [Double] = []
        for column in 0..<(count - 1) {
            let rest = (column + 1)..<count
            var v = matrix[column]
            let norm = Double.squaredNorm(v, in: rest).squareRoot()
            let leading = v[column + 1]
            // The sign that avoids cancellation.
            let image = leading > 0 ? -norm : norm
            offDiagonal.append(image)
            v[column + 1] = leading - image
            let squared = Double.squaredNorm(v, in: rest)
            guard squared > 0 else { continue }
            // A ← HAH with H = I − 2vvᵀ/vᵀv: A − vwᵀ − wvᵀ.
            var w = [Double](repeating: 0, count: count)
            for row in rest { w[row] = 2 / squared * Double.dot(matrix[row], v, in: rest) }
            let shift = Double.dot(v, w, in: rest) / squared
            for row in rest { w[row] -= shift * v[row] }
            for row in rest {
                for other in rest { matrix[row][other] -= v[row] * w[other] + w[row] * v[other] }
            }
        }
        return (matrix.indices.map { matrix[$0][$0] }, offDiagonal)
    }

    private static func largest(diagonal: [Double], offDiagonal: [Double]) -> Double {
        let beside = [0] + offDiagonal.map { abs($0) } + [0]
        let radii = diagonal.indices.map { beside[$0] + beside[$0 + 1] }
        // Gershgorin's discs hold every eigenvalue.
        var low = zip(diagonal, radii).map { $0 - $1 }.min() ?? 0
        var high = zip(diagonal, radii).map { $0 + $1 }.max() ?? 0
        while true {
            let middle = low + (high - low) / 2
            if middle <= low || middle >= high { return high }
            if allBelow(middle, diagonal, offDiagonal) { high = middle } else { low = middle }
        }
    }

    /// Whether T − λI is negative definite, by the signs of its pivots.
    private static func allBelow(_ bound: Double, _ diagonal: [Double], _ offDiagonal: [Double]) -> Bool {
        var pivot = diagonal[0] - bound
        for index in offDiagonal.indices {
            guard pivot < 0 else { return false }
            pivot = diagonal[index + 1] - bound - offDiagonal[index] * offDiagonal[index] / pivot
        }
        return pivot < 0
    }
}
