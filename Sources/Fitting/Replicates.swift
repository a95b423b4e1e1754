import Foundation

/// The logarithms of the points about their means.
struct LogColumns {
    let g: [Double]
    let l: [Double]
    /// log η_eff where every point has one.
    let step: [Double]?
    let center: (g: Double, l: Double)

    init(_ points: SmoothnessPoints, logStepSize: [Double]?) {
        let (g, l) = (points.gradientNorm.map { log($0) }, points.smoothness.map { log($0) })
        let center = (g: mean(g), l: mean(l))
        self.center = center
        self.g = g.map { $0 - center.g }
        self.l = l.map { $0 - center.l }
        step = logStepSize.map { steps in
            let center = mean(steps)
            return steps.map { $0 - center }
        }
    }

    /// Of the points drawn `counts` times each, with weights if given.
    func moments(_ counts: [Double], _ weights: [Double]? = nil) -> LogMoments {
        Self.moments(g, l, counts, weights)
    }

    private static func moments(
        _ x: [Double], _ y: [Double], _ counts: [Double], _ weights: [Double]?
    ) -> LogMoments {
        var sums = LineSums(about: (0, 0))
        if let weights {
            for index in x.indices { sums.add(x[index], y[index], counts[index] * weights[index]) }
        } else {
            for index in x.indices { sums.add(x[index], y[index], counts[index]) }
        }
        let n = sums.count
        // What is left of a difference of equal sums is rounding, not variance.
        func variance(_ squares: Double, _ sum: Double) -> Double {
            let value = squares - sum * sum / n
            return value > 1e-13 * squares ? value : 0
        }
        return LogMoments(
            xMean: sums.g / n, yMean: sums.l / n, xx: variance(sums.gg, sums.g), xy: sums.gl - sums.g * sums.l / n,
            yy: variance(sums.ll, sums.l))
    }

    func partial(_ counts: [Double], pearson: Double) -> Double? {
        guard let step, let xz = Self.moments(g, step, counts, nil).correlation,
            let yz = Self.moments(l, step, counts, nil).correlation
        else { return nil }
        return partialCorrelation(pearson, givenCorrelations: xz, yz)
    }
}

extension LogMoments {
    var correlation: Double? {
        xx > 0 && yy > 0 ? clampedCorrelation(xy / (xx.squareRoot() * yy.squareRoot())) : nil
    }
}

/// Spearman's correlation of a resample by counting: the distinct values are sorted once, a resample only changes how often
/// each occurs.
struct RankScratch {
    private var firstCounts: [Double]
    private var secondCounts: [Double]
    private var firstRanks: [Double]
    private var secondRanks: [Double]

    init(first: Int, second: Int) {
        firstCounts = [Double](repeating: 0, count: first)
        secondCounts = [Double](repeating: 0, count: second)
        firstRanks = [Double](repeating: 0, count: first)
        secondRanks = [Double](repeating: 0, count: second)
    }

    /// - Parameters: `counts`: how often every point was drawn; `first`, `second`: its place among the distinct values.
    mutating func spearman(_ counts: [Double], _ first: [Int], _ second: [Int]) -> Double? {
        for place in firstCounts.indices { firstCounts[place] = 0 }
        for place in secondCounts.indices { secondCounts[place] = 0 }
        var total = 0.0
        for index in counts.indices {
            firstCounts[first[index]] += counts[index]
            secondCounts[second[index]] += counts[index]
            total += counts[index]
        }
        // Ranks about their mean, (n + 1)/2.
        let center = (total + 1) / 2
        Self.rank(firstCounts, into: &firstRanks, about: center)
        Self.rank(secondCounts, into: &secondRanks, about: center)
        var (xx, yy, xy) = (0.0, 0.0, 0.0)
        for index in counts.indices {
            let (x, y, w) = (firstRanks[first[index]], secondRanks[second[index]], counts[index])
            xx += w * x * x
            yy += w * y * y
            xy += w * x * y
        }
        return xx > 0 && yy > 0 ? clampedCorrelation(xy / (xx.squareRoot() * yy.squareRoot())) : nil
    }

    private static func rank(_ counts: [Double], into ranks: inout [Double], about center: Double) {
        var below = 0.0
        for place in counts.indices {
            ranks[place] = below + (counts[place] + 1) / 2 - center
            below += counts[place]
        }
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

/// Powers of the gradient norms on a grid of orders around the fitted one, from which a resample finds its own order.
struct OrderTable {
    private static let spacing = 0.1
    private let first: Double
    private let powers: [[Double]]
    private let start: Int
    private let logs: [Double]

    init(_ points: ScaledPoints, near order: Double) {
        logs = points.x.map { log($0) }
        let orders = stride(from: Self.spacing, through: orderRange.upperBound, by: Self.spacing)
        first = Self.spacing
        powers = orders.map { [logs] order in logs.map { exp(order * $0) } }
        start = min(max(Int(((order - first) / Self.spacing).rounded()), 0), powers.count - 1)
    }

    /// Downhill from the order of all points, then a parabola through three values of the grid.
    func law(_ points: ScaledPoints) -> OrderLaw? {
        var known: [Int: Double] = [:]
        func loss(_ place: Int) -> Double {
            guard powers.indices.contains(place) else { return .infinity }
            if let value = known[place] { return value }
            let value = Self.fit(powers[place], points).loss
            known[place] = value
            return value
        }
        var place = start
        while true {
            let next = [place - 1, place + 1].min { loss($0) < loss($1) } ?? place
            guard loss(next) < loss(place) else { break }
            place = next
        }
        var order = first + Self.spacing * Double(place)
        let (a, b, c) = (loss(place - 1), loss(place), loss(place + 1))
        let bend = a - 2 * b + c
        if bend.isFinite, bend > 0 { order += Self.spacing * min(max((a - c) / (2 * bend), -0.5), 0.5) }
        let line = Self.fit(logs.map { exp(order * $0) }, points).line
        return OrderLaw(intercept: line.intercept, coefficient: line.slope, order: order)
    }

    private static func fit(_ x: [Double], _ points: ScaledPoints) -> (line: SmoothnessLine, loss: Double) {
        var sums = LineSums(about: (0, 0))
        for index in x.indices { sums.add(x[index], points.y[index], points.w[index]) }
        let line = sums.nonNegativeLine ?? sums.betterEdge
        let (a, b) = (line.intercept, line.slope)
        let loss =
            sums.ll - 2 * (a * sums.l + b * sums.gl) + a * a * sums.count + 2 * a * b * sums.g + b * b * sums.gg
        return (line, loss)
    }
}
