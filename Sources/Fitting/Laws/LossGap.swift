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

extension Law {
    /// Smoothness that grows with the loss, (H0, H1)-smoothness.
    public static let gap: Law = {
        var law = Law("gap", "loss_gap", formula: "L = H0 + H1 (f − f*)")
        law.label = { _ in "loss gap, H0 + H1 (f − f*)" }
        law.latex = { _ in "loss gap" }
        law.quantities = [
            LawQuantity("intercept", "H0", latex: "H_0"), LawQuantity("slope", "H1", latex: "H_1"),
            LawQuantity("minimum", "minimum_loss", label: "f*"), .determination,
        ]
        law.solve = { work in
            guard let loss = work.points.loss, loss.allSatisfy(\.isFinite) else { return nil }
            let base = work.options.minimumLoss ?? loss.min() ?? 0
            guard
                let line = gapLine(
                    loss: loss, smoothness: work.points.smoothness, weights: work.weights,
                    minimum: work.options.minimumLoss),
                let other = ScaledPoints(loss.map { $0 - base }, work.points.smoothness, work.weights),
                let free = other.leastSquares(isConstrained: false).map(other.original)
            else { return nil }
            let isFitted = work.options.minimumLoss == nil
            let start = SmoothnessLine(
                intercept: isFitted ? line(loss.min() ?? 0) : line.intercept, slope: line.slope)
            return LawSolution(
                statistics: Statistic.boundedLine(), replicate: { { other.leastSquaresReplicate($0) } },
                values: { intervals in
                    let estimates = intervals.bounded(start, free: free)
                    let undetermined = Estimate(
                        value: line.intercept,
                        reasonWithoutInterval: "with f* fitted only H0 − H1 f* is determined, and H0 = 0 by definition")
                    return [
                        "intercept": isFitted ? undetermined : estimates.intercept, "slope": estimates.slope,
                        "minimum": line.minimum, "isMinimumFitted": isFitted,
                        "interceptOnBound": !isFitted && line.intercept == 0, "slopeOnBound": line.slope == 0,
                        "determination": determination(
                            work.residuals { line(loss[$0]) }, of: work.points.smoothness),
                    ]
                })
        }
        law.text = { fit, _, style in
            ["", "Loss instead of gradient norm, L = H0 + H1 (f − f*) with H0, H1 ≥ 0"]
                + style.coefficients(fit, ("H0", "H1")) + [
                    "  f* = \(style.number(fit.number("minimum")))  (\(fit.flag("isMinimumFitted") ? "fitted" : "given"))",
                    "  R² = \(style.number(fit.determination))",
                ]
        }
        law.prediction = LawPrediction(.gap, law.formula, parameters: 2, isPossible: { $0.points.loss != nil }) {
            work, indices in
            let loss = work.points.loss ?? []
            let minimum = work.options.minimumLoss ?? loss.min() ?? 0
            return work.line(loss.map { $0 - minimum }, indices)
        }
        return law
    }()
}

extension ModelScore.Model {
    /// L = H0 + H1 (f − f*)
    public static let gap = Self(rawValue: "gap")
}

extension FitReport {
    /// L = H0 + H1 (f − f*); `nil` for points without losses, or with one loss only.
    public var gap: FittedValues? { self[.gap] }
}
