import Essentials
import Foundation

/// An interval of a norm from an estimate of its square: negative squares are below the noise.
public struct NormInterval: Sendable, Hashable {
    public var low: Double
    public var high: Double

    /// With w = t·SE, Student's t for B − 1 degrees of freedom, and s > w the interval s·e^{±w/s} of the square: symmetric on a logarithmic
    /// scale, because estimates of squared norms are skewed and small ones come with small errors. Where s ≤ w the square is not told
    /// apart from 0: from 0 to max(s, 0) + (e − 1) w, where the other one ends at s = w. NaN where there is no error.
    package init(squared: Double, error: Double, groupCount: Int, level: Double, unit: Double = 1) {
        guard error.isFinite, squared.isFinite, groupCount > 1 || error == 0 else {
            (low, high) = (.nan, .nan)
            return
        }
        let width =
            error == 0
            ? 0 : error * studentQuantile((1 + level) / 2, degreesOfFreedom: Double(groupCount - 1))
        if width == 0 {
            low = max(0, squared).squareRoot() / unit
            high = low
        } else if squared > width {
            low = (squared * exp(-width / squared)).squareRoot() / unit
            high = (squared * exp(width / squared)).squareRoot() / unit
        } else {
            low = 0
            high = (max(0, squared) + (exp(1) - 1) * width).squareRoot() / unit
        }
    }

    /// Of a number that is itself known with an error: as if of its square.
    package init(value: Double, error: Double, groupCount: Int, level: Double) {
        self.init(squared: value * value, error: 2 * value * error, groupCount: groupCount, level: level)
    }

    /// Of a number of either sign: value ± t·SE.
    package init(signed value: Double, error: Double, groupCount: Int, level: Double) {
        guard error.isFinite, groupCount > 1 || error == 0 else {
            (low, high) = (.nan, .nan)
            return
        }
        let width =
            error == 0
            ? 0 : error * studentQuantile((1 + level) / 2, degreesOfFreedom: Double(groupCount - 1))
        (low, high) = (value - width, value + width)
    }

    package init(low: Double, high: Double) { (self.low, self.high) = (low, high) }

    package static let undefined = NormInterval(squared: .nan, error: .nan, groupCount: 1, level: 0.95)
}

extension StepEstimate {
    /// Where ‖∇f(x_k)‖ of all components lies; in another norm than the Euclidean one, but for the bias that the noise of the components
    /// gives it.
    public func gradientNormInterval(level: Double = 0.95) -> NormInterval {
        guard !isNormed else {
            return NormInterval(
                value: normed.gradientDualNorm, error: normed.gradientDualNormError, groupCount: groups.count,
                level: level)
        }
        return NormInterval(
            squared: unbiasedSquaredGradientNorm, error: unbiasedSquaredGradientNormError, groupCount: groups.count,
            level: level)
    }

    /// Where L̂(γ) of all components lies, in the Euclidean norm.
    public func smoothnessInterval(at index: Int, level: Double = 0.95) -> NormInterval {
        let point = curve[index]
        return NormInterval(
            squared: point.unbiasedSquaredDifference, error: point.unbiasedSquaredDifferenceError,
            groupCount: groups.count, level: level, unit: point.displacementNorm)
    }

    /// Where L̂(γ) of all components lies at the γ that attains the maximum here; in another norm than the Euclidean one, but for the
    /// bias that the noise of the components gives it. The curvature along the step has a sign.
    public func smoothnessInterval(level: Double = 0.95) -> NormInterval {
        guard let index = curve.firstIndex(where: { $0.gamma == gamma }) else { return .undefined }
        if isNormed {
            return NormInterval(value: smoothness, error: smoothnessError, groupCount: groups.count, level: level)
        }
        if curve[index].smoothness == smoothness { return smoothnessInterval(at: index, level: level) }
        if Double(subsetSize) * curve[index].smoothness == smoothness {
            // The mode that takes the difference of sums.
            let mean = smoothnessInterval(at: index, level: level)
            return NormInterval(low: Double(subsetSize) * mean.low, high: Double(subsetSize) * mean.high)
        }
        return NormInterval(signed: smoothness, error: smoothnessError, groupCount: groups.count, level: level)
    }
}
