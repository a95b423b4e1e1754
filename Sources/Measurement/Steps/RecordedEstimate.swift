import Evaluation
import ParameterSpace

/// The sums over the vectors of one row, from which everything else follows.
package struct RecordedSums: Sendable {
    /// [block][γ]; at every γ also ‖g₀‖² and ⟨g₀, g⟩.
    package var blocks: [[(baseSquared: Double, product: Double, probe: ProbeSums)]]
    /// ‖g_b‖² and ⟨g_b, g₀⟩ at x_k: [block][group]
    package var groups: [[GroupSums]]
    /// ‖Δ_b‖² and ⟨Δ_b, Δ⟩: [block][γ][group]
    package var differences: [[[GroupSums]]]

    package init(blockCount: Int, gammaCount: Int, groupCount: Int) {
        blocks = Array(repeating: [], count: blockCount)
        groups = Array(repeating: Array(repeating: GroupSums(), count: groupCount), count: blockCount)
        differences = Array(
            repeating: Array(repeating: Array(repeating: GroupSums(), count: groupCount), count: gammaCount),
            count: blockCount)
    }
}

/// The recorded losses of one row.
package struct RecordedLosses: Sendable {
    /// f_S(x_k)
    package var atIterate: Double
    /// f_S(x_k + γd) at every γ of the grid, the last of them x_{k+1} itself.
    package var atProbes: [Double]

    package init(atIterate: Double, atProbes: [Double]) {
        self.atIterate = atIterate
        self.atProbes = atProbes
    }
}

/// From the sums over a row's recorded vectors to its estimate.
package struct RecordedEstimate {
    package let layout: ParameterLayout
    package let gammas: [Double]
    package let groups: ComponentGroups
    package let mode: EstimationMode
    /// 2⁻²³ or 2⁻⁵²
    package let machineEpsilon: Double

    package init(
        layout: ParameterLayout, gammas: [Double], groups: ComponentGroups, mode: EstimationMode, machineEpsilon: Double
    ) {
        self.layout = layout
        self.gammas = gammas
        self.groups = groups
        self.mode = mode
        self.machineEpsilon = machineEpsilon
    }

    private var hasGroups: Bool { groups.count > 1 }

    package func estimate(iteration: Int, _ sums: RecordedSums, losses: RecordedLosses?) -> StepEstimate {
        var estimate = StepEstimate(
            iteration: iteration, gammas: gammas, blockCount: layout.blocks.count, groupCount: groups.count)
        estimate.subsetSize = groups.components.count
        estimate.componentGradientCount = groups.components.count * (1 + gammas.count)
        estimate.relativeRounding = machineEpsilon
        estimate.roundingProjection = 1
        let ends = sums.blocks.map { $0[gammas.count - 1] }
        let stepSquares = ends.map(\.probe.displacementSquared)
        let step = stepSquares.reduce(0, +)
        recordBase(sums, loss: losses?.atIterate ?? .nan, in: &estimate)
        guard step.isFinite else {
            estimate.status = .nonFiniteIterate
            return estimate
        }
        guard estimate.gradientNorm.isFinite, !estimate.loss.isInfinite else {
            estimate.status = .nonFiniteGradient
            return estimate
        }
        estimate.stepNorm = step.squareRoot()
        for block in stepSquares.indices { estimate.blocks[block].stepNorm = stepSquares[block].squareRoot() }
        guard step > 0 else {
            estimate.status = .zeroStep
            return estimate
        }
        record(sums, losses, in: &estimate)
        estimate.blockLeaveOut = blockLeaveOut(sums)
        let norms = estimate.gradientNorm * estimate.curve[gammas.count - 1].gradientNorm
        estimate.conclude(cosine: ends.reduce(0) { $0 + $1.product } / norms, context)
        return estimate
    }

    private var context: RowContext {
        RowContext(
            sample: groups.sample(ofSize: groups.components.count),
            floors: Floors(repeatability: .nan, relativeRounding: machineEpsilon), machineEpsilon: machineEpsilon,
            mode: mode, parameterCount: layout.count)
    }

    private func recordBase(_ sums: RecordedSums, loss: Double, in estimate: inout StepEstimate) {
        let squares = sums.blocks.map { $0[0].baseSquared }
        let context = context
        estimate.loss = loss
        estimate.gradientNorm = squares.reduce(0, +).squareRoot()
        for block in squares.indices {
            estimate.blocks[block].gradientNorm = squares[block].squareRoot()
            estimate.blocks[block].gradientNormError =
                GroupedNorm(squared: squares[block], sums: sums.groups[block], sample: context.sample).error
        }
        if hasGroups {
            for group in 0..<groups.count {
                let whole = sums.groups.reduce(GroupSums()) { $0 + $1[group] }
                estimate.groups[group].gradientSquared = whole.squared
                estimate.groups[group].gradientProduct = whole.product
            }
        } else {
            estimate.groups[0].loss = loss
        }
        estimate.concludeBase(context)
    }

    private func record(_ sums: RecordedSums, _ losses: RecordedLosses?, in estimate: inout StepEstimate) {
        for index in gammas.indices {
            let whole = (0..<(hasGroups ? groups.count : 0)).map { group in
                sums.differences.reduce(GroupSums()) { $0 + $1[index][group] }
            }
            estimate.record(
                probe: index, loss: losses?.atProbes[index] ?? .nan, sums: sums.blocks.map { $0[index].probe },
                groups: whole,
                normed: nil, projections: nil, context)
        }
    }

    /// See `StepEstimate`.
    private func blockLeaveOut(_ sums: RecordedSums) -> [[[Double]]] {
        let sample = context.sample
        return sums.blocks.indices.map { block in
            gammas.indices.map { index in
                let probe = sums.blocks[block][index].probe
                return GroupedNorm(
                    squared: probe.differenceSquared, sums: sums.differences[block][index], sample: sample
                ).leaveOutSquared.map { ($0 / probe.displacementSquared).squareRoot() }
            }
        }
    }
}
