extension Law {
    /// The constant: smoothness in the classical sense.
    public static let constant: Law = {
        var law = Law("constant", "constant", formula: "L = L0")
        law.quantities = [LawQuantity(FittedValues.alone, "L0", latex: "L_0")]
        law.solve = { work in
            let scaled = work.scaled
            let sum = scaled.y.indices.reduce(0) { $0 + scaled.w[$1] * scaled.y[$1] }
            let level = sum / scaled.w.reduce(0, +) * scaled.yScale
            return LawSolution(
                statistics: [Statistic(range: 0...Double.infinity)],
                replicate: {
                    { resample in
                        let drawn = resample.drawn
                        let sum = drawn.y.indices.reduce(0) { $0 + drawn.w[$1] * drawn.y[$1] }
                        return [sum / drawn.w.reduce(0, +) * drawn.yScale]
                    }
                },
                values: { [FittedValues.alone: $0.estimate(level, 0)] })
        }
        law.text = { fit, _, style in
            ["", "Constant, L = L0", "  L0 = \(style.estimate(fit.required(FittedValues.alone)))"]
        }
        law.prediction = LawPrediction(.constant, law.formula, parameters: 1) { work, indices in
            let level = work.average(indices)
            return { _ in level }
        }
        return law
    }()

    /// L in proportion to g: compared, and not reported.
    public static let proportional: Law = {
        var law = Law("proportional", "proportional", formula: "L = L1 g")
        law.prediction = LawPrediction(.proportional, law.formula, parameters: 1) { work, indices in
            work.law(indices, order: 1, hasIntercept: false)
        }
        return law
    }()
}

extension ModelScore.Model {
    public static let constant = Self(rawValue: "constant")
    /// L = L1 g
    public static let proportional = Self(rawValue: "proportional")
}

extension FitReport {
    /// L = constant.
    public var constant: Estimate { required(.constant).required(FittedValues.alone) }
}
