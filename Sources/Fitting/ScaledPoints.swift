/// Points in units in which neither squares nor products overflow or vanish: divided by powers of two, which costs no digit.
struct ScaledPoints: Sendable {
    /// Gradient norms, or any other regressor x ≥ 0.
    let x: [Double]
    /// Smoothness.
    let y: [Double]
    /// Weights with mean about 1; how often a point was drawn, in a bootstrap replicate.
    var w: [Double]
    let xScale: Double
    let yScale: Double
    /// About which sums are taken, so that no digit is lost where x hardly varies.
    let center: (g: Double, l: Double)

    /// `nil` for fewer than two points, or where the largest x or y is not positive.
    init?(_ x: [Double], _ y: [Double], _ weights: [Double]?) {
        precondition(x.count == y.count, "a line needs as many gradient norms as values of smoothness")
        precondition(weights == nil || weights?.count == x.count, "a weighted fit needs a weight for every point")
        guard x.count >= 2, let xLargest = x.max(), let yLargest = y.max(), xLargest > 0, yLargest > 0,
            xLargest.isFinite, yLargest.isFinite
        else { return nil }
        (xScale, yScale) = (xLargest.binade, yLargest.binade)
        self.x = x.map { [xScale] in $0 / xScale }
        self.y = y.map { [yScale] in $0 / yScale }
        if let weights {
            let largest = weights.max() ?? 1
            let relative = weights.map { $0 / largest }
            let average = mean(relative)
            w = relative.map { $0 / average }
        } else {
            w = [Double](repeating: 1, count: x.count)
        }
        center = (mean(self.x), mean(self.y))
    }

    var count: Int { x.count }

    /// Whether x has at least two different values, up to rounding.
    var isDetermined: Bool {
        let spread = x.reduce(0) { $0 + ($1 - center.g) * ($1 - center.g) }
        return spread > 1e-26 * Double(count)
    }

    /// A line found in these units, in the units of the points; `nil` where no slope is determined.
    func solve(_ method: (ScaledPoints) -> SmoothnessLine?) -> SmoothnessLine? {
        guard isDetermined else { return nil }
        return method(self).map(original)
    }

    /// From these units to those of the points.
    func original(_ line: SmoothnessLine) -> SmoothnessLine {
        SmoothnessLine(intercept: line.intercept * yScale, slope: line.slope * (yScale / xScale))
    }

    /// From the units of the points to these.
    func scaled(_ line: SmoothnessLine) -> SmoothnessLine {
        SmoothnessLine(intercept: line.intercept / yScale, slope: line.slope / (yScale / xScale))
    }

    func leastSquares(isConstrained: Bool) -> SmoothnessLine? {
        var sums = LineSums(about: center)
        for index in x.indices { sums.add(x[index] - center.g, y[index] - center.l, w[index]) }
        return isConstrained ? sums.nonNegativeLine : sums.freeLine
    }
}
