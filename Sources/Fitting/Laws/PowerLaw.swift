import Foundation

/// log L = a + ρ log g, natural logarithms, by ordinary least squares on the logs.
public struct PowerLaw: Sendable, Codable, Equatable {
    /// a = log L at g = 1.
    public var logIntercept: Double
    /// ρ.
    public var exponent: Double

    public init(logIntercept: Double, exponent: Double) {
        self.logIntercept = logIntercept
        self.exponent = exponent
    }

    /// e^a g^ρ.
    public func callAsFunction(_ gradientNorm: Double) -> Double { exp(logIntercept + exponent * log(gradientNorm)) }
}

/// The power law through positive points; `nil` where all gradient norms are equal (or n < 2).
/// - Parameter weights: of the squared residuals of the logs, all 1 by default.
public func powerLaw(gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil) -> PowerLaw? {
    let (x, y) = (gradientNorm.map { log($0) }, smoothness.map { log($0) })
    guard let line = leastSquaresLine(x, y) else { return nil }
    guard let weights else { return PowerLaw(logIntercept: line.intercept, exponent: line.slope) }
    let moments = LogMoments(x, y, weights)
    guard moments.xx > 0 else { return nil }
    let exponent = moments.xy / moments.xx
    return PowerLaw(logIntercept: moments.yMean - exponent * moments.xMean, exponent: exponent)
}

/// The ordinary least-squares line, in two passes about the means.
func leastSquaresLine(_ x: [Double], _ y: [Double]) -> (intercept: Double, slope: Double)? {
    guard x.count >= 2, x.count == y.count else { return nil }
    let (xMean, yMean) = (mean(x), mean(y))
    var (xx, xy) = (0.0, 0.0)
    for index in x.indices {
        xx += (x[index] - xMean) * (x[index] - xMean)
        xy += (x[index] - xMean) * (y[index] - yMean)
    }
    guard xx > 1e-26 * Double(x.count) * max(xMean * xMean, 1) else { return nil }
    return (yMean - xy / xx * xMean, xy / xx)
}

extension Law {
    /// The power law by least squares of the logarithms.
    public static let powerLaw: Law = {
        var law = Law("powerLaw", "power_law", formula: "log L = a + ρ log g")
        law.label = { _ in "power law, log L = a + ρ log g" }
        law.quantities = [
            .logIntercept, .exponent, .determination,
            LawQuantity(
                "residualStandardDeviationOfLogs", "residual_standard_deviation_of_logs",
                label: "residual spread of the logs"),
        ]
        law.isRequired = true
        law.solve = { work in
            guard let law = work.powerLaw else { return nil }
            return LawSolution(
                mustBeFinite: [law.logIntercept, law.exponent], statistics: [Statistic(), Statistic()],
                replicate: {
                    { resample in
                        guard resample.moments.xx > 0 else { return [.nan, .nan] }
                        let exponent = resample.weightedMoments.xy / resample.weightedMoments.xx
                        return [resample.logIntercept(exponent), exponent]
                    }
                },
                values: { intervals in
                    let residuals = work.logSmoothness.indices.map {
                        work.logSmoothness[$0] - law.logIntercept - law.exponent * work.logGradientNorm[$0]
                    }
                    return [
                        "logIntercept": intervals.estimate(law.logIntercept, 0),
                        "exponent": intervals.estimate(law.exponent, 1),
                        "determination": determination(residuals, of: work.logSmoothness),
                        "residualStandardDeviationOfLogs": rootMeanSquare(residuals, divisor: work.points.count - 2),
                    ]
                })
        }
        law.text = { fit, report, style in
            [
                "", "Power law, log L = a + ρ log g (natural logarithms)", "  ρ = \(style.estimate(fit.exponent))",
                "  a = \(style.estimate(fit.logIntercept))",
                "  R² = \(style.number(fit.determination)), residual spread of the logs "
                    + "\(style.number(fit.residualStandardDeviationOfLogs)), n = \(report.points.used)",
            ]
        }
        law.curve = LawCurve(
            place: 3, colour: "#cc79a7", dash: [3, 5], showsResiduals: true,
            label: { "power law: ρ = \(LawCurve.short($0.exponent.value))" },
            value: { fit, g in g > 0 ? fit.law(g) : nil })
        law.prediction = LawPrediction(.power, "L = c g^ρ", parameters: 2) { work, indices in
            work.law(indices, order: nil, hasIntercept: false)
        }
        return law
    }()
}

extension LawQuantity {
    static let logIntercept = LawQuantity("logIntercept", "log_intercept", label: "a")
    static let exponent = LawQuantity("exponent", "exponent", label: "ρ", latex: "\\rho")
}

extension ModelScore.Model {
    /// L = c g^ρ
    public static let power = Self(rawValue: "power")
}

extension FittedValues {
    /// a in log L = a + ρ log g, natural logarithms.
    public var logIntercept: Estimate { required("logIntercept") }
    /// ρ.
    public var exponent: Estimate { required("exponent") }
    /// √(Σ residual² / (n − 2)) of the natural logarithms; `nil` for n = 2.
    public var residualStandardDeviationOfLogs: Double? { number("residualStandardDeviationOfLogs") }
    public var law: PowerLaw { PowerLaw(logIntercept: logIntercept.value, exponent: exponent.value) }
}

extension FitReport {
    public var powerLaw: FittedValues { required(.powerLaw) }
}
