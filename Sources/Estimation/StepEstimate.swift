import ParameterSpace

/// What became of a row, or of one γ of it. The raw value is what the estimates file stores.
public enum EstimateStatus: UInt8, Sendable, Codable, CaseIterable {
    case ok = 0
    /// x_k or x_{k+1} holds NaN or infinity.
    case nonFiniteIterate = 1
    /// x_{k+1} = x_k; for one γ: fl(x_k + γd) = x_k.
    case zeroStep = 2
    /// A loss or gradient norm on the step is NaN or infinite.
    case nonFiniteGradient = 3
    /// Finite, but no more than `floorFactor` times the noise or rounding floor.
    case belowFloor = 4

    /// A value of at most this many times its floor is not told apart from noise: the floors are the size of one
    /// typical error, and a difference of two gradients holds two of them.
    public static let floorFactor = 2.0

    /// Whether the row has a local smoothness.
    public var hasValue: Bool { self == .ok || self == .belowFloor }
    /// The name used in tables, CSV and JSON.
    public var name: String { "\(self)" }
}

/// What one probe at x_k + γd gave. Norms are Euclidean; NaN where the status says that there is no value.
public struct CurvePoint: Sendable, Equatable {
    public var gamma: Double
    /// f_S(x_k + γd)
    public var loss = Double.nan
    /// ‖∇f_S(x_k + γd)‖
    public var gradientNorm = Double.nan
    /// ‖Δ(γ)‖ with Δ(γ) = ∇f_S(x_k + γd) − ∇f_S(x_k)
    public var differenceNorm = Double.nan
    /// ⟨Δ(γ), fl(x_k + γd) − x_k⟩
    public var differenceAlongStep = Double.nan
    /// ⟨∇f_S(x_k), fl(x_k + γd) − x_k⟩
    public var baseAlongStep = Double.nan
    /// ‖fl(x_k + γd) − x_k‖, the displacement that was applied
    public var displacementNorm = Double.nan
    /// L̂(γ) = ‖Δ(γ)‖ / ‖fl(x_k + γd) − x_k‖
    public var smoothness = Double.nan
    /// ε_rep / ‖fl(x_k + γd) − x_k‖ with the repeatability ε_rep of the run
    public var noiseFloor = Double.nan
    /// ε·max(‖∇f_S(x_k)‖, ‖∇f_S(x_k + γd)‖) / ‖fl(x_k + γd) − x_k‖ with the machine epsilon ε of the evaluation
    public var roundingFloor = Double.nan
    public var status = EstimateStatus.zeroStep

    init(gamma: Double) { self.gamma = gamma }
}

/// The same for one block i of the parameters: ∇ᵢf and dᵢ are the parts of ∇f_S and d that lie in the block.
public struct BlockEstimate: Sendable, Equatable {
    /// ‖∇ᵢf_S(x_k)‖
    public var gradientNorm = Double.nan
    /// ‖dᵢ‖
    public var stepNorm = Double.nan
    /// L̂ᵢ = max over γ of ‖Δᵢ(γ)‖ / ‖dᵢ(γ)‖ with the displacement dᵢ(γ) applied to the block
    public var smoothness = Double.nan
    /// The γ that attains it.
    public var gamma = Double.nan
}

/// Everything that is known of one step of a run: eq. 20 of Zhang, He, Sra, Jadbabaie 2020 with its whole curve, its
/// bounds and its floors. NaN where `status` says that there is no value.
public struct StepEstimate: Sendable, Equatable {
    /// k
    public var iteration: Int
    public var status = EstimateStatus.ok
    /// f_S(x_k)
    public var loss = Double.nan
    /// ‖∇f_S(x_k)‖
    public var gradientNorm = Double.nan
    /// An estimate of the squared norm of the expected gradient at x_k, without the bias that ‖∇f_S‖² has for components
    /// drawn independently: with component gradients gᵢ of weight wᵢ, (‖Σ wᵢgᵢ‖² − Σ wᵢ²‖gᵢ‖²) / ((Σ wᵢ)² − Σ wᵢ²).
    /// Negative: below the noise of the components. NaN for a single one.
    public var unbiasedSquaredGradientNorm = Double.nan
    /// L̂(x_k) = max over the grid of L̂(γ)
    public var smoothness = Double.nan
    /// The γ that attains it (the smallest, should several).
    public var gamma = Double.nan
    /// ‖d‖ = ‖x_{k+1} − x_k‖
    public var stepNorm = Double.nan
    /// η_eff = ‖d‖ / ‖∇f_S(x_k)‖; NaN where the gradient is zero.
    public var effectiveLearningRate = Double.nan
    /// 2|f(x+d) − f(x) − ⟨∇f(x), d⟩| / ‖d‖², at most sup over γ of L̂(γ). NaN where γ = 1 is not on the grid, as all that follow.
    public var identity = Double.nan
    /// 2ε(|f(x+d)| + |f(x)|) / ‖d‖²: the error of `identity` by the rounding of the two losses.
    public var identityFloor = Double.nan
    /// ‖Δ(1)‖ / (‖∇f_S(x_k)‖ + ‖∇f_S(x_{k+1})‖), at most 1: the triangle cap.
    public var triangleRatio = Double.nan
    /// cos of the angle between ∇f_S(x_k) and ∇f_S(x_{k+1})
    public var cosine = Double.nan
    /// One a γ, in the order of the grid.
    public var curve: [CurvePoint]
    /// One a block, in the order of the layout.
    public var blocks: [BlockEstimate]
    /// The sums behind the curve: [block][γ].
    public var blockSums: [[ProbeSums]]

    /// A row without any value yet.
    init(iteration: Int, gammas: [Double], blockCount: Int) {
        self.iteration = iteration
        curve = gammas.map { CurvePoint(gamma: $0) }
        blocks = Array(repeating: BlockEstimate(), count: blockCount)
        blockSums = Array(repeating: Array(repeating: .missing, count: gammas.count), count: blockCount)
    }

    /// The point of the curve that attains L̂.
    public var maximum: CurvePoint? { curve.first { $0.gamma == gamma } }

    /// The identity may exceed the largest value *on the grid* by this share before it counts as violated: between two
    /// grid points L̂(γ) may be larger than at both.
    public static let identityTolerance = 0.1
    /// Whether the identity of method.md §3 holds up to the grid and to rounding; a violation means a wrong loss, gradient or
    /// pairing. True where it could not be evaluated.
    public var identityHolds: Bool {
        !(identity > (1 + Self.identityTolerance) * smoothness + identityFloor + (maximum?.roundingFloor ?? 0))
    }
}

extension ProbeSums {
    /// Sums of a probe that was not made.
    static var missing: ProbeSums {
        var sums = ProbeSums()
        sums.gradientSquared = .nan
        sums.differenceSquared = .nan
        sums.differenceAlongStep = .nan
        sums.baseAlongStep = .nan
        sums.displacementSquared = .nan
        return sums
    }
}
