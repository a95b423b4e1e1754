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

extension Law {
    /// Non-negative least squares of L on g.
    public static let leastSquares: Law = {
        var law = Law("leastSquares", "least_squares", formula: "L = L0 + L1 g")
        law.title = "least squares"
        law.quantities = [
            .intercept, .slope, .determination,
            LawQuantity("residualStandardDeviation", "residual_standard_deviation", label: "residual spread"),
        ]
        law.isRequired = true
        law.isForAdvice = true
        law.free = { points, _ in points.leastSquares(isConstrained: false) }
        law.solve = { work in
            guard let free = work.scaled.leastSquares(isConstrained: false).map(work.scaled.original),
                let line = work.scaled.leastSquares(isConstrained: true).map(work.scaled.original)
            else { return nil }
            return LawSolution(
                mustBeFinite: [line.intercept, line.slope], statistics: Statistic.boundedLine(),
                replicate: {
                    { resample in
                        resample.drawn.boundedReplicate(resample.freeLine) {
                            resample.drawn.leastSquares(isConstrained: true)
                        }
                    }
                },
                values: { intervals in
                    let residuals = work.residuals { line(work.points.gradientNorm[$0]) }
                    let parameters = (line.intercept > 0 ? 1 : 0) + (line.slope > 0 ? 1 : 0)
                    let estimates = intervals.bounded(line, free: free)
                    return [
                        "intercept": estimates.intercept, "slope": estimates.slope,
                        "interceptOnBound": line.intercept == 0, "slopeOnBound": line.slope == 0,
                        "determination": determination(residuals, of: work.points.smoothness),
                        "residualStandardDeviation": rootMeanSquare(
                            residuals, divisor: work.points.count - parameters),
                    ]
                })
        }
        law.text = { fit, report, style in
            ["", "Least squares, L = L0 + L1 g with L0, L1 ≥ 0"] + style.coefficients(fit) + [
                "  R² = \(style.number(fit.determination)), residual spread "
                    + "\(style.number(fit.residualStandardDeviation)), n = \(report.points.used)"
            ]
        }
        law.curve = .line(0, "#d55e00", width: 2.4) { _ in "least squares" }
        law.curve?.showsResiduals = true
        law.prediction = LawPrediction(.linear, law.formula, parameters: 2) { work, indices in
            work.line(work.points.gradientNorm, indices)
        }
        return law
    }()
}

extension ModelScore.Model {
    /// L = L0 + L1 g
    public static let linear = Self(rawValue: "linear")
}

extension FittedValues {
    /// √(Σ residual² / (n − number of free coefficients)), in units of smoothness.
    public var residualStandardDeviation: Double? { number("residualStandardDeviation") }
}

extension FitReport {
    public var leastSquares: FittedValues { required(.leastSquares) }
}
