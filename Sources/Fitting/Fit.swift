import Essentials
import Foundation

/// Fits every law of docs/method.md to the points, with correlations, intervals, a comparison and warnings.
///
/// - Throws: `SmoothnessError(.data)` for fewer than 3 usable points or where all gradient norms are equal;
///   `SmoothnessError(.usage)` for options out of range.
public func fit(_ points: SmoothnessPoints, options: FitOptions = FitOptions()) throws -> FitReport {
    let (usable, counts) = try points.usable(isWeighted: options.isWeighted)
    guard usable.count >= 3 else {
        let reasons = LeftOutReason.allCases.filter { counts[$0] > 0 }.map { "\(counts[$0]): \($0.explanation)" }
        let leftOut = reasons.isEmpty ? "" : " and left out (" + reasons.joined(separator: "; ") + ")"
        throw SmoothnessError(
            .data, "too few points to fit a line", expected: "at least 3 usable points",
            found: "\(usable.count) of \(counts.given) usable\(leftOut)",
            remedy: counts[.withoutStandardError] >= 3
                ? "Estimate over two components or more, in groups, or fit without --weighted."
                : counts.leftOut >= 3
                    ? "See in the status column of the estimates why they cannot be used."
                    : "Save more iterates of the run, as with --save every=1, and estimate again.")
    }
    try options.check(usable)
    let work = try PointFit(usable, options: options)
    var (report, lostReplicates) = try work.report(counts)
    report.decisivePoint = work.decisivePoint(report)
    let found = WarningContext(report: report, points: usable, lostReplicates: lostReplicates, options: options)
    report.warnings = FitWarning.Code.all.flatMap { code in
        code.messages(found).map { FitWarning(code: code, message: $0) }
    }
    return report
}

/// The intermediate results of one fit, from which every law is solved.
struct PointFit: Sendable {
    let points: SmoothnessPoints
    let options: FitOptions
    /// 1/σ² of L, if asked for.
    let weights: [Double]?
    /// For squared residuals of log L: 1/(relative error)², if asked for.
    let logWeights: [Double]?
    let scaled: ScaledPoints
    let logGradientNorm: [Double]
    let logSmoothness: [Double]
    /// log η_eff where every point has a positive finite one.
    let logStepSizes: [Double]?
    /// The power law by least squares; `nil` where all gradient norms are equal.
    let powerLaw: PowerLaw?

    init(_ points: SmoothnessPoints, options: FitOptions) throws {
        self.points = points
        self.options = options
        let errors = options.isWeighted ? points.smoothnessError : nil
        weights = errors?.map { 1 / ($0 * $0) }
        logWeights = errors.map { errors in
            errors.indices.map { index in
                let relative = errors[index] / points.smoothness[index]
                return 1 / (relative * relative)
            }
        }
        guard let scaled = ScaledPoints(points.gradientNorm, points.smoothness, weights), scaled.isDetermined else {
            throw SmoothnessError(
                .data, "all gradient norms are equal, so that L0 and L1 cannot be told apart", object: "gradient_norm",
                expected: "at least two different values",
                found: "\(points.gradientNorm[0]) at all \(points.count) points")
        }
        self.scaled = scaled
        logGradientNorm = points.gradientNorm.map { log($0) }
        logSmoothness = points.smoothness.map { log($0) }
        logStepSizes = points.effectiveLearningRate.flatMap { steps in
            steps.allSatisfy { $0.isFinite && $0 > 0 } ? steps.map { log($0) } : nil
        }
        powerLaw = Fitting.powerLaw(
            gradientNorm: points.gradientNorm, smoothness: points.smoothness, weights: logWeights)
    }

    /// Returns the report without decisive point and warnings, and how many resamples gave no line.
    func report(_ counts: PointCounts) throws -> (report: FitReport, lostReplicates: Int) {
        let solved = Law.all.map { (law: $0, solution: $0.solve(self)) }
        guard let line = scaled.leastSquares(isConstrained: true).map(scaled.original), let powerLaw,
            solved.allSatisfy({ !$0.law.isRequired || $0.solution != nil })
        else {
            let g = points.gradientNorm
            throw SmoothnessError(
                .data, "the gradient norms differ too little to tell L0 and L1 apart", object: "gradient_norm",
                found: "\(g.min() ?? 0) to \(g.max() ?? 0)")
        }
        for value in solved.flatMap({ $0.solution?.mustBeFinite ?? [] }) where !value.isFinite {
            throw SmoothnessError(
                .data, "the points span so many orders of magnitude that a coefficient overflows", found: "\(value)")
        }
        let blockLength =
            options.scheme == .points
            ? 1 : options.blockLength ?? automaticBlockLength(points, line: line, law: powerLaw)
        let correlated = Correlation.all.map { (kind: $0, solution: $0.solve(self)) }
        let resampler = Resampler(
            series: points.series, blockLength: blockLength, scheme: options.scheme, seed: options.seed)
        let solutions = solved.compactMap(\.solution) + correlated.compactMap(\.solution)
        let intervals = Intervals(
            options.replicates > 0 ? FitBootstrap(self, solutions) : nil, resampler: resampler, options: options)

        var place = 0
        func values(_ solution: LawSolution) -> FittedValues {
            defer { place += solution.statistics.count }
            return solution.values(LawIntervals(intervals, from: place, blockLength: blockLength))
        }
        var laws: [String: FittedValues] = [:]
        for (law, solution) in solved { laws[law.key] = solution.map(values) }
        var correlations = Correlations(permutations: options.replicates, permutationBlockLength: blockLength)
        for case (_, let solution?) in correlated { correlations.values.merge(values(solution)) }
        correlations.permute(self)
        let summary = FitSummary(
            points: counts, firstIteration: points.iteration.min() ?? 0, lastIteration: points.iteration.max() ?? 0,
            gradientNorm: Extent(of: points.gradientNorm), smoothness: Extent(of: points.smoothness),
            weights: weights == nil ? "all alike" : "1/(standard error of L)²", correlations: correlations,
            comparison: ComparisonWork(points, weights: weights, options: options).compare(blockLength: blockLength),
            stepSize: stepSizeComparison, neighbourhood: neighbourhood(slope: line.slope),
            bootstrap: description(blockLength))
        // Least squares is the first law, and its L1 the second number.
        let lost = intervals.isEmpty ? 0 : options.replicates - intervals.replicateCount(1)
        return (FitReport(laws: laws, summary: summary), lost)
    }

    /// Returns L less what a law says at the place of every point.
    func residuals(_ law: (Int) -> Double) -> [Double] {
        points.smoothness.indices.map { points.smoothness[$0] - law($0) }
    }

    /// Returns the values of a line that is no least-squares one.
    func lineValues(_ line: SmoothnessLine, _ intercept: Estimate, _ slope: Estimate, level: Double?) -> FittedValues {
        // A point that the line goes through is not above it; what rounding leaves is not either.
        let above = points.smoothness.indices.count {
            points.smoothness[$0] > line(points.gradientNorm[$0]) * (1 + 1e-12)
        }
        return [
            "intercept": intercept, "slope": slope, "interceptOnBound": line.intercept == 0,
            "slopeOnBound": line.slope == 0, "level": level, "shareAbove": Double(above) / Double(points.count),
        ]
    }

    private func description(_ blockLength: Int) -> BootstrapDescription {
        BootstrapDescription(
            scheme: options.scheme.explanation,
            intervalMethod:
                "expanded percentile, Student's t, its degrees of freedom by the kurtosis of the blocks; where that reaches the bound 0, "
                + "the profile of the loss (Feldman and Cousins)",
            confidence: options.confidence, replicates: options.replicates, blockLength: blockLength,
            blockLengthRule: options.scheme == .points
                ? "single points"
                : options.blockLength == nil
                    ? "automatic: twice the largest Politis-White length over the influence functions of L0, L1, rho and "
                        + "Pearson's correlation, at least n^(1/3), at most n/3" : "given",
            caveat: options.scheme == .points
                ? "single points are no independent ones: intervals of a trajectory are too short"
                : "in simulations those of the expectile line, of L1 of the quantile line and of Theil and Sen's line hold the true value "
                    + "less often than they say (docs/method.md)",
            seed: options.seed)
    }

    private var stepSizeComparison: StepSizeComparison? {
        guard let steps = points.effectiveLearningRate else { return nil }
        let usable = steps.indices.filter { steps[$0].isFinite && steps[$0] > 0 }
        guard usable.count >= 3 else { return nil }
        // In logs, so that no product overflows.
        let logRatios = usable.map { log(points.smoothness[$0]) + log(steps[$0]) - log(2) }
        let spread = standardDeviation(usable.map { log(points.smoothness[$0]) })
        let ratioSpread = standardDeviation(logRatios)
        let hovering = logRatios.filter { abs($0) <= log(1.25) }.count
        return StepSizeComparison(
            points: usable.count, medianRatio: exp(median(logRatios)), ratioLogSpread: ratioSpread,
            smoothnessLogSpread: spread,
            explainedShare: spread > 1e-12 ? 1 - (ratioSpread / spread) * (ratioSpread / spread) : nil,
            hoveringShare: Double(hovering) / Double(usable.count))
    }

    private func neighbourhood(slope: Double) -> NeighbourhoodCheck? {
        let products = (points.stepNorm ?? []).filter { $0.isFinite && $0 >= 0 }.map { slope * $0 }
        guard let largest = products.max() else { return nil }
        return NeighbourhoodCheck(
            points: products.count, medianProduct: median(products), largestProduct: largest,
            shareAboveOne: Double(products.filter { $0 > 1 }.count) / Double(products.count))
    }
}

/// 1 − Σ residual² / Σ (value − mean)²; `nil` where the values are constant.
func determination(_ residuals: [Double], of values: [Double]) -> Double? {
    let center = mean(values)
    let scale = values.reduce(0) { max($0, abs($1 - center)) }
    guard scale > 1e-13 * abs(center), scale > 0 else { return nil }
    let total = values.reduce(0) { $0 + ($1 - center) / scale * (($1 - center) / scale) }
    return 1 - residuals.reduce(0) { $0 + $1 / scale * ($1 / scale) } / total
}

func rootMeanSquare(_ residuals: [Double], divisor: Int) -> Double? {
    guard divisor > 0 else { return nil }
    let scale = residuals.reduce(0) { max($0, abs($1)) }
    guard scale > 0 else { return 0 }
    return scale * (residuals.reduce(0) { $0 + $1 / scale * ($1 / scale) } / Double(divisor)).squareRoot()
}
