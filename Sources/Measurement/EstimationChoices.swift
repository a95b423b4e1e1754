/// Which quantity is called the local smoothness of a row.
public enum EstimationMode: String, Sendable, Hashable, Codable, CaseIterable {
    /// Eq. 20 of Zhang, He, Sra, Jadbabaie 2020: the largest ‖∇f_S(x_k + γd) − ∇f_S(x_k)‖ / ‖γd‖ over a grid of γ.
    case zhangPaper = "zhang-paper"
    /// What the code released with that paper computes: γ = ½ alone, the random parts (segment lengths, masks) drawn anew at
    /// either point, and the difference of the *sums* over the components, not of their means.
    case zhangCode = "zhang-code"
    /// What the layer-wise fits of Gluon (arXiv 2505.13416) use: the gradients of two consecutive minibatches at x_k and x_{k+1}.
    case gluon
    /// The largest directional curvature ⟨Δ(γ), γd⟩ / ‖γd‖² along the step.
    case directional
    /// The number of eq. 20, to be fitted against f − f* instead of ‖∇f‖: ‖∇²f‖ ≤ H0 + H1 (f − f*).
    case h0h1

    /// The γ of a mode that has its own, whatever the grid; `nil` for the grid's.
    public var ownGammas: [Double]? {
        switch self {
        case .zhangCode: [0.5]
        case .gluon: [1]
        case .zhangPaper, .directional, .h0h1: nil
        }
    }

    /// What is wrong with it as a measurement of the smoothness of a function; `nil` where nothing is.
    public var flaw: String? {
        switch self {
        case .zhangPaper: nil
        case .zhangCode:
            "zhang-code evaluates another function at either point (new segment lengths and masks), so that the noise of the draws counts as "
                + "curvature, grows as 1/γ‖d‖ and follows the gradient norm; it divides the gradient norm by the number of components and not the "
                + "difference, so that L̂ is too large by that number; it probes γ = ½ alone"
        case .gluon:
            "gluon subtracts the gradients of two different minibatches, at the ends of the step (γ = 1) alone: where they are mostly noise, L̂ is √2‖g‖/‖d‖ whatever the function "
                + "is, and the fitted L1 is √2/‖d‖"
        case .directional:
            "directional sees the curvature along the step alone: a lower bound of the smoothness, negative where the loss is concave along it"
        case .h0h1: nil
        }
    }
}

/// Along which d the gradient is probed. The length is that of the step, ‖x_{k+1} − x_k‖, whatever the direction.
public enum StepDirection: String, Sendable, Hashable, Codable, CaseIterable {
    /// d = x_{k+1} − x_k
    case step
    /// −∇f_S(x_k)
    case gradient
    /// Uniformly random: a function of (seed, k).
    case random
    /// x_k − x_{k−1}, along which heavy-ball momentum points; needs the iterate before.
    case momentum
    /// Where a few steps of ascent on ‖∇f_S(x_k + d) − ∇f_S(x_k)‖ / ‖d‖ lead, from the step.
    case adversarial
    /// The spectral norm ‖∇²f_S(x_k)‖ itself, by Lanczos' method; the curve is still taken along the step.
    case hessian

    /// Steps of ascent on the way to an adversarial direction.
    package static var ascentSteps: Int { 3 }
    /// Gradients a row on the way there: one where every step arrives, one to find the next.
    package var ascentCount: Int { self == .adversarial ? 2 * Self.ascentSteps + 1 : 0 }
}

/// What is done wrong on purpose, to show what an artefact would give.
public enum EstimationControl: String, Sendable, Hashable, Codable, CaseIterable {
    case none
    /// The step of another row is probed at x_k: what then remains of a correlation is not due to the step.
    case permute
    /// At every probe another subset of the same size: what then remains is the noise of the data.
    case freshSubset = "fresh-subset"

    /// What it is for.
    public var explanation: String? {
        switch self {
        case .none: nil
        case .permute: "control: every row is probed along the step of another row"
        case .freshSubset:
            "control: every probe takes its gradient on another subset, so that L̂ holds the noise of the data"
        }
    }
}

/// How the maximum over γ is found.
public enum GammaSearch: Sendable, Hashable, Codable {
    /// Every γ of the grid.
    case grid
    /// A few γ of the grid first, then those around the largest value until no more than the share `tolerance` can be gained, judged by a
    /// parabola; the others are skipped and say so.
    case coarseToFine(tolerance: Double)
}

/// How ‖∇²f_S(x_k)‖ is found.
public struct HessianOptions: Sendable, Hashable, Codable {
    public enum Products: String, Sendable, Hashable, Codable, CaseIterable {
        /// Exactly, by differentiating twice; by differences where the objective cannot.
        case exact
        /// By central differences of gradients.
        case differences
    }

    /// Of the residual, relative to the norm.
    public var tolerance: Double
    /// The most Hessian–vector products a row.
    public var maximumIterations: Int
    public var products: Products

    public init(tolerance: Double = 1e-3, maximumIterations: Int = 100, products: Products = .exact) {
        self.tolerance = tolerance
        self.maximumIterations = maximumIterations
        self.products = products
    }
}
