import Evaluation
import ParameterSpace

/// What the numbers of a row depend on besides its sums.
package struct RowContext {
    package var sample: GroupedSample
    package var floors: Floors
    /// Of the evaluation, 2⁻²³ or 2⁻⁵².
    package var machineEpsilon: Double
    package var mode = EstimationMode.zhangPaper
    package var direction = StepDirection.step
    package var norm = StepNorm.euclidean
    /// P
    package var parameterCount = 0

    package init(
        sample: GroupedSample, floors: Floors, machineEpsilon: Double, mode: EstimationMode = .zhangPaper,
        direction: StepDirection = .step, norm: StepNorm = .euclidean, parameterCount: Int = 0
    ) {
        self.sample = sample
        self.floors = floors
        self.machineEpsilon = machineEpsilon
        self.mode = mode
        self.direction = direction
        self.norm = norm
        self.parameterCount = parameterCount
    }
}

/// From the sums of the probes to the numbers of a row: no vector is touched here.
extension StepEstimate {
    /// The numbers at x_k from `loss`, `gradientNorm` and `groups`.
    package mutating func concludeBase(_ context: RowContext) {
        lossError = GroupedMean.standardError(groups.map(\.loss), sample: context.sample)
        let norm = GroupedNorm(
            squared: gradientNorm * gradientNorm, sums: groups.map(\.sums), sample: context.sample)
        gradientNormError = norm.error
        unbiasedSquaredGradientNorm = norm.unbiasedSquared
        unbiasedSquaredGradientNormError = norm.unbiasedSquaredError
        gradientVariance = norm.variance
    }

    /// The error of ‖∇f_S(x_k)‖* in another norm than the Euclidean one, from what is known of the groups.
    package mutating func concludeNormedBase(_ context: RowContext) {
        switch context.norm {
        case .euclidean: break
        case .rootMeanSquare:
            normed.gradientDualNormError = gradientNormError * Double(context.parameterCount).squareRoot()
        case .spectral, .maximum, .rowWise:
            normed.gradientDualNormError = GroupedMean.standardError(
                groups.map(\.gradientProjection), sample: context.sample)
        }
    }

    /// Fills the point of the curve at one γ from the sums of its blocks, which are added in order, so that blocks
    /// recombine to the whole exactly.
    package mutating func record(
        probe index: Int, loss: Double, sums: [ProbeSums], groups: [GroupSums], normed: [NormedSums]?,
        projections: [Double]?, _ context: RowContext
    ) {
        if let projections { for group in projections.indices { groupProjections[group][index] = projections[group] } }
        if let normed { for block in normed.indices { normedSums[block][index] = normed[block] } }
        for block in sums.indices { blockSums[block][index] = sums[block] }
        for group in groups.indices { groupDifferences[group][index] = groups[group] }
        let whole = sums.reduce(ProbeSums(), +)
        var point = CurvePoint(gamma: curve[index].gamma)
        point.loss = loss
        point.gradientNorm = whole.gradientSquared.squareRoot()
        point.differenceNorm = whole.differenceSquared.squareRoot()
        point.differenceAlongStep = whole.differenceAlongStep
        point.baseAlongStep = whole.baseAlongStep
        point.displacementNorm = whole.displacementSquared.squareRoot()
        let displacement = point.displacementNorm
        // Losses that were not recorded are NaN at every point.
        let isLossSound = loss.isFinite || (loss.isNaN && self.loss.isNaN)
        if !(isLossSound && point.gradientNorm.isFinite && point.differenceNorm.isFinite) {
            point.status = .nonFiniteGradient
        } else if displacement > 0 {
            point.smoothness = context.gain(of: normed ?? [], euclidean: point.differenceNorm / displacement)
            let norm = differences(at: index, squared: whole.differenceSquared, context)
            point.smoothnessError =
                context.norm.isEuclideanMultiple
                ? context.euclideanFactor * norm.error / displacement
                : GroupedNorm.standardError(leaveOutInNorm(at: index, context), sample: context.sample)
            point.unbiasedSquaredDifference = norm.unbiasedSquared
            point.unbiasedSquaredDifferenceError = norm.unbiasedSquaredError
            context.floors.judge(&point, baseNorm: gradientNorm)
        }
        curve[index] = point
    }

    private func differences(at index: Int, squared: Double, _ context: RowContext) -> GroupedNorm {
        GroupedNorm(squared: squared, sums: groupDifferences.map { $0[index] }, sample: context.sample)
    }

    /// ⟨Δ(γ), M⟩ with one group left out after the other (see `groupProjections`).
    private func leaveOutProjection(at index: Int, _ context: RowContext) -> [Double] {
        GroupedMean.leaveOut(groupProjections.map { $0[index] }, sample: context.sample)
    }

    /// L̂(γ) likewise, in a norm that is no multiple of the Euclidean one.
    private func leaveOutInNorm(at index: Int, _ context: RowContext) -> [Double] {
        let displacement = normedSums.map { $0[index].displacementNorm }.max() ?? .nan
        return leaveOutProjection(at: index, context).map { $0 / displacement }
    }

    /// Takes the maxima over the grid and the bounds, once every probe is recorded.
    /// - Parameter cosine: of the angle between the gradients at x_k and x_{k+1}, where γ = 1 was probed.
    package mutating func conclude(cosine: Double?, _ context: RowContext) {
        effectiveLearningRate = gradientNorm > 0 ? stepNorm / gradientNorm : .nan
        concludeBounds(cosine: cosine, machineEpsilon: context.machineEpsilon)
        if curve.contains(where: { $0.status == .nonFiniteGradient }) {
            // A maximum over what is left would not be the maximum of eq. 20.
            status = .nonFiniteGradient
            return
        }
        // A row on a subset that grows is concluded without floors first.
        for index in curve.indices where curve[index].smoothness.isFinite {
            context.floors.judge(&curve[index], baseNorm: gradientNorm)
        }
        if context.direction == .hessian { return concludeHessian() }
        let eligible = eligibleProbes
        let values = curve.map { value(of: $0, context.mode) }
        guard let maximum = values.indexOfMaximum(among: eligible) else {
            status = .zeroStep
            return
        }
        smoothness = values[maximum]
        gamma = curve[maximum].gamma
        status = curve[maximum].status
        smoothnessError = errorOfMaximum(context)
        for block in blocks.indices {
            let values = blockValues(block, context)
            (blocks[block].smoothness, blocks[block].gamma) = (.nan, .nan)
            guard let maximum = values.indexOfMaximum(among: eligible) else { continue }
            blocks[block].smoothness = values[maximum]
            blocks[block].gamma = curve[maximum].gamma
        }
        for block in blockLeaveOut.indices {
            blocks[block].smoothnessError = GroupedNorm.standardError(
                ofMaximumOver: eligible.map { blockLeaveOut[block][$0] }.filter { !$0.isEmpty }, sample: context.sample)
        }
    }

    /// The indices of the γ over which the maximum is taken: those above their floors, or where none is, all. What is not told apart from rounding
    /// at a tiny γ would otherwise hide a sound value at a larger one.
    package var eligibleProbes: [Int] {
        let sound = curve.indices.filter { curve[$0].status == .ok }
        return sound.isEmpty ? Array(curve.indices) : sound
    }

    /// The norm of the Hessian takes the place of the largest value along the step, which the curve keeps.
    private mutating func concludeHessian() {
        smoothness = hessian.norm
        gamma = hessian.norm.isFinite ? 0 : .nan
        status = hessian.norm.isFinite ? .ok : .nonFiniteGradient
    }

    /// L̂ᵢ(γ) of a block.
    private func blockValues(_ block: Int, _ context: RowContext) -> [Double] {
        context.norm == .euclidean
            ? blockSums[block].map { ($0.differenceSquared / $0.displacementSquared).squareRoot() }
            : normedSums[block].map { $0.differenceDualNorm / $0.displacementNorm }
    }

    /// What the mode calls the local smoothness at one γ.
    private func value(of point: CurvePoint, _ mode: EstimationMode) -> Double {
        switch mode {
        case .zhangPaper, .h0h1, .gluon: point.smoothness
        case .zhangCode: Double(subsetSize) * point.smoothness
        case .directional: point.differenceAlongStep / (point.displacementNorm * point.displacementNorm)
        }
    }

    private mutating func concludeBounds(cosine: Double?, machineEpsilon: Double) {
        guard let end = curve.last, end.gamma == 1, end.loss.isFinite || loss.isNaN, end.gradientNorm.isFinite else {
            return
        }
        let length = end.displacementNorm
        identity = 2 * abs(end.loss - loss - end.baseAlongStep) / (length * length)
        identityFloor = 2 * machineEpsilon * (abs(end.loss) + abs(loss)) / (length * length)
        let cap = gradientNorm + end.gradientNorm
        triangleRatio = cap > 0 ? end.differenceNorm / cap : .nan
        self.cosine = cosine ?? .nan
    }

    /// The jackknife error of max over γ of L̂(γ): the largest value of every curve with one group left out.
    private func errorOfMaximum(_ context: RowContext) -> Double {
        let curves = eligibleProbes.filter { curve[$0].smoothness.isFinite }.map { index in
            let length = curve[index].displacementNorm
            if context.mode == .directional {
                return leaveOutProjection(at: index, context).map { $0 / (length * length) }
            }
            guard context.norm.isEuclideanMultiple else { return leaveOutInNorm(at: index, context) }
            return differences(at: index, squared: curve[index].differenceNorm * curve[index].differenceNorm, context)
                .leaveOutSquared.map { context.euclideanFactor * $0.squareRoot() / length }
        }
        let error = GroupedNorm.standardError(ofMaximumOver: curves, sample: context.sample)
        return context.mode == .zhangCode ? Double(subsetSize) * error : error
    }
}

extension GroupedNorm {
    /// The jackknife error of the largest of several numbers, each given by its values with one group left out.
    package static func standardError(ofMaximumOver curves: [[Double]], sample: GroupedSample) -> Double {
        let count = curves.map(\.count).min() ?? 0
        return standardError((0..<count).map { group in curves.map { $0[group] }.max() ?? .nan }, sample: sample)
    }
}

extension [Double] {
    /// The first index of the largest value, NaN left out.
    package var indexOfMaximum: Int? { indexOfMaximum(among: [Int](indices)) }

    /// The same among some indices.
    package func indexOfMaximum(among indices: [Int]) -> Int? {
        indices.filter { !self[$0].isNaN }.max { self[$0] < self[$1] || (self[$0] == self[$1] && $0 > $1) }
    }
}

extension RowContext {
    /// What the Euclidean quotient ‖Δ‖/‖d‖ is multiplied with, in a norm that is a multiple of it.
    package var euclideanFactor: Double { norm == .rootMeanSquare ? Double(parameterCount) : 1 }

    /// ‖Δ‖*/‖d‖ in the norm that was asked for.
    package func gain(of sums: [NormedSums], euclidean: Double) -> Double {
        guard !norm.isEuclideanMultiple else { return euclideanFactor * euclidean }
        // The product norm: the largest of the blocks', whose dual is their sum.
        let displacement = sums.map(\.displacementNorm).max() ?? .nan
        return sums.reduce(0) { $0 + $1.differenceDualNorm } / displacement
    }
}
