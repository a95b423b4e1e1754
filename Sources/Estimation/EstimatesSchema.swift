import ParameterSpace

/// One dataset of numbers of the estimates file, and where its values lie in a row.
struct EstimatesField: Sendable {
    /// Which extents follow K, the number of rows.
    enum Content: Sendable {
        /// [K]
        case row(any WritableKeyPath<StepEstimate, Double> & Sendable)
        /// [K, G]
        case gamma(any WritableKeyPath<CurvePoint, Double> & Sendable)
        /// [K, N]
        case block(any WritableKeyPath<BlockEstimate, Double> & Sendable)
        /// [K, N, G]
        case blockGamma(any WritableKeyPath<ProbeSums, Double> & Sendable)
    }

    var name: String
    var longName: String
    var definition: String
    var content: Content

    init(_ name: String, _ longName: String, _ definition: String, _ content: Content) {
        self.name = name
        self.longName = longName
        self.definition = definition
        self.content = content
    }

    /// The extents of one row, for G values of γ and N blocks.
    func extents(gammaCount: Int, blockCount: Int) -> [Int] {
        switch content {
        case .row: []
        case .gamma: [gammaCount]
        case .block: [blockCount]
        case .blockGamma: [blockCount, gammaCount]
        }
    }

    /// The values of one row, row-major.
    func values(of estimate: StepEstimate) -> [Double] {
        switch content {
        case .row(let path): [estimate[keyPath: path]]
        case .gamma(let path): estimate.curve.map { $0[keyPath: path] }
        case .block(let path): estimate.blocks.map { $0[keyPath: path] }
        case .blockGamma(let path): estimate.blockSums.flatMap { $0.map { $0[keyPath: path] } }
        }
    }

    /// Puts the values of one row back.
    func assign(_ values: [Double], to estimate: inout StepEstimate) {
        switch content {
        case .row(let path): estimate[keyPath: path] = values[0]
        case .gamma(let path): for index in values.indices { estimate.curve[index][keyPath: path] = values[index] }
        case .block(let path): for index in values.indices { estimate.blocks[index][keyPath: path] = values[index] }
        case .blockGamma(let path):
            let gammaCount = estimate.curve.count
            for index in values.indices {
                estimate.blockSums[index / gammaCount][index % gammaCount][keyPath: path] = values[index]
            }
        }
    }
}

/// The names and meanings of everything in an estimates file, version 1.0; docs/estimates-file.md is the specification.
public enum EstimatesSchema {
    public static let format = "smoothness-estimates"
    public static let version = "1.0"
    static let file = AnalysisFormat(
        name: format, version: version, majorVersion: 1, noun: "an estimates file", commit: commit)

    static let commit = "/commit"
    static let configuration = "/configuration"
    static let objective = "/objective"
    static let optimizer = "/optimizer"
    static let gammas = "/gammas"
    static let components = "/components"
    static let componentWeights = "/component_weights"
    static let repeatability = "/repeatability"
    static let iteration = "/estimates/iteration"
    static let status = "/estimates/status"
    static let stepNorm = "/estimates/step_norm"
    static let curveStatus = "/estimates/curve/status"
    /// What does not grow with the rows.
    static let fixedDatasets = [
        commit, configuration, objective, optimizer, gammas, components, componentWeights, repeatability,
    ]
    static let parameterDatasets = ["/parameters/name", "/parameters/shape", "/parameters/offset", "/parameters/count"]
    static let groups = ["/estimates", "/estimates/curve", "/estimates/blocks"]

    /// The datasets of Double, in the order in which they are written.
    static let fields: [EstimatesField] = rowFields + curveFields + blockFields

    private static let rowFields: [EstimatesField] = [
        .init("/estimates/loss", "loss", "f_S(x_k), the mean over the examples of the subset", .row(\.loss)),
        .init(
            "/estimates/gradient_norm", "gradient norm", "‖∇f_S(x_k)‖, Euclidean, before any clipping",
            .row(\.gradientNorm)),
        .init(
            "/estimates/gradient_norm_squared_unbiased", "squared gradient norm without bias",
            "(‖Σ w_i g_i‖² − Σ w_i²‖g_i‖²) / ((Σ w_i)² − Σ w_i²) over the components i of the subset; without bias for the gradient "
                + "expected of components drawn independently; may be negative; NaN for one component",
            .row(\.unbiasedSquaredGradientNorm)),
        .init(
            "/estimates/smoothness", "local smoothness",
            "max over the gammas of ‖∇f_S(x_k + γd) − ∇f_S(x_k)‖ / ‖fl(x_k + γd) − x_k‖, d = x_{k+1} − x_k (Zhang, He, Sra, "
                + "Jadbabaie 2020, eq. 20)", .row(\.smoothness)),
        .init("/estimates/gamma", "attaining gamma", "the smallest γ that attains the local smoothness", .row(\.gamma)),
        .init(stepNorm, "step norm", "‖d‖ = ‖x_{k+1} − x_k‖", .row(\.stepNorm)),
        .init(
            "/estimates/effective_learning_rate", "effective learning rate",
            "‖d‖ / ‖∇f_S(x_k)‖; NaN where the gradient is zero", .row(\.effectiveLearningRate)),
        .init(
            "/estimates/identity", "lower bound by the losses",
            "2|f_S(x_{k+1}) − f_S(x_k) − ⟨∇f_S(x_k), d⟩| / ‖d‖², at most the local smoothness up to the grid; NaN where γ = 1 is not "
                + "on the grid", .row(\.identity)),
        .init(
            "/estimates/identity_floor", "rounding floor of the lower bound",
            "2ε(|f_S(x_{k+1})| + |f_S(x_k)|) / ‖d‖², ε the machine epsilon of the evaluation", .row(\.identityFloor)),
        .init(
            "/estimates/triangle_ratio", "share of the triangle cap",
            "‖∇f_S(x_{k+1}) − ∇f_S(x_k)‖ / (‖∇f_S(x_k)‖ + ‖∇f_S(x_{k+1})‖); NaN where γ = 1 is not on the grid",
            .row(\.triangleRatio)),
        .init(
            "/estimates/cosine", "cosine of consecutive gradients",
            "cos of the angle between ∇f_S(x_k) and ∇f_S(x_{k+1}); NaN where γ = 1 is not on the grid", .row(\.cosine)),
    ]

    private static let curveFields: [EstimatesField] = [
        .init("/estimates/curve/loss", "loss on the step", "f_S(x_k + γd)", .gamma(\.loss)),
        .init(
            "/estimates/curve/gradient_norm", "gradient norm on the step", "‖∇f_S(x_k + γd)‖", .gamma(\.gradientNorm)),
        .init(
            "/estimates/curve/difference_norm", "norm of the gradient difference",
            "‖Δ(γ)‖, Δ(γ) = ∇f_S(x_k + γd) − ∇f_S(x_k)", .gamma(\.differenceNorm)),
        .init(
            "/estimates/curve/difference_along_step", "gradient difference along the step",
            "⟨Δ(γ), fl(x_k + γd) − x_k⟩", .gamma(\.differenceAlongStep)),
        .init(
            "/estimates/curve/base_along_step", "gradient along the step", "⟨∇f_S(x_k), fl(x_k + γd) − x_k⟩",
            .gamma(\.baseAlongStep)),
        .init(
            "/estimates/curve/displacement_norm", "norm of the applied displacement", "‖fl(x_k + γd) − x_k‖",
            .gamma(\.displacementNorm)),
        .init(
            "/estimates/curve/smoothness", "local smoothness at one gamma", "‖Δ(γ)‖ / ‖fl(x_k + γd) − x_k‖",
            .gamma(\.smoothness)),
        .init(
            "/estimates/curve/noise_floor", "repeatability floor", "repeatability / ‖fl(x_k + γd) − x_k‖",
            .gamma(\.noiseFloor)),
        .init(
            "/estimates/curve/rounding_floor", "rounding floor",
            "ε·max(‖∇f_S(x_k)‖, ‖∇f_S(x_k + γd)‖) / ‖fl(x_k + γd) − x_k‖, ε the machine epsilon of the evaluation",
            .gamma(\.roundingFloor)),
    ]

    private static let blockFields: [EstimatesField] = [
        .init(
            "/estimates/blocks/gradient_norm", "gradient norm of the block", "‖∇_i f_S(x_k)‖ of block i",
            .block(\.gradientNorm)),
        .init("/estimates/blocks/step_norm", "step norm of the block", "‖d_i‖ of block i", .block(\.stepNorm)),
        .init(
            "/estimates/blocks/smoothness", "local smoothness of the block",
            "max over the gammas of ‖Δ_i(γ)‖ / ‖d_i(γ)‖, d_i(γ) the displacement applied to block i",
            .block(\.smoothness)),
        .init(
            "/estimates/blocks/gamma", "attaining gamma of the block", "the smallest γ that attains it",
            .block(\.gamma)),
        .init(
            "/estimates/blocks/gradient_squared", "squared gradient norm of the block on the step",
            "‖∇_i f_S(x_k + γd)‖²", .blockGamma(\.gradientSquared)),
        .init(
            "/estimates/blocks/difference_squared", "squared gradient difference of the block", "‖Δ_i(γ)‖²",
            .blockGamma(\.differenceSquared)),
        .init(
            "/estimates/blocks/difference_along_step", "gradient difference of the block along the step",
            "⟨Δ_i(γ), d_i(γ)⟩", .blockGamma(\.differenceAlongStep)),
        .init(
            "/estimates/blocks/base_along_step", "gradient of the block along the step", "⟨∇_i f_S(x_k), d_i(γ)⟩",
            .blockGamma(\.baseAlongStep)),
        .init(
            "/estimates/blocks/displacement_squared", "squared applied displacement of the block", "‖d_i(γ)‖²",
            .blockGamma(\.displacementSquared)),
    ]
}
