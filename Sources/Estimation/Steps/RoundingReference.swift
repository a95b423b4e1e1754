import Evaluation
import ParameterSpace

/// How far rounding moves a gradient difference, as last measured.
public struct RoundingLevel: Sendable, Hashable {
    /// r = ‖e‖ / the larger gradient norm, with the error e of Δ at the largest γ.
    public var relative: Double
    /// |⟨e, Δ⟩| / (‖e‖‖Δ‖)
    public var projection: Double

    public init(relative: Double, projection: Double) {
        self.relative = relative
        self.projection = projection
    }

    /// Where nothing has been measured: the machine epsilon, pointing along the difference.
    static func unmeasured<Scalar: ParameterScalar>(_: Scalar.Type) -> RoundingLevel {
        RoundingLevel(relative: Double(Scalar.ulpOfOne), projection: 1)
    }
}

/// Evaluates the same gradients in Double, to see how far those in Float are off.
struct RoundingReference {
    /// Every how many rows.
    let stride: Int
    private let objective: any Objective<Double>
    private let evaluator: SubsetEvaluator<Double>

    init(
        _ objective: any Objective<Double>, stride: Int, workerCount: Int,
        isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.objective = objective
        self.stride = max(1, stride)
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

extension StepEstimator {
    /// Whether a row is one of those that are held against Double.
    func isReferenceRow(_ row: Int) -> Bool { reference.map { row.isMultiple(of: $0.stride) } ?? false }

    /// Measures rounding at this row where it is its turn; the gradients at x_k and at γ = 1, or without it at the last
    /// probe, are in `base` and `gradient`.
    mutating func measureRounding(_ place: RowPlace, of estimate: inout StepEstimate) throws {
        guard isReferenceRow(place.row) else { return }
        let exact = try reference!.difference(
            from: workspace.iterate, to: gammas.last == 1 ? workspace.next : workspace.probe, over: groups,
            size: estimate.subsetSize)
        var (error, difference, product) = (0.0, 0.0, 0.0)
        for index in exact.indices {
            let own = workspace.gradient.mean[index] - workspace.base.mean[index]
            error += (own - exact[index]) * (own - exact[index])
            difference += exact[index] * exact[index]
            product += (own - exact[index]) * exact[index]
        }
        componentGradientCount += 2 * estimate.subsetSize
        let largest = max(estimate.gradientNorm, layout.norm(of: workspace.gradient.mean))
        guard error.isFinite, difference.isFinite, largest > 0 else { return }
        // Half a unit in the last place is the least that the rounding of the mean itself may be.
        rounding.relative = max(error.squareRoot() / largest, machineEpsilon / 4)
        rounding.projection =
            error > 0 && difference > 0 ? min(1, abs(product) / (error * difference).squareRoot()) : 0
        estimate.relativeRounding = rounding.relative
        estimate.roundingProjection = rounding.projection
    }
}
