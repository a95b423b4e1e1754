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

    public init(
        value: Double, standardError: Double? = nil, lower: Double? = nil, upper: Double? = nil,
        reasonWithoutInterval: String? = nil
    ) {
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
    public var leastSquares: LeastSquaresFit
    public var upperEnvelope: UpperEnvelopeFit
    public var powerLaw: PowerLawFit
    public var correlations: Correlations
    public var stepSize: StepSizeComparison?
    public var neighbourhood: NeighbourhoodCheck?
    public var bootstrap: BootstrapDescription
    public var warnings: [FitWarning]
}

/// A reason to distrust part of a report: a stable code for scripts and a sentence with the numbers for people.
public struct FitWarning: Sendable, Codable, Equatable {
    public enum Code: String, Sendable, Codable, CaseIterable {
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
    }

    public var code: Code
    public var message: String
}
