import Essentials
import Foundation

/// What the theorems of docs/method.md say for the constants fitted to the points, with the bootstrap's intervals carried through.
/// - Throws: as `fit`; `.usage` for numbers out of range.
public func advise(_ points: SmoothnessPoints, options: AdviceOptions) throws -> AdviceReport {
    for (name, value) in [
        ("ε", options.epsilon), ("Δ", options.gap), ("σ", options.noise), ("M", options.largestGradient),
        ("c₁", options.meanCosine),
    ] {
        guard let value, !(value > 0 && value.isFinite) else { continue }
        throw SmoothnessError(.usage, "is not a positive number", object: name, found: "\(value)")
    }
    if let momentum = options.momentum, !(momentum >= 0 && momentum < 1) {
        throw SmoothnessError(.usage, "is no momentum", object: "β", expected: "0 ≤ β < 1", found: "\(momentum)")
    }
    let report = try fit(points, options: options.fit)
    let usable = try points.usable(isWeighted: options.fit.isWeighted).points
    let work = AdviceWork(points: usable, all: points, fit: report, options: options)
    return work.report()
}

struct AdviceWork {
    let points: SmoothnessPoints
    let fit: FitReport
    let options: AdviceOptions
    let L0: Double
    let L1: Double
    /// (L0, L1) of the resamples, spread as the intervals of the fit say; empty without intervals.
    let replicates: [SmoothnessLine]
    let gap: (value: Double, origin: String)?
    let beta: Double

    init(points: SmoothnessPoints, all: SmoothnessPoints, fit: FitReport, options: AdviceOptions) {
        self.points = points
        self.fit = fit
        self.options = options
        let line = fit.required(options.line.law).line
        (L0, L1) = (line.intercept, line.slope)
        replicates = AdviceReplicates(points, fit: fit, line: options.line, options: options.fit)?.lines() ?? []
        beta = options.momentum ?? options.settings?.momentum ?? 0
        if let given = options.gap {
            gap = (given, "given")
        } else if let losses = all.loss,
            let first = all.iteration.indices.min(by: { all.iteration[$0] < all.iteration[$1] }),
            losses[first].isFinite
        {
            let least = losses.filter(\.isFinite).min() ?? 0
            if let minimum = options.fit.minimumLoss {
                gap = (losses[first] - minimum, "the first loss less the given f*")
            } else if least >= 0 {
                gap = (losses[first], "the first loss: f* = 0 is a lower bound of losses that are never negative")
            } else {
                gap = nil
            }
        } else {
            gap = nil
        }
    }

    /// M, and whether it was given.
    var largestGradient: (value: Double, isGiven: Bool) {
        options.largestGradient.map { ($0, true) } ?? (fit.gradientNorm.maximum, false)
    }

    var noise: Double? { options.noise ?? options.measuredNoise?.largest }

    func report() -> AdviceReport {
        let constants = fit.required(options.line.law)
        let line = SmoothnessLine(intercept: L0, slope: L1)
        let above = points.gradientNorm.indices.filter {
            points.smoothness[$0] > line(points.gradientNorm[$0]) * (1 + 1e-12)
        }
        let critical = L1 > 0 ? estimate { $0.intercept / $0.slope } : nil
        let beyond = critical.map { critical in points.gradientNorm.filter { $0 > critical.value }.count }
        return AdviceReport(
            line: options.line.rawValue, L0: constants.intercept, L1: constants.slope,
            shareAbove: Double(above.count) / Double(points.count), criticalNorm: critical,
            shareAboveCritical: beyond.map { Double($0) / Double(points.count) }, gradientNorm: fit.gradientNorm,
            epsilon: options.epsilon, gap: gap?.value, gapOrigin: gap?.origin, noise: options.measuredNoise,
            settings: options.settings, theorems: theorems(), missing: missing, warnings: warnings,
            confidence: options.fit.confidence)
    }

    private var missing: [String] {
        var missing: [String] = []
        if options.epsilon == nil {
            missing.append("ε (--epsilon): no iteration bounds, and no numbers where the step depends on ε")
        }
        if gap == nil { missing.append("Δ (--gap, or losses and --minimum-loss): no iteration bounds") }
        if noise == nil {
            missing.append(
                "σ (--noise, or estimates over two components or more): no numbers for stochastic theorems")
        }
        if options.settings == nil { missing.append("the run's settings: not compared with the theorems") }
        if options.meanCosine == nil { missing.append("c₁ (--mean-cosine, from smoothness align): no numbers for [Q]") }
        return missing
    }

    /// The fit's doubts that reach the advice.
    private var warnings: [String] {
        var result = fit.warnings.filter(\.code.concernsAdvice).map(\.message)
        if options.line == .leastSquares {
            result.append(
                "theorems ask for an upper bound of the smoothness; least squares goes through the middle of the points"
            )
        }
        return result
    }

    /// A function of (L0, L1) at the estimate with its interval from the resamples; `nil` where it is not finite.
    func estimate(_ value: (SmoothnessLine) -> Double?) -> Estimate? {
        guard let center = value(SmoothnessLine(intercept: L0, slope: L1)), center.isFinite else { return nil }
        guard !replicates.isEmpty else {
            return Estimate(
                value: center,
                reasonWithoutInterval: options.line.law.free == nil
                    ? "the envelope has none" : "no bootstrap replicates were asked for")
        }
        // A resample with L0 = 0 or L1 = 0 has no finite value: it lies beyond all others.
        let sorted = replicates.map { value($0) ?? .infinity }.map { $0.isNaN ? .infinity : $0 }.sorted()
        let tail = (1 - options.fit.confidence) / 2
        func end(_ level: Double) -> Double {
            let end = quantile(ofSorted: sorted, at: level)
            return end.isNaN ? .infinity : end
        }
        let (lower, upper) = (min(end(tail), center), max(end(1 - tail), center))
        guard upper.isFinite else {
            return Estimate(
                value: center, lower: lower,
                reasonWithoutInterval: "no upper end: the interval of L0 or L1 reaches 0", intervalMethod: .percentile)
        }
        let finite = sorted.filter(\.isFinite)
        return Estimate(
            value: center, standardError: standardDeviation(finite), lower: lower, upper: upper,
            intervalMethod: .percentile)
    }
}
