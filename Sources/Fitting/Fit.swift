import Essentials
import Foundation

/// How to fit.
public struct FitOptions: Sendable, Codable, Equatable {
    /// Bootstrap resamples; 0 for no intervals.
    public var replicates: Int
    /// Nominal coverage of the intervals, in (0, 1).
    public var confidence: Double
    /// ℓ in points; `nil` for the automatic length.
    public var blockLength: Int?
    public var seed: UInt64

    public init(replicates: Int = 2000, confidence: Double = 0.95, blockLength: Int? = nil, seed: UInt64 = 0) {
        self.replicates = replicates
        self.confidence = confidence
        self.blockLength = blockLength
        self.seed = seed
    }

    fileprivate func check(pointCount: Int) throws {
        guard (0...1_000_000).contains(replicates) else {
            throw SmoothnessError(
                .usage, "the number of bootstrap replicates is out of range", expected: "0 to 1,000,000",
                found: "\(replicates)")
        }
        guard confidence > 0, confidence < 1 else {
            throw SmoothnessError(
                .usage, "the confidence of an interval is a probability", expected: "a number between 0 and 1",
                found: "\(confidence)")
        }
        if let blockLength, !(1...pointCount).contains(blockLength) {
            throw SmoothnessError(
                .usage, "the block length does not fit the points", expected: "1 to \(pointCount)",
                found: "\(blockLength)")
        }
    }
}

/// Fits (L0, L1), the upper envelope and the power law to the points, with correlations, bootstrap intervals and warnings.
///
/// - Throws: `SmoothnessError(.data)` for fewer than 3 usable points or where all gradient norms are equal;
///   `SmoothnessError(.usage)` for options out of range.
public func fit(_ points: SmoothnessPoints, options: FitOptions = FitOptions()) throws -> FitReport {
    let (usable, counts) = try points.usable()
    guard usable.count >= 3 else {
        let reasons = LeftOutReason.allCases.filter { counts[$0] > 0 }.map { "\(counts[$0]): \($0.explanation)" }
        let leftOut = reasons.isEmpty ? "" : " and left out (" + reasons.joined(separator: "; ") + ")"
        throw SmoothnessError(
            .data, "too few points to fit a line", expected: "at least 3 usable points",
            found: "\(usable.count) of \(counts.given) usable\(leftOut)",
            remedy: counts.leftOut >= 3
                ? "See in the status column of the estimates why they cannot be used."
                : "Save more iterates of the run, as with --save every=1, and estimate again.")
    }
    try options.check(pointCount: usable.count)
    let fit = PointFit(usable, options: options)
    return try fit.report(counts)
}

/// The intermediate results of one fit.
private struct PointFit {
    let points: SmoothnessPoints
    let options: FitOptions

    init(_ points: SmoothnessPoints, options: FitOptions) {
        self.points = points
        self.options = options
    }

    func report(_ counts: PointCounts) throws -> FitReport {
        let (g, l) = (points.gradientNorm, points.smoothness)
        guard let line = nonNegativeLeastSquares(gradientNorm: g, smoothness: l),
            let envelope = upperEnvelope(gradientNorm: g, smoothness: l),
            let law = powerLaw(gradientNorm: g, smoothness: l)
        else {
            throw SmoothnessError(
                .data, "all gradient norms are equal, so that L0 and L1 cannot be told apart", object: "gradient_norm",
                expected: "at least two different values", found: "\(g[0]) at all \(points.count) points")
        }
        for value in [line.intercept, line.slope, envelope.intercept, envelope.slope, law.logIntercept, law.exponent]
        where !value.isFinite {
            throw SmoothnessError(
                .data, "the points span so many orders of magnitude that a coefficient overflows", found: "\(value)")
        }
        let automatic = options.blockLength == nil
        let blockLength = options.blockLength ?? automaticBlockLength(points, line: line, law: law)
        let intervals = Intervals(
            BlockBootstrap(points, logStepSize: logStepSizes), blockLength: blockLength, options: options)

        var report = FitReport(
            points: counts, firstIteration: points.iteration[0],
            lastIteration: points.iteration[points.count - 1], gradientNorm: extent(g), smoothness: extent(l),
            gradientNormDecades: 0, leastSquares: leastSquares(line, intervals),
            upperEnvelope: envelopeFit(envelope, blockLength: blockLength), powerLaw: power(law, intervals),
            correlations: correlations(intervals), stepSize: stepSizeComparison,
            neighbourhood: neighbourhood(slope: line.slope),
            bootstrap: BootstrapDescription(
                scheme: "circular moving blocks of pairs (gradient norm, smoothness)",
                intervalMethod: "expanded percentile, Student's t with (points / block length) − 1 degrees of freedom",
                confidence: options.confidence, replicates: options.replicates, blockLength: blockLength,
                blockLengthRule: automatic
                    ? "automatic: twice the largest Politis-White length over the influence functions of L0, L1, rho and "
                        + "Pearson's correlation, at least n^(1/3), at most n/3"
                    : "given", seed: options.seed), warnings: [])
        report.gradientNormDecades = log10(report.gradientNorm.maximum) - log10(report.gradientNorm.minimum)
        report.warnings = warnings(for: report, lostReplicates: intervals.lostReplicates)
        return report
    }

    private func leastSquares(_ line: SmoothnessLine, _ intervals: Intervals) -> LeastSquaresFit {
        let residuals = points.smoothness.indices.map { points.smoothness[$0] - line(points.gradientNorm[$0]) }
        let free = (line.intercept > 0 ? 1 : 0) + (line.slope > 0 ? 1 : 0)
        return LeastSquaresFit(
            intercept: intervals.estimate(line.intercept, .intercept), slope: intervals.estimate(line.slope, .slope),
            interceptOnBound: line.intercept == 0, slopeOnBound: line.slope == 0,
            determination: determination(residuals, of: points.smoothness),
            residualStandardDeviation: rootMeanSquare(residuals, divisor: points.count - free))
    }

    private func envelopeFit(_ line: SmoothnessLine, blockLength: Int) -> UpperEnvelopeFit {
        let reason = "the bootstrap is not consistent for an extreme of the sample; see the range without one block"
        let without = envelopesWithoutOneBlock(blockLength)
        return UpperEnvelopeFit(
            intercept: Estimate(value: line.intercept, reasonWithoutInterval: reason),
            slope: Estimate(value: line.slope, reasonWithoutInterval: reason), interceptOnBound: line.intercept == 0,
            slopeOnBound: line.slope == 0,
            meanExcess: max(
                mean(points.gradientNorm.indices.map { line(points.gradientNorm[$0]) - points.smoothness[$0] }), 0),
            interceptWithoutOneBlock: without.isEmpty ? nil : extent(without.map(\.intercept)),
            slopeWithoutOneBlock: without.isEmpty ? nil : extent(without.map(\.slope)))
    }

    /// The envelopes of the points without ℓ consecutive ones, for windows that overlap as far as 400 of them allow.
    private func envelopesWithoutOneBlock(_ blockLength: Int) -> [SmoothnessLine] {
        let count = points.count
        guard count - blockLength >= 2 else { return [] }
        let order = (0..<count).sorted {
            (points.gradientNorm[$0], points.smoothness[$0]) < (points.gradientNorm[$1], points.smoothness[$1])
        }
        let last = count - blockLength
        var starts = Array(stride(from: 0, to: last, by: min(blockLength, max(1, count / 400))))
        starts.append(last)
        return starts.compactMap { start in
            let kept = order.filter { $0 < start || $0 >= start + blockLength }
            return Fitting.upperEnvelope(
                inOrder: kept, gradientNorm: points.gradientNorm, smoothness: points.smoothness)
        }
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

    private func correlations(_ intervals: Intervals) -> Correlations {
        let (g, l) = (points.gradientNorm.map { log($0) }, points.smoothness.map { log($0) })
        let pearson = pearsonCorrelation(g, l)
        var partial: Double?
        if let pearson, let steps = logStepSizes, let xz = pearsonCorrelation(g, steps),
            let yz = pearsonCorrelation(l, steps)
        {
            partial = partialCorrelation(pearson, givenCorrelations: xz, yz)
        }
        return Correlations(
            pearsonOfLogs: pearson.map { intervals.estimate($0, .pearson) },
            spearman: spearmanCorrelation(points.gradientNorm, points.smoothness).map {
                intervals.estimate($0, .spearman)
            },
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
