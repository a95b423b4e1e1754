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
    /// Of one γ: the search did not need it.
    case skipped = 5
    /// The direction asked for does not exist at this row: no iterate before it, a gradient of zero.
    case noDirection = 6

    /// A value of at most this many times its floor is not told apart from noise: the floors are the size of one
    /// typical error, and a difference of two gradients holds two of them.
    public static let floorFactor = 2.0
    /// A value that its floors are expected to change by at most this share is *safe*.
    public static let safeError = 0.01

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
    /// The standard error of L̂(γ): jackknife over the groups of components.
    public var smoothnessError = Double.nan
    /// ‖Δ(γ)‖² without the bias that the noise of the components gives it (`GroupedNorm`); negative: below that noise.
    public var unbiasedSquaredDifference = Double.nan
    /// Its standard error.
    public var unbiasedSquaredDifferenceError = Double.nan
    /// ε_rep / ‖fl(x_k + γd) − x_k‖ with the repeatability ε_rep of the run
    public var noiseFloor = Double.nan
    /// r·max(‖∇f_S(x_k)‖, ‖∇f_S(x_k + γd)‖) / ‖fl(x_k + γd) − x_k‖ with the relative rounding r of the row: what rounding alone would give.
    public var roundingFloor = Double.nan
    /// By what share the floors are expected to change L̂(γ): see `Floors`.
    public var floorError = Double.nan
    public var status = EstimateStatus.zeroStep

    /// Whether L̂(γ) is what it would be without rounding and noise of the evaluation, to one per cent.
    public var isSafe: Bool { status == .ok && floorError <= EstimateStatus.safeError }
    /// L̂(γ) without bias, √max(0, ·)/‖fl(x_k + γd) − x_k‖; NaN below the noise of the components.
    public var unbiasedSmoothness: Double { unbiasedSquaredDifference.squareRoot() / displacementNorm }

    package init(gamma: Double) { self.gamma = gamma }
}

/// The same for one block i of the parameters: ∇ᵢf and dᵢ are the parts of ∇f_S and d that lie in the block.
public struct BlockEstimate: Sendable, Equatable {
    /// ‖∇ᵢf_S(x_k)‖
    public var gradientNorm = Double.nan
    /// Its standard error.
    public var gradientNormError = Double.nan
    /// ‖dᵢ‖
    public var stepNorm = Double.nan
    /// L̂ᵢ = max over γ of ‖Δᵢ(γ)‖ / ‖dᵢ(γ)‖ with the displacement dᵢ(γ) applied to the block: the block in the denominator, the
    /// full step in the numerator (Gluon, arXiv 2505.13416, eq. 10), on the same data at both points.
    public var smoothness = Double.nan
    /// Its standard error.
    public var smoothnessError = Double.nan
    /// The γ that attains it.
    public var gamma = Double.nan
    /// The dual norm of ∇ᵢf_S(x_k) and the norm of dᵢ, in another norm than the Euclidean one.
    public var normed = NormedEnds()

    /// The gradient norm in the norm that was asked for, and its standard error.
    public var gradientNormAsked: (value: Double, error: Double) {
        normed.gradientDualNorm.isNaN
            ? (gradientNorm, gradientNormError) : (normed.gradientDualNorm, normed.gradientDualNormError)
    }
}

/// A gradient and a step in the norm that was asked for, where it is not the Euclidean one; NaN otherwise.
public struct NormedEnds: Sendable, Equatable {
    /// ‖∇f‖*
    public var gradientDualNorm = Double.nan
    /// Its standard error.
    public var gradientDualNormError = Double.nan
    /// ‖d‖
    public var stepNorm = Double.nan
}

/// A gradient difference and a displacement of one block in that norm.
public struct NormedSums: Sendable, Equatable {
    /// ‖Δᵢ(γ)‖*
    public var differenceDualNorm = Double.nan
    /// ‖dᵢ(γ)‖
    public var displacementNorm = Double.nan

    package init(differenceDualNorm: Double = .nan, displacementNorm: Double = .nan) {
        self.differenceDualNorm = differenceDualNorm
        self.displacementNorm = displacementNorm
    }
}

/// What one group of components gives at x_k.
public struct GroupBase: Sendable, Equatable {
    /// The mean loss of the group.
    public var loss = Double.nan
    /// ‖g_b‖²
    public var gradientSquared = Double.nan
    /// ⟨g_b, ∇f_S⟩
    public var gradientProduct = Double.nan
    /// ⟨g_b, M⟩ with the M of ‖M‖ = 1 and ⟨∇f_S, M⟩ = ‖∇f_S‖*, in a norm whose errors do not follow from the Euclidean ones.
    public var gradientProjection = Double.nan

    /// As the statistics take them.
    package var sums: GroupSums { GroupSums(squared: gradientSquared, product: gradientProduct) }
}

/// The ends of the spectrum of ∇²f_S(x_k), as Lanczos' method finds them. NaN where it was not asked for.
public struct HessianEstimate: Sendable, Equatable {
    /// ‖∇²f_S(x_k)‖₂, the larger of |λ_max| and |λ_min|
    public var norm = Double.nan
    public var largestEigenvalue = Double.nan
    public var smallestEigenvalue = Double.nan
    /// ‖∇²f_S v − λv‖ of the eigenvector that attains the norm: there is an eigenvalue within this of ±norm.
    public var residual = Double.nan
    /// 1 where the residual is within the tolerance, 0 where the iterations were used up.
    public var converged = Double.nan
    /// Hessian–vector products.
    public var productCount = Double.nan

    package init() {}
}

/// Everything that is known of one step of a run: eq. 20 of Zhang, He, Sra, Jadbabaie 2020 with its whole curve, its
/// bounds and its floors. NaN where `status` says that there is no value.
public struct StepEstimate: Sendable, Equatable {
    /// k
    public var iteration: Int
    public var status = EstimateStatus.ok
    /// |S|: the number of components that the row was measured on.
    public var subsetSize = 0
    /// How many gradients of single components the row took.
    public var componentGradientCount = 0
    /// f_S(x_k)
    public var loss = Double.nan
    /// Its standard error.
    public var lossError = Double.nan
    /// ‖∇f_S(x_k)‖
    public var gradientNorm = Double.nan
    /// Its standard error: jackknife over the groups of components, with the correction for a finite population.
    public var gradientNormError = Double.nan
    /// ‖∇f(x_k)‖² of all components without the bias that the noise of the subset gives ‖∇f_S(x_k)‖² (`GroupedNorm`). Negative: below
    /// the noise. NaN for a single group.
    public var unbiasedSquaredGradientNorm = Double.nan
    /// Its standard error.
    public var unbiasedSquaredGradientNormError = Double.nan
    /// E‖∇f_S − ∇f‖² for |S| components drawn independently: times their effective number, the variance σ² of one component's gradient.
    public var gradientVariance = Double.nan
    /// L̂(x_k) = max over the grid of L̂(γ): over the γ above their floors, or where there is none, over all
    public var smoothness = Double.nan
    /// Its standard error, the maximum taken anew with every group left out.
    public var smoothnessError = Double.nan
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
    /// r: how far rounding moves a gradient difference, as a share of the larger gradient norm.
    public var relativeRounding = Double.nan
    /// Which part of that lies along the difference.
    public var roundingProjection = Double.nan
    /// ‖∇f_S(x_k)‖* and ‖d‖ in another norm than the Euclidean one, where it was asked for.
    public var normed = NormedEnds()
    /// The parts of the curve in that norm: [block][γ].
    public var normedSums: [[NormedSums]]
    /// The spectrum of ∇²f_S(x_k), where it was asked for.
    public var hessian = HessianEstimate()
    /// One a group of components: at x_k.
    public var groups: [GroupBase]
    /// One a group of components and γ, [group][γ]: ‖Δ_b(γ)‖² and ⟨Δ_b(γ), Δ(γ)⟩.
    public var groupDifferences: [[GroupSums]]
    /// One a group and γ, [group][γ]: ⟨Δ_b(γ), M⟩ with the M whose product with Δ(γ) is the numerator of what is measured: the dual norm
    /// (‖M‖ = 1) or, for `directional`, the product with the displacement (M = d(γ)). NaN where errors follow from `groupDifferences`.
    public var groupProjections: [[Double]]
    /// One a γ, in the order of the grid.
    public var curve: [CurvePoint]
    /// One a block, in the order of the layout.
    public var blocks: [BlockEstimate]
    /// The sums behind the curve: [block][γ].
    public var blockSums: [[ProbeSums]]
    /// L̂ᵢ(γ) of every block with one group left out after the other, [block][γ][group], from which the errors of the blocks follow; empty
    /// for a γ that was not probed, and in a row of an estimates file, which does not keep them.
    public var blockLeaveOut: [[[Double]]] = []

    /// A row without any value yet.
    package init(iteration: Int, gammas: [Double], blockCount: Int, groupCount: Int) {
        self.iteration = iteration
        groups = Array(repeating: GroupBase(), count: groupCount)
        normedSums = Array(repeating: Array(repeating: NormedSums(), count: gammas.count), count: blockCount)
        groupDifferences = Array(
            repeating: Array(repeating: GroupSums(squared: .nan, product: .nan), count: gammas.count), count: groupCount
        )
        groupProjections = Array(repeating: Array(repeating: .nan, count: gammas.count), count: groupCount)
        curve = gammas.map { CurvePoint(gamma: $0) }
        blocks = Array(repeating: BlockEstimate(), count: blockCount)
        blockSums = Array(repeating: Array(repeating: .missing, count: gammas.count), count: blockCount)
    }

    /// Whether any γ was probed.
    package var isProbed: Bool { blockSums.contains { $0.contains { !$0.displacementSquared.isNaN } } }
    /// Leaves nothing of a γ.
    package mutating func skipProbe(_ index: Int) {
        curve[index] = CurvePoint(gamma: curve[index].gamma)
        curve[index].status = .skipped
        for block in blockSums.indices {
            blockSums[block][index] = .missing
            normedSums[block][index] = NormedSums()
        }
        for group in groupDifferences.indices {
            groupDifferences[group][index] = GroupSums(squared: .nan, product: .nan)
            groupProjections[group][index] = .nan
        }
        for block in blockLeaveOut.indices { blockLeaveOut[block][index] = [] }
    }

    /// Whether gradient norm and smoothness are in another norm than the Euclidean one.
    public var isNormed: Bool { !normed.gradientDualNorm.isNaN }
    /// The point of the curve that attains L̂.
    public var maximum: CurvePoint? { curve.first { $0.gamma == gamma } }
    /// ‖∇f(x_k)‖ without bias; NaN below the noise of the components.
    public var unbiasedGradientNorm: Double { unbiasedSquaredGradientNorm.squareRoot() }
    /// The largest L̂(γ) of the curve, whatever the mode or the direction call the local smoothness.
    public var curveMaximum: Double { eligibleProbes.map { curve[$0].smoothness }.filter { !$0.isNaN }.max() ?? .nan }
    /// L̂·η_eff/2: 1 at the edge of stability.
    public var edgeRatio: Double { smoothness * effectiveLearningRate / 2 }

    /// The identity may exceed the largest value *on the grid* by this share before it counts as violated: between two
    /// grid points L̂(γ) may be larger than at both.
    public static let identityTolerance = 0.1
    /// Whether the identity of method.md §3 holds up to the grid and to rounding; a violation means a wrong loss, gradient or
    /// pairing. True where it could not be evaluated.
    public var identityHolds: Bool {
        let largest = curve.map { $0.differenceNorm / $0.displacementNorm }.filter { !$0.isNaN }.max() ?? .nan
        return !(identity > (1 + Self.identityTolerance) * largest + identityFloor + (maximum?.roundingFloor ?? 0))
    }
}

extension ProbeSums {
    /// Sums of a probe that was not made.
    package static var missing: ProbeSums {
        var sums = ProbeSums()
        sums.gradientSquared = .nan
        sums.differenceSquared = .nan
        sums.differenceAlongStep = .nan
        sums.baseAlongStep = .nan
        sums.displacementSquared = .nan
        return sums
    }
}
