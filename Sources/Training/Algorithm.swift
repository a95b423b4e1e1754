import Essentials

extension TrainingConfiguration {
    /// An update rule: everything that tells it from the others is in one value, and `allCases` lists the values once.
    ///
    /// The arithmetic of all of them is in `UpdateRule`, which asks for these properties and for no name.
    public struct Algorithm: RawRepresentable, Sendable, Codable, CaseIterable {
        /// What a rule carries from one iteration to the next.
        public enum Memory: Sendable {
            case none
            /// m ← β m + (1 − β) g; with ν, only where ν > 0.
            case mean
            /// m ← β m + gain(g) g
            case sum
            /// The first and second moments of Adam, of the clipped gradient.
            case moments
        }

        public let rawValue: String
        public let memory: Memory
        /// The step, in the words of `UpdateRule`.
        public let step: String
        /// Whether ν mixes the step along the memory with that along the gradient.
        public private(set) var hasNu = false
        /// Whether the step is divided by the length of what it follows, so that a clip norm has no meaning.
        public private(set) var isNormalized = false
        /// Whether weight decay goes into the step and into no memory, always.
        public private(set) var isDecoupled = false
        /// Whether the clip norm that is usual for an objective is taken where none is given.
        public private(set) var isUsuallyClipped = false
        /// β where none is given.
        public private(set) var usualBeta = 0.0
        /// η where none is given; `nil`: what is usual for the objective.
        public private(set) var usualLearningRate: Double?
        /// λ of the weight decay where none is given; `nil` for no weight decay.
        public private(set) var usualWeightDecay: Double?

        /// Algorithm 1 of Zhang, Jin, Fang, Wang 2020, with m₀ = 0.
        public static let clipping = Algorithm(
            rawValue: "clipping", memory: .mean, step: "x ← k x − ν clip(m) m − (1 − ν) clip(g) g", hasNu: true,
            isUsuallyClipped: true)
        public static let sgd = Algorithm(
            rawValue: "sgd", memory: .none, step: "x ← k x − clip(g) g", isUsuallyClipped: true)
        public static let heavyBall = Algorithm(
            rawValue: "heavy-ball", memory: .sum, step: "x ← x − η m", isUsuallyClipped: true, usualBeta: 0.9)
        /// Equation 6 of Zhang, He, Sra, Jadbabaie 2020 for β = 0, normalised momentum for b = 0.
        public static let normalized = Algorithm(
            rawValue: "normalized", memory: .mean, step: "x ← k x − η/(‖m‖ + b) m", isNormalized: true)
        /// Adam (Kingma, Ba 2015) on the clipped gradient.
        public static let adam = Algorithm(
            rawValue: "adam", memory: .moments, step: "x ← x − η m̂/(√v̂ + ε)", usualBeta: 0.9,
            usualLearningRate: 0.001)
        /// The same with decoupled weight decay (Loshchilov, Hutter 2019).
        public static let adamw = Algorithm(
            rawValue: "adamw", memory: .moments, step: "x ← (1 − ηλ) x − η m̂/(√v̂ + ε)", isDecoupled: true,
            usualBeta: 0.9, usualLearningRate: 0.001, usualWeightDecay: 0.01)

        public static let allCases = [clipping, sgd, heavyBall, normalized, adam, adamw]

        /// Whether it has a second moment.
        public var isAdam: Bool { memory == .moments }
    }
}

extension TrainingConfiguration.Algorithm: Hashable {
    public static func == (left: Self, right: Self) -> Bool { left.rawValue == right.rawValue }
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

extension TrainingConfiguration.Algorithm: OptionValue {
    public init?(rawValue: String) {
        guard let known = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = known
    }
}
