import Essentials
import ParameterSpace

/// A Ritz value with its residual and its vector's coordinates in the basis.
struct RitzPair {
    var value: Double
    var residual: Double
    var coordinates: [Double]
}

/// The Ritz pairs at both ends of the spectrum.
struct SpectrumEnds {
    var largest: RitzPair
    var smallest: RitzPair

    private var isUpperOuter: Bool { abs(largest.value) >= abs(smallest.value) }
    /// The end that gives the norm.
    var outer: RitzPair { isUpperOuter ? largest : smallest }
    private var inner: RitzPair { isUpperOuter ? smallest : largest }

    /// Whether the norm's pair is known to the tolerance and the other end is known not to be the larger one.
    func isWithin(_ tolerance: Double) -> Bool {
        isWithin(tolerance, norm: abs(outer.value), residual: outer.residual)
    }

    private func isWithin(_ tolerance: Double, norm: Double, residual: Double) -> Bool {
        residual <= tolerance * norm && abs(inner.value) + inner.residual <= norm * (1 + tolerance)
    }

    /// - Parameters:
    ///   - value: the outer Ritz vector's Rayleigh quotient, which takes the place of the Ritz value.
    ///   - residual: of that vector.
    func result(value: Double, residual: Double, iterations: Int, tolerance: Double) -> LanczosResult {
        LanczosResult(
            norm: abs(value), largest: isUpperOuter ? value : largest.value,
            smallest: isUpperOuter ? smallest.value : value, residual: residual, otherResidual: inner.residual,
            iterations: iterations, converged: isWithin(tolerance, norm: abs(value), residual: residual))
    }
}

/// An orthonormal basis V of a Krylov space of A with the projection H = VᵀAV, and what of A·(last vector) lies outside.
///
/// H is kept dense: tridiagonal in exact arithmetic, with an arrow after a restart. Its rows are the coefficients of the
/// Gram–Schmidt sums as they were computed.
struct LanczosProcess {
    /// v₁ … v_k
    private var basis: [[Double]] = []
    /// v_{k+1}, the next to be multiplied; `nil` where the Krylov space is invariant.
    private var next: [Double]?
    /// H, k × k by rows.
    private var projection: [[Double]] = []
    /// ‖what of A·v_k lies outside the basis‖
    private var coupling = 0.0
    /// The largest |Aᵢⱼ| so far: what is rounding and what is not.
    private var scale = 0.0
    private let capacity: Int
    private let dimension: Int

    /// - Parameter capacity: the most vectors of length P, the next one included; 6 at least, unless P is smaller.
    init(start: [Double], capacity: Int) {
        dimension = start.count
        self.capacity = capacity
        next = Self.scaled(start, by: 1 / Self.norm(start))
    }

    /// k
    var count: Int { basis.count }

    /// Whether the basis spans an invariant space: the Ritz values are eigenvalues.
    var isExhausted: Bool { next == nil }

    /// Adds v_{k+1} to the basis.
    mutating func step(_ product: ([Double]) throws -> [Double]) throws {
        guard let vector = next else { return }
        // One place is for the vector after this one.
        if basis.count + 1 >= capacity && dimension > capacity { restart() }
        var image = try Self.finite(product(vector))
        basis.append(vector)
        scale = max(scale, Self.norm(image))
        var row = orthogonalize(&image)
        // A second pass: after the first one rounding may have left as much along the basis as outside.
        let correction = orthogonalize(&image)
        for index in row.indices { row[index] += correction[index] }
        for index in projection.indices { projection[index].append(row[index]) }
        projection.append(row)
        coupling = Self.norm(image)
        let isInvariant = basis.count == dimension || coupling <= 1e-15 * Double(basis.count) * scale
        if isInvariant { coupling = 0 }
        next = isInvariant ? nil : Self.scaled(image, by: 1 / coupling)
    }

    /// w ← w − V(Vᵀw), one vector after the other; returns the coefficients.
    private func orthogonalize(_ w: inout [Double]) -> [Double] {
        basis.map { vector in
            let coefficient = Double.dot(vector, w, in: 0..<dimension)
            Double.axpby(-coefficient, vector, 1, into: &w)
            return coefficient
        }
    }

    // MARK: Ritz pairs

    func ends() -> SpectrumEnds {
        let (values, vectors) = symmetricEigen(of: projection)
        func pair(_ index: Int) -> RitzPair {
            RitzPair(
                value: values[index], residual: abs(vectors[index][count - 1]) * coupling, coordinates: vectors[index])
        }
        return SpectrumEnds(largest: pair(count - 1), smallest: pair(0))
    }

    /// yᵀAy and ‖Ay − (yᵀAy)y‖ of a pair's vector y.
    func rayleighQuotient(
        of pair: RitzPair, _ product: ([Double]) throws -> [Double]
    ) throws -> (value: Double, residual: Double) {
        var vector = [Double](repeating: 0, count: dimension)
        for (coordinate, base) in zip(pair.coordinates, basis) { Double.axpby(coordinate, base, 1, into: &vector) }
        vector = Self.scaled(vector, by: 1 / Self.norm(vector))
        var image = try Self.finite(product(vector))
        let value = Double.dot(vector, image, in: 0..<dimension)
        Double.axpby(-value, vector, 1, into: &image)
        return (value, Self.norm(image))
    }

    /// Keeps the Ritz vectors of half of the basis, from both ends of the spectrum, and the next vector.
    private mutating func restart() {
        let (values, vectors) = symmetricEigen(of: projection)
        let kept = max(2, count / 2)
        let lower = kept / 2
        let indices = Array(0..<lower) + Array((count - (kept - lower))..<count)
        // Piece by piece, so that no second basis is needed.
        let length = 4096
        for start in stride(from: 0, to: dimension, by: length) {
            let range = start..<min(start + length, dimension)
            let pieces = basis.map { Array($0[range]) }
            for (place, index) in indices.enumerated() {
                var sum = [Double](repeating: 0, count: range.count)
                for (row, piece) in pieces.enumerated() {
                    Double.axpby(vectors[index][row], piece, 1, into: &sum)
                }
                basis[place].replaceSubrange(range, with: sum)
            }
        }
        basis.removeLast(count - kept)
        projection = indices.enumerated().map { place, index in
            (0..<kept).map { $0 == place ? values[index] : 0 }
        }
    }

    // MARK: Vectors

    private static func norm(_ x: [Double]) -> Double { Double.squaredNorm(x, in: x.indices).squareRoot() }

    private static func scaled(_ x: [Double], by factor: Double) -> [Double] { x.map { factor * $0 } }

    private static func finite(_ x: [Double]) throws -> [Double] {
        guard Double.nonfiniteCount(x, in: x.indices) == 0 else {
            throw SmoothnessError(
                .data, "a Hessian–vector product is not finite", expected: "finite numbers",
                remedy: "The objective overflows at this point.")
        }
        return x
    }
}
