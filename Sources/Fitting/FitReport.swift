/// A number with its uncertainty. What is undefined is `nil` and left out of the JSON; no number in a
/// report is NaN or infinite.
public struct Estimate: Sendable, Codable, Equatable {
    public var value: Double
    /// The standard deviation of the bootstrap replicates.
    public var standardError: Double?
    /// The interval at `FitReport.bootstrap.confidence`.
    public var lower: Double?
    public var upper: Double?
    /// Why there is no interval.
    public var reasonWithoutInterval: String?
    public var intervalMethod: IntervalMethod?

    public enum IntervalMethod: String, Sendable, Codable {
        /// Expanded percentiles of the replicates.
        case percentile
        /// The profile of the loss at the bound 0.
        case profile
    }

    public init(
        value: Double, standardError: Double? = nil, lower: Double? = nil, upper: Double? = nil,
        reasonWithoutInterval: String? = nil, intervalMethod: IntervalMethod? = nil
    ) {
        self.intervalMethod = intervalMethod
        self.value = value
        self.standardError = standardError
        self.lower = lower
        self.upper = upper
        self.reasonWithoutInterval = reasonWithoutInterval
    }
}

/// Smallest and largest of something.
public struct Extent: Sendable, Codable, Equatable {
    public var minimum: Double
    public var maximum: Double
}

public struct LeastSquaresFit: Sendable, Codable, Equatable {
    /// L0 ≥ 0.
    public var intercept: Estimate
    /// L1 ≥ 0.
    public var slope: Estimate
    /// Whether the unconstrained estimate was negative, so that the coefficient sits at 0.
    public var interceptOnBound: Bool
    public var slopeOnBound: Bool
    /// 1 − Σ residual² / Σ (L − L̄)²; negative where the bound costs more than the mean would; `nil` where L is constant.
    public var determination: Double?
    /// √(Σ residual² / (n − number of free coefficients)), in units of smoothness.
    public var residualStandardDeviation: Double?

    public var line: SmoothnessLine { SmoothnessLine(intercept: intercept.value, slope: slope.value) }
}

/// A line of another method than least squares.
public struct LineFit: Sendable, Codable, Equatable {
    public var intercept: Estimate
    public var slope: Estimate
    public var interceptOnBound: Bool
    public var slopeOnBound: Bool
    /// τ of an expectile or a quantile.
    public var level: Double?
    /// The share of points above the line.
    public var shareAbove: Double

    public var line: SmoothnessLine { SmoothnessLine(intercept: intercept.value, slope: slope.value) }
}

/// L = H0 + H1 (f − f*).
public struct GapFit: Sendable, Codable, Equatable {
    /// H0 ≥ 0.
    public var intercept: Estimate
    /// H1 ≥ 0, in units of smoothness per loss.
    public var slope: Estimate
    /// f*
    public var minimum: Double
    public var isMinimumFitted: Bool
    public var interceptOnBound: Bool
    public var slopeOnBound: Bool
    public var determination: Double?
}

/// L = L0 + L1 s^α with s the largest gradient norm on the segment: α-symmetric smoothness.
public struct SegmentFit: Sendable, Codable, Equatable {
    public var intercept: Estimate
    public var slope: Estimate
    public var alpha: Double
    public var interceptOnBound: Bool
    public var slopeOnBound: Bool
    public var determination: Double?
}

/// L = L0 + L_ρ g^ρ.
public struct OrderFit: Sendable, Codable, Equatable {
    public var intercept: Estimate
    public var coefficient: Estimate
    public var order: Estimate
    public var isOrderFitted: Bool
    /// Whether the fitted ρ is an end of `orderRange`, the orders that are searched.
    public var orderOnBound: Bool
    public var determination: Double?

    public var law: OrderLaw {
        OrderLaw(intercept: intercept.value, coefficient: coefficient.value, order: order.value)
    }
}

/// The power law with errors in both variables.
public struct ErrorsInBothFit: Sendable, Codable, Equatable {
    public var logIntercept: Estimate
    public var exponent: Estimate
    /// √(error variance of log L / error variance of log g); `nil` where every point has its own standard errors.
    public var errorRatio: Double?

    public var law: PowerLaw { PowerLaw(logIntercept: logIntercept.value, exponent: exponent.value) }
}

public struct UpperEnvelopeFit: Sendable, Codable, Equatable {
    /// L0 ≥ 0 and L1 ≥ 0 without intervals: the bootstrap is not consistent for an extreme of the sample.
    public var intercept: Estimate
    public var slope: Estimate
    public var interceptOnBound: Bool
    public var slopeOnBound: Bool
    /// (1/n) Σ (L0 + L1 g_k − L_k) ≥ 0, in units of smoothness.
    public var meanExcess: Double
    /// The range of the coefficients when each run of one block length of points is left out in turn: how much the envelope
    /// hangs on single stretches of the run. Not a confidence interval.
    public var interceptWithoutOneBlock: Extent?
    public var slopeWithoutOneBlock: Extent?

    public var line: SmoothnessLine { SmoothnessLine(intercept: intercept.value, slope: slope.value) }
}

public struct PowerLawFit: Sendable, Codable, Equatable {
    /// a in log L = a + ρ log g, natural logarithms.
    public var logIntercept: Estimate
    /// ρ.
    public var exponent: Estimate
    /// R² on the logs; `nil` where L is constant.
    public var determination: Double?
    /// √(Σ residual² / (n − 2)) of the natural logarithms; `nil` for n = 2.
    public var residualStandardDeviationOfLogs: Double?

    public var law: PowerLaw { PowerLaw(logIntercept: logIntercept.value, exponent: exponent.value) }
}

public struct Correlations: Sendable, Codable, Equatable {
    /// Pearson's correlation of log g and log L; `nil` where L is constant.
    public var pearsonOfLogs: Estimate?
    /// Spearman's rank correlation, mid-ranks for ties.
    public var spearman: Estimate?
    /// Kendall's τ_b.
    public var kendall: Estimate?
    /// Two-sided p-values as if the points were independent, which those of a trajectory are not.
    public var pearsonProbability: Double?
    public var spearmanProbability: Double?
    public var kendallProbability: Double?
    /// p-values of Pearson's correlation of the logs and of Spearman's when blocks of points are permuted.
    public var pearsonPermutationProbability: Double?
    public var spearmanPermutationProbability: Double?
    public var permutations: Int
    public var permutationBlockLength: Int
    /// Pearson's correlation of log g and log L given log η_eff: what the step size does not account for. `nil` without step
    /// sizes, or where η_eff is constant or determines g or L.
    public var pearsonOfLogsGivenStepSize: Estimate?
}

/// L̂ against the reference 2/η_eff over the points that have a positive finite η_eff.
public struct StepSizeComparison: Sendable, Codable, Equatable {
    public var points: Int
    /// The median of L̂ η_eff / 2.
    public var medianRatio: Double
    /// The standard deviation of log(L̂ η_eff / 2), natural logarithm.
    public var ratioLogSpread: Double
    /// The standard deviation of log L̂ over the same points.
    public var smoothnessLogSpread: Double
    /// 1 − Var log(L̂ η_eff / 2) / Var log L̂: the share of L̂'s variation that 2/η_eff has, slope fixed at 1. Negative where it has
    /// none; `nil` where L̂ is constant.
    public var explainedShare: Double?
    /// The share of points with L̂ η_eff / 2 between 0.8 and 1.25.
    public var hoveringShare: Double

    /// Whether L̂ η_eff = L̂‖d‖/‖∇f‖ is √2 within a twentieth, with a spread of its logarithm below a tenth: two independent gradients g and g′
    /// of mean zero and equal length have ‖g − g′‖ = √2‖g‖.
    public var isOfIndependentMinibatches: Bool {
        abs(2 * medianRatio / 2.squareRoot() - 1) < 0.05 && ratioLogSpread < 0.1
    }
}

/// L1·‖d‖ with the least-squares L1, over the points that have a step norm.
public struct NeighbourhoodCheck: Sendable, Codable, Equatable {
    public var points: Int
    public var medianProduct: Double
    public var largestProduct: Double
    /// The share of points with L1·‖d‖ > 1.
    public var shareAboveOne: Double
}

/// How the intervals were made.
public struct BootstrapDescription: Sendable, Codable, Equatable {
    /// `circular moving blocks of pairs`.
    public var scheme: String
    /// `expanded percentile`.
    public var intervalMethod: String
    public var confidence: Double
    public var replicates: Int
    /// ℓ, in points.
    public var blockLength: Int
    /// How ℓ was chosen.
    public var blockLengthRule: String
    /// Which intervals are known to hold the true value less often than they say.
    public var caveat: String
    public var seed: UInt64
}

/// Everything that `fit` found, in full.
public struct FitReport: Sendable, Codable, Equatable {
    public var points: PointCounts
    /// First and last iteration among the used points.
    public var firstIteration: Int
    public var lastIteration: Int
    public var gradientNorm: Extent
    public var smoothness: Extent
    /// log₁₀(max g / min g).
    public var gradientNormDecades: Double
    /// What the points weigh, for people.
    public var weights: String
    public var leastSquares: LeastSquaresFit
    public var theilSen: LineFit
    public var expectile: LineFit
    public var quantile: LineFit
    public var upperEnvelope: UpperEnvelopeFit
    public var powerLaw: PowerLawFit
    public var powerLawWithErrors: ErrorsInBothFit?
    /// L = constant.
    public var constant: Estimate
    public var order: OrderFit?
    /// `nil` for points without losses, or with one loss only.
    public var gap: GapFit?
    /// `nil` for points without the gradients of the segment.
    public var segment: SegmentFit?
    public var correlations: Correlations
    public var comparison: ModelComparison
    public var stepSize: StepSizeComparison?
    public var neighbourhood: NeighbourhoodCheck?
    /// The one point that decides the line of least squares; `nil` where none does.
    public var decisivePoint: DecisivePoint?
    public var bootstrap: BootstrapDescription
    public var warnings: [FitWarning]
    /// What is called the local smoothness, where it is not eq. 20 of Zhang et al. 2020.
    public var smoothnessFormula: String?
    /// What is doubtful about the points of several runs taken together, in sentences; `nil` where nothing is known to be.
    public var notes: [String]?
}

extension FitReport {
    /// Puts what is known of the measurement before what the fit has found.
    public mutating func warn(ofMeasurement messages: [String], formula: String? = nil) {
        warnings.insert(contentsOf: messages.map { FitWarning(code: .measuredOtherwise, message: $0) }, at: 0)
        smoothnessFormula = formula
    }
}

/// A reason to distrust part of a report: a stable code for scripts and a sentence with the numbers for people.
public struct FitWarning: Sendable, Codable, Equatable {
    public enum Code: String, Sendable, Codable, CaseIterable {
        /// The numbers were measured in a way that makes them something else than the smoothness of a function.
        case measuredOtherwise
        case pointsLeftOut
        case fewPoints
        case fewBlocks
        case narrowGradientNorm
        case coefficientOnBound
        case stepSizeReturned
        case beyondNeighbourhood
        case exponentIsNotOne
        case exponentOutsideTheory
        case replicatesLost
        /// Some iteration occurs twice in one run: points of several runs, or one counted twice.
        case repeatedIterations
        /// One point moves L0 or L1 of least squares by more than half the width of their intervals without it.
        case pointDecides
        /// L‖d‖/‖g‖ is √2 throughout, as the difference of gradients of two independent minibatches has it.
        case independentMinibatches
        /// The points have no step sizes, without which some doubts cannot be judged.
        case stepSizeUnknown
        case pointsAboveUpperFit
        case negativeTheilSen
    }

    public var code: Code
    public var message: String
}
