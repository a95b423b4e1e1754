import Essentials
import Foundation

/// The Theil–Sen line: the slope is the median of the slopes (L_j − L_k)/(g_j − g_k) of all pairs with different gradient norms (Sen
/// 1968, Journal of the American Statistical Association 63, 1379–1389), the intercept the median of L_k − L1 g_k.
///
/// Exact also for many points, in O(n log n): the two middle slopes are found by counting inversions, without making all n(n − 1)/2 slopes.
/// It takes neither weights nor the bounds L0, L1 ≥ 0: it is the robust twin that says what the points say by themselves.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func theilSenLine(gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    ScaledPoints(gradientNorm, smoothness, nil)?.solve { $0.theilSen() }
}

extension ScaledPoints {
    func theilSen() -> SmoothnessLine? {
        guard let slope = medianSlope() else { return nil }
        var residuals = x.indices.map { y[$0] - slope * x[$0] }
        return SmoothnessLine(intercept: medianInPlace(&residuals), slope: slope)
    }

    private func medianSlope() -> Double? {
        if count <= 1500 {
            var slopes = allSlopes()
            return slopes.isEmpty ? nil : medianInPlace(&slopes)
        }
        var selection = SlopeSelection(self)
        return selection.median()
    }

    /// Of all pairs with different x.
    func allSlopes() -> [Double] {
        var slopes: [Double] = []
        slopes.reserveCapacity(count * (count - 1) / 2)
        for first in x.indices {
            for second in first + 1..<count where x[first] != x[second] {
                slopes.append((y[second] - y[first]) / (x[second] - x[first]))
            }
        }
        return slopes
    }

    /// The slopes of random pairs with different x.
    func sampledSlopes(_ sampleCount: Int, purpose: String) -> [Double] {
        var generator = SeededGenerator(seed: 0, purpose: purpose)
        var slopes: [Double] = []
        slopes.reserveCapacity(sampleCount)
        for _ in 0..<sampleCount {
            let (first, second) = (generator.index(below: count), generator.index(below: count))
            if x[first] != x[second] { slopes.append((y[second] - y[first]) / (x[second] - x[first])) }
        }
        return slopes
    }
}

/// The middle slopes of many points. An interval that holds them is narrowed: a sample of the slopes inside it says where the
/// middle is likely to lie, and counting inversions says how many lie before.
private struct SlopeSelection {
    private let points: ScaledPoints
    /// x and y side by side: one place of memory to fetch for a point.
    private let pairs: [SIMD2<Double>]
    /// The points by x; equal x by y, so that they make no inversion.
    private let order: [Int32]
    private var work: InversionSort
    private let pairCount: Int
    private static let sampleCount = 2_000_000
    /// So many slopes are taken all.
    private static let limit = 4_000_000

    init(_ points: ScaledPoints) {
        self.points = points
        var order = InversionSort(keys: points.x)
        _ = order.sort()
        var equal = 0
        var run = 1
        for place in 1..<points.count {
            run = order.keys[place] == order.keys[place - 1] ? run + 1 : 1
            equal += run - 1
        }
        if equal > 0 {
            order = InversionSort(keys: points.y)
            _ = order.sort()
            order.setKeys { points.x[$0] }
            _ = order.sort()
        }
        self.order = order.items
        work = order
        pairs = points.x.indices.map { SIMD2(points.x[$0], points.y[$0]) }
        pairCount = points.count * (points.count - 1) / 2 - equal
    }

    /// The order by y − slope·x, from that by x or from one at a smaller slope, and how many pairs changed their order.
    private mutating func sorted(_ start: [Int32], at slope: Double) -> (order: [Int32], passed: Int) {
        work.load(start) { [pairs] in pairs[$0].y - slope * pairs[$0].x }
        let passed = work.sort()
        return (work.items, passed)
    }

    /// The slopes from that of an order up to another, all of at most `limit` or an even sample, and how many there are. About
    /// `expected` should be there.
    private mutating func slopes(
        _ start: [Int32], to slope: Double, expected: Double, round: Int
    ) -> (sample: [Double], count: Int) {
        var generator = SeededGenerator(seed: 0, purpose: "fit.inversions", index: round)
        let targets: [Int64]
        if 1.3 * expected + 1000 < Double(Self.limit) {
            targets = (0..<Int64(Self.limit)).map(\.self)
        } else {
            // One at random in each stretch of so many.
            let stretch = expected / Double(Self.sampleCount)
            targets = (0..<2 * Self.sampleCount).map { Int64((Double($0) + generator.uniform()) * stretch) }
        }
        work.load(start) { [pairs] in pairs[$0].y - slope * pairs[$0].x }
        let found = work.sort(naming: targets)
        let slopes = found.first.indices.map { place in
            let step = pairs[Int(found.second[place])] - pairs[Int(found.first[place])]
            return step.y / step.x
        }
        return (slopes, found.count)
    }

    mutating func median() -> Double? {
        guard pairCount > 0 else { return nil }
        let ranks = (lower: (pairCount - 1) / 2, upper: pairCount / 2)
        var sample = points.sampledSlopes(Self.sampleCount, purpose: "fit.slopes")
        var (low, high, share) = Self.interval(&sample, around: 0.5)
        var expected = share * Double(pairCount)
        // So many slopes are equal that the middle is among them.
        if low == high { return low }
        // Slopes before the interval, and the order at its start.
        var (start, before) = sorted(order, at: low)
        for round in 0..<60 {
            if before > ranks.lower {
                // The sample misled: begin further left.
                (low, high) = (low - 2 * (high - low), low)
                (start, before) = sorted(order, at: low)
                expected *= 3
                continue
            }
            var found = slopes(start, to: high, expected: expected, round: round)
            if before + found.count <= ranks.upper {
                high += 2 * (high - low)
                expected = max(3 * expected, Double(found.count))
                continue
            }
            if found.sample.count == found.count {
                let first = select(&found.sample, rank: ranks.lower - before)
                let second = select(&found.sample, rank: ranks.upper - before)
                return first + (second - first) / 2
            }
            let middle = (Double(ranks.upper - before) + 0.5) / Double(found.count)
            let next = Self.interval(&found.sample, around: middle)
            if next.low == next.high { return next.low }
            if next.low > low {
                let narrower = sorted(start, at: next.low)
                (start, before, low) = (narrower.order, before + narrower.passed, next.low)
            }
            high = min(next.high, high)
            expected = next.share * Double(found.count)
        }
        return nil
    }

    /// The slopes of the sample five standard errors to each side of a share of it, and the share between them.
    private static func interval(
        _ sample: inout [Double], around share: Double
    ) -> (low: Double, high: Double, share: Double) {
        let room = 2.5 / Double(max(sample.count, 1)).squareRoot()
        let last = Double(sample.count - 1)
        let low = select(&sample, rank: Int(max(share - room, 0) * last))
        let high = select(&sample, rank: Int((min(share + room, 1) * last).rounded(.up)))
        return (low, high, 2 * room)
    }
}

/// Theil–Sen on resamples. The share of pairs with a slope below b is a U-statistic; to first order a resample changes it by twice
/// the mean of its projections (Hoeffding 1948), and the median of the slopes moves to the quantile that makes up for it: Sen's (1968)
/// interval with the resamples' distribution in place of that for independent points.
struct TheilSenReplicates {
    private let points: ScaledPoints
    private let slopes: [Double]
    private let projections: [Double]
    private let center: Double

    init(_ points: ScaledPoints, line: SmoothnessLine) {
        self.points = points
        var slopes =
            points.count <= 500 ? points.allSlopes() : points.sampledSlopes(200_000, purpose: "fit.slope-quantiles")
        slopes.sort()
        self.slopes = slopes
        projections = kendallProjections(points.x, points.x.indices.map { points.y[$0] - line(points.x[$0]) })
        center = mean(projections)
        // The sampled slopes' own median is not quite that of all.
        var low = 0
        var high = slopes.count
        while low < high {
            let middle = (low + high) / 2
            if slopes[middle] < line.slope { low = middle + 1 } else { high = middle }
        }
        middleShare = slopes.count > 1 ? Double(low) / Double(slopes.count - 1) : 0.5
    }

    private let middleShare: Double

    func replicate(_ counts: [Double]) -> SmoothnessLine? {
        guard !slopes.isEmpty else { return nil }
        var sum = 0.0
        var total = 0.0
        for index in counts.indices {
            sum += counts[index] * projections[index]
            total += counts[index]
        }
        let slope = quantile(
            ofSorted: slopes, at: middleShare + sum / total - center)
        var residuals = points.x.indices.map { points.y[$0] - slope * points.x[$0] }
        var weights = counts
        let intercept = weightedSelect(
            &residuals, &weights, reaching: 0.5 * total * (1 - 1e-14))
        return SmoothnessLine(intercept: intercept, slope: slope)
    }
}

extension Law {
    /// Theil and Sen's line.
    public static let theilSen: Law = {
        var law = Law(
            "theilSen", "theil_sen", formula: "L = L0 + L1 g, L1 the median slope of all pairs", source: "Sen 1968")
        law.label = { _ in "Theil–Sen" }
        law.latex = { _ in "Theil--Sen" }
        law.quantities = [.intercept, .slope, .level, .shareAbove]
        law.isRequired = true
        law.isRobust = true
        law.solve = { work in
            guard
                let line = theilSenLine(gradientNorm: work.points.gradientNorm, smoothness: work.points.smoothness)
            else { return nil }
            return LawSolution(
                statistics: [Statistic](repeating: Statistic(isSmooth: false), count: 2),
                replicate: {
                    let robust = TheilSenReplicates(work.scaled, line: work.scaled.scaled(line))
                    return { resample in
                        guard let line = robust.replicate(resample.counts).map(work.scaled.original) else {
                            return [.nan, .nan]
                        }
                        return [line.intercept, line.slope]
                    }
                },
                values: { intervals in
                    work.lineValues(
                        line, intervals.estimate(line.intercept, 0), intervals.estimate(line.slope, 1), level: nil)
                })
        }
        law.text = { fit, _, style in
            ["", "Theil and Sen's line, the median slope of all pairs; knows no bounds and no weights"]
                + style.coefficients(fit) + ["  points above \(style.short(100 * (fit.shareAbove ?? 0))) %"]
        }
        return law
    }()
}

extension FitReport {
    public var theilSen: FittedValues { required(.theilSen) }
}
