import Foundation

extension Law {
    /// α-symmetric smoothness: L grows with the largest gradient norm between two iterates.
    public static let segment: Law = {
        var law = Law("segment", "alpha_symmetric", formula: "L = L0 + L1 max ‖∇f‖^α over the segment")
        law.label = { _ in "α-symmetric, L0 + L1 max ‖∇f‖^α" }
        law.latex = { _ in "$\\alpha$-symmetric" }
        law.quantities = [.intercept, .slope, LawQuantity("alpha", "alpha", label: "α"), .determination]
        law.solve = { work in
            guard let regressor = regressor(work.points, work.options),
                let other = ScaledPoints(regressor, work.points.smoothness, work.weights), other.isDetermined,
                let free = other.leastSquares(isConstrained: false).map(other.original),
                let line = other.leastSquares(isConstrained: true).map(other.original)
            else { return nil }
            return LawSolution(
                statistics: Statistic.boundedLine(), replicate: { { other.leastSquaresReplicate($0) } },
                values: { intervals in
                    let estimates = intervals.bounded(line, free: free)
                    return [
                        "intercept": estimates.intercept, "slope": estimates.slope, "alpha": work.options.alpha,
                        "interceptOnBound": line.intercept == 0, "slopeOnBound": line.slope == 0,
                        "determination": determination(
                            work.residuals { line(regressor[$0]) }, of: work.points.smoothness),
                    ]
                })
        }
        law.text = { fit, _, style in
            [
                "",
                "α-symmetric, L = L0 + L1 s^α, s the largest gradient norm between x_k and x_{k+1}, α = \(style.short(fit.number("alpha") ?? .nan))",
            ] + style.coefficients(fit) + ["  R² = \(style.number(fit.determination))"]
        }
        law.prediction = LawPrediction(
            .segment,
            formula: {
                "L = L0 + L1 max ‖∇f‖" + ($0.alpha == 1 ? "" : "^\(significant($0.alpha, digits: 3))")
            }, parameters: { _ in 2 }, isPossible: { regressor($0.points, $0.options) != nil },
            fit: { work, indices in work.line(regressor(work.points, work.options) ?? [], indices) })
        return law
    }()

    /// s^α; `nil` where some power is no positive number.
    private static func regressor(_ points: SmoothnessPoints, _ options: FitOptions) -> [Double]? {
        points.segmentGradientNorm.flatMap { norms in
            norms.allSatisfy { $0.isFinite && $0 > 0 } ? norms.map { pow($0, options.alpha) } : nil
        }
    }
}

extension ModelScore.Model {
    /// L = L0 + L1 max ‖∇f‖^α over the segment
    public static let segment = Self(rawValue: "segment")
}

extension FitReport {
    /// L = L0 + L1 s^α with s the largest gradient norm on the segment; `nil` for points without the gradients of the segment.
    public var segment: FittedValues? { self[.segment] }
}
