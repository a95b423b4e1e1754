import Foundation

/// The automatic block length of Politis and White (2004, Econometric Reviews 23, 53–70) with the correction of Patton,
/// Politis and White (2009, Econometric Reviews 28, 372–375), for the circular block bootstrap of a mean:
///
///     b = (2 G² / D)^{1/3} n^{1/3},  G = Σ λ(k/M) |k| R(k),  D = (4/3) (Σ λ(k/M) R(k))²,
///
/// R(k) the sample autocovariances and λ the flat-top window of half-width M = 2 m̂; m̂ is the smallest lag after which
/// K = max(5, √log₁₀ n) autocorrelations in a row lie within ±2 √(log₁₀ n / n).
/// - Returns: A length between 1 and min(3 √n, n/3), not rounded; 1 for a constant series or fewer than 10 values.
public func politisWhiteBlockLength(_ series: [Double]) -> Double {
    let count = series.count
    guard count >= 10 else { return 1 }
    let n = Double(count)
    let center = mean(series)
    // Scaled by the largest, so that no square overflows or underflows.
    let scale = series.reduce(0) { max($0, abs($1 - center)) }
    guard scale.isFinite, scale > 1e-13 * abs(center) else { return 1 }
    let deviations = series.map { ($0 - center) / scale }
    let runLength = max(5, Int(log10(n).squareRoot()))
    let largestLag = min(Int(n.squareRoot().rounded(.up)) + runLength, count - 1)
    let longest = max(1, min(3 * n.squareRoot(), n / 3).rounded(.up))

    let critical = 2 * (log10(n) / n).squareRoot()
    // Each costs a pass over the series: no more of them than are asked for.
    var covariances: [Double] = []
    func covariance(_ lag: Int) -> Double {
        while covariances.count <= lag {
            let next = covariances.count
            var sum = 0.0
            for index in next..<count { sum += deviations[index] * deviations[index - next] }
            covariances.append(sum / n)
        }
        return covariances[lag]
    }
    func isSmall(_ lag: Int) -> Bool { abs(covariance(lag) / covariance(0)) < critical }

    let settled = (0...max(largestLag - runLength, 0)).first { lag in
        (lag + 1...lag + runLength).allSatisfy { $0 > largestLag || isSmall($0) }
    }
    let last = settled ?? (1...largestLag).last { !isSmall($0) } ?? 0
    let window = min(2 * max(last, 1), largestLag)

    var (weighted, spectrum) = (0.0, covariance(0))
    for lag in 1...window {
        let share = Double(lag) / Double(window)
        let weight = share <= 0.5 ? 1 : 2 * (1 - share)
        weighted += 2 * weight * Double(lag) * covariance(lag)
        spectrum += 2 * weight * covariance(lag)
    }
    let denominator = 4 / 3 * spectrum * spectrum
    guard denominator > 0 else { return longest }
    let length = cbrt(2 * weighted * weighted / denominator) * cbrt(n)
    return min(max(length, 1), longest)
}

/// One block length for all statistics of a fit: twice the largest of Politis and White's lengths for the influence functions
/// of L0, L1, ρ and Pearson's correlation (each statistic is, to first order, the mean of its influence function), and at
/// least n^{1/3}; rounded up, at most n/3.
///
/// Twice, because their length has the least mean squared error of the *variance*; for the coverage of an interval with
/// Student's quantiles longer blocks are better (Lazarus, Lewis, Stock and Watson 2018, Journal of Business & Economic
/// Statistics 36, 541–559). How the intervals cover with it is in docs/method.md.
func automaticBlockLength(_ points: SmoothnessPoints, line: SmoothnessLine, law: PowerLaw) -> Int {
    let n = Double(points.count)
    // In units of the largest values: the lengths do not depend on the units, but the squares must neither overflow nor vanish.
    let (gScale, lScale) = (points.gradientNorm.max() ?? 1, points.smoothness.max() ?? 1)
    let g = points.gradientNorm.map { $0 / gScale }
    let residuals = points.gradientNorm.indices.map {
        (points.smoothness[$0] - line(points.gradientNorm[$0])) / lScale
    }
    let gMean = mean(g)
    let gVariance = g.reduce(0) { $0 + ($1 - gMean) * ($1 - gMean) } / n
    let slope = g.indices.map { (g[$0] - gMean) * residuals[$0] / gVariance }
    let intercept = g.indices.map { residuals[$0] - gMean * slope[$0] }

    let (x, y) = (standardized(points.gradientNorm.map { log($0) }), standardized(points.smoothness.map { log($0) }))
    let logResiduals = g.indices.map {
        log(points.smoothness[$0]) - law.logIntercept - law.exponent * log(points.gradientNorm[$0])
    }
    let exponent = x.indices.map { x[$0] * logResiduals[$0] }
    let r = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } / n
    let pearson = x.indices.map { x[$0] * y[$0] - r / 2 * (x[$0] * x[$0] + y[$0] * y[$0]) }

    // Every run on its own: between runs there is no neighbourhood.
    let lengths = points.series.flatMap { range in
        [intercept, slope, exponent, pearson].map { politisWhiteBlockLength(Array($0[range])) }
    }
    let shortest = points.series.map(\.count).min() ?? points.count
    let length = max(2 * (lengths.max() ?? 1), cbrt(Double(shortest)))
    return max(1, min(Int(length.rounded(.up)), shortest / 3))
}

/// Shifted and scaled to mean 0 and mean square 1; a constant sample becomes zeros.
private func standardized(_ values: [Double]) -> [Double] {
    let center = mean(values)
    let spread = (values.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(values.count)).squareRoot()
    return values.map { spread > 0 ? ($0 - center) / spread : 0 }
}
