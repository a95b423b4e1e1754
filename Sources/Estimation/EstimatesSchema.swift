import ParameterSpace

/// The names and meanings of everything in an estimates file, version 2.1; docs/estimates-file.md is the specification.
public enum EstimatesSchema {
    public static let format = "smoothness-estimates"
    public static let version = "2.1"
    static let file = AnalysisFormat(
        name: format, version: version, majorVersion: 2, noun: "an estimates file", commit: commit,
        reasonAgainstOlder:
            "is of version 1, where the smoothness is the maximum over all γ, those below their floors included",
        remedyForOlder: "Make it again: smoothness estimate --force.")

    static let commit = "/commit"
    static let configuration = "/configuration"
    static let objective = "/objective"
    static let optimizer = "/optimizer"
    static let gammas = "/gammas"
    static let components = "/components"
    static let componentWeights = "/component_weights"
    static let groupCount = "/group_count"
    static let populationWeight = "/population_weight"
    static let repeatability = "/repeatability"
    static let iteration = "/estimates/iteration"
    static let status = "/estimates/status"
    static let stepNorm = "/estimates/step_norm"
    static let blockStepNorm = "/estimates/blocks/step_norm"
    static let curveStatus = "/estimates/curve/status"
    /// The table of checksums of the rows.
    static let checksums = "estimates"
    /// What the digest of the definition is over, as far as a file has it.
    static let definition: [String] =
        AnalysisRoot.definition + [
            configuration, objective, optimizer, gammas, components, componentWeights, groupCount, populationWeight,
            "/live@maker", "/live/iteration",
        ] + parameterDatasets
    /// The datasets of rows, in the order in which they are written.
    static func rowDatasets(_ extents: RowExtents) -> [String] {
        [iteration, status, curveStatus] + counts.map(\.name) + fields(extents).map(\.name)
    }
    /// What does not grow with the rows.
    static let fixedDatasets = [
        commit, configuration, objective, optimizer, gammas, components, componentWeights, groupCount, populationWeight,
        repeatability,
    ]
    static let parameterDatasets = ["/parameters/name", "/parameters/shape", "/parameters/offset", "/parameters/count"]
    static func groups(_ extents: RowExtents) -> [String] {
        ["/estimates", "/estimates/curve", "/estimates/blocks", "/estimates/groups"]
            + (extents.hasNorm ? ["/estimates/norm"] : []) + (extents.hasHessian ? ["/estimates/hessian"] : [])
    }
    static let subsetSize = "/estimates/subset_size"
    static let componentGradientCount = "/estimates/component_gradient_count"

    /// The datasets of whole numbers of a row besides the iteration.
    static let counts:
        [(name: String, longName: String, definition: String, path: WritableKeyPath<StepEstimate, Int> & Sendable)] = [
            (
                subsetSize, "size of the subset",
                "how many components of /components, from the first on, the row was measured on",
                \.subsetSize
            ),
            (
                componentGradientCount, "component gradients",
                "how many gradients of single components the row's numbers are made of, those at x_k included, also where the row before evaluated them",
                \.componentGradientCount
            ),
        ]

    /// The datasets of Double of a file, in the order in which they are written.
    static func fields(_ extents: RowExtents) -> [EstimatesField] {
        rowFields + curveFields + blockFields + groupFields + (extents.hasNorm ? normFields : [])
            + (extents.hasHessian ? hessianFields : []) + (extents.isDirectional ? directionalFields : [])
    }

    private static let rowFields: [EstimatesField] = [
        .init("/estimates/loss", "loss", "f_S(x_k), the mean over the examples of the subset", .row(\.loss)),
        .init(
            "/estimates/gradient_norm", "gradient norm", "‖∇f_S(x_k)‖, Euclidean, before any clipping",
            .row(\.gradientNorm)),
        .init("/estimates/loss_error", "standard error of the loss", "jackknife over the groups", .row(\.lossError)),
        .init(
            "/estimates/gradient_norm_error", "standard error of the gradient norm",
            "jackknife over the groups of components, times √(1 − f)", .row(\.gradientNormError)),
        .init(
            "/estimates/gradient_norm_squared_unbiased", "squared gradient norm without bias",
            "f‖∇f_S‖² + (1 − f) U, U = (‖Σ W_b g_b‖² − Σ W_b²‖g_b‖²) / (W² − Σ W_b²) over the groups b; without bias for the mean over "
                + "all components; negative below the noise of the components; NaN for one group",
            .row(\.unbiasedSquaredGradientNorm)),
        .init(
            "/estimates/gradient_norm_squared_unbiased_error", "its standard error",
            "jackknife over the groups of components, times √(1 − f)", .row(\.unbiasedSquaredGradientNormError)),
        .init(
            "/estimates/gradient_variance", "variance of the subset gradient",
            "‖∇f_S‖² − U: E‖∇f_S − ∇f‖² for components drawn independently; times their effective number it is the variance of the "
                + "gradient of one component", .row(\.gradientVariance)),
        .init(
            "/estimates/smoothness", "local smoothness",
            "max over the gammas with status 0, or where there is none over all, of ‖∇f_S(x_k + γd) − ∇f_S(x_k)‖ / ‖fl(x_k + γd) − x_k‖, "
                + "d = x_{k+1} − x_k (Zhang, He, Sra, Jadbabaie 2020, eq. 20)", .row(\.smoothness)),
        .init(
            "/estimates/smoothness_error", "standard error of the local smoothness",
            "jackknife over the groups of components, the maximum taken anew, times √(1 − f)", .row(\.smoothnessError)),
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
        .init(
            "/estimates/relative_rounding", "relative rounding",
            "r: the error by rounding of a gradient difference, as a share of the larger gradient norm; measured against float64 at some "
                + "rows and carried along", .row(\.relativeRounding)),
        .init(
            "/estimates/rounding_projection", "projection of rounding",
            "ρ: the part of that error which lies along the difference", .row(\.roundingProjection)),
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
            "r·max(‖∇f_S(x_k)‖, ‖∇f_S(x_k + γd)‖) / ‖fl(x_k + γd) − x_k‖, r the relative rounding",
            .gamma(\.roundingFloor)),
        .init(
            "/estimates/curve/floor_error", "expected share of the floors",
            "q + q²/2 of the noise floor and min(1, 2ρ + 0.05) q + q²/2 of the rounding floor, q = floor / smoothness; at most 0.01 for a safe value",
            .gamma(\.floorError)),
        .init(
            "/estimates/curve/smoothness_error", "standard error of the local smoothness at one gamma",
            "jackknife over the groups of components, times √(1 − f)", .gamma(\.smoothnessError)),
        .init(
            "/estimates/curve/difference_squared_unbiased", "squared gradient difference without bias",
            "as gradient_norm_squared_unbiased, of Δ(γ)", .gamma(\.unbiasedSquaredDifference)),
        .init(
            "/estimates/curve/difference_squared_unbiased_error", "its standard error",
            "jackknife over the groups of components, times √(1 − f)", .gamma(\.unbiasedSquaredDifferenceError)),
    ]

    private static let blockFields: [EstimatesField] = [
        .init(
            "/estimates/blocks/gradient_norm", "gradient norm of the block", "‖∇_i f_S(x_k)‖ of block i",
            .block(\.gradientNorm)),
        .init(
            "/estimates/blocks/gradient_norm_error", "its standard error", "jackknife over the groups of components",
            .block(\.gradientNormError)),
        .init(blockStepNorm, "step norm of the block", "‖d_i‖ of block i", .block(\.stepNorm)),
        .init(
            "/estimates/blocks/smoothness", "local smoothness of the block",
            "max over the same gammas of ‖Δ_i(γ)‖ / ‖d_i(γ)‖, d_i(γ) the displacement applied to block i",
            .block(\.smoothness)),
        .init(
            "/estimates/blocks/smoothness_error", "its standard error",
            "jackknife over the groups of components, the maximum taken anew", .block(\.smoothnessError)),
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

    private static let groupFields: [EstimatesField] = [
        .init("/estimates/groups/loss", "loss of the group", "the mean loss of group b at x_k", .group(\.loss)),
        .init(
            "/estimates/groups/gradient_squared", "squared gradient norm of the group", "‖g_b‖² at x_k",
            .group(\.gradientSquared)),
        .init(
            "/estimates/groups/gradient_product", "product with the subset's gradient", "⟨g_b, ∇f_S⟩ at x_k",
            .group(\.gradientProduct)),
        .init(
            "/estimates/groups/difference_squared", "squared gradient difference of the group", "‖Δ_b(γ)‖²",
            .groupGamma(\.squared)),
        .init(
            "/estimates/groups/difference_product", "product with the subset's difference", "⟨Δ_b(γ), Δ(γ)⟩",
            .groupGamma(\.product)),
    ]

    private static let directionalFields: [EstimatesField] = [
        .init(
            "/estimates/groups/difference_along_step", "gradient difference of the group along the step",
            "⟨Δ_b(γ), d(γ)⟩", .groupProjection)
    ]

    private static let hessianFields: [EstimatesField] = [
        .init("/estimates/hessian/norm", "Hessian norm", "‖∇²f_S(x_k)‖₂ by Lanczos' method", .row(\.hessian.norm)),
        .init(
            "/estimates/hessian/largest_eigenvalue", "largest eigenvalue", "λ_max of ∇²f_S(x_k)",
            .row(\.hessian.largestEigenvalue)),
        .init(
            "/estimates/hessian/smallest_eigenvalue", "smallest eigenvalue", "λ_min of ∇²f_S(x_k)",
            .row(\.hessian.smallestEigenvalue)),
        .init(
            "/estimates/hessian/residual", "residual", "‖∇²f_S(x_k) v − λv‖ of the eigenvector that attains the norm",
            .row(\.hessian.residual)),
        .init(
            "/estimates/hessian/converged", "converged", "1 where the residual is within the tolerance, else 0",
            .row(\.hessian.converged)),
        .init(
            "/estimates/hessian/product_count", "products", "Hessian–vector products", .row(\.hessian.productCount)),
    ]

    private static let normFields: [EstimatesField] = [
        .init(
            "/estimates/norm/gradient_dual_norm", "dual gradient norm",
            "‖∇f_S(x_k)‖*, the dual of the configured norm", .row(\.normed.gradientDualNorm)),
        .init(
            "/estimates/norm/gradient_dual_norm_error", "standard error of the dual gradient norm",
            "infinitesimal jackknife over the groups of components, times √(1 − f)",
            .row(\.normed.gradientDualNormError)),
        .init(
            "/estimates/norm/group_gradient_projection", "projection of the group's gradient",
            "⟨g_b, M⟩ at x_k, ‖M‖ = 1 and ⟨∇f_S, M⟩ = ‖∇f_S‖*; NaN in the norm root-mean-square",
            .group(\.gradientProjection)),
        .init(
            "/estimates/norm/group_difference_projection", "projection of the group's gradient difference",
            "⟨Δ_b(γ), M⟩, ‖M‖ = 1 and ⟨Δ(γ), M⟩ = ‖Δ(γ)‖*; NaN in the norm root-mean-square", .groupProjection),
        .init("/estimates/norm/step_norm", "step norm", "‖d‖ in the configured norm", .row(\.normed.stepNorm)),
        .init(
            "/estimates/norm/block_gradient_dual_norm", "dual gradient norm of the block", "‖∇_i f_S(x_k)‖*",
            .block(\.normed.gradientDualNorm)),
        .init(
            "/estimates/norm/block_gradient_dual_norm_error", "its standard error",
            "infinitesimal jackknife over the groups of components, times √(1 − f)",
            .block(\.normed.gradientDualNormError)),
        .init("/estimates/norm/block_step_norm", "step norm of the block", "‖d_i‖", .block(\.normed.stepNorm)),
        .init(
            "/estimates/norm/block_difference_dual_norm", "dual norm of the gradient difference of the block",
            "‖Δ_i(γ)‖*", .blockNormed(\.differenceDualNorm)),
        .init(
            "/estimates/norm/block_displacement_norm", "norm of the applied displacement of the block", "‖d_i(γ)‖",
            .blockNormed(\.displacementNorm)),
    ]
}
