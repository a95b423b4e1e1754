import Evaluation
import ParameterSpace

/// Evaluates the same gradients in Double, to see how far those in Float are off.
struct RoundingReference {
    private let objective: any Objective<Double>
    private let evaluator: SubsetEvaluator<Double>

    init(
        _ objective: any Objective<Double>, workerCount: Int, isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.objective = objective
        evaluator = SubsetEvaluator(workerCount: workerCount, isCancelled: isCancelled)
    }

    /// ∇f_S(end) − ∇f_S(start) in Double.
    func difference<Scalar: ParameterScalar>(
        from start: [Scalar], to end: [Scalar], over groups: ComponentGroups, size: Int
    ) throws -> [Double] {
        var first = GroupedGradient<Double>(parameterCount: start.count, groupCount: 0)
        var last = GroupedGradient<Double>(parameterCount: start.count, groupCount: 0)
        try evaluator.evaluate(objective, over: groups, in: 0..<size, at: start.map { Double($0) }, into: &first)
        try evaluator.evaluate(objective, over: groups, in: 0..<size, at: end.map { Double($0) }, into: &last)
        Double.axpby(-1, first.mean, 1, into: &last.mean)
        return last.mean
    }
}

/// What a calibration holds of a row. The gradient at x_k that this takes is kept for the row's estimate, should that be next.
extension StepEstimator {
    /// ‖g − g′‖ of two evaluations of ∇f_S at x_k of a row.
    /// - Returns: `nil` where the row has no finite gradient there.
    /// - Throws: what reading and evaluating throw; `SmoothnessError(.interrupted)` when cancelled.
    public mutating func repeatability<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source
    ) throws -> Double? where Source.Scalar == Scalar {
        let place = RowPlace(row: row, iteration: source.iterations[row])
        guard try calibrationBase(place, of: &source) != nil else { return nil }
        try evaluate(.again, 0..<initialSize, place, at: .iterate, into: .gradient)
        let difference = layout.distance(from: workspace.base.mean, to: workspace.gradient.mean)
        // Random parts that are resampled on purpose differ.
        if !options.isFresh { try options.requireRepeatable(difference, layout.norm(of: workspace.base.mean)) }
        return difference.isFinite ? difference : .infinity
    }

    /// Holds the gradient difference of a row at the largest γ against that of `options.reference`.
    /// - Returns: `nil` where the row has no finite gradients there, no step or no direction.
    /// - Throws: what reading and evaluating throw; `SmoothnessError(.interrupted)` when cancelled.
    public mutating func rounding<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source
    ) throws -> RoundingLevel? where Source.Scalar == Scalar {
        let place = RowPlace(row: row, iteration: source.iterations[row])
        guard let reference, let last = gammas.last, var estimate = try calibrationBase(place, of: &source) else {
            return nil
        }
        try source.readNextIterate(ofRow: row, into: &workspace.next)
        guard Scalar.nonfiniteCount(workspace.next, in: 0..<layout.count) == 0 else { return nil }
        recordStep(in: &estimate)
        guard estimate.stepNorm > 0, try aim(place, of: &source, estimate) else { return nil }
        workspace.makePoint(at: last)
        let size = estimate.subsetSize
        try evaluate(
            .gamma(gammas.count - 1), 0..<size, place, at: last == 1 ? .next : .probe, into: .gradient)
        let exact = try reference.difference(
            from: workspace.iterate, to: last == 1 ? workspace.next : workspace.probe, over: groups, size: size)
        componentGradientCount += 2 * size
        return level(exact, gradientNorm: estimate.gradientNorm)
    }

    /// How many components a row begins with: a group's worth each where the subset grows.
    var initialSize: Int { options.targetError == nil ? groups.components.count : groups.count }

    /// Leaves x_k and the gradient there in the workspace.
    ///
    /// - Returns: the row as far as that goes; `nil` where the iterate, the loss or the gradient is not finite.
    private mutating func calibrationBase<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source
    ) throws -> StepEstimate? where Source.Scalar == Scalar {
        var estimate = StepEstimate(
            iteration: place.iteration, gammas: gammas, blockCount: layout.blocks.count, groupCount: groups.count)
        estimate.subsetSize = initialSize
        giveUpAhead()
        if !holdsIterate(of: place) { try source.readIterate(ofRow: place.row, into: &workspace.iterate) }
        let isKnown = takeCarried(place)
        guard Scalar.nonfiniteCount(workspace.iterate, in: 0..<layout.count) == 0 else { return nil }
        if !isKnown { try evaluateBase(0..<estimate.subsetSize, place) }
        carried = .inBaseOfRow(place.row)
        recordBase(in: &estimate)
        return estimate.loss.isFinite && estimate.gradientNorm.isFinite ? estimate : nil
    }

    /// From the difference in Double, the gradients of the scalar being in `base` and `gradient`.
    private func level(_ exact: [Double], gradientNorm: Double) -> RoundingLevel? {
        var (error, difference, product) = (0.0, 0.0, 0.0)
        for index in exact.indices {
            let own = workspace.gradient.mean[index] - workspace.base.mean[index]
            error += (own - exact[index]) * (own - exact[index])
            difference += exact[index] * exact[index]
            product += (own - exact[index]) * exact[index]
        }
        let largest = max(gradientNorm, layout.norm(of: workspace.gradient.mean))
        guard error.isFinite, difference.isFinite, largest > 0 else { return nil }
        return RoundingLevel(
            // Half a unit in the last place is the least that the rounding of the mean itself may be.
            relative: max(error.squareRoot() / largest, machineEpsilon / 4),
            projection: error > 0 && difference > 0 ? min(1, abs(product) / (error * difference).squareRoot()) : 0)
    }
}
