/// One line of the table of estimates: what a person and a CSV see of a row. Names of columns are stable.
public struct EstimateRow: Sendable, Equatable {
    public var iteration: Int
    public var loss: Double
    public var gradientNorm: Double
    public var smoothness: Double
    public var gamma: Double
    public var stepNorm: Double
    public var effectiveLearningRate: Double
    public var identity: Double
    public var triangleRatio: Double
    public var cosine: Double
    /// At the attaining γ.
    public var noiseFloor: Double
    /// At the attaining γ.
    public var roundingFloor: Double
    public var unbiasedSquaredGradientNorm: Double
    public var status: EstimateStatus
    /// Whether L̂ is not told apart from noise or rounding; a fit leaves such a row out.
    public var isBelowFloor: Bool { status == .belowFloor }

    public init(_ estimate: StepEstimate) {
        iteration = estimate.iteration
        loss = estimate.loss
        gradientNorm = estimate.gradientNorm
        smoothness = estimate.smoothness
        gamma = estimate.gamma
        stepNorm = estimate.stepNorm
        effectiveLearningRate = estimate.effectiveLearningRate
        identity = estimate.identity
        triangleRatio = estimate.triangleRatio
        cosine = estimate.cosine
        noiseFloor = estimate.maximum?.noiseFloor ?? .nan
        roundingFloor = estimate.maximum?.roundingFloor ?? .nan
        unbiasedSquaredGradientNorm = estimate.unbiasedSquaredGradientNorm
        status = estimate.status
    }

    /// The columns between `iteration` and `below_floor`, all of Double, in the order of the CSV.
    public static var numericColumns: [(name: String, value: @Sendable (EstimateRow) -> Double)] {
        [
            ("loss", { $0.loss }), ("gradient_norm", { $0.gradientNorm }), ("smoothness", { $0.smoothness }),
            ("gamma", { $0.gamma }), ("step_norm", { $0.stepNorm }),
            ("effective_learning_rate", { $0.effectiveLearningRate }), ("identity", { $0.identity }),
            ("triangle_ratio", { $0.triangleRatio }), ("cosine", { $0.cosine }), ("noise_floor", { $0.noiseFloor }),
            ("rounding_floor", { $0.roundingFloor }),
            ("gradient_norm_squared_unbiased", { $0.unbiasedSquaredGradientNorm }),
        ]
    }

    /// `iteration,loss,gradient_norm,smoothness,gamma,step_norm,…,below_floor,status`
    public static var columnNames: [String] { ["iteration"] + numericColumns.map(\.name) + ["below_floor", "status"] }
}
