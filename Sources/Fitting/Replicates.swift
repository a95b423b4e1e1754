/// The logarithms of the points about their means.
struct LogColumns: Sendable {
    let g: [Double]
    let l: [Double]
    /// log η_eff where every point has one.
    let step: [Double]?
    let center: (g: Double, l: Double)

    init(_ work: PointFit) {
        let (g, l) = (work.logGradientNorm, work.logSmoothness)
        let center = (g: mean(g), l: mean(l))
        self.center = center
        self.g = g.map { $0 - center.g }
        self.l = l.map { $0 - center.l }
        step = work.logStepSizes.map { steps in
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
