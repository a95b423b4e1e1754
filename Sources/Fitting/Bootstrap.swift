import Foundation
import Synchronization

/// Repeats the fits of all laws on the same resamples.
struct FitBootstrap {
    let frame: ResampleFrame
    let statistics: [Statistic]
    private let replicates: [LawSolution.Replicate]

    init(_ work: PointFit, _ solutions: [LawSolution]) {
        frame = ResampleFrame(work)
        statistics = solutions.flatMap(\.statistics)
        replicates = solutions.map { $0.replicate() }
    }

    /// Returns the replicates of every statistic, in the order of the draws; a resample on which a statistic is undefined gives none.
    func replicates(_ replicateCount: Int, resampler: Resampler) -> [[Double]] {
        let chunk = max(1, min(64, replicateCount))
        let chunkCount = (replicateCount + chunk - 1) / chunk
        let found = Mutex([[[Double]]](repeating: [], count: chunkCount))
        // A replicate is a function of its number alone, so that the result does not depend on the number of threads.
        DispatchQueue.concurrentPerform(iterations: chunkCount) { part in
            var resample = Resample(frame)
            let rows = (part * chunk..<min((part + 1) * chunk, replicateCount)).map { replicate in
                resampler.draw(replicate, into: &resample.counts)
                return numbers(&resample)
            }
            found.withLock { $0[part] = rows }
        }
        return columns(found.withLock { $0.flatMap(\.self) })
    }

    private func columns(_ rows: [[Double]]) -> [[Double]] {
        statistics.indices.map { place in rows.map { $0[place] }.filter(\.isFinite) }
    }

    /// Returns the jackknife over blocks (Künsch 1989) of every statistic: each of up to 100 stretches of ℓ points is left out in turn.
    /// `nil` stands for a statistic that is undefined without most of them.
    func jackknife(_ resampler: Resampler) -> [BlockJackknife?] {
        let n = Double(frame.points.count)
        let length = resampler.blockLength
        var resample = Resample(frame)
        var rows: [[Double]] = []
        for range in resampler.series where range.count > length {
            let share = max(1, 100 * range.count / frame.points.count)
            for start in stride(from: 0, to: range.count, by: max(1, range.count / share)) {
                for index in resample.counts.indices { resample.counts[index] = 1 }
                for step in 0..<length {
                    resample.counts[range.lowerBound + (start + step) % range.count] = 0
                }
                rows.append(numbers(&resample))
            }
        }
        let factor = (n - Double(length)) / (n * Double(length)).squareRoot()
        return columns(rows).map { values in
            guard values.count >= 10 else { return nil }
            let error =
                factor * standardDeviation(values) * (Double(values.count - 1) / Double(values.count)).squareRoot()
            return BlockJackknife(error: error, kurtosis: kurtosis(values))
        }
    }

    /// All statistics of one resample; NaN where one is undefined.
    private func numbers(_ resample: inout Resample) -> [Double] {
        resample.update()
        return replicates.flatMap { $0(&resample) }
    }
}

/// What all resamples of a fit have in common.
struct ResampleFrame: Sendable {
    let points: ScaledPoints
    let logs: LogColumns
    /// The places of g and L among their distinct values.
    let ranks: (first: [Int], second: [Int])

    init(_ work: PointFit) {
        points = work.scaled
        logs = LogColumns(work)
        ranks = (denseOrder(work.points.gradientNorm), denseOrder(work.points.smoothness))
    }
}

/// One draw of the points, with what several laws need of it. A thread uses it again from draw to draw.
struct Resample {
    let frame: ResampleFrame
    /// How often every point was drawn.
    var counts: [Double]
    /// The points with their weights times these counts.
    private(set) var drawn: ScaledPoints
    /// Least squares without bounds; `nil` where one gradient norm alone was drawn.
    private(set) var freeLine: SmoothnessLine?
    /// The moments of the logarithms, and with the weights of the points.
    private(set) var moments: LogMoments
    private(set) var weightedMoments: LogMoments
    private var ranks: RankScratch

    init(_ frame: ResampleFrame) {
        self.frame = frame
        counts = [Double](repeating: 0, count: frame.points.count)
        drawn = frame.points
        moments = LogMoments(xMean: 0, yMean: 0, xx: 0, xy: 0, yy: 0)
        weightedMoments = moments
        ranks = RankScratch(first: (frame.ranks.first.max() ?? 0) + 1, second: (frame.ranks.second.max() ?? 0) + 1)
    }

    /// Takes new counts into account.
    mutating func update() {
        for index in counts.indices { drawn.w[index] = frame.points.w[index] * counts[index] }
        freeLine = drawn.leastSquares(isConstrained: false)
        moments = frame.logs.moments(counts)
        weightedMoments = frame.logs.moments(counts, frame.points.w)
    }

    /// Returns a in log L = a + ρ log g for a slope ρ through the weighted means.
    func logIntercept(_ exponent: Double) -> Double {
        weightedMoments.yMean + frame.logs.center.l - exponent * (weightedMoments.xMean + frame.logs.center.g)
    }

    mutating func spearman() -> Double? { ranks.spearman(counts, frame.ranks.first, frame.ranks.second) }
}

/// What leaving out one block at a time says of a statistic.
struct BlockJackknife {
    var error: Double
    /// Of the blocks' influence: 3 for a normal one, large where few blocks decide.
    var kurtosis: Double?
}

/// The fourth moment over the squared second; `nil` for equal values.
private func kurtosis(_ values: [Double]) -> Double? {
    let center = mean(values)
    let scale = values.reduce(0) { max($0, abs($1 - center)) }
    guard scale > 0, scale.isFinite else { return nil }
    let squares = values.map { ($0 - center) / scale * (($0 - center) / scale) }
    let second = mean(squares)
    return mean(squares.map { $0 * $0 }) / (second * second)
}
