extension Law {
    /// Returns the law of a non-negative line L = L0 + L1 x on any regressor x ≥ 0 of the points.
    /// - Parameters:
    ///   - heading: what texts put above the coefficients.
    ///   - model: the formula with the numbers of the options, for the comparison.
    ///   - constants: numbers of the options that stand beside the coefficients.
    ///   - regressor: x of every point; `nil` where the points do not have what it takes.
    static func line(
        _ key: String, _ name: String, formula: String,
        heading: @escaping @Sendable (FittedValues, NumberStyle) -> String,
        model: (@Sendable (FitOptions) -> String)? = nil,
        constants: @escaping @Sendable (FitOptions) -> FittedValues = { _ in [:] },
        regressor: @escaping @Sendable (SmoothnessPoints, FitOptions) -> [Double]?
    ) -> Law {
        var law = Law(key, name, formula: formula)
        law.quantities = [.intercept, .slope, .determination]
        law.solve = { work in
            guard let x = regressor(work.points, work.options),
                let other = ScaledPoints(x, work.points.smoothness, work.weights), other.isDetermined,
                let free = other.leastSquares(isConstrained: false).map(other.original),
                let line = other.leastSquares(isConstrained: true).map(other.original)
            else { return nil }
            return LawSolution(
                statistics: Statistic.boundedLine(), replicate: { { other.leastSquaresReplicate($0) } },
                values: { intervals in
                    let estimates = intervals.bounded(line, free: free)
                    var values: FittedValues = [
                        "intercept": estimates.intercept, "slope": estimates.slope,
                        "interceptOnBound": line.intercept == 0, "slopeOnBound": line.slope == 0,
                        "determination": determination(work.residuals { line(x[$0]) }, of: work.points.smoothness),
                    ]
                    values.merge(constants(work.options))
                    return values
                })
        }
        law.text = { fit, _, style in
            ["", heading(fit, style)] + style.coefficients(fit) + ["  R² = \(style.number(fit.determination))"]
        }
        law.prediction = LawPrediction(
            ModelScore.Model(rawValue: key), formula: model ?? { _ in formula }, parameters: { _ in 2 },
            isPossible: { regressor($0.points, $0.options) != nil },
            fit: { work, indices in work.line(regressor(work.points, work.options) ?? [], indices) })
        return law
    }
}
