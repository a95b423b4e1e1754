import Essentials

/// The numbers of the experiments.
public struct TheoryOptions: Sendable, Hashable {
    public var L0 = 1.0
    public var L1 = 1.0
    /// M, the gradient at the start of the fast function.
    public var largestGradient = 20.0
    /// ε
    public var epsilon = 0.1
    /// Δ = f(x₀) − f* of the slow function.
    public var gap = 1.0
    /// τ of [Z] and σ of [I]: the size of the noise.
    public var noise = 1.0
    /// Random experiments are repeated this many times.
    public var repetitions = 11
    /// Limits how many iterations a single run may take.
    public var iterationLimit = 2_000_000
    public var seed: UInt64 = 0

    public init() {}

    /// - Throws: `SmoothnessError(.usage)` naming the option.
    public func validate() throws {
        for (name, value) in [
            ("--l0", L0), ("--l1", L1), ("--largest-gradient", largestGradient), ("--epsilon", epsilon), ("--gap", gap),
            ("--noise", noise),
        ] where !(value.isFinite && value > 0) {
            throw SmoothnessError(.usage, "is not a positive number", object: name, found: "\(value)")
        }
        for (name, value) in [("--repetitions", repetitions), ("--iteration-limit", iterationLimit)] where value < 1 {
            throw SmoothnessError(.usage, "is not a positive number", object: name, found: "\(value)")
        }
        guard largestGradient >= 1 else {
            throw SmoothnessError(
                .usage, "is below 1", object: "--largest-gradient", expected: "M ≥ 1", found: "\(largestGradient)",
                remedy: "The fast function of theorem 4 starts on its wall")
        }
    }
}

/// The experiments, by name.
public enum Experiment: String, Sendable, CaseIterable {
    /// [Z] theorems 3, 4 and 6 on the two hard functions and others.
    case deterministic
    /// [Z] theorems 7 and 8.
    case stochastic
    /// [I] theorem 3.1.
    case framework
    /// [I] theorem 3.2.
    case noisyFramework = "noisy-framework"
    /// [Q] example 1.
    case example
    /// [Q] theorems 3.1 and 3.2.
    case incremental
    /// Definition 1 on the functions of figures 1a and 1b of [I].
    case figures

    public func lines(_ options: TheoryOptions) -> [TheoryLine] {
        switch self {
        case .deterministic: DeterministicTheorems(options).lines()
        case .stochastic: StochasticTheorems(options).lines()
        case .framework: FrameworkTheorems(options).deterministicLines()
        case .noisyFramework: FrameworkTheorems(options).noisyLines()
        case .example: QianTheorems(options).exampleLines()
        case .incremental: QianTheorems(options).theoremLines()
        case .figures: FigurePoints.lines(options)
        }
    }
}
