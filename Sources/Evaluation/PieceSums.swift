import Dispatch
import ParameterSpace
import Synchronization

/// Sums over long vectors, piece by piece: a piece of every vector fits into the processor's second-level cache, so that a pass over many groups
/// reads what they share from memory once, and pieces are summed at the same time. Pieces are added in order: the result does not
/// depend on the number of workers.
package struct PieceSums {
    /// Elements of a piece.
    package static let length = 1 << 14
    /// Pieces that a worker takes at a time.
    private static let stride = 16

    private let blockCount: Int
    private let pieces: [(block: Int, range: Range<Int>)]
    private var workerCount: Int

    /// By one worker: the same numbers.
    package var alone: PieceSums {
        var alone = self
        alone.workerCount = 1
        return alone
    }

    package init(_ layout: ParameterLayout, workerCount: Int) {
        blockCount = layout.blocks.count
        pieces = layout.blocks.enumerated().flatMap { index, block in
            Swift.stride(from: block.range.lowerBound, to: block.range.upperBound, by: Self.length).map {
                (index, $0..<min($0 + Self.length, block.range.upperBound))
            }
        }
        self.workerCount = workerCount
    }

    /// One value a block: the sum of `body` over its pieces.
    package func sum<Value: Sendable>(
        _ zero: Value, _ add: (inout Value, Value) -> Void, _ body: @Sendable (Range<Int>) -> Value
    )
        -> [Value]
    {
        let parts = map(body)
        var sums = [Value](repeating: zero, count: blockCount)
        for (piece, part) in zip(pieces, parts) { add(&sums[piece.block], part) }
        return sums
    }

    private func map<Value: Sendable>(_ body: @Sendable (Range<Int>) -> Value) -> [Value] {
        let turns = (pieces.count + Self.stride - 1) / Self.stride
        guard workerCount > 1, turns > 1 else { return pieces.map { body($0.range) } }
        let found = Mutex([[Value]](repeating: [], count: turns))
        DispatchQueue.concurrentPerform(iterations: turns) { turn in
            let first = turn * Self.stride
            let values = pieces[first..<min(first + Self.stride, pieces.count)].map { body($0.range) }
            found.withLock { $0[turn] = values }
        }
        return found.withLock { $0.flatMap { $0 } }
    }
}

extension PieceSums {
    /// ‖g‖² of every block, and ‖g_b‖² and ⟨g_b, g⟩ of every group in every block: [block][group].
    package func norms<Scalar: ParameterScalar>(
        of gradient: GroupedGradient<Scalar>
    ) -> (squared: [Double], groups: [[GroupSums]]) {
        let (mean, groups) = (gradient.mean, gradient.groups)
        let found = sum((0, Self.zero(groups.count)), Self.add) { range in
            (Double.squaredNorm(mean, in: range), groups.map { Scalar.groupSums($0, mean: mean, in: range) })
        }
        return (found.map(\.0), found.map(\.1))
    }

    /// The sums of a probe, and those of the groups' differences Δ_b against Δ: [block][group].
    package func probe<Scalar: ParameterScalar>(
        _ gradient: GroupedGradient<Scalar>, from base: GroupedGradient<Scalar>, probe: [Scalar], iterate: [Scalar]
    ) -> (sums: [ProbeSums], groups: [[GroupSums]]) {
        let (mean, baseMean) = (gradient.mean, base.mean)
        let (groups, baseGroups) = (gradient.groups, base.groups)
        let found = sum((ProbeSums(), Self.zero(groups.count)), Self.add) { range in
            (
                Scalar.probeSums(gradient: mean, base: baseMean, probe: probe, iterate: iterate, in: range),
                groups.indices.map {
                    Scalar.groupSums(groups[$0], from: baseGroups[$0], mean: mean, from: baseMean, in: range)
                }
            )
        }
        return (found.map(\.0), found.map(\.1))
    }

    /// ⟨g_b, m⟩ of every group in every block, or ⟨g_b − h_b, m⟩ with the h_b of `base`: [block][group].
    package func projections<Scalar: ParameterScalar>(
        of gradient: GroupedGradient<Scalar>, from base: GroupedGradient<Scalar>? = nil, onto m: [Double]
    ) -> [[Double]] {
        let (groups, baseGroups) = (gradient.groups, base?.groups)
        let zero = [Double](repeating: 0, count: groups.count)
        func add(_ sum: inout [Double], _ part: [Double]) { for group in part.indices { sum[group] += part[group] } }
        return sum(zero, add) { range in
            groups.indices.map { group in
                let value = Scalar.groupSums(groups[group], mean: m, in: range).product
                guard let baseGroups else { return value }
                return value - Scalar.groupSums(baseGroups[group], mean: m, in: range).product
            }
        }
    }

    private static func zero(_ groupCount: Int) -> [GroupSums] { Array(repeating: GroupSums(), count: groupCount) }

    private static func add(_ sum: inout (Double, [GroupSums]), _ part: (Double, [GroupSums])) {
        sum.0 += part.0
        for group in part.1.indices { sum.1[group] = sum.1[group] + part.1[group] }
    }

    private static func add(_ sum: inout (ProbeSums, [GroupSums]), _ part: (ProbeSums, [GroupSums])) {
        sum.0 = sum.0 + part.0
        for group in part.1.indices { sum.1[group] = sum.1[group] + part.1[group] }
    }
}
