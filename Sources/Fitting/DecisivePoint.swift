/// The one point without which the line of least squares is another one.
public struct DecisivePoint: Sendable, Codable, Equatable {
    public var iteration: Int
    /// The number of its run, where there are several.
    public var run: Int?
    public var gradientNorm: Double
    public var smoothness: Double
    /// L0 ≥ 0 of least squares without the point.
    public var intercept: Estimate
    /// L1 ≥ 0 of least squares without the point.
    public var slope: Estimate
}

extension ScaledPoints {
    /// Returns the points that may decide the line of least squares: at most one for L0 and one for L1.
    ///
    /// Leaving out point i changes a coefficient by Δ_i. The point with the largest change is returned where that change exceeds
    /// √(Σ Δ_j²) over all others, which is about the standard error that the others give the coefficient (the infinitesimal jackknife).
    func candidatesForDecision() -> [Int] {
        guard let line = leastSquares(isConstrained: true) else { return [] }
        var sums = LineSums(about: center)
        for index in x.indices { sums.add(x[index] - center.g, y[index] - center.l, w[index]) }
        let without = x.indices.map { index -> SmoothnessLine in
            var rest = sums
            rest.add(x[index] - center.g, y[index] - center.l, -w[index])
            return rest.nonNegativeLine ?? line
        }
        let changes = [without.map { abs($0.intercept - line.intercept) }, without.map { abs($0.slope - line.slope) }]
        let candidates = changes.compactMap { changes -> Int? in
            guard let largest = changes.indices.max(by: { changes[$0] < changes[$1] }) else { return nil }
            let others = changes.indices.reduce(0) { $1 == largest ? $0 : $0 + changes[$1] * changes[$1] }
            return changes[largest] > others.squareRoot() ? largest : nil
        }
        return Array(Set(candidates)).sorted()
    }
}

extension FitReport {
    /// Whether leaving out a point changes L0 or L1 by more than half the width of its interval without the point.
    ///
    /// The interval without the point is the one to ask: that of all points has been widened by the point itself.
    func isDecided(against without: FitReport) -> Bool {
        func moves(_ all: Estimate, _ rest: Estimate) -> Bool {
            guard let lower = rest.lower, let upper = rest.upper else { return false }
            return abs(all.value - rest.value) > (upper - lower) / 2
        }
        return moves(leastSquares.intercept, without.leastSquares.intercept)
            || moves(leastSquares.slope, without.leastSquares.slope)
    }
}

extension PointFit {
    /// Returns the point that decides the line of least squares, found by fitting again without it.
    ///
    /// Without intervals nothing says how much a point may move the line, and none is named.
    func decisivePoint(_ report: FitReport) -> DecisivePoint? {
        guard options.replicates > 0, points.count > 3 else { return nil }
        for index in scaled.candidatesForDecision() {
            let others = points.selecting(points.gradientNorm.indices.filter { $0 != index })
            var counts = PointCounts(given: others.count)
            counts.used = others.count
            var plain = options
            plain.blockLength = min(report.bootstrap.blockLength, others.series.map(\.count).min() ?? 1)
            guard let without = try? PointFit(others, options: plain).report(counts).report,
                report.isDecided(against: without)
            else { continue }
            return DecisivePoint(
                iteration: points.iteration[index], run: points.run?[index], gradientNorm: points.gradientNorm[index],
                smoothness: points.smoothness[index], intercept: without.leastSquares.intercept,
                slope: without.leastSquares.slope)
        }
        return nil
    }
}
