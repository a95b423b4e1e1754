import Essentials

/// (L0, L1) of the resamples of a fitted line, so spread that what is computed from them has the intervals of the fit.
///
/// The resamples alone are too narrow for few blocks and wrong at the bound 0, for which `Intervals` makes up. Each coefficient
/// without its bound is therefore stretched about its estimate, on either side by what takes the quantiles of the resamples to the ends
/// of the fit's interval, and cut off at 0. A function of one coefficient then has the interval of that coefficient, carried through; for
/// one of both the resamples say how they move together.
struct AdviceReplicates {
    private let resampler: Resampler
    private let scaled: ScaledPoints
    private let free: @Sendable (ScaledPoints, FitOptions) -> SmoothnessLine?
    private let options: FitOptions
    private let estimates: (L0: Estimate, L1: Estimate)

    /// - Returns: `nil` where there are no intervals: without resamples, and for the envelope.
    init?(_ points: SmoothnessPoints, fit: FitReport, line: AdviceLine, options: FitOptions) {
        let weights = options.isWeighted ? points.smoothnessError?.map { 1 / ($0 * $0) } : nil
        let found = fit.required(line.law)
        guard let free = line.law.free, found.intercept.lower != nil, found.slope.lower != nil,
            let scaled = ScaledPoints(points.gradientNorm, points.smoothness, weights)
        else { return nil }
        (self.scaled, self.free, self.options) = (scaled, free, options)
        estimates = (found.intercept, found.slope)
        resampler = Resampler(
            series: points.series, blockLength: fit.bootstrap.blockLength, scheme: options.scheme, seed: options.seed)
    }

    func lines() -> [SmoothnessLine] {
        guard let free = fitted(scaled) else { return [] }
        var counts = [Double](repeating: 0, count: scaled.count)
        var drawn = scaled
        let lines = (0..<options.replicates).compactMap { replicate -> SmoothnessLine? in
            resampler.draw(replicate, into: &counts)
            for index in counts.indices { drawn.w[index] = scaled.w[index] * counts[index] }
            return fitted(drawn)
        }
        guard lines.count >= 2 else { return [] }
        let first = Spread(lines.map(\.intercept), about: free.intercept, estimates.L0, options.confidence)
        let second = Spread(lines.map(\.slope), about: free.slope, estimates.L1, options.confidence)
        return lines.map { SmoothnessLine(intercept: first($0.intercept), slope: second($0.slope)) }
    }

    /// Without bounds.
    private func fitted(_ points: ScaledPoints) -> SmoothnessLine? { free(points, options).map(scaled.original) }

    /// Takes the resamples of one coefficient to its interval.
    private struct Spread {
        private let free: Double
        private let value: Double
        private let factors: (below: Double, above: Double)

        init(_ replicates: [Double], about free: Double, _ estimate: Estimate, _ confidence: Double) {
            let sorted = replicates.sorted()
            let tail = (1 - confidence) / 2
            func factor(_ interval: Double?, _ end: Double) -> Double {
                let (wanted, own) = (abs((interval ?? estimate.value) - estimate.value), abs(end - free))
                return own > 0 ? wanted / own : 1
            }
            (self.free, value) = (free, estimate.value)
            factors = (
                factor(estimate.lower, min(quantile(ofSorted: sorted, at: tail), free)),
                factor(estimate.upper, max(quantile(ofSorted: sorted, at: 1 - tail), free))
            )
        }

        func callAsFunction(_ replicate: Double) -> Double {
            let distance = replicate - free
            return max(value + distance * (distance < 0 ? factors.below : factors.above), 0)
        }
    }
}
