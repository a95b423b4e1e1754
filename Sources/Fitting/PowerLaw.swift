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
