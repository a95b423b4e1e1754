import Essentials
import Evaluation
import Foundation

/// Everything that repeats a run on a given objective: the JSON of `/optimizer` in a run file.
///
/// Every value is resolved, defaults included. JSON holds no infinity: *no clipping* is the absence of both `gamma` and
/// `clip_norm`; with clipping both are there, and clip norm = γ/η (Zhang, Jin, Fang, Wang 2020, section 3). η → ∞
/// (normalised momentum) is any η ≥ γ/‖m‖ that a Double holds, such as 1e300.
public struct TrainingConfiguration: Sendable, Hashable {
    /// What the gradient of an iteration is over.
    public enum GradientKind: String, Sendable, Hashable, Codable, CaseIterable {
        /// One component; an epoch is m iterations.
        case component
        /// All components, ∇f = Σ wᵢ∇fᵢ / Σ wᵢ; an epoch is one iteration, and nothing is random but the objective itself.
        case full
    }

    /// How a factor falls off with the length of what it limits; see `UpdateRule`.
    public enum ClippingForm: String, Sendable, Hashable, Codable, CaseIterable {
        /// min(η, γ/‖v‖)
        case hard
        /// η/(1 + η‖v‖/γ), which never exceeds the hard one and is at least half of it.
        case soft
    }

    /// Over what the norms of clipping and normalising are taken.
    public enum ClippingScope: String, Sendable, Hashable, Codable, CaseIterable {
        /// All parameters.
        case global
        /// Each block of parameters on its own.
        case block
    }

    /// λ, the weight of (λ/2)‖x‖², and where its gradient λ x enters.
    public struct WeightDecay: Sendable, Hashable, Codable {
        public enum Place: String, Sendable, Hashable, Codable, CaseIterable {
            /// Into the gradient, which is then clipped.
            case before
            /// Into the gradient when it has been clipped; into the step where it is the step that is clipped.
            case after
            /// Into the step and into no memory; `adamw` alone.
            case decoupled
        }

        /// λ ≥ 0
        public var rate: Double
        public var place: Place

        public init(rate: Double, place: Place) {
            self.rate = rate
            self.place = place
        }
    }

    /// What `adam` and `adamw` need besides β.
    public struct AdamConstants: Sendable, Hashable {
        /// 0 ≤ β₂ < 1
        public var beta2: Double
        /// ε > 0
        public var epsilon: Double

        public init(beta2: Double = 0.999, epsilon: Double = 1e-8) {
            self.beta2 = beta2
            self.epsilon = epsilon
        }
    }

    /// How the length of a step is limited; γ and the clip norm c are two names of one number, c = γ/η.
    public enum Clipping: Sendable, Hashable {
        case none
        case gamma(Double)
        case norm(Double)
    }

    public var algorithm: Algorithm
    /// η > 0
    public internal(set) var learningRate: Double
    /// γ > 0; `nil` without clipping.
    public internal(set) var gamma: Double?
    /// c = γ/η > 0; `nil` without clipping.
    public internal(set) var clipNorm: Double?
    /// 0 ≤ β < 1, Adam's β₁; 0 for `sgd`.
    public var beta: Double
    /// 0 ≤ ν ≤ 1; 0 for all but `clipping`, which have no such number.
    public var nu: Double
    /// b ≥ 0 of `normalized`; 0 elsewhere.
    public var offset = 0.0
    /// For `adam` and `adamw`; `nil` elsewhere.
    public var adam: AdamConstants?
    public var clippingForm = ClippingForm.hard
    public var clippingScope = ClippingScope.global
    /// `nil` without.
    public var weightDecay: WeightDecay?
    /// How η changes along the run; `nil` where it does not.
    public var schedule: LearningRateSchedule?
    /// When averaging of the iterates begins; `nil` where it does not.
    public var averaging: AveragingTrigger?
    public var gradient = GradientKind.component
    public var order: ComponentOrder.Kind
    /// T ≥ 1
    public var iterations: Int
    public var save: SaveSchedule
    /// Whether a snapshot holds the gradient of its minibatch as well, before clipping.
    public var storesGradients: Bool
    /// Makes the initial point and the order of the components.
    public var seed: UInt64
    public var precision: Precision
    /// The threads of one gradient. Another number may change the last bits of it, and so the run.
    public var threads: Int
    /// `cpu` or `cuda`; the last bits depend on it.
    public var device: String
    /// At most this many examples at a time inside one gradient, to need less memory; the last bits depend on it.
    public var microBatch: Int?
    /// What is measured while the run is made; `nil` for nothing.
    public var observation: Observation?

    /// What somebody else measures in the loop, which no iterate depends on.
    public struct Observation: Sendable, Hashable, Codable {
        /// The iterations whose steps are observed.
        public var schedule: SaveSchedule
        /// What is measured, for the one who does; not read here.
        public var definition: String

        public init(schedule: SaveSchedule, definition: String) {
            self.schedule = schedule
            self.definition = definition
        }
    }

    public init(
        algorithm: Algorithm = .clipping, learningRate: Double, clipping: Clipping = .none, beta: Double = 0,
        nu: Double = 0, order: ComponentOrder.Kind = .reshuffle, iterations: Int, save: SaveSchedule,
        storesGradients: Bool = false, seed: UInt64 = 0, precision: Precision = .float32, threads: Int = 1,
        device: String = "cpu", microBatch: Int? = nil
    ) {
        self.algorithm = algorithm
        self.learningRate = learningRate
        self.beta = beta
        self.nu = nu
        self.order = order
        self.iterations = iterations
        self.save = save
        self.storesGradients = storesGradients
        self.seed = seed
        self.precision = precision
        self.threads = threads
        self.device = device
        self.microBatch = microBatch
        setRate(learningRate, clipping)
    }

    /// Sets η, γ and the clip norm, of which two make the third.
    mutating func setRate(_ learningRate: Double, _ clipping: Clipping) {
        self.learningRate = learningRate
        switch clipping {
        case .none: (gamma, clipNorm) = (nil, nil)
        case .gamma(let gamma): (self.gamma, clipNorm) = (gamma, gamma / learningRate)
        case .norm(let norm): (gamma, clipNorm) = (norm * learningRate, norm)
        }
    }
}
