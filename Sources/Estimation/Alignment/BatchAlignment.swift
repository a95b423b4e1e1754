import Essentials
import ParameterSpace

/// Measures what clipping every batch gradient at one norm does to the descent (Qian, Wu, Zhuang, Wang, Xiao 2021, section 3.1).
public struct ClippedAgreement: Sendable, Equatable {
    /// c
    public var clipNorm: Double
    /// Σⱼ pⱼγⱼβⱼ with γⱼ = min(1, c/‖gⱼ‖), eq. 23: m without clipping, negative where clipping turns the descent around.
    public var agreement = Double.nan
    /// m·min(c·c₁, c₂‖∇f‖)/‖∇f‖, eq. 33 with c₁ the mean cosine (A3) and c₂ = m_g/M_g (A4); NaN where a cosine is negative or not
    /// defined, so that (A3) fails.
    public var bound = Double.nan
    /// Share of batches with ‖gⱼ‖ > c.
    public var clippedShare = Double.nan

    public init(clipNorm: Double) { self.clipNorm = clipNorm }
}

/// How the m batch gradients gⱼ of one partition agree with their weighted mean ∇f. With Wⱼ examples in batch j and W in
/// all, pⱼ = mWⱼ/W; for batches of one size pⱼ = 1 and every formula is the paper's own. NaN where not defined.
public struct BatchAlignment: Sendable, Equatable {
    /// Σ pⱼ cos θⱼ / m, the mean of (A3); batches without a gradient are left out.
    public var meanCosine = Double.nan
    /// The cosines at `AlignmentSchema.levels`.
    public var cosineQuantiles: [Double]
    /// Number of cosines in every bin between `AlignmentSchema.edges`.
    public var cosineHistogram: [Double]
    /// Share of batches with a negative cosine.
    public var negativeShare = Double.nan
    /// Batches whose gradient is zero: they have no cosine.
    public var zeroCount = Double.nan
    /// The mean cosine with the mean of all *other* batches, of which the batch is no part.
    public var leaveOneOutCosine = Double.nan
    /// Share of batches whose cosine with the mean of all others is negative.
    public var leaveOneOutNegativeShare = Double.nan
    /// The mean cosine that batch gradients of these norms would have if each were orthogonal to every other, as pure noise in
    /// many dimensions is: 1/√m for equal norms.
    public var noiseCosine = Double.nan
    /// m_g/M_g = min ‖gⱼ‖ / max ‖gⱼ‖ (A4)
    public var normRatio = Double.nan
    /// ‖gⱼ‖ at `AlignmentSchema.levels`.
    public var normQuantiles: [Double]
    /// Σ pⱼβⱼ/m − 1, zero but for rounding as long as a component is the same function both times, βⱼ = ⟨gⱼ, ∇f⟩/‖∇f‖².
    public var betaExcess = Double.nan
    public var smallestBeta = Double.nan
    public var largestBeta = Double.nan
    /// tr Σ, the variance of one example's gradient: (Σ Wⱼ‖gⱼ‖² − W‖∇f‖²)/(m − 1).
    public var gradientNoise = Double.nan
    /// tr Σ / ‖∇f‖² in examples (McCandlish, Kaplan, Amodei 2018, the simple noise scale).
    public var noiseScale = Double.nan
    /// tr Σ / (‖∇f‖² − tr Σ/W): with the squared norm of the expected gradient; NaN where that is below the noise.
    public var unbiasedNoiseScale = Double.nan
    /// One a clip norm.
    public var clipped: [ClippedAgreement]

    /// Without any value.
    init(clipNorms: [Double]) {
        cosineQuantiles = AlignmentSchema.levels.map { _ in .nan }
        normQuantiles = cosineQuantiles
        cosineHistogram = AlignmentSchema.edges.dropFirst().map { _ in 0 }
        clipped = clipNorms.map { ClippedAgreement(clipNorm: $0) }
    }

    /// Everything follows from the inner products and norms of the batch gradients.
    /// - Parameters:
    ///   - innerProducts: ⟨gⱼ, ∇f⟩
    ///   - squaredNorms: ‖gⱼ‖²
    ///   - weights: Wⱼ
    ///   - gradientNorm: ‖∇f‖ > 0
    public init(
        innerProducts: [Double], squaredNorms: [Double], weights: [Double], gradientNorm: Double, clipNorms: [Double]
    ) {
        self.init(clipNorms: clipNorms)
        let sample = BatchSample(
            innerProducts: innerProducts, norms: squaredNorms.map { $0.squareRoot() }, weights: weights,
            gradientNorm: gradientNorm)
        describeCosines(sample)
        describeNorms(sample)
        describeLeaveOneOut(sample, squaredNorms)
        describeNoise(sample, squaredNorms)
        for index in clipped.indices { describeClipping(index, sample) }
    }
}

/// The batch gradients of one partition as numbers.
private struct BatchSample {
    let innerProducts: [Double]
    let norms: [Double]
    let weights: [Double]
    let gradientNorm: Double
    /// cos θⱼ; NaN for a zero gradient.
    let cosines: [Double]
    let totalWeight: Double

    init(innerProducts: [Double], norms: [Double], weights: [Double], gradientNorm: Double) {
        self.innerProducts = innerProducts
        self.norms = norms
        self.weights = weights
        self.gradientNorm = gradientNorm
        cosines = zip(innerProducts, norms).map { clamped($0 / ($1 * gradientNorm)) }
        totalWeight = weights.reduce(0, +)
    }

    var count: Double { Double(norms.count) }
    var betas: [Double] { innerProducts.map { $0 / (gradientNorm * gradientNorm) } }

    /// Σ Wⱼvⱼ/Σ Wⱼ over the values that are numbers.
    func weightedMean(_ values: [Double]) -> Double {
        var (sum, total) = (0.0, 0.0)
        for (value, weight) in zip(values, weights) where !value.isNaN {
            sum += weight * value
            total += weight
        }
        return total > 0 ? sum / total : .nan
    }
}

/// A quotient that mathematics keeps in [−1, 1] and rounding may not; NaN stays.
private func clamped(_ cosine: Double) -> Double { cosine > 1 ? 1 : cosine < -1 ? -1 : cosine }

private func negativeShare(of values: [Double]) -> Double {
    let numbers = values.filter { !$0.isNaN }
    return numbers.isEmpty ? .nan : Double(numbers.count { $0 < 0 }) / Double(numbers.count)
}

extension BatchAlignment {
    private mutating func describeCosines(_ sample: BatchSample) {
        let sorted = sample.cosines.filter { !$0.isNaN }.sorted()
        meanCosine = sample.weightedMean(sample.cosines)
        cosineQuantiles = AlignmentSchema.levels.map { quantile(ofSorted: sorted, at: $0) }
        cosineHistogram = AlignmentSchema.histogram(of: sorted)
        negativeShare = Estimation.negativeShare(of: sample.cosines)
        zeroCount = Double(sample.cosines.count - sorted.count)
        let betas = sample.betas
        betaExcess = sample.weightedMean(betas) - 1
        smallestBeta = betas.min() ?? .nan
        largestBeta = betas.max() ?? .nan
    }

    private mutating func describeNorms(_ sample: BatchSample) {
        let sorted = sample.norms.sorted()
        normQuantiles = AlignmentSchema.levels.map { quantile(ofSorted: sorted, at: $0) }
        if let first = sorted.first, let last = sorted.last, last > 0 { normRatio = first / last }
        // ⟨gⱼ, ∇f⟩ would be Wⱼ‖gⱼ‖²/W and W²‖∇f‖² the sum of Wᵢ²‖gᵢ‖².
        let parts = zip(sample.weights, sample.norms).map { $0 * $1 }
        let whole = parts.reduce(0) { $0 + $1 * $1 }.squareRoot()
        noiseCosine = sample.weightedMean(parts.map { $0 > 0 ? $0 / whole : .nan })
    }

    /// W∇f − Wⱼgⱼ without gⱼ itself: its product with gⱼ and its norm follow from what is known.
    private mutating func describeLeaveOneOut(_ sample: BatchSample, _ squaredNorms: [Double]) {
        guard sample.norms.count > 1 else { return }
        let (total, norm) = (sample.totalWeight, sample.gradientNorm)
        let cosines = squaredNorms.indices.map { j -> Double in
            let (weight, product) = (sample.weights[j], sample.innerProducts[j])
            let others = total * product - weight * squaredNorms[j]
            let squared = total * total * norm * norm - 2 * total * weight * product + weight * weight * squaredNorms[j]
            return squared > 0 && squaredNorms[j] > 0
                ? clamped(others / (squared.squareRoot() * sample.norms[j])) : .nan
        }
        leaveOneOutCosine = sample.weightedMean(cosines)
        leaveOneOutNegativeShare = Estimation.negativeShare(of: cosines)
    }

    private mutating func describeNoise(_ sample: BatchSample, _ squaredNorms: [Double]) {
        guard sample.norms.count > 1 else { return }
        let squared = sample.gradientNorm * sample.gradientNorm
        let spread = zip(sample.weights, squaredNorms).reduce(0) { $0 + $1.0 * $1.1 } - sample.totalWeight * squared
        gradientNoise = spread / (sample.count - 1)
        noiseScale = gradientNoise / squared
        let expected = squared - gradientNoise / sample.totalWeight
        unbiasedNoiseScale = expected > 0 ? gradientNoise / expected : .nan
    }

    private mutating func describeClipping(_ index: Int, _ sample: BatchSample) {
        let clipNorm = clipped[index].clipNorm
        let factors = sample.norms.map { $0 > clipNorm ? clipNorm / $0 : 1 }
        let mean = sample.weightedMean(zip(factors, sample.betas).map { $0 * $1 })
        clipped[index].agreement = sample.count * mean
        clipped[index].clippedShare = Double(sample.norms.count { $0 > clipNorm }) / sample.count
        guard negativeShare == 0, zeroCount == 0 else { return }
        let least = min(clipNorm * meanCosine, normRatio * sample.gradientNorm)
        clipped[index].bound = sample.count * least / sample.gradientNorm
    }
}
