/// One line of the table of estimates: what a person and a CSV see of a row. Names of columns are stable.
public struct EstimateRow: Sendable, Equatable {
    public var iteration: Int
    /// The numbers of the row by the name of their column.
    private var numbers: [Double]
    public var status: EstimateStatus
    /// Whether L̂ is not told apart from noise or rounding; a fit leaves such a row out.
    public var isBelowFloor: Bool { status == .belowFloor }
    /// Whether L̂ is what it would be without rounding and noise of the evaluation, to one per cent.
    public var isSafe: Bool { status == .ok && floorError <= EstimateStatus.safeError }

    public init(_ estimate: StepEstimate) {
        iteration = estimate.iteration
        numbers = Self.numericColumns.map { $0.value(estimate) }
        status = estimate.status
    }

    /// The columns between `iteration` and `safe`, all of Double, in the order of the CSV.
    public static let numericColumns: [(name: String, value: @Sendable (StepEstimate) -> Double)] = [
        // In the norm that was asked for, as the smoothness.
        ("loss", { $0.loss }),
        ("gradient_norm", { $0.isNormed ? $0.normed.gradientDualNorm : $0.gradientNorm }),
        ("smoothness", { $0.smoothness }),
        ("gamma", { $0.gamma }), ("step_norm", { $0.stepNorm }),
        ("effective_learning_rate", { $0.effectiveLearningRate }), ("identity", { $0.identity }),
        ("triangle_ratio", { $0.triangleRatio }), ("cosine", { $0.cosine }),
        ("noise_floor", { $0.maximum?.noiseFloor ?? .nan }), ("rounding_floor", { $0.maximum?.roundingFloor ?? .nan }),
        // No other norm has a square without bias.
        ("gradient_norm_squared_unbiased", { $0.isNormed ? .nan : $0.unbiasedSquaredGradientNorm }),
        ("loss_error", { $0.lossError }),
        ("gradient_norm_error", { $0.isNormed ? $0.normed.gradientDualNormError : $0.gradientNormError }),
        ("gradient_norm_unbiased", { $0.isNormed ? .nan : $0.unbiasedGradientNorm }),
        ("gradient_variance", { $0.gradientVariance }),
        ("smoothness_error", { $0.smoothnessError }),
        ("smoothness_unbiased", { $0.isNormed ? .nan : $0.maximum?.unbiasedSmoothness ?? .nan }),
        ("gradient_norm_low", { $0.gradientNormInterval().low }),
        ("gradient_norm_high", { $0.gradientNormInterval().high }),
        ("smoothness_low", { $0.smoothnessInterval().low }), ("smoothness_high", { $0.smoothnessInterval().high }),
        ("edge_ratio", { $0.edgeRatio }), ("floor_error", { $0.maximum?.floorError ?? .nan }),
        ("step_smoothness", { $0.curveMaximum }), ("hessian_residual", { $0.hessian.residual }),
        ("hessian_converged", { $0.hessian.converged }),
        ("subset_size", { Double($0.subsetSize) }), ("component_gradients", { Double($0.componentGradientCount) }),
    ]

    /// `iteration,loss,gradient_norm,smoothness,gamma,step_norm,…,safe,below_floor,status`
    public static var columnNames: [String] {
        ["iteration"] + numericColumns.map(\.name) + ["safe", "below_floor", "status"]
    }

    /// In the order of `numericColumns`.
    public var numericValues: [Double] { numbers }

    private static let places = Dictionary(
        uniqueKeysWithValues: numericColumns.enumerated().map { ($0.element.name, $0.offset) })

    /// The number of a column; NaN for a name that is none.
    public subscript(_ column: String) -> Double { Self.places[column].map { numbers[$0] } ?? .nan }
}

extension EstimateRow {
    public var loss: Double { self["loss"] }
    public var gradientNorm: Double { self["gradient_norm"] }
    public var gradientNormError: Double { self["gradient_norm_error"] }
    public var smoothness: Double { self["smoothness"] }
    public var smoothnessError: Double { self["smoothness_error"] }
    public var gamma: Double { self["gamma"] }
    public var stepNorm: Double { self["step_norm"] }
    public var effectiveLearningRate: Double { self["effective_learning_rate"] }
    public var identity: Double { self["identity"] }
    public var triangleRatio: Double { self["triangle_ratio"] }
    public var cosine: Double { self["cosine"] }
    public var noiseFloor: Double { self["noise_floor"] }
    public var roundingFloor: Double { self["rounding_floor"] }
    public var floorError: Double { self["floor_error"] }
    public var unbiasedSquaredGradientNorm: Double { self["gradient_norm_squared_unbiased"] }
    public var gradientVariance: Double { self["gradient_variance"] }
    public var subsetSize: Int { Int(self["subset_size"]) }
}
