import Foundation

/// L = L0 + L_ρ g^ρ, generalised smoothness of order ρ; with L0 = 0 a power law fitted to L itself, not to its logarithm.
public struct OrderLaw: Sendable, Codable, Equatable {
    /// L0 ≥ 0.
    public var intercept: Double
    /// L_ρ ≥ 0, in units of smoothness per gradient norm to the power ρ.
    public var coefficient: Double
    /// ρ
    public var order: Double

    public init(intercept: Double, coefficient: Double, order: Double) {
        self.intercept = intercept
        self.coefficient = coefficient
        self.order = order
    }

    public func callAsFunction(_ gradientNorm: Double) -> Double {
        intercept + coefficient * pow(gradientNorm, order)
    }
}

/// The orders that are searched. Theory ends below 2; more says that the points leave it.
public let orderRange = 0.0...4.0

/// The least-squares fit of L = L0 + L_ρ g^ρ over L0, L_ρ ≥ 0 and ρ, by the profile over ρ: for each ρ non-negative least squares.
/// - Parameters: `order`: ρ, or `nil` to fit it within `orderRange`; `hasIntercept`: whether L0 may be above 0.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func orderLaw(
    gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil, order: Double? = nil,
    hasIntercept: Bool = true
) -> OrderLaw? {
    guard let points = ScaledPoints(gradientNorm, smoothness, weights), points.isDetermined else { return nil }
    let profile = OrderProfile(points, hasIntercept: hasIntercept)
    let fitted: OrderLaw
    if let order {
        fitted = profile.law(order)
    } else {
        // The profile may have several valleys: the lowest of a scan is refined.
        let step = 0.1
        let scan = stride(from: orderRange.lowerBound + step, through: orderRange.upperBound, by: step)
        let losses = scan.map(profile.scanLoss)
        let start = zip(scan, losses).min { $0.1 < $1.1 }?.0 ?? 1
        let best = minimize(
            from: max(start - step, 1e-6), to: min(start + step, orderRange.upperBound), tolerance: 1e-8, profile.loss)
        fitted = profile.law(best)
    }
    return OrderLaw(
        intercept: fitted.intercept * points.yScale,
        coefficient: fitted.coefficient * points.yScale / pow(points.xScale, fitted.order), order: fitted.order)
}

/// Non-negative least squares for given orders.
private struct OrderProfile {
    private let points: ScaledPoints
    private let logs: [Double]
    private let hasIntercept: Bool

    init(_ points: ScaledPoints, hasIntercept: Bool) {
        self.points = points
        self.hasIntercept = hasIntercept
        logs = points.x.map { log($0) }
    }

    private func sums(_ order: Double, every step: Int = 1) -> LineSums {
        var sums = LineSums(about: (0, 0))
        for index in stride(from: 0, to: logs.count, by: step) {
            sums.add(exp(order * logs[index]), points.y[index], points.w[index])
        }
        return sums
    }

    private func line(_ sums: LineSums) -> SmoothnessLine {
        hasIntercept
            ? sums.nonNegativeLine ?? sums.betterEdge : SmoothnessLine(intercept: 0, slope: sums.gl / sums.gg)
    }

    func law(_ order: Double) -> OrderLaw {
        let line = line(sums(order))
        return OrderLaw(intercept: line.intercept, coefficient: line.slope, order: order)
    }

    /// The loss of a part of the points: enough to find the valley, which all of them then refine.
    func scanLoss(_ order: Double) -> Double { loss(sums(order, every: max(1, logs.count / 20_000))) }

    func loss(_ order: Double) -> Double { loss(sums(order)) }

    private func loss(_ sums: LineSums) -> Double {
        let line = line(sums)
        let (a, b) = (line.intercept, line.slope)
        return sums.ll - 2 * (a * sums.l + b * sums.gl) + a * a * sums.count + 2 * a * b * sums.g + b * b * sums.gg
    }
}

/// L = H0 + H1 (f − f*), smoothness that grows with the loss instead of the gradient norm.
public struct GapLine: Sendable, Codable, Equatable {
    /// H0 ≥ 0, in units of smoothness.
    public var intercept: Double
    /// H1 ≥ 0, in units of smoothness per loss.
    public var slope: Double
    /// f*, given or fitted.
    public var minimum: Double

    public init(intercept: Double, slope: Double, minimum: Double) {
        self.intercept = intercept
        self.slope = slope
        self.minimum = minimum
    }

    public func callAsFunction(_ loss: Double) -> Double { intercept + slope * (loss - minimum) }
}

/// The non-negative least-squares fit of L = H0 + H1 (f − f*).
///
/// With f* to be fitted only H0 − H1 f* is determined: every lower f* with the larger H0 gives the same line. The fit then says H0 = 0,
/// the largest f* that the line allows, at most the smallest loss seen.
/// - Parameters: `loss`: n finite values; `minimum`: f*, at most all of them, or `nil` to fit it.
/// - Returns: `nil` where all losses are equal (or n < 2).
public func gapLine(
    loss: [Double], smoothness: [Double], weights: [Double]? = nil, minimum: Double? = nil
) -> GapLine? {
    guard let smallest = loss.min() else { return nil }
    let base = minimum ?? smallest
    guard let points = ScaledPoints(loss.map { $0 - base }, smoothness, weights), points.isDetermined else {
        return nil
    }
    if let minimum {
        return points.leastSquares(isConstrained: true).map(points.original).map {
            GapLine(intercept: $0.intercept, slope: $0.slope, minimum: minimum)
        }
    }
    guard let line = points.leastSquares(isConstrained: true).map(points.original) else { return nil }
    guard line.slope > 0 else { return GapLine(intercept: line.intercept, slope: 0, minimum: smallest) }
    return GapLine(intercept: 0, slope: line.slope, minimum: smallest - line.intercept / line.slope)
}
