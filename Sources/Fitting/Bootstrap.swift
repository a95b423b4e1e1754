import Essentials
import Foundation

/// The statistics that are bootstrapped together, on the same resamples.
enum FitStatistic: Int, CaseIterable {
    case intercept, slope, logIntercept, exponent, pearson, spearman, partial
}

/// Circular moving-block bootstrap of the pairs (g_k, L_k).
///
/// A resample concatenates ⌈n/ℓ⌉ blocks of ℓ consecutive points, starts uniform on 0 ..< n, the series wrapped around its
/// end (Politis and Romano 1992), cut at n. Without the wrap the first and last ℓ points, which hold the largest and the
/// smallest gradient norms of a training run, would be drawn too rarely.
struct BlockBootstrap {
    /// Scaled by the largest value, less the mean; so is `smoothness`.
    let gradientNorm: [Double]
    let smoothness: [Double]
    let logGradientNorm: [Double]
    let logSmoothness: [Double]
    /// log η_eff where every point has one.
    let logStepSize: [Double]?
    /// Positions among the distinct values.
    let gradientNormPlace: [Int]
    let smoothnessPlace: [Int]
    let gradientNormScale: Double
    let smoothnessScale: Double
    let center: (g: Double, l: Double)
    let logCenter: (g: Double, l: Double)

    init(_ points: SmoothnessPoints, logStepSize: [Double]?) {
        gradientNormScale = points.gradientNorm.max() ?? 1
        smoothnessScale = points.smoothness.max() ?? 1
        // Everything is centred, so that the one-pass moments of a replicate keep their digits.
        let scaledG = points.gradientNorm.map { [gradientNormScale] in $0 / gradientNormScale }
        let scaledL = points.smoothness.map { [smoothnessScale] in $0 / smoothnessScale }
        center = (mean(scaledG), mean(scaledL))
        gradientNorm = scaledG.map { [center] in $0 - center.g }
        smoothness = scaledL.map { [center] in $0 - center.l }
        let (g, l) = (points.gradientNorm.map { log($0) }, points.smoothness.map { log($0) })
        let logCenter = (g: mean(g), l: mean(l), step: logStepSize.map(mean) ?? 0)
        self.logCenter = (logCenter.g, logCenter.l)
        logGradientNorm = g.map { $0 - logCenter.g }
        logSmoothness = l.map { $0 - logCenter.l }
        self.logStepSize = logStepSize?.map { $0 - logCenter.step }
        gradientNormPlace = denseOrder(points.gradientNorm)
        smoothnessPlace = denseOrder(points.smoothness)
    }

    var count: Int { gradientNorm.count }

    /// The replicates of every statistic, in the order of the draws; a resample on which a statistic is undefined (all
    /// gradient norms equal) gives none.
    func replicates(_ replicateCount: Int, blockLength: Int, seed: UInt64) -> [FitStatistic: [Double]] {
        var values = [[Double]](repeating: [], count: FitStatistic.allCases.count)
        for statistic in values.indices { values[statistic].reserveCapacity(replicateCount) }
        var indices = [Int](repeating: 0, count: count)
        var scratch = RankScratch(
            first: (gradientNormPlace.max() ?? 0) + 1, second: (smoothnessPlace.max() ?? 0) + 1)
        for replicate in 0..<replicateCount {
            var generator = SeededGenerator(seed: seed, purpose: "fit.block-bootstrap", index: replicate)
            draw(&indices, blockLength: blockLength, from: &generator)
            let estimate = statistics(indices, &scratch)
            for statistic in values.indices where estimate[statistic].isFinite {
                values[statistic].append(estimate[statistic])
            }
        }
        return Dictionary(uniqueKeysWithValues: FitStatistic.allCases.map { ($0, values[$0.rawValue]) })
    }

    func draw(_ indices: inout [Int], blockLength: Int, from generator: inout SeededGenerator) {
        var filled = 0
        while filled < count {
            var next = generator.index(below: count)
            for _ in 0..<min(blockLength, count - filled) {
                indices[filled] = next
                filled += 1
                next += 1
                if next == count { next = 0 }
            }
        }
    }

    /// All statistics of one resample; NaN where one is undefined.
    private func statistics(_ indices: [Int], _ scratch: inout RankScratch) -> [Double] {
        var line = LineSums(about: center)
        var logs = LineSums(about: (0, 0))
        for index in indices {
            line.add(gradientNorm[index], smoothness[index])
            logs.add(logGradientNorm[index], logSmoothness[index])
        }
        var result = [Double](repeating: .nan, count: FitStatistic.allCases.count)
        func set(_ statistic: FitStatistic, _ value: Double?) { result[statistic.rawValue] = value ?? .nan }
        if let fitted = line.nonNegativeLine {
            set(.intercept, fitted.intercept * smoothnessScale)
            set(.slope, fitted.slope * (smoothnessScale / gradientNormScale))
        }
        let moments = Moments(logs)
        if moments.xx > 0 {
            let exponent = moments.xy / moments.xx
            set(.exponent, exponent)
            set(.logIntercept, moments.yMean + logCenter.l - exponent * (moments.xMean + logCenter.g))
        }
        let pearson = moments.correlation
        set(.pearson, pearson)
        set(.spearman, scratch.spearman(indices, gradientNormPlace, smoothnessPlace))
        if let pearson, let logStepSize {
            set(.partial, partial(indices, given: logStepSize, pearson))
        }
        return result
    }

    private func partial(_ indices: [Int], given logStepSize: [Double], _ pearson: Double) -> Double? {
        var (withG, withL) = (LineSums(about: (0, 0)), LineSums(about: (0, 0)))
        for index in indices {
            withG.add(logGradientNorm[index], logStepSize[index])
            withL.add(logSmoothness[index], logStepSize[index])
        }
        guard let xz = Moments(withG).correlation, let yz = Moments(withL).correlation else { return nil }
        return partialCorrelation(pearson, givenCorrelations: xz, yz)
    }
}

/// Centred second moments of one resample.
private struct Moments {
    var xMean, yMean, xx, yy, xy: Double

    init(_ sums: LineSums) {
        let n = sums.count
        (xMean, yMean) = (sums.g / n, sums.l / n)
        // What is left of a difference of equal sums is rounding, not variance.
        func variance(_ squares: Double, _ sum: Double) -> Double {
            let value = squares - sum * sum / n
            return value > 1e-13 * squares ? value : 0
        }
        xx = variance(sums.gg, sums.g)
        yy = variance(sums.ll, sums.l)
        xy = sums.gl - sums.g * sums.l / n
    }

    var correlation: Double? {
        xx > 0 && yy > 0 ? clampedCorrelation(xy / (xx.squareRoot() * yy.squareRoot())) : nil
    }
}

/// Spearman's correlation of a resample by counting: the distinct values are sorted once, a resample only changes how often
/// each occurs.
private struct RankScratch {
    private var firstCounts: [Int]
    private var secondCounts: [Int]
    private var firstRanks: [Double]
    private var secondRanks: [Double]

    init(first: Int, second: Int) {
        firstCounts = [Int](repeating: 0, count: first)
        secondCounts = [Int](repeating: 0, count: second)
        firstRanks = [Double](repeating: 0, count: first)
        secondRanks = [Double](repeating: 0, count: second)
    }

    mutating func spearman(_ indices: [Int], _ first: [Int], _ second: [Int]) -> Double? {
        for place in firstCounts.indices { firstCounts[place] = 0 }
        for place in secondCounts.indices { secondCounts[place] = 0 }
        for index in indices {
            firstCounts[first[index]] += 1
            secondCounts[second[index]] += 1
        }
        // Ranks about their mean, (n + 1)/2.
        let center = Double(indices.count + 1) / 2
        Self.rank(firstCounts, into: &firstRanks, about: center)
        Self.rank(secondCounts, into: &secondRanks, about: center)
        var (xx, yy, xy) = (0.0, 0.0, 0.0)
        for index in indices {
            let (x, y) = (firstRanks[first[index]], secondRanks[second[index]])
            xx += x * x
            yy += y * y
            xy += x * y
        }
        return xx > 0 && yy > 0 ? clampedCorrelation(xy / (xx.squareRoot() * yy.squareRoot())) : nil
    }

    private static func rank(_ counts: [Int], into ranks: inout [Double], about center: Double) {
        var below = 0
        for place in counts.indices {
            ranks[place] = Double(below) + Double(counts[place] + 1) / 2 - center
            below += counts[place]
        }
    }
}
