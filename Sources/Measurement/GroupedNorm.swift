import Essentials
import Evaluation
import ParameterSpace

/// The squared norm of a mean vector g = Σ W_b g_b / W over B groups, with and without its bias, and with one group left out
/// after the other: pure numbers, no vector is touched.
///
/// ‖g‖² is too large by the variance of g: E‖g‖² = ‖∇f‖² + (1 − f) V for a sample without replacement of the share f. The products of
/// different groups are free of it:
///
///     U = (‖Σ W_b g_b‖² − Σ W_b²‖g_b‖²) / (W² − Σ W_b²)
///
/// is without bias for components drawn independently, so that ‖g‖² − U estimates V, and
///
///     ‖g‖² − (1 − f)(‖g‖² − U) = f‖g‖² + (1 − f) U
///
/// is without bias for the finite sum: ‖g‖² itself where the sample is everything (f = 1), U where it is little.
public struct GroupedNorm: Sendable {
    /// ‖g‖²
    public let squared: Double
    /// f‖g‖² + (1 − f) U. Negative: below the noise of the components. NaN for a single group that is not everything.
    public let unbiasedSquared: Double
    /// ‖g‖² − U: an estimate of the variance E‖g − ∇f‖² that g would have with components drawn independently. NaN for a single group.
    public let variance: Double
    /// ‖g₍₋b₎‖² of the mean over all groups but b.
    public let leaveOutSquared: [Double]
    /// `unbiasedSquared` of all groups but b.
    public let leaveOutUnbiasedSquared: [Double]
    private let sample: GroupedSample

    /// - Parameters:
    ///   - squared: ‖g‖²
    ///   - sums: ‖g_b‖² and ⟨g_b, g⟩ of every group.
    public init(squared: Double, sums: [GroupSums], sample: GroupedSample) {
        let weights = sample.groupWeights
        let total = sample.totalWeight
        let f = sample.share
        // Σ W_b²‖g_b‖² and Σ W_b²
        let own = zip(weights, sums).reduce(0) { $0 + $1.0 * $1.0 * $1.1.squared }
        let squares = weights.reduce(0) { $0 + $1 * $1 }
        let isSingle = weights.count < 2
        let independent = (total * total * squared - own) / (total * total - squares)
        self.squared = squared
        self.sample = sample
        variance = isSingle ? .nan : squared - independent
        unbiasedSquared = f == 1 ? squared : isSingle ? .nan : f * squared + (1 - f) * independent
        var leaveOut: [Double] = []
        var leaveOutUnbiased: [Double] = []
        for (weight, sum) in zip(weights, sums) where !isSingle {
            let rest = total - weight
            // ‖W g − W_b g_b‖² = W²‖g‖² − 2 W W_b⟨g_b, g⟩ + W_b²‖g_b‖²
            let restSquared =
                total * total * squared - 2 * total * weight * sum.product + weight * weight * sum.squared
            let plain = max(0, restSquared / (rest * rest))
            let pairs = rest * rest - (squares - weight * weight)
            // With two groups, one is left: no pair.
            let products =
                pairs > 1e-12 * squares ? (restSquared - (own - weight * weight * sum.squared)) / pairs : .nan
            leaveOut.append(plain)
            leaveOutUnbiased.append(f * plain + (1 - f) * products)
        }
        leaveOutSquared = leaveOut
        leaveOutUnbiasedSquared = leaveOutUnbiased
    }

    /// The standard error of a number of the sample from its values with one group left out after the other (delete-a-group
    /// jackknife) with the correction for a finite population:
    ///
    ///     SE² = (1 − f) (B − 1)/B Σ_b (θ₍₋b₎ − θ̄)²
    ///
    /// - Returns: 0 where the sample is everything; NaN for a single group otherwise.
    public static func standardError(_ replicates: [Double], sample: GroupedSample) -> Double {
        guard sample.share < 1 else { return 0 }
        let count = Double(replicates.count)
        guard count > 1 else { return .nan }
        let mean = replicates.reduce(0, +) / count
        let spread = replicates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        return ((1 - sample.share) * (count - 1) / count * spread).squareRoot()
    }

    /// The jackknife standard error of ‖g‖.
    public var error: Double { Self.standardError(leaveOutSquared.map { $0.squareRoot() }, sample: sample) }
    /// The jackknife standard error of `unbiasedSquared`.
    public var unbiasedSquaredError: Double { Self.standardError(leaveOutUnbiasedSquared, sample: sample) }
}

/// A mean over groups, as that of the losses.
public enum GroupedMean {
    /// Σ W_b x_b / W with one group left out after the other; empty for a single group.
    public static func leaveOut(_ values: [Double], sample: GroupedSample) -> [Double] {
        guard sample.groupWeights.count > 1 else { return [] }
        let total = sample.totalWeight
        let whole = zip(sample.groupWeights, values).reduce(0) { $0 + $1.0 * $1.1 }
        return zip(sample.groupWeights, values).map { (whole - $0 * $1) / (total - $0) }
    }

    /// The jackknife standard error of Σ W_b x_b / W.
    public static func standardError(_ values: [Double], sample: GroupedSample) -> Double {
        GroupedNorm.standardError(leaveOut(values, sample: sample), sample: sample)
    }
}
