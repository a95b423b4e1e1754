import Foundation

/// The power law log L = a + ρ log g where both numbers are in error: arg min over a, ρ of Σ (y_k − a − ρ x_k)²/(v_k + ρ² u_k) with
/// x = log g, y = log L and the error variances u_k of x_k and v_k of y_k (York 1966, Canadian Journal of Physics 44, 1079–1086;
/// orthogonal distance regression of a line).
///
/// Plain least squares on the logs pulls ρ towards zero by the noise of g; this does not, if the ratio of the errors is right.
/// - Parameters: `errorRatio`: √(v/u) where no errors are given, 1 for orthogonal regression; `gradientNormError`,
///   `smoothnessError`: relative standard errors of every point, or `nil`.
/// - Returns: `nil` where all gradient norms are equal (or n < 2) or the best line is vertical.
public func powerLawWithErrors(
    gradientNorm: [Double], smoothness: [Double], errorRatio: Double = 1, gradientNormError: [Double]? = nil,
    smoothnessError: [Double]? = nil
) -> PowerLaw? {
    let (x, y) = (gradientNorm.map { log($0) }, smoothness.map { log($0) })
    guard leastSquaresLine(x, y) != nil else { return nil }
    guard let u = gradientNormError, let v = smoothnessError else {
        return demingLine(LogMoments(x, y, nil), errorRatio: errorRatio)
    }
    return EffectiveVarianceLine(x: x, y: y, u: u.map { $0 * $0 }, v: v.map { $0 * $0 }).solve()
}

/// Means and centred second moments of the logs.
struct LogMoments {
    var xMean, yMean, xx, xy, yy: Double

    init(xMean: Double, yMean: Double, xx: Double, xy: Double, yy: Double) {
        (self.xMean, self.yMean, self.xx, self.xy, self.yy) = (xMean, yMean, xx, xy, yy)
    }

    init(_ x: [Double], _ y: [Double], _ weights: [Double]?) {
        let total = weights?.reduce(0, +) ?? Double(x.count)
        func average(_ values: [Double]) -> Double {
            guard let weights else { return mean(values) }
            return values.indices.reduce(0) { $0 + weights[$1] * values[$1] } / total
        }
        (xMean, yMean, xx, xy, yy) = (average(x), average(y), 0, 0, 0)
        for index in x.indices {
            let (dx, dy, w) = (x[index] - xMean, y[index] - yMean, weights?[index] ?? 1)
            xx += w * dx * dx
            xy += w * dx * dy
            yy += w * dy * dy
        }
    }
}

/// The closed form for one ratio δ = v/u of error variances (Deming 1943): ρ = (S_yy − δ S_xx + √((S_yy − δ S_xx)² + 4δ S_xy²))/(2 S_xy).
func demingLine(_ moments: LogMoments, errorRatio: Double) -> PowerLaw? {
    let delta = errorRatio * errorRatio
    let difference = moments.yy - delta * moments.xx
    let root = (difference * difference + 4 * delta * moments.xy * moments.xy).squareRoot()
    // Of two equal forms the one in which nothing cancels.
    let slope =
        difference > 0 ? (difference + root) / (2 * moments.xy) : 2 * delta * moments.xy / (root - difference)
    guard slope.isFinite else { return nil }
    return PowerLaw(logIntercept: moments.yMean - slope * moments.xMean, exponent: slope)
}

/// With an error variance for every point and both variables.
struct EffectiveVarianceLine {
    /// About their means, so that the one-pass sums keep their digits.
    private let x, y, u, v: [Double]
    private let center: (x: Double, y: Double)

    /// log g and log L with the relative errors of g and L; `nil` unless every error is a positive number.
    init?(_ points: SmoothnessPoints) {
        guard let g = points.gradientNormError, let l = points.smoothnessError,
            (g + l).allSatisfy({ $0.isFinite && $0 > 0 })
        else { return nil }
        func variances(_ errors: [Double], _ values: [Double]) -> [Double] {
            zip(errors, values).map { $0 / $1 * ($0 / $1) }
        }
        self.init(
            x: points.gradientNorm.map { log($0) }, y: points.smoothness.map { log($0) },
            u: variances(g, points.gradientNorm), v: variances(l, points.smoothness))
    }

    init(x: [Double], y: [Double], u: [Double], v: [Double]) {
        let center = (x: mean(x), y: mean(y))
        self.center = center
        self.x = x.map { $0 - center.x }
        self.y = y.map { $0 - center.y }
        (self.u, self.v) = (u, v)
    }

    /// Over all directions: the slope is tan φ in units in which both errors are alike. A scan over some of the points finds the
    /// valley, all of them refine it.
    func solve() -> PowerLaw? {
        let unit = (mean(v) / mean(u)).squareRoot()
        guard unit.isFinite, unit > 0 else { return nil }
        let step = Double.pi / 120
        let part = max(1, x.count / 20_000)
        let angles = (1..<120).map { -Double.pi / 2 + Double($0) * step }
        let losses = angles.map { fitted(unit * tan($0), every: part).loss }
        let start = zip(angles, losses).min { $0.1 < $1.1 }?.0 ?? 0
        let angle = minimize(from: start - step, to: start + step) { fitted(unit * tan($0)).loss }
        let slope = unit * tan(angle)
        guard slope.isFinite else { return nil }
        return PowerLaw(logIntercept: fitted(slope).intercept + center.y - slope * center.x, exponent: slope)
    }

    /// Of the points drawn `counts` times each, near the direction of the line of all points.
    func solve(_ counts: [Double], near exponent: Double) -> PowerLaw? {
        let unit = (mean(v) / mean(u)).squareRoot()
        let angle = atan(exponent / unit)
        let found = minimize(from: angle - 0.4, to: angle + 0.4, tolerance: 1e-5) {
            fitted(unit * tan($0), counts: counts).loss
        }
        let slope = unit * tan(found)
        guard slope.isFinite else { return nil }
        return PowerLaw(
            logIntercept: fitted(slope, counts: counts).intercept + center.y - slope * center.x, exponent: slope)
    }

    private func fitted(
        _ slope: Double, every step: Int = 1, counts: [Double]? = nil
    ) -> (intercept: Double, loss: Double) {
        var (total, sum, squares) = (0.0, 0.0, 0.0)
        for index in stride(from: 0, to: x.count, by: step) {
            let weight = (counts?[index] ?? 1) / (v[index] + slope * slope * u[index])
            let residual = y[index] - slope * x[index]
            total += weight
            sum += weight * residual
            squares += weight * residual * residual
        }
        return (sum / total, squares - sum * sum / total)
    }
}

/// Where a function with one minimum between two numbers is least: golden section with parabolic steps (Brent 1973).
func minimize(
    from lower: Double, to upper: Double, tolerance: Double = 1e-10, _ value: (Double) -> Double
) -> Double {
    let golden = (3 - 5.0.squareRoot()) / 2
    var (low, high) = (lower, upper)
    var best = low + golden * (high - low)
    var (second, third) = (best, best)
    var bestValue = value(best)
    var (secondValue, thirdValue) = (bestValue, bestValue)
    var (step, previous) = (0.0, 0.0)
    for _ in 0..<200 {
        let middle = (low + high) / 2
        let smallest = tolerance * abs(best) + 1e-14 * (upper - lower)
        if abs(best - middle) <= 2 * smallest - (high - low) / 2 { break }
        var isParabolic = false
        if abs(previous) > smallest {
            let r = (best - second) * (bestValue - thirdValue)
            var q = (best - third) * (bestValue - secondValue)
            var p = (best - third) * q - (best - second) * r
            q = 2 * (q - r)
            if q > 0 { p = -p }
            q = abs(q)
            if abs(p) < abs(q * previous / 2), p > q * (low - best), p < q * (high - best) {
                previous = step
                step = p / q
                isParabolic = true
                let point = best + step
                if point - low < 2 * smallest || high - point < 2 * smallest {
                    step = best < middle ? smallest : -smallest
                }
            }
        }
        if !isParabolic {
            previous = best < middle ? high - best : low - best
            step = golden * previous
        }
        let point = best + (abs(step) >= smallest ? step : step > 0 ? smallest : -smallest)
        let found = value(point)
        if found <= bestValue {
            if point < best { high = best } else { low = best }
            (third, thirdValue) = (second, secondValue)
            (second, secondValue) = (best, bestValue)
            (best, bestValue) = (point, found)
        } else {
            if point < best { low = point } else { high = point }
            if found <= secondValue || second == best {
                (third, thirdValue) = (second, secondValue)
                (second, secondValue) = (point, found)
            } else if found <= thirdValue || third == best || third == second {
                (third, thirdValue) = (point, found)
            }
        }
    }
    return best
}

extension Law {
    /// The power law with errors in both variables.
    public static let powerLawWithErrors: Law = {
        var law = Law(
            "powerLawWithErrors", "power_law_errors_in_both",
            formula: "log L = a + ρ log g with errors in both variables", source: "Deming 1943; York 1966")
        law.label = { _ in "power law, errors in both" }
        law.latex = { _ in "power law, errors in both" }
        law.quantities = [
            .logIntercept, .exponent,
            LawQuantity("errorRatio", "error_ratio", label: "error of log L over that of log g"),
        ]
        law.solve = { work in
            // With the standard errors of every point, where they were asked for and are known.
            let line = work.options.isWeighted ? EffectiveVarianceLine(work.points) : nil
            let own = line?.solve()
            let ratio = work.options.errorRatio
            guard
                let law = own
                    ?? demingLine(
                        LogMoments(work.logGradientNorm, work.logSmoothness, work.logWeights), errorRatio: ratio)
            else { return nil }
            return LawSolution(
                statistics: [Statistic(), Statistic()],
                replicate: {
                    { resample in
                        guard resample.moments.xx > 0 else { return [.nan, .nan] }
                        if let line, let own {
                            let law = line.solve(resample.counts, near: own.exponent)
                            return [law?.logIntercept ?? .nan, law?.exponent ?? .nan]
                        }
                        guard let law = demingLine(resample.weightedMoments, errorRatio: ratio) else {
                            return [.nan, .nan]
                        }
                        return [resample.logIntercept(law.exponent), law.exponent]
                    }
                },
                values: { intervals in
                    [
                        "logIntercept": intervals.estimate(law.logIntercept, 0),
                        "exponent": intervals.estimate(law.exponent, 1), "errorRatio": own == nil ? ratio : nil,
                    ]
                })
        }
        law.text = { fit, _, style in
            let errors = fit.errorRatio.map { "errors of log L \(style.short($0)) × those of log g" }
            return [
                "  with errors in both variables, \(errors ?? "by the points' standard errors")",
                "  ρ = \(style.estimate(fit.exponent))", "  a = \(style.estimate(fit.logIntercept))",
            ]
        }
        return law
    }()
}

extension FittedValues {
    /// √(error variance of log L / error variance of log g); `nil` where every point has its own standard errors.
    public var errorRatio: Double? { number("errorRatio") }
}

extension FitReport {
    public var powerLawWithErrors: FittedValues? { self[.powerLawWithErrors] }
}
