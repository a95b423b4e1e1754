extension Law {
    /// Returns the law of a line that lies above a share of the points, by a level τ of the options.
    static func levelLine(
        _ name: String, formula: String, source: String, isSmooth: Bool,
        level: @escaping @Sendable (FitOptions) -> Double,
        fit: @escaping @Sendable (ScaledPoints, FitOptions, Bool) -> SmoothnessLine?,
        heading: @escaping @Sendable (Double, NumberStyle) -> String,
        replicate: @escaping @Sendable (LineSolutions, PointFit) -> LawSolution.Replicate
    ) -> Law {
        var law = Law(name, name, formula: formula, source: source)
        law.title = "the \(name) line"
        law.label = { "\(name), τ = \(significant($0.level ?? .nan, digits: 3))" }
        law.latex = { "\(name), $\\tau = \(significant($0.level ?? .nan, digits: 3))$" }
        law.quantities = [.intercept, .slope, .level, .shareAbove]
        law.isRequired = true
        law.isForAdvice = true
        law.free = { fit($0, $1, false) }
        law.solve = { work in
            let level = level(work.options)
            guard let lines = LineSolutions(work.scaled, { fit($0, work.options, $1) }) else { return nil }
            return LawSolution(
                statistics: Statistic.boundedLine(isSmooth: isSmooth), replicate: { replicate(lines, work) },
                values: { intervals in
                    let estimates = intervals.bounded(lines.bounded, free: lines.free)
                    return work.lineValues(lines.bounded, estimates.intercept, estimates.slope, level: level)
                })
        }
        law.text = { fit, _, style in
            ["", heading(fit.level ?? 0, style) + ", L0, L1 ≥ 0"] + style.coefficients(fit) + [
                "  points above \(style.short(100 * (fit.shareAbove ?? 0))) %"
            ]
        }
        return law
    }
}
