/// L = L0 + L1·g.
public struct SmoothnessLine: Sendable, Codable, Equatable {
    /// L0, in units of smoothness.
    public var intercept: Double
    /// L1, in units of smoothness per gradient norm.
    public var slope: Double

    public init(intercept: Double, slope: Double) {
        self.intercept = intercept
        self.slope = slope
    }

    public func callAsFunction(_ gradientNorm: Double) -> Double { intercept + slope * gradientNorm }
}

/// The non-negative least-squares line: arg min over L0, L1 ≥ 0 of Σ (L_k − L0 − L1 g_k)².
///
/// Exact active set: the problem is convex in two variables, so where the free minimum leaves the quadrant the constrained
/// one lies on an edge, L0 = 0 or L1 = 0, and the better edge is it. Both edge minima are feasible, since g, L > 0.
/// - Parameters: `gradientNorm`, `smoothness`: n positive finite values each.
/// - Returns: `nil` where all gradient norms are equal (or n < 2): no slope is determined.
public func nonNegativeLeastSquares(gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    precondition(gradientNorm.count == smoothness.count, "a line needs as many gradient norms as values of smoothness")
    guard let gScale = gradientNorm.max(), let lScale = smoothness.max(), gScale > 0, lScale > 0 else { return nil }
    // Scaled by the largest values, so that no square overflows; about the means, so that no digit is lost where g hardly
    // varies.
    let (g, l) = (gradientNorm.map { $0 / gScale }, smoothness.map { $0 / lScale })
    var sums = LineSums(about: (mean(g), mean(l)))
    for index in g.indices { sums.add(g[index] - sums.center.g, l[index] - sums.center.l) }
    guard sums.gg > 1e-26 * sums.count, let line = sums.nonNegativeLine else { return nil }
    return SmoothnessLine(intercept: line.intercept * lScale, slope: line.slope * (lScale / gScale))
}

/// Sums over deviations from a fixed center, from which the line follows; one bootstrap replicate needs nothing else.
struct LineSums {
    let center: (g: Double, l: Double)
    var count = 0.0
    var g = 0.0
    var l = 0.0
    var gg = 0.0
    var gl = 0.0
    var ll = 0.0

    init(about center: (g: Double, l: Double)) { self.center = center }

    /// Adds a point given by its deviations from the center.
    mutating func add(_ g: Double, _ l: Double) {
        count += 1
        self.g += g
        self.l += l
        gg += g * g
        gl += g * l
        ll += l * l
    }

    /// The non-negative line by the normal equations; `nil` where all g are equal.
    var nonNegativeLine: SmoothnessLine? {
        let spread = gg - g * g / count
        // What is left of a difference of equal sums is rounding, not spread.
        guard count >= 2, spread > 1e-13 * gg else { return nil }
        let slope = (gl - g * l / count) / spread
        let intercept = center.l + l / count - slope * (center.g + g / count)
        return slope >= 0 && intercept >= 0 ? SmoothnessLine(intercept: intercept, slope: slope) : betterEdge
    }

    /// The better of the two edges L0 = 0 and L1 = 0.
    private var betterEdge: SmoothnessLine {
        let lTotal = l + count * center.l
        let ggTotal = gg + 2 * center.g * g + count * center.g * center.g
        let glTotal = gl + center.g * l + center.l * g + count * center.g * center.l
        // Residual sums of squares, less Σ L² that both have: −(Σ gL)²/Σ g² against −(Σ L)²/n.
        if glTotal * glTotal / ggTotal >= lTotal * lTotal / count {
            return SmoothnessLine(intercept: 0, slope: glTotal / ggTotal)
        }
        return SmoothnessLine(intercept: lTotal / count, slope: 0)
    }
}

/// The upper envelope: the line L0 + L1 g ≥ L_k above all points, L0, L1 ≥ 0, with the least mean excess
/// (1/n) Σ (L0 + L1 g_k − L_k); the limit τ → 1 of quantile regression.
///
/// Exact: the mean excess is L0 + L1 ḡ − L̄, so among lines above all points the best is the upper hull's edge over ḡ. L0 ≥ 0
/// is the demand to lie above one more point, (0, 0); where the edge falls, L1 = 0 and L0 = max L by convexity.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func upperEnvelope(gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    precondition(gradientNorm.count == smoothness.count, "a line needs as many gradient norms as values of smoothness")
    let order = gradientNorm.indices.sorted {
        (gradientNorm[$0], smoothness[$0]) < (gradientNorm[$1], smoothness[$1])
    }
    return upperEnvelope(inOrder: order, gradientNorm: gradientNorm, smoothness: smoothness)
}

/// The upper envelope of the points named by `order`, ascending in the gradient norm.
func upperEnvelope(inOrder order: [Int], gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    guard order.count >= 2, let first = order.first, let last = order.last,
        gradientNorm[first] < gradientNorm[last]
    else { return nil }
    let lScale = order.reduce(0) { max($0, smoothness[$1]) }
    let gScale = gradientNorm[last]
    guard lScale > 0, gScale > 0 else { return nil }

    typealias Point = (g: Double, l: Double)
    var hull: [Point] = [(0, 0)]
    var sum = 0.0
    for index in order {
        let point: Point = (gradientNorm[index] / gScale, smoothness[index] / lScale)
        sum += point.g
        while hull.count >= 2 {
            let (a, b) = (hull[hull.count - 2], hull[hull.count - 1])
            // b stays only where it is strictly above the chord from a to the new point.
            if (b.g - a.g) * (point.l - a.l) - (b.l - a.l) * (point.g - a.g) < 0 { break }
            hull.removeLast()
        }
        hull.append(point)
    }
    let mean = sum / Double(order.count)
    let right = hull.firstIndex { $0.g >= mean } ?? hull.count - 1
    let (a, b) = (hull[max(right - 1, 0)], hull[max(right, 1)])
    let slope = max((b.l - a.l) / (b.g - a.g), 0)
    // The smallest intercept that covers every point, rounding of the edge included.
    let intercept = order.reduce(0) { max($0, smoothness[$1] / lScale - slope * (gradientNorm[$1] / gScale)) }
    // An edge that starts at (0, 0) has no intercept; what is left there is rounding.
    let covers = a.g == 0 && intercept <= 0x1p-50
    return SmoothnessLine(intercept: covers ? 0 : intercept * lScale, slope: slope * (lScale / gScale))
}
