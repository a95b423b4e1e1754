import ParameterSpace

/// Holds a recorded gradient g against the weighted mean Σ W_b g_b / W of the gradients of its groups, over the elements of one block,
/// slice by slice.
///
/// docs/run-file.md asks for equality to the rounding of the scalar. A program that has taken the mean over all data at once has added the same
/// numbers in another order: over n terms such errors grow like √n ε, and over the 1/ε terms that the scalar can count at most, to √ε. So the
/// two agree where ‖g − Σ W_b g_b / W‖ ≤ √ε Σ W_b‖g_b‖ / W: half of the digits, 3.5·10⁻⁴ for float32 and 1.5·10⁻⁸ for float64.
package struct GroupMean<Scalar: ParameterScalar>: Sendable {
    private var count = 0
    private var residual = 0.0
    private var gradientSquared = 0.0
    /// ‖g_b‖² of every group.
    private var groupsSquared: [Double]
    /// W_b / W
    private let shares: [Double]

    package init(shares: [Double]) {
        self.shares = shares
        groupsSquared = shares.map { _ in 0 }
    }

    /// Adds the elements `range` of the arrays.
    /// - Parameter difference: memory for as many numbers as the arrays have.
    package mutating func add(
        _ gradient: [Scalar], groups: [[Scalar]], in range: Range<Int>, difference: inout [Double]
    ) {
        begin(gradient, in: range, difference: &difference)
        for group in groups.indices { add(groups[group], ofGroup: group, in: range, difference: &difference) }
        end(in: range, difference: difference)
    }

    /// The same with one group after the other in memory: the gradient, every group, the end.
    mutating func begin(_ gradient: [Scalar], in range: Range<Int>, difference: inout [Double]) {
        count += range.count
        gradientSquared += Scalar.squaredNorm(gradient, in: range)
        for index in range { difference[index] = 0 }
        Scalar.accumulate(into: &difference, scale: 1, gradient, in: range)
    }

    mutating func add(_ values: [Scalar], ofGroup group: Int, in range: Range<Int>, difference: inout [Double]) {
        groupsSquared[group] += Scalar.squaredNorm(values, in: range)
        Scalar.accumulate(into: &difference, scale: -shares[group], values, in: range)
    }

    mutating func end(in range: Range<Int>, difference: [Double]) {
        residual += Double.squaredNorm(difference, in: range)
    }

    /// Returns the expected and the found value where the gradient is not the mean of its groups; `nil` where it is, and where both are not finite.
    package var flaw: (expected: String, found: String)? {
        let size = zip(shares, groupsSquared).reduce(0) { $0 + $1.0 * $1.1.squareRoot() }
        guard gradientSquared.isFinite || size.isFinite else { return nil }
        // What has no digits left is rounded to the smallest number.
        let smallest = Double(Scalar.leastNonzeroMagnitude) * Double(count).squareRoot()
        let limit = Double(Scalar.ulpOfOne).squareRoot() * size + smallest
        let distance = residual.squareRoot()
        guard gradientSquared.isFinite, size.isFinite, distance <= limit else {
            return (
                "the mean of its groups, to \(limit)",
                "a norm of \(gradientSquared.squareRoot()), \(distance) away from that mean"
            )
        }
        return nil
    }
}

/// A point of a row at which gradients on the fixed subset were recorded.
package enum RecordedPoint: Sendable, Hashable {
    case iterate, nextIterate
    /// At the γ of an index.
    case probe(Int)

    package var gradient: RecordedVector {
        switch self {
        case .iterate: .gradient
        case .nextIterate: .nextGradient
        case .probe(let index): .probeGradient(index)
        }
    }

    package func gradient(ofGroup group: Int) -> RecordedVector {
        switch self {
        case .iterate: .groupGradient(group)
        case .nextIterate: .nextGroupGradient(group)
        case .probe(let index): .probeGroupGradient(index, group: group)
        }
    }
}

extension FixedSubset {
    /// W_b / W of the groups.
    package var groupShares: [Double] {
        let total = groupWeights.reduce(0, +)
        return groupWeights.map { $0 / total }
    }

    /// Names the place of the gradient at a point of a row, as `/fixed_subset/gradient, row 3`.
    package func place(of point: RecordedPoint, row: Int) -> String {
        switch point {
        case .iterate: Self.path("gradient") + ", row \(row)"
        case .nextIterate:
            sharesRows ? Self.path("gradient") + ", row \(row + 1)" : Self.path("next_gradient") + ", row \(row)"
        case .probe(let index): Self.path("probe_gradient") + ", row \(row), γ = \(gammas[index])"
        }
    }
}
