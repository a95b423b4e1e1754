import Essentials

/// Expanded percentile intervals from the replicates of a block bootstrap.
///
/// The percentile interval at level p uses the quantiles Φ(±z_p) of the replicates; it is too short in small samples,
/// because the replicates' spread is that of a mean with divisor n and the normal quantile ignores that the spread is
/// estimated. Hesterberg (2015, The American Statistician 69, 371–386, section 5.3) uses the levels Φ(±t √(ν/(ν − 1))), t the
/// quantile of Student's t with ν − 1 degrees of freedom, ν the sample size. Here the blocks are what is drawn
/// independently, so ν = n/ℓ. In simulations with autocorrelated points this covers better than the plain percentile, the
/// basic and the BCa interval (docs/method.md). Percentiles respect L0, L1 ≥ 0 and |r| ≤ 1.
struct Intervals {
    private let sorted: [FitStatistic: [Double]]
    private let options: FitOptions
    /// The lower and upper level of the replicates' quantiles.
    let levels: (lower: Double, upper: Double)

    init(_ bootstrap: BlockBootstrap, blockLength: Int, options: FitOptions) {
        self.options = options
        levels = Self.levels(
            confidence: options.confidence, blocks: Double(bootstrap.count) / Double(blockLength))
        let replicates = bootstrap.replicates(options.replicates, blockLength: blockLength, seed: options.seed)
        sorted = replicates.mapValues { $0.sorted() }
    }

    static func levels(confidence: Double, blocks: Double) -> (lower: Double, upper: Double) {
        let count = max(blocks, 2)
        let t = studentQuantile((1 + confidence) / 2, degreesOfFreedom: count - 1) * (count / (count - 1)).squareRoot()
        return (normalProbability(-t), normalProbability(t))
    }

    /// Replicates on which L0 and L1 were undefined, because all drawn gradient norms were equal.
    var lostReplicates: Int { options.replicates - (sorted[.slope]?.count ?? 0) }

    func estimate(_ value: Double, _ statistic: FitStatistic) -> Estimate {
        guard options.replicates > 0 else {
            return Estimate(value: value, reasonWithoutInterval: "no bootstrap replicates were asked for")
        }
        guard let replicates = sorted[statistic], replicates.count >= 2 else {
            return Estimate(value: value, reasonWithoutInterval: "undefined on the resamples")
        }
        return Estimate(
            value: value, standardError: standardDeviation(replicates),
            lower: quantile(ofSorted: replicates, at: levels.lower),
            upper: quantile(ofSorted: replicates, at: levels.upper))
    }
}
