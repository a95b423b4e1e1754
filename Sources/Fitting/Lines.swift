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

    var isNonNegative: Bool { intercept >= 0 && slope >= 0 }
}

/// The non-negative least-squares line: arg min over L0, L1 ≥ 0 of Σ w_k (L_k − L0 − L1 g_k)².
///
/// Exact active set: the problem is convex in two variables, so where the free minimum leaves the quadrant the constrained
/// one lies on an edge, L0 = 0 or L1 = 0, and the better edge is it. Both edge minima are feasible, since g, L > 0.
/// - Parameters: `gradientNorm`, `smoothness`: n positive finite values each; `weights`: n positive ones, all 1 by default.
/// - Returns: `nil` where all gradient norms are equal (or n < 2): no slope is determined.
public func nonNegativeLeastSquares(
    gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil
) -> SmoothnessLine? {
    ScaledPoints(gradientNorm, smoothness, weights)?.solve { $0.leastSquares(isConstrained: true) }
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
    @inline(__always)
    mutating func add(_ g: Double, _ l: Double, _ weight: Double) {
        let (wg, wl) = (weight * g, weight * l)
        count += weight
        self.g += wg
        self.l += wl
        gg += wg * g
        gl += wg * l
        ll += wl * l
    }

    /// The line by the normal equations, of any sign; `nil` where all g are equal.
    var freeLine: SmoothnessLine? {
        let spread = gg - g * g / count
        // What is left of a difference of equal sums is rounding, not spread.
        guard count > 0, spread > 1e-13 * gg, gg > 0 else { return nil }
        let slope = (gl - g * l / count) / spread
        return SmoothnessLine(intercept: center.l + l / count - slope * (center.g + g / count), slope: slope)
    }

    /// The non-negative line; `nil` where all g are equal.
    var nonNegativeLine: SmoothnessLine? { freeLine.map { $0.isNonNegative ? $0 : betterEdge } }

    /// The better of the two edges L0 = 0 and L1 = 0.
    var betterEdge: SmoothnessLine {
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
