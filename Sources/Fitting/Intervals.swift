import Essentials
import Foundation

/// Intervals from the replicates of a block bootstrap.
///
/// **Inside.** The percentile interval at level p uses the quantiles Φ(±z_p) of the replicates; it is too short in small samples,
/// because the replicates' spread is that of a mean with divisor n and the normal quantile ignores that the spread is
/// estimated. Hesterberg (2015, The American Statistician 69, 371–386, section 5.3) uses the levels Φ(±t √(ν/(ν − 1))), t the
/// quantile of Student's t with ν − 1 degrees of freedom, ν the sample size: here the blocks, which are what is drawn
/// independently.
///
/// **Leverage.** Where a few blocks with large gradient norms decide a line, its spread is estimated from these few, however many there
/// are. The degrees of freedom of a variance estimated from B independent terms of kurtosis κ are 2B/(κ − 1) (Satterthwaite 1946,
/// Biometrics Bulletin 2, 110–114); κ is that of the jackknife which leaves out one block at a time (Künsch 1989, Annals of Statistics
/// 17, 1217–1241), B = n/ℓ. For lines that are no smooth function of the points the jackknife is no guide to κ; there the replicates
/// are moved away from the estimate in the ratio of the two standard errors instead, at most to twice the distance.
///
/// How often such intervals hold the true value is in docs/method.md, for every law, with the command that measures it.
///
/// **At the bound.** Where the interval of a coefficient without its bound reaches 0, the bootstrap of the bounded
/// coefficient is not consistent (Andrews 2000). There the profile of the loss over the coefficient is inverted: θ ≥ 0 is inside
/// where T(θ) = min loss given θ − min loss, in units in which the free coefficient's variance is 1, is at most the
/// quantile that T has at the true value θ. For a coefficient that is normal without its bound this is the interval of
/// Feldman and Cousins (1998, Physical Review D 57, 3873–3889), exact for every θ ≥ 0: `boundedInterval`. The standard error is the larger
/// of the bootstrap's and the jackknife's. The other coefficient of such a line, whose bootstrap suffers from the bound as well, gets
/// what reaches further of its intervals with the bound and without.
struct Intervals {
    private let options: FitOptions
    let blockCount: Double
    private let statistics: [Statistic]
    /// The replicates of every statistic, ascending.
    private let sorted: [[Double]]
    /// How much further than the replicates the jackknife reaches, at least 1.
    private var stretches: [Double]
    /// ν, the number of blocks or less where few of them decide.
    private var freedoms: [Double]

    init(_ bootstrap: FitBootstrap?, resampler: Resampler, options: FitOptions) {
        self.options = options
        blockCount = max(resampler.blockCount, 2)
        statistics = bootstrap?.statistics ?? []
        sorted = bootstrap?.replicates(options.replicates, resampler: resampler).map { $0.sorted() } ?? []
        stretches = [Double](repeating: 1, count: statistics.count)
        freedoms = [Double](repeating: blockCount, count: statistics.count)
        guard let bootstrap, resampler.scheme != .points else { return }
        for (place, jackknife) in bootstrap.jackknife(resampler).enumerated() where statistics[place].hasLeverage {
            guard let jackknife else { continue }
            let spread = standardDeviation(sorted[place])
            if spread > 0, jackknife.error > spread { stretches[place] = min(jackknife.error / spread, 2) }
            if let kurtosis = jackknife.kurtosis, kurtosis > 1 {
                freedoms[place] = min(max(2 * blockCount / (kurtosis - 1), 4), blockCount)
            }
        }
    }

    /// Whether no resamples were asked for.
    var isEmpty: Bool { statistics.isEmpty }

    /// Returns on how many resamples a statistic is defined.
    func replicateCount(_ place: Int) -> Int { sorted[place].count }

    private func freedom(_ place: Int) -> Double {
        statistics[place].isSmooth ? freedoms[place + statistics[place].free] : blockCount
    }

    static func levels(confidence: Double, blocks: Double) -> (lower: Double, upper: Double) {
        let count = max(blocks, 2)
        let t = studentQuantile((1 + confidence) / 2, degreesOfFreedom: count - 1) * (count / (count - 1)).squareRoot()
        return (normalProbability(-t), normalProbability(t))
    }

    func estimate(_ value: Double, _ place: Int) -> Estimate {
        guard !isEmpty else {
            return Estimate(value: value, reasonWithoutInterval: "no bootstrap replicates were asked for")
        }
        guard let ends = ends(value, place) else {
            return Estimate(value: value, reasonWithoutInterval: "undefined on the resamples")
        }
        return Estimate(
            value: value, standardError: standardDeviation(sorted[place]) * stretches[place], lower: ends.lower,
            upper: ends.upper, intervalMethod: .percentile)
    }

    /// Beyond this many standard deviations the replicates are too few for their quantiles.
    private static let farthestQuantile = 2.6

    /// The quantiles of the replicates, further away from the estimate where they have to be.
    private func ends(_ value: Double, _ place: Int) -> (lower: Double, upper: Double)? {
        guard sorted.indices.contains(place), sorted[place].count >= 2 else { return nil }
        let statistic = statistics[place]
        let t =
            studentQuantile((1 + options.confidence) / 2, degreesOfFreedom: freedom(place) - 1)
            * (blockCount / (blockCount - 1)).squareRoot()
        let z = min(t, Self.farthestQuantile)
        let stretch = t / z * (statistic.isSmooth ? 1 : stretches[place])
        let low = quantile(ofSorted: sorted[place], at: normalProbability(-z))
        let high = quantile(ofSorted: sorted[place], at: normalProbability(z))
        // A stretch of 1 must leave the digits alone.
        guard stretch > 1 else { return (low, high) }
        if statistic.isCorrelation {
            return (
                min(low, max(value + stretch * (low - value), movedCorrelation(low, from: value, stretch))),
                max(high, min(value + stretch * (high - value), movedCorrelation(high, from: value, stretch)))
            )
        }
        return (
            max(min(low, value + stretch * (low - value)), statistic.range.lowerBound),
            min(max(high, value + stretch * (high - value)), statistic.range.upperBound)
        )
    }

    /// L0 and L1 of one method with their bounds 0, whose statistics begin at `place`; `free` is the line without.
    func bounded(
        _ line: SmoothnessLine, free: SmoothnessLine, _ place: Int
    ) -> (intercept: Estimate, slope: Estimate) {
        var intercept = estimate(line.intercept, place)
        var slope = estimate(line.slope, place + 1)
        guard let first = ends(free.intercept, place + 2), let second = ends(free.slope, place + 3),
            intercept.lower != nil, slope.lower != nil
        else { return (intercept, slope) }
        let isNearBound = first.lower <= 0 || second.lower <= 0
        widen(&intercept, first, free: free.intercept, place + 2, isNearBound)
        widen(&slope, second, free: free.slope, place + 3, isNearBound)
        return (intercept, slope)
    }

    /// - Parameter place: of the coefficient without its bound.
    private func widen(
        _ estimate: inout Estimate, _ ends: (lower: Double, upper: Double), free: Double, _ place: Int,
        _ isNearBound: Bool
    ) {
        guard isNearBound else {
            (estimate.lower, estimate.upper) = (ends.lower, ends.upper)
            return
        }
        estimate.lower = max(min(estimate.lower ?? ends.lower, ends.lower), 0)
        estimate.upper = max(estimate.upper ?? ends.upper, ends.upper)
        let spread =
            standardDeviation(sorted[place]) * stretches[place] * (blockCount / (blockCount - 1)).squareRoot()
        guard ends.lower <= 0, spread > 0, (free / spread).isFinite else { return }
        let profile = boundedInterval(
            free: free, standardError: spread, degreesOfFreedom: freedom(place) - 1, confidence: options.confidence)
        (estimate.lower, estimate.upper) = (profile.lower, profile.upper)
        estimate.intervalMethod = .profile
    }
}

/// The intervals of one law: its statistics are numbered from 0.
struct LawIntervals {
    private let intervals: Intervals
    private let first: Int
    /// ℓ, in points.
    let blockLength: Int

    init(_ intervals: Intervals, from first: Int, blockLength: Int) {
        (self.intervals, self.first, self.blockLength) = (intervals, first, blockLength)
    }

    func estimate(_ value: Double, _ place: Int) -> Estimate { intervals.estimate(value, first + place) }

    /// L0 and L1 of a line whose statistics are those of `Statistic.boundedLine`.
    func bounded(_ line: SmoothnessLine, free: SmoothnessLine) -> (intercept: Estimate, slope: Estimate) {
        intervals.bounded(line, free: free, first)
    }
}

/// An end of the interval of a correlation so many times as far from it on Fisher's scale artanh r, where it stays within ±1.
private func movedCorrelation(_ end: Double, from value: Double, _ stretch: Double) -> Double {
    guard abs(value) < 1, abs(end) < 1 else { return end }
    return tanh(atanh(value) + stretch * (atanh(end) - atanh(value)))
}

/// The interval of a coefficient θ ≥ 0 by the profile of the loss: all θ whose likelihood ratio against the best allowed value is
/// above its critical value (Feldman and Cousins 1998), with Student's t in place of the normal distribution.
/// - Parameters: `free`: the estimate without the bound, of any sign; `standardError`: its standard error, above 0.
/// - Returns: Ends with 0 ≤ lower ≤ upper. The interval covers with the given confidence for every θ ≥ 0, 0 included.
public func boundedInterval(
    free: Double, standardError: Double, degreesOfFreedom: Double, confidence: Double
) -> (lower: Double, upper: Double) {
    precondition(standardError > 0 && standardError.isFinite, "a standard error is positive")
    let profile = BoundedProfile(
        estimate: free / standardError, degreesOfFreedom: degreesOfFreedom, confidence: confidence)
    let interval = profile.interval()
    return (interval.lower * standardError, interval.upper * standardError)
}

/// In units of the standard error.
private struct BoundedProfile {
    let estimate: Double
    let degreesOfFreedom: Double
    let confidence: Double
    private let twoSided: Double

    init(estimate: Double, degreesOfFreedom: Double, confidence: Double) {
        self.estimate = estimate
        self.degreesOfFreedom = degreesOfFreedom
        self.confidence = confidence
        twoSided = studentQuantile((1 + confidence) / 2, degreesOfFreedom: degreesOfFreedom)
    }

    /// (θ̃ − θ)², less what the best allowed value leaves.
    private func statistic(_ theta: Double) -> Double {
        estimate >= 0 ? (estimate - theta) * (estimate - theta) : theta * theta - 2 * theta * estimate
    }

    /// Whether the statistic lies below its quantile where θ is true: P(T ≤ t) rises with t, so that no quantile has to be found.
    private func isInside(_ theta: Double) -> Bool {
        let value = statistic(theta)
        if theta >= twoSided { return value <= twoSided * twoSided }
        let root = value.squareRoot()
        let left = root <= theta ? -root : theta > 0 ? -(value + theta * theta) / (2 * theta) : -.infinity
        let below = left == -.infinity ? 0 : studentProbability(left, degreesOfFreedom: degreesOfFreedom)
        return studentProbability(root, degreesOfFreedom: degreesOfFreedom) - below <= confidence
    }

    func interval() -> (lower: Double, upper: Double) {
        let best = max(estimate, 0)
        var (inside, outside) = (best, best + twoSided + 1)
        for _ in 0..<60 {
            let middle = (inside + outside) / 2
            if isInside(middle) { inside = middle } else { outside = middle }
        }
        let upper = inside
        if isInside(0) { return (0, upper) }
        (inside, outside) = (best, 0)
        for _ in 0..<60 {
            let middle = (inside + outside) / 2
            if isInside(middle) { inside = middle } else { outside = middle }
        }
        return (inside, upper)
    }
}
