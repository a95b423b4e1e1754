import Essentials
import Foundation
import Objectives

/// Everything that repeats a run on a given objective: the JSON of `/optimizer` in a run file.
///
/// Every value is resolved, defaults included. JSON holds no infinity: *no clipping* is the absence of both `gamma` and
/// `clip_norm`; with clipping both are there, and clip norm = γ/η (Zhang, Jin, Fang, Wang 2020, section 3). η → ∞
/// (normalised momentum) is any η ≥ γ/‖m‖ that a Double holds, such as 1e300.
public struct TrainingConfiguration: Sendable, Hashable {
    public enum Algorithm: String, Sendable, Hashable, Codable, CaseIterable {
        /// Algorithm 1 of Zhang, Jin, Fang, Wang 2020, with m₀ = 0:
        /// m_{t+1} = β m_t + (1 − β) g_t,
        /// x_{t+1} = x_t − ν min(η, γ/‖m_{t+1}‖) m_{t+1} − (1 − ν) min(η, γ/‖g_t‖) g_t.
        case clipping
        /// x_{t+1} = x_t − min(η, γ/‖g_t‖) g_t
        case sgd
        /// m_{t+1} = β m_t + min(1, c/‖g_t‖) g_t, x_{t+1} = x_t − η m_{t+1}, with c = γ/η and m₀ = 0
        case heavyBall = "heavy-ball"
    }

    /// How the length of a step is limited; γ and the clip norm c are two names of one number, c = γ/η.
    public enum Clipping: Sendable, Hashable {
        case none
        case gamma(Double)
        case norm(Double)
    }

    public var algorithm: Algorithm
    /// η > 0
    public let learningRate: Double
    /// γ > 0; `nil` without clipping.
    public let gamma: Double?
    /// c = γ/η > 0; `nil` without clipping.
    public let clipNorm: Double?
    /// 0 ≤ β < 1; 0 for `sgd`.
    public var beta: Double
    /// 0 ≤ ν ≤ 1; 0 for `sgd` and `heavy-ball`, which have no such number.
    public var nu: Double
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

    public init(
        algorithm: Algorithm = .clipping, learningRate: Double, clipping: Clipping = .none, beta: Double = 0,
        nu: Double = 0, order: ComponentOrder.Kind = .reshuffle, iterations: Int, save: SaveSchedule,
        storesGradients: Bool = false, seed: UInt64 = 0, precision: Precision = .float32, threads: Int = 1,
        device: String = "cpu", microBatch: Int? = nil
    ) {
        self.algorithm = algorithm
        self.learningRate = learningRate
        switch clipping {
        case .none: (gamma, clipNorm) = (nil, nil)
        case .gamma(let gamma): (self.gamma, clipNorm) = (gamma, gamma / learningRate)
        case .norm(let norm): (gamma, clipNorm) = (norm * learningRate, norm)
        }
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
    }

    /// The longest run that is planned.
    public static let mostIterations = 100_000_000

    /// Checks every value and what spans them.
    /// - Parameter kind: `.usage` for a command line, `.data` for a file.
    /// - Throws: `SmoothnessError` naming the first value that is wrong.
    public func validate(as kind: SmoothnessError.Kind = .usage, file: String? = nil) throws {
        func require(_ holds: Bool, _ name: String, _ expected: String, _ found: Any) throws {
            guard !holds else { return }
            throw SmoothnessError(
                kind, "is outside its range", file: file, object: name, expected: expected, found: "\(found)")
        }
        try require(learningRate > 0 && learningRate.isFinite, "learning rate", "a finite number > 0", learningRate)
        if let gamma, let clipNorm {
            try require(gamma > 0 && gamma.isFinite, "gamma", "a finite number > 0, absent without clipping", gamma)
            try require(
                clipNorm > 0 && clipNorm.isFinite, "clip norm", "a finite number > 0, absent without clipping", clipNorm
            )
            try require(
                abs(gamma - clipNorm * learningRate) <= 1e-9 * gamma, "clip norm",
                "gamma / learning rate, of gamma \(gamma)",
                clipNorm)
        }
        try require(beta >= 0 && beta < 1, "beta", "0 ≤ β < 1", beta)
        try require(nu >= 0 && nu <= 1, "nu", "0 ≤ ν ≤ 1", nu)
        if algorithm == .sgd { try require(beta == 0, "beta", "0, as sgd has no momentum", beta) }
        if algorithm != .clipping { try require(nu == 0, "nu", "0, as \(algorithm.rawValue) has no ν", nu) }
        try require(iterations >= 1, "iterations", "at least 1", iterations)
        try require(save.every >= 1, "save every", "at least 1", save.every)
        try require(save.first ?? 1 >= 1, "save first", "at least 1", save.first ?? 1)
        // The plan of a run is a list in memory, and so is its history when it is read.
        try require(iterations <= Self.mostIterations, "iterations", "at most \(Self.mostIterations)", iterations)
        try require(threads >= 1, "threads", "at least 1", threads)
        try require(microBatch ?? 1 >= 1, "micro-batch", "at least 1", microBatch ?? 1)
    }
}

extension TrainingConfiguration: Codable {
    private enum CodingKeys: String, CodingKey {
        case algorithm
        case learningRate = "learning_rate"
        case gamma
        case clipNorm = "clip_norm"
        case beta, nu, order, iterations, save
        case storesGradients = "stores_gradients"
        case seed, precision, threads, device
        case microBatch = "micro_batch"
    }

    /// The text of `/optimizer`: keys in alphabetical order, so that equal configurations are equal texts.
    public var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Reads and checks the text of `/optimizer`.
    /// - Throws: `SmoothnessError(.data)`.
    public init(json: String, file: String? = nil) throws {
        do {
            self = try JSONDecoder().decode(Self.self, from: Data(json.utf8))
        } catch {
            throw SmoothnessError(
                .data, "does not describe a training run", file: file, object: "/optimizer",
                expected: "the JSON that smoothness train writes", found: Self.explanation(of: error))
        }
        guard (gamma == nil) == (clipNorm == nil) else {
            throw SmoothnessError(
                .data, "has one of gamma and clip_norm", file: file, object: "/optimizer", expected: "both or neither")
        }
        try validate(as: .data, file: file)
    }

    private static func explanation(of error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "no “\(key.stringValue)”"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            (context.codingPath.map(\.stringValue) + [context.debugDescription]).joined(separator: ": ")
        default: "\(error)"
        }
    }
}
