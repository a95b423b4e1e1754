import ParameterSpace

/// From the sums of the probes to the numbers of a row: no vector is touched here.
extension StepEstimate {
    /// Fills the point of the curve at one γ from the sums of its blocks, which are added in order, so that blocks
    /// recombine to the whole exactly.
    mutating func record(
        probe index: Int, loss: Double, sums: [ProbeSums], machineEpsilon: Double, repeatability: Double
    ) {
        for block in sums.indices { blockSums[block][index] = sums[block] }
        let whole = sums.reduce(ProbeSums(), +)
        var point = CurvePoint(gamma: curve[index].gamma)
        point.loss = loss
        point.gradientNorm = whole.gradientSquared.squareRoot()
        point.differenceNorm = whole.differenceSquared.squareRoot()
        point.differenceAlongStep = whole.differenceAlongStep
        point.baseAlongStep = whole.baseAlongStep
        point.displacementNorm = whole.displacementSquared.squareRoot()
        let displacement = point.displacementNorm
        if !(loss.isFinite && point.gradientNorm.isFinite && point.differenceNorm.isFinite) {
            point.status = .nonFiniteGradient
        } else if displacement > 0 {
            point.smoothness = point.differenceNorm / displacement
            point.noiseFloor = repeatability / displacement
            point.roundingFloor = machineEpsilon * max(gradientNorm, point.gradientNorm) / displacement
            let floor = max(point.noiseFloor, point.roundingFloor)
            point.status = point.smoothness > EstimateStatus.floorFactor * floor ? .ok : .belowFloor
        }
        curve[index] = point
    }

    /// Takes the maxima over the grid and the bounds, once every probe is recorded.
    /// - Parameter cosine: of the angle between the gradients at x_k and x_{k+1}, where γ = 1 was probed.
    mutating func conclude(cosine: Double?, machineEpsilon: Double) {
        effectiveLearningRate = gradientNorm > 0 ? stepNorm / gradientNorm : .nan
        if let end = curve.last, end.gamma == 1, end.loss.isFinite, end.gradientNorm.isFinite {
            identity = 2 * abs(end.loss - loss - end.baseAlongStep) / (stepNorm * stepNorm)
            identityFloor = 2 * machineEpsilon * (abs(end.loss) + abs(loss)) / (stepNorm * stepNorm)
            let cap = gradientNorm + end.gradientNorm
            triangleRatio = cap > 0 ? end.differenceNorm / cap : .nan
            self.cosine = cosine ?? .nan
        }
        if curve.contains(where: { $0.status == .nonFiniteGradient }) {
            // A maximum over what is left would not be the maximum of eq. 20.
            status = .nonFiniteGradient
            return
        }
        guard let maximum = Self.maximum(of: curve.map(\.smoothness)) else {
            status = .zeroStep
            return
        }
        smoothness = curve[maximum].smoothness
        gamma = curve[maximum].gamma
        status = curve[maximum].status
        for block in blocks.indices {
            let values = blockSums[block].map { ($0.differenceSquared / $0.displacementSquared).squareRoot() }
            guard let maximum = Self.maximum(of: values) else { continue }
            blocks[block].smoothness = values[maximum]
            blocks[block].gamma = curve[maximum].gamma
        }
    }

    /// The first index of the largest value, NaN left out.
    private static func maximum(of values: [Double]) -> Int? {
        values.indices.filter { !values[$0].isNaN }.max {
            values[$0] < values[$1] || (values[$0] == values[$1] && $0 > $1)
        }
    }
}
