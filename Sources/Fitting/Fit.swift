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
    var report = try work.report(counts)
    report.decisivePoint = work.decisivePoint(report)
    if let warning = report.decisivePoint?.warning { report.warnings.append(warning) }
    return report
}

/// The intermediate results of one fit.
struct PointFit {
    let points: SmoothnessPoints
    let options: FitOptions
    /// 1/σ² of L, if asked for.
    let weights: [Double]?
    let scaled: ScaledPoints
    /// f − f* with the given f*, or with the smallest loss.
    let gapRegressor: [Double]?
    /// s^α
    let segmentRegressor: [Double]?
    /// g^ρ with ρ given; `nil` where it is fitted, or some power is no number.
    let powerRegressor: [Double]?

    init(_ points: SmoothnessPoints, options: FitOptions) throws {
        self.points = points
        self.options = options
        weights = options.isWeighted ? points.smoothnessError?.map { 1 / ($0 * $0) } : nil
        guard let scaled = ScaledPoints(points.gradientNorm, points.smoothness, weights), scaled.isDetermined else {
            throw SmoothnessError(
                .data, "all gradient norms are equal, so that L0 and L1 cannot be told apart", object: "gradient_norm",
                expected: "at least two different values",
                found: "\(points.gradientNorm[0]) at all \(points.count) points")
        }
        self.scaled = scaled
        let losses = points.loss.flatMap { $0.allSatisfy(\.isFinite) ? $0 : nil }
        gapRegressor = losses.map { losses in
            let base = options.minimumLoss ?? losses.min() ?? 0
            return losses.map { $0 - base }
        }
        powerRegressor = options.order.flatMap { order in
            let powers = points.gradientNorm.map { pow($0, order) }
            return powers.allSatisfy { $0.isFinite && $0 > 0 } ? powers : nil
        }
        segmentRegressor = points.segmentGradientNorm.flatMap { norms in
            norms.allSatisfy { $0.isFinite && $0 > 0 } ? norms.map { pow($0, options.alpha) } : nil
        }
    }

    func report(_ counts: PointCounts) throws -> FitReport {
        let (g, l) = (points.gradientNorm, points.smoothness)
        guard let free = scaled.leastSquares(isConstrained: false).map(scaled.original),
            let line = scaled.leastSquares(isConstrained: true).map(scaled.original),
            let envelope = upperEnvelope(gradientNorm: g, smoothness: l),
            let law = powerLaw(gradientNorm: g, smoothness: l, weights: logWeights),
            let robust = theilSenLine(gradientNorm: g, smoothness: l),
            let expectile = LineSolutions(scaled, { $0.expectile(options.expectile, isConstrained: $1) }),
            let quantile = LineSolutions(scaled, { $0.quantile(options.quantile, isConstrained: $1) })
        else {
            throw SmoothnessError(
                .data, "the gradient norms differ too little to tell L0 and L1 apart", object: "gradient_norm",
                found: "\(g.min() ?? 0) to \(g.max() ?? 0)")
        }
        for value in [line.intercept, line.slope, envelope.intercept, envelope.slope, law.logIntercept, law.exponent]
        where !value.isFinite {
            throw SmoothnessError(
                .data, "the points span so many orders of magnitude that a coefficient overflows", found: "\(value)")
        }
        let blockLength =
            options.scheme == .points ? 1 : options.blockLength ?? automaticBlockLength(points, line: line, law: law)
        let order = orderLaw(gradientNorm: g, smoothness: l, weights: weights, order: options.order)
        let kendall = kendallCorrelation(g, l)
        let resampler = Resampler(
            series: points.series, blockLength: blockLength, scheme: options.scheme, seed: options.seed)
        let intervals = Intervals(
            options.replicates > 0
                ? FitBootstrap(
                    points, scaled: scaled,
                    targets: BootstrapTargets(
                        expectile: options.expectile, quantile: options.quantile, errorRatio: options.errorRatio,
                        gap: gapRegressor, segment: segmentRegressor, power: powerRegressor, logStepSize: logStepSizes,
                        theilSen: robust,
                        order: options.order == nil && points.count <= 100_000 ? order?.order : nil,
                        errorsExponent: lawWithEveryError?.exponent,
                        fullQuantile: quantile.bounded, fullExpectile: expectile.bounded, kendall: kendall?.value))
                : nil, resampler: resampler, options: options)

        var report = FitReport(
            points: counts, firstIteration: points.iteration.min() ?? 0, lastIteration: points.iteration.max() ?? 0,
            gradientNorm: extent(g), smoothness: extent(l), gradientNormDecades: 0,
            weights: weights == nil ? "all alike" : "1/(standard error of L)²",
            leastSquares: leastSquares(line, free: free, intervals),
            theilSen: lineFit(
                robust, intercept: intervals.estimate(robust.intercept, .theilSenIntercept),
                slope: intervals.estimate(robust.slope, .theilSenSlope), level: nil),
            expectile: lineFit(expectile, .expectile, level: options.expectile, intervals),
            quantile: lineFit(quantile, .quantile, level: options.quantile, intervals),
            upperEnvelope: envelopeFit(envelope, blockLength: blockLength), powerLaw: power(law, intervals),
            powerLawWithErrors: powerWithErrors(intervals),
            constant: intervals.estimate(level, .constant), order: orderFit(order, intervals), gap: gap(intervals),
            segment: segment(intervals),
            correlations: correlations(intervals, kendall: kendall, blockLength: blockLength),
            comparison: ComparisonWork(points, weights: weights, segment: segmentRegressor, options: options)
                .compare(blockLength: blockLength),
            stepSize: stepSizeComparison, neighbourhood: neighbourhood(slope: line.slope),
            bootstrap: description(blockLength), warnings: [])
        report.gradientNormDecades = log10(report.gradientNorm.maximum) - log10(report.gradientNorm.minimum)
        report.warnings = warnings(
            for: report, blockCount: resampler.blockCount, lostReplicates: intervals.lostReplicates,
            repeatedIterations: points.repeatedIterations)
        return report
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

    /// For squared residuals of log L: 1/(relative error)².
    private var logWeights: [Double]? {
        guard options.isWeighted, let errors = points.smoothnessError else { return nil }
        return errors.indices.map { index in
            let relative = errors[index] / points.smoothness[index]
            return 1 / (relative * relative)
        }
    }

    /// The weighted mean of L.
    private var level: Double {
        let sum = scaled.y.indices.reduce(0) { $0 + scaled.w[$1] * scaled.y[$1] }
        return sum / scaled.w.reduce(0, +) * scaled.yScale
    }

    private func leastSquares(
        _ line: SmoothnessLine, free: SmoothnessLine, _ intervals: Intervals
    ) -> LeastSquaresFit {
        let residuals = points.smoothness.indices.map { points.smoothness[$0] - line(points.gradientNorm[$0]) }
        let parameters = (line.intercept > 0 ? 1 : 0) + (line.slope > 0 ? 1 : 0)
        let estimates = intervals.bounded(line, free: free, .leastSquares)
        return LeastSquaresFit(
            intercept: estimates.intercept, slope: estimates.slope, interceptOnBound: line.intercept == 0,
            slopeOnBound: line.slope == 0, determination: determination(residuals, of: points.smoothness),
            residualStandardDeviation: rootMeanSquare(residuals, divisor: points.count - parameters))
    }

    private func lineFit(
        _ lines: LineSolutions, _ method: LineMethod, level: Double, _ intervals: Intervals
    ) -> LineFit {
        let estimates = intervals.bounded(lines.bounded, free: lines.free, method)
        return lineFit(lines.bounded, intercept: estimates.intercept, slope: estimates.slope, level: level)
    }

    private func lineFit(
        _ line: SmoothnessLine, intercept: Estimate, slope: Estimate, level: Double?
    ) -> LineFit {
        // A point that the line goes through is not above it; what rounding leaves is not either.
        let above = points.smoothness.indices.filter {
            points.smoothness[$0] > line(points.gradientNorm[$0]) * (1 + 1e-12)
        }
        return LineFit(
            intercept: intercept, slope: slope, interceptOnBound: line.intercept == 0, slopeOnBound: line.slope == 0,
            level: level, shareAbove: Double(above.count) / Double(points.count))
    }

    private func gap(_ intervals: Intervals) -> GapFit? {
        guard let loss = points.loss, let regressor = gapRegressor,
            let line = gapLine(
                loss: loss, smoothness: points.smoothness, weights: weights, minimum: options.minimumLoss),
            let other = ScaledPoints(regressor, points.smoothness, weights),
            let free = other.leastSquares(isConstrained: false).map(other.original)
        else { return nil }
        let residuals = loss.indices.map { points.smoothness[$0] - line(loss[$0]) }
        let atBase = SmoothnessLine(intercept: line(loss.min() ?? 0), slope: line.slope)
        let isFitted = options.minimumLoss == nil
        let start = isFitted ? atBase : SmoothnessLine(intercept: line.intercept, slope: line.slope)
        let estimates = intervals.bounded(start, free: free, .gap)
        return GapFit(
            intercept: isFitted
                ? Estimate(
                    value: line.intercept,
                    reasonWithoutInterval: "with f* fitted only H0 − H1 f* is determined, and H0 = 0 by definition")
                : estimates.intercept, slope: estimates.slope, minimum: line.minimum, isMinimumFitted: isFitted,
            interceptOnBound: !isFitted && line.intercept == 0, slopeOnBound: line.slope == 0,
            determination: determination(residuals, of: points.smoothness))
    }

    private func segment(_ intervals: Intervals) -> SegmentFit? {
        guard let regressor = segmentRegressor,
            let other = ScaledPoints(regressor, points.smoothness, weights), other.isDetermined,
            let free = other.leastSquares(isConstrained: false).map(other.original),
            let line = other.leastSquares(isConstrained: true).map(other.original)
        else { return nil }
        let residuals = regressor.indices.map { points.smoothness[$0] - line(regressor[$0]) }
        let estimates = intervals.bounded(line, free: free, .segment)
        return SegmentFit(
            intercept: estimates.intercept, slope: estimates.slope, alpha: options.alpha,
            interceptOnBound: line.intercept == 0, slopeOnBound: line.slope == 0,
            determination: determination(residuals, of: points.smoothness))
    }

    private func orderFit(_ law: OrderLaw?, _ intervals: Intervals) -> OrderFit? {
        guard let law, law.coefficient.isFinite, law.intercept.isFinite else { return nil }
        let residuals = points.smoothness.indices.map { points.smoothness[$0] - law(points.gradientNorm[$0]) }
        let intercept: Estimate
        let coefficient: Estimate
        if let order = options.order {
            (intercept, coefficient) = coefficients(law, ofOrder: order, intervals)
        } else {
            intercept = intervals.estimate(law.intercept, .orderIntercept)
            coefficient = intervals.estimate(law.coefficient, .orderCoefficient)
        }
        return OrderFit(
            intercept: intercept, coefficient: coefficient,
            order: options.order == nil
                ? intervals.estimate(law.order, .order)
                : Estimate(value: law.order, reasonWithoutInterval: "ρ was given"),
            isOrderFitted: options.order == nil,
            orderOnBound: options.order == nil
                && (law.order < orderRange.lowerBound + 1e-3 || law.order > orderRange.upperBound - 1e-3),
            determination: determination(residuals, of: points.smoothness))
    }

    /// With ρ given the law is a line on g^ρ.
    private func coefficients(
        _ law: OrderLaw, ofOrder order: Double, _ intervals: Intervals
    ) -> (intercept: Estimate, slope: Estimate) {
        let line = SmoothnessLine(intercept: law.intercept, slope: law.coefficient)
        guard let regressor = powerRegressor, let other = ScaledPoints(regressor, points.smoothness, weights),
            other.isDetermined, let free = other.leastSquares(isConstrained: false).map(other.original)
        else {
            let reason = order == 0 ? "with ρ = 0 only L0 + Lρ is determined" : "g^ρ does not vary enough"
            return (
                Estimate(value: line.intercept, reasonWithoutInterval: reason),
                Estimate(value: line.slope, reasonWithoutInterval: reason)
            )
        }
        return intervals.bounded(line, free: free, .order)
    }

    private func envelopeFit(_ line: SmoothnessLine, blockLength: Int) -> UpperEnvelopeFit {
        let reason = "the bootstrap is not consistent for an extreme of the sample; see the range without one block"
        let without = envelopesWithoutOneBlock(
            blockLength, gradientNorm: points.gradientNorm, smoothness: points.smoothness)
        return UpperEnvelopeFit(
            intercept: Estimate(value: line.intercept, reasonWithoutInterval: reason),
            slope: Estimate(value: line.slope, reasonWithoutInterval: reason), interceptOnBound: line.intercept == 0,
            slopeOnBound: line.slope == 0,
            meanExcess: max(
                mean(points.gradientNorm.indices.map { line(points.gradientNorm[$0]) - points.smoothness[$0] }), 0),
            interceptWithoutOneBlock: without.isEmpty ? nil : extent(without.map(\.intercept)),
            slopeWithoutOneBlock: without.isEmpty ? nil : extent(without.map(\.slope)))
    }

    private func power(_ law: PowerLaw, _ intervals: Intervals) -> PowerLawFit {
        let logs = points.smoothness.map { log($0) }
        let residuals = logs.indices.map {
            logs[$0] - law.logIntercept - law.exponent * log(points.gradientNorm[$0])
        }
        return PowerLawFit(
            logIntercept: intervals.estimate(law.logIntercept, .logIntercept),
            exponent: intervals.estimate(law.exponent, .exponent), determination: determination(residuals, of: logs),
            residualStandardDeviationOfLogs: rootMeanSquare(residuals, divisor: points.count - 2))
    }

    /// With the standard errors of every point, where they were asked for and are known.
    private var lawWithEveryError: PowerLaw? {
        options.isWeighted ? EffectiveVarianceLine(points)?.solve() : nil
    }

    private func powerWithErrors(_ intervals: Intervals) -> ErrorsInBothFit? {
        if let law = lawWithEveryError {
            return ErrorsInBothFit(
                logIntercept: intervals.estimate(law.logIntercept, .errorsLogIntercept),
                exponent: intervals.estimate(law.exponent, .errorsExponent))
        }
        let (x, y) = (points.gradientNorm.map { log($0) }, points.smoothness.map { log($0) })
        return demingLine(LogMoments(x, y, logWeights), errorRatio: options.errorRatio).map {
            ErrorsInBothFit(
                logIntercept: intervals.estimate($0.logIntercept, .errorsLogIntercept),
                exponent: intervals.estimate($0.exponent, .errorsExponent), errorRatio: options.errorRatio)
        }
    }

    private func correlations(
        _ intervals: Intervals, kendall: KendallCorrelation?, blockLength: Int
    ) -> Correlations {
        let (g, l) = (points.gradientNorm.map { log($0) }, points.smoothness.map { log($0) })
        let pearson = pearsonCorrelation(g, l)
        let ranks = (x: midRanks(points.gradientNorm), y: midRanks(points.smoothness))
        let spearman = pearsonCorrelation(ranks.x, ranks.y)
        var partial: Double?
        if let pearson, let steps = logStepSizes, let xz = pearsonCorrelation(g, steps),
            let yz = pearsonCorrelation(l, steps)
        {
            partial = partialCorrelation(pearson, givenCorrelations: xz, yz)
        }
        let test = PermutationTest(permutations: options.replicates, blockLength: blockLength, seed: options.seed)
        let permuted = test.probabilities([(g, l), ranks], series: points.series)
        return Correlations(
            pearsonOfLogs: pearson.map { intervals.estimate($0, .pearson) },
            spearman: spearman.map { intervals.estimate($0, .spearman) },
            kendall: kendall.map { intervals.estimate($0.value, .kendall) },
            pearsonProbability: pearson.flatMap { correlationProbability($0, count: points.count) },
            spearmanProbability: spearman.flatMap { correlationProbability($0, count: points.count) },
            kendallProbability: kendall?.probability,
            pearsonPermutationProbability: pearson == nil ? nil : permuted[0],
            spearmanPermutationProbability: spearman == nil ? nil : permuted[1],
            permutations: options.replicates, permutationBlockLength: blockLength,
            pearsonOfLogsGivenStepSize: partial.map { intervals.estimate($0, .partial) })
    }

    /// log η_eff where every point has a positive finite one.
    private var logStepSizes: [Double]? {
        guard let steps = points.effectiveLearningRate, steps.allSatisfy({ $0.isFinite && $0 > 0 }) else { return nil }
        return steps.map { log($0) }
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

private func extent(_ values: [Double]) -> Extent {
    Extent(minimum: values.min() ?? 0, maximum: values.max() ?? 0)
}

/// 1 − Σ residual² / Σ (value − mean)²; `nil` where the values are constant.
private func determination(_ residuals: [Double], of values: [Double]) -> Double? {
    let center = mean(values)
    let scale = values.reduce(0) { max($0, abs($1 - center)) }
    guard scale > 1e-13 * abs(center), scale > 0 else { return nil }
    let total = values.reduce(0) { $0 + ($1 - center) / scale * (($1 - center) / scale) }
    return 1 - residuals.reduce(0) { $0 + $1 / scale * ($1 / scale) } / total
}

private func rootMeanSquare(_ residuals: [Double], divisor: Int) -> Double? {
    guard divisor > 0 else { return nil }
    let scale = residuals.reduce(0) { max($0, abs($1)) }
    guard scale > 0 else { return 0 }
    return scale * (residuals.reduce(0) { $0 + $1 / scale * ($1 / scale) } / Double(divisor)).squareRoot()
}

/// One method's line with the bounds L0, L1 ≥ 0 and without, in the units of the points.
private struct LineSolutions {
    var bounded: SmoothnessLine
    var free: SmoothnessLine

    init?(_ points: ScaledPoints, _ method: (ScaledPoints, Bool) -> SmoothnessLine?) {
        guard let free = method(points, false), let bounded = free.isNonNegative ? free : method(points, true) else {
            return nil
        }
        (self.bounded, self.free) = (points.original(bounded), points.original(free))
    }
}
