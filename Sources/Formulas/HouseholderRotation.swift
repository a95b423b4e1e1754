import Essentials
import ParameterSpace

/// An orthogonal matrix Q = H_r ⋯ H₁ of seeded Householder reflections H = I − 2vvᵀ, with v uniform on the sphere.
struct HouseholderRotation: Sendable {
    private let directions: [[Double]]

    init(dimension: Int, count: Int, seed: UInt64) {
        directions = (0..<count).map { index in
            var generator = SeededGenerator(seed: seed, purpose: "reflection", index: index)
            let direction = (0..<dimension).map { _ in generator.normal() }
            let norm = Double.dot(direction, direction, in: 0..<dimension).squareRoot()
            return direction.map { $0 / norm }
        }
    }

    /// x ← Qx
    func apply(to x: inout [Double]) {
        for direction in directions { reflect(&x, along: direction) }
    }

    /// x ← Qᵀx: a reflection is its own transpose.
    func applyTransposed(to x: inout [Double]) {
        for direction in directions.reversed() { reflect(&x, along: direction) }
    }

    private func reflect(_ x: inout [Double], along direction: [Double]) {
        Double.axpby(-2 * Double.dot(direction, x, in: x.indices), direction, 1, into: &x)
    }
}
