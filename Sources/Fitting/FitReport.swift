import Foundation

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

    public init(minimum: Double, maximum: Double) { (self.minimum, self.maximum) = (minimum, maximum) }

    /// Returns the extent of values, 0 to 0 for none.
    init(of values: [Double]) { self.init(minimum: values.min() ?? 0, maximum: values.max() ?? 0) }
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

/// Everything that `fit` found, in full: the laws, and the rest as if it were of the report itself.
@dynamicMemberLookup
public struct FitReport: Sendable, Equatable {
    /// The values of the laws by the laws' names in JSON; a law for which the points do not have what it takes is absent.
    public var laws: [String: FittedValues]
    public var summary: FitSummary

    public subscript(law: Law) -> FittedValues? { laws[law.key] }

    /// Returns the values of a law without which there is no report.
    func required(_ law: Law) -> FittedValues {
        guard let values = self[law] else { preconditionFailure("a report without \(law.name)") }
        return values
    }

    public subscript<Value>(dynamicMember path: WritableKeyPath<FitSummary, Value>) -> Value {
        get { summary[keyPath: path] }
        set { summary[keyPath: path] = newValue }
    }
}

extension FitReport: Codable {
    /// In JSON the laws stand beside the rest.
    public func encode(to encoder: any Encoder) throws {
        try summary.encode(to: encoder)
        var container = encoder.container(keyedBy: TextKey.self)
        for (key, values) in laws { try container.encode(values, forKey: TextKey(key)) }
    }

    public init(from decoder: any Decoder) throws {
        summary = try FitSummary(from: decoder)
        let container = try decoder.container(keyedBy: TextKey.self)
        laws = [:]
        for law in Law.all {
            laws[law.key] = try container.decodeIfPresent(FittedValues.self, forKey: TextKey(law.key))
        }
    }
}

/// What a report holds besides the laws.
public struct FitSummary: Sendable, Codable, Equatable {
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
    public var correlations: Correlations
    public var comparison: ModelComparison
    public var stepSize: StepSizeComparison?
    public var neighbourhood: NeighbourhoodCheck?
    /// The one point that decides the line of least squares; `nil` where none does.
    public var decisivePoint: DecisivePoint?
    public var bootstrap: BootstrapDescription
    public var warnings: [FitWarning] = []
    /// What is called the local smoothness, where it is not eq. 20 of Zhang et al. 2020.
    public var smoothnessFormula: String?
    /// What is doubtful about the points of several runs taken together, in sentences; `nil` where nothing is known to be.
    public var notes: [String]?

    init(
        points: PointCounts, firstIteration: Int, lastIteration: Int, gradientNorm: Extent, smoothness: Extent,
        weights: String, correlations: Correlations, comparison: ModelComparison, stepSize: StepSizeComparison?,
        neighbourhood: NeighbourhoodCheck?, bootstrap: BootstrapDescription
    ) {
        (self.points, self.firstIteration, self.lastIteration) = (points, firstIteration, lastIteration)
        (self.gradientNorm, self.smoothness, self.weights) = (gradientNorm, smoothness, weights)
        gradientNormDecades = log10(gradientNorm.maximum) - log10(gradientNorm.minimum)
        (self.correlations, self.comparison, self.stepSize) = (correlations, comparison, stepSize)
        (self.neighbourhood, self.bootstrap) = (neighbourhood, bootstrap)
    }
}
