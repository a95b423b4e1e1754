import Essentials
import Fitting
import Foundation

/// Trajectories with known coefficients.
public enum Simulation {
    static let gradientSpread = 0.5
    static let noiseSpread = 0.4

    /// A first-order autoregression with mean 0 and the given standard deviation.
    public static func autoregression(
        _ count: Int, _ memory: Double, _ spread: Double, _ generator: inout SeededGenerator
    ) -> [Double] {
        let innovation = spread * (1 - memory * memory).squareRoot()
        var value = spread * generator.normal()
        return (0..<count).map { _ in
            value = memory * value + innovation * generator.normal()
            return value
        }
    }

    /// Autocorrelated points with E[L | g] = L0 + L1 g; log g and the log of the noise have the standard deviations 0.5 and 0.4, and
    /// gradient norms fall by a factor e along the run.
    public static func trajectory(
        _ count: Int, intercept: Double, slope: Double, gradientMemory: Double, noiseMemory: Double, seed: UInt64,
        index: Int
    ) -> SmoothnessPoints {
        var generator = SeededGenerator(seed: seed, purpose: "test.trajectory", index: index)
        let logs = autoregression(count, gradientMemory, gradientSpread, &generator)
        let noise = autoregression(count, noiseMemory, noiseSpread, &generator)
        let g = (0..<count).map { exp(logs[$0] + 1 - Double($0) / Double(count)) }
        return SmoothnessPoints(
            iteration: Array(0..<count), gradientNorm: g,
            smoothness: (0..<count).map {
                (intercept + slope * g[$0]) * exp(noise[$0] - noiseSpread * noiseSpread / 2)
            })
    }
}
