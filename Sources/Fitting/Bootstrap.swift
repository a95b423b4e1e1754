import Foundation
import Synchronization

/// The line fits that a bootstrap repeats.
enum LineMethod: Int, CaseIterable {
    case leastSquares, expectile, quantile
    /// On f − f* and on the segment's largest gradient norm, where the points have them.
    case gap, segment
    /// On g^ρ with ρ given.
    case order
}

/// The statistics that are bootstrapped together, on the same resamples.
enum FitStatistic: Hashable {
    /// The coefficients with the bounds L0, L1 ≥ 0, and the same without: their spread is that of a smooth statistic.
    case intercept(LineMethod)
    case slope(LineMethod)
    case freeIntercept(LineMethod)
    case freeSlope(LineMethod)
    case theilSenIntercept, theilSenSlope
    case logIntercept, exponent, errorsLogIntercept, errorsExponent
    case constant
    case orderIntercept, orderCoefficient, order
    case pearson, spearman, kendall, partial

    static let all: [FitStatistic] =
        LineMethod.allCases.flatMap { [.intercept($0), .slope($0), .freeIntercept($0), .freeSlope($0)] } + [
            .theilSenIntercept, .theilSenSlope, .logIntercept, .exponent, .errorsLogIntercept, .errorsExponent,
            .constant, .orderIntercept, .orderCoefficient, .order, .pearson, .spearman, .kendall, .partial,
        ]
    static let places = Dictionary(uniqueKeysWithValues: zip(all, all.indices))
}

/// What of a fit is bootstrapped.
struct BootstrapTargets {
    var expectile: Double
    var quantile: Double
    var errorRatio: Double
    /// Regressors of the other lines; `nil` where the points have none.
    var gap: [Double]?
    var segment: [Double]?
    var power: [Double]?
    /// log η_eff where every point has one.
    var logStepSize: [Double]?
    var theilSen: SmoothnessLine
    /// The fitted order; `nil` where ρ is given or not bootstrapped.
    var order: Double?
    /// The power law with an error for every point; `nil` where they all have one ratio.
    var errorsExponent: Double?
    var fullQuantile: SmoothnessLine
    var fullExpectile: SmoothnessLine
    var kendall: Double?
}

/// Repeats all fits on resamples.
struct FitBootstrap {
    let points: ScaledPoints
    let base: [Double]
    let gap: ScaledPoints?
    let segment: ScaledPoints?
    let power: ScaledPoints?
    let targets: BootstrapTargets
    let logs: LogColumns
    let ranks: (first: [Int], second: [Int])
    let robust: TheilSenReplicates
    let kendall: [Double]
    let kendallScale: Double
    let orders: OrderTable?
    let errorsInBoth: EffectiveVarianceLine?

    /// - Parameter weights: of the points, 1 for an unweighted fit.
    init(_ points: SmoothnessPoints, scaled: ScaledPoints, targets: BootstrapTargets) {
        self.points = scaled
        base = scaled.w
        self.targets = targets
        let weights = scaled.w
        gap = targets.gap.flatMap { ScaledPoints($0, points.smoothness, weights) }
        segment = targets.segment.flatMap { ScaledPoints($0, points.smoothness, weights) }
        power = targets.power.flatMap { ScaledPoints($0, points.smoothness, weights) }
        logs = LogColumns(points, logStepSize: targets.logStepSize)
        ranks = (denseOrder(points.gradientNorm), denseOrder(points.smoothness))
        let line = SmoothnessLine(
            intercept: targets.theilSen.intercept / scaled.yScale,
            slope: targets.theilSen.slope / (scaled.yScale / scaled.xScale))
        robust = TheilSenReplicates(scaled, line: line)
        kendall = kendallProjections(points.gradientNorm, points.smoothness)
        let plain = mean(kendall)
        kendallScale = targets.kendall.map { abs(plain) > 1e-12 ? $0 / plain : 1 } ?? 0
        orders = targets.order.map { OrderTable(scaled, near: $0) }
        errorsInBoth = targets.errorsExponent == nil ? nil : EffectiveVarianceLine(points)
    }

    /// The replicates of every statistic, in the order of the draws; a resample on which a statistic is undefined gives none.
    func replicates(_ replicateCount: Int, resampler: Resampler) -> [FitStatistic: [Double]] {
        let chunk = max(1, min(64, replicateCount))
        let chunkCount = (replicateCount + chunk - 1) / chunk
        let found = Mutex([[[Double]]](repeating: [], count: chunkCount))
        // A replicate is a function of its number alone, so that the result does not depend on the number of threads.
        DispatchQueue.concurrentPerform(iterations: chunkCount) { part in
            var scratch = ReplicateScratch(self)
            let rows = (part * chunk..<min((part + 1) * chunk, replicateCount)).map { replicate in
                resampler.draw(replicate, into: &scratch.counts)
                return statistics(&scratch)
            }
            found.withLock { $0[part] = rows }
        }
        let rows = found.withLock { $0.flatMap(\.self) }
        return Dictionary(
            uniqueKeysWithValues: FitStatistic.all.indices.map { place in
                (FitStatistic.all[place], rows.map { $0[place] }.filter(\.isFinite))
            })
    }

    /// The jackknife over blocks (Künsch 1989): each of up to 100 stretches of ℓ points is left out in turn.
    func jackknife(_ resampler: Resampler) -> [FitStatistic: BlockJackknife] {
        let n = Double(points.count)
        let length = resampler.blockLength
        var scratch = ReplicateScratch(self)
        var rows: [[Double]] = []
        for range in resampler.series where range.count > length {
            let share = max(1, 100 * range.count / points.count)
            for start in stride(from: 0, to: range.count, by: max(1, range.count / share)) {
                for index in scratch.counts.indices { scratch.counts[index] = 1 }
                for step in 0..<length {
                    scratch.counts[range.lowerBound + (start + step) % range.count] = 0
                }
                rows.append(statistics(&scratch))
            }
        }
        let factor = (n - Double(length)) / (n * Double(length)).squareRoot()
        var found: [FitStatistic: BlockJackknife] = [:]
        for (place, statistic) in FitStatistic.all.enumerated() {
            let values = rows.map { $0[place] }.filter(\.isFinite)
            guard values.count >= 10 else { continue }
            let error =
                factor * standardDeviation(values) * (Double(values.count - 1) / Double(values.count)).squareRoot()
            found[statistic] = BlockJackknife(error: error, kurtosis: kurtosis(values))
        }
        return found
    }

    /// All statistics of one resample; NaN where one is undefined.
    private func statistics(_ scratch: inout ReplicateScratch) -> [Double] {
        var row = ReplicateRow()
        var drawn = points
        for index in base.indices { drawn.w[index] = base[index] * scratch.counts[index] }
        if let line = drawn.leastSquares(isConstrained: false) {
            row.set(.leastSquares, free: line, points) { drawn.leastSquares(isConstrained: true) }
            let start = scaledDown(targets.fullExpectile)
            let free = drawn.expectile(targets.expectile, isConstrained: false, from: start)
            row.set(.expectile, free: free, points) {
                drawn.expectile(targets.expectile, isConstrained: true, from: start)
            }
            let hint = (slope: scaledDown(targets.fullQuantile).slope, width: scratch.quantileWidth)
            let upper = drawn.quantile(targets.quantile, isConstrained: false, near: hint)
            row.set(.quantile, free: upper, points) {
                drawn.quantile(targets.quantile, isConstrained: true, near: hint)
            }
        }
        for (method, other) in [(LineMethod.gap, gap), (.segment, segment), (.order, power)] {
            guard var other else { continue }
            other.w = drawn.w
            row.set(method, free: other.leastSquares(isConstrained: false), other) {
                other.leastSquares(isConstrained: true)
            }
        }
        if let law = orders?.law(drawn) { row.set(law, points) }
        let total = drawn.w.reduce(0, +)
        row[.constant] = base.indices.reduce(0) { $0 + drawn.w[$1] * points.y[$1] } / total * points.yScale
        if let line = robust.replicate(scratch.counts) {
            let line = points.original(line)
            (row[.theilSenIntercept], row[.theilSenSlope]) = (line.intercept, line.slope)
        }
        correlate(&row, &scratch)
        return row.values
    }

    private func correlate(_ row: inout ReplicateRow, _ scratch: inout ReplicateScratch) {
        let moments = logs.moments(scratch.counts)
        if moments.xx > 0 {
            let weighted = logs.moments(scratch.counts, base)
            let exponent = weighted.xy / weighted.xx
            row[.exponent] = exponent
            row[.logIntercept] =
                weighted.yMean + logs.center.l - exponent * (weighted.xMean + logs.center.g)
            if let errorsInBoth, let exponent = targets.errorsExponent {
                let law = errorsInBoth.solve(scratch.counts, near: exponent)
                (row[.errorsExponent], row[.errorsLogIntercept]) = (law?.exponent ?? .nan, law?.logIntercept ?? .nan)
            } else if let law = demingLine(weighted, errorRatio: targets.errorRatio) {
                row[.errorsExponent] = law.exponent
                row[.errorsLogIntercept] =
                    weighted.yMean + logs.center.l - law.exponent * (weighted.xMean + logs.center.g)
            }
        }
        guard let pearson = moments.correlation else { return }
        row[.pearson] = pearson
        row[.spearman] = scratch.ranks.spearman(scratch.counts, ranks.first, ranks.second) ?? .nan
        var sum = 0.0
        var total = 0.0
        for index in kendall.indices {
            sum += scratch.counts[index] * kendall[index]
            total += scratch.counts[index]
        }
        let plain = mean(kendall)
        row[.kendall] = clampedCorrelation(
            kendallScale * (plain + 2 * (sum / total - plain)))
        row[.partial] = logs.partial(scratch.counts, pearson: pearson) ?? .nan
    }

    private func scaledDown(_ line: SmoothnessLine) -> SmoothnessLine {
        SmoothnessLine(
            intercept: line.intercept / points.yScale, slope: line.slope / (points.yScale / points.xScale))
    }
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

/// What one thread reuses from replicate to replicate.
private struct ReplicateScratch {
    var counts: [Double]
    var ranks: RankScratch
    let quantileWidth: Double

    init(_ bootstrap: FitBootstrap) {
        counts = [Double](repeating: 0, count: bootstrap.points.count)
        ranks = RankScratch(
            first: (bootstrap.ranks.first.max() ?? 0) + 1, second: (bootstrap.ranks.second.max() ?? 0) + 1)
        let slope = bootstrap.targets.fullQuantile.slope / (bootstrap.points.yScale / bootstrap.points.xScale)
        quantileWidth = max(abs(slope), 1e-3) / 4
    }
}

/// The statistics of one replicate.
private struct ReplicateRow {
    var values = [Double](repeating: .nan, count: FitStatistic.all.count)

    subscript(_ statistic: FitStatistic) -> Double {
        get { values[FitStatistic.places[statistic]!] }
        set { values[FitStatistic.places[statistic]!] = newValue }
    }

    /// The constrained line is the free one where that obeys the bounds.
    mutating func set(
        _ method: LineMethod, free: SmoothnessLine?, _ points: ScaledPoints, constrained: () -> SmoothnessLine?
    ) {
        guard let free, let line = free.isNonNegative ? free : constrained() else { return }
        let (unbounded, bounded) = (points.original(free), points.original(line))
        (self[.freeIntercept(method)], self[.freeSlope(method)]) = (unbounded.intercept, unbounded.slope)
        (self[.intercept(method)], self[.slope(method)]) = (bounded.intercept, bounded.slope)
    }

    mutating func set(_ law: OrderLaw, _ points: ScaledPoints) {
        self[.order] = law.order
        self[.orderIntercept] = law.intercept * points.yScale
        self[.orderCoefficient] = law.coefficient * points.yScale / pow(points.xScale, law.order)
    }
}
