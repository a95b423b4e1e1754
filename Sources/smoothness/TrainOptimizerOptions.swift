import ArgumentParser
import Essentials
import Evaluation
import Foundation
import Training

/// The rule, the order and the length of a run. Optional throughout, so that `--resume` can refuse what it would ignore.
struct TrainOptimizerOptions: ParsableArguments {
    @Option(
        help: """
            clipping (Algorithm 1 of Zhang, Jin, Fang, Wang 2020), sgd, heavy-ball, normalized, adam or adamw; see \
            docs/algorithms.md. (default: clipping, which with β = ν = 0 is SGD with gradient clipping)
            """)
    var algorithm: TrainingConfiguration.Algorithm?
    @Option(
        parsing: .unconditional,
        help: """
            η. (default: 0.001 for adam and adamw; else 10 for lstm, 30 for awd-lstm, 0.1 for transformer, resnet and mlp, 0.01 \
            otherwise)
            """)
    var learningRate: Double?
    @Option(parsing: .unconditional, help: "γ, the longest step; the clip norm is γ/η. inf: no clipping.")
    var gamma: Double?
    @Option(
        parsing: .unconditional,
        help: """
            γ/η, the longest gradient; inf: no clipping. (default: with clipping, sgd and heavy-ball 0.25 for lstm and awd-lstm, \
            1 for transformer; none otherwise)
            """)
    var clipNorm: Double?
    @Option(help: "hard, min(η, γ/‖v‖), or soft, η/(1 + η‖v‖/γ). (default: hard)")
    var clipForm: TrainingConfiguration.ClippingForm?
    @Option(help: "What is clipped or normalised as one: global or block. (default: global)")
    var clipScope: TrainingConfiguration.ClippingScope?
    @Option(
        parsing: .unconditional,
        help: "β, the memory of the momentum, Adam's β₁. (default: 0; 0.9 for heavy-ball, adam and adamw)")
    var beta: Double?
    @Option(
        parsing: .unconditional,
        help: "ν of Algorithm 1: 0 clips the gradient, 1 the momentum, between them both. (default: 0)")
    var nu: Double?
    @Option(parsing: .unconditional, help: "normalized: b of η/(‖m‖ + b). (default: 0)")
    var offset: Double?
    @Option(parsing: .unconditional, help: "adam, adamw: β₂, the memory of the second moment. (default: 0.999)")
    var beta2: Double?
    @Option(parsing: .unconditional, help: "adam, adamw: ε. (default: 1e-08)")
    var epsilon: Double?
    @Option(
        parsing: .unconditional, help: "λ of the penalty (λ/2)‖x‖², by its gradient λ x. (default: 0; 0.01 for adamw)")
    var weightDecay: Double?
    @Option(help: "Whether λ x is added before clipping or after; adamw has it decoupled. (default: before)")
    var decayPlace: TrainingConfiguration.WeightDecay.Place?
    @Option(
        help: "component (stochastic) or full (deterministic: all components in every iteration). (default: component)")
    var gradient: TrainingConfiguration.GradientKind?
    @Option(help: "Order of the components: cyclic, reshuffle or with-replacement. (default: reshuffle)")
    var order: ComponentOrder.Kind?
    @Option(parsing: .unconditional, help: "Iterations, one component or one full gradient each. (default: 300)")
    var iterations: Int?
    @Option(
        parsing: .unconditional,
        help: "Epochs, instead of iterations; one is as many iterations as there are components, or one full gradient.")
    var epochs: Int?
    @Option(
        help:
            "Which iterates to save with the one after: every=N[,first=M], or none. (default: every=5; none with --estimate)",
        transform: { try SaveSchedule(parsing: $0, option: "--save") })
    var save: SaveSchedule?
    @Flag(help: "Save the gradient of every saved iterate's minibatch as well, before clipping.")
    var storeGradients = false
    @Option(parsing: .unconditional, help: "Seed of the initial point and the order. (default: 0)")
    var seed: UInt64?
    @Option(help: "float32 or float64. (default: float32)")
    var precision: Precision?
    @Option(parsing: .unconditional, help: "Threads of a gradient. (default: the machine's; with --resume, the run's)")
    var threads: Int?
    @Option(help: "cpu or cuda. (default: cpu; with --resume, the run's and no other)")
    var device: String?
    @Option(
        parsing: .unconditional,
        help: "At most this many streams or images at a time in one gradient, to need less memory. Not for resnet.")
    var microBatch: Int?

    /// The names of the options that were given and that `--resume` takes from the file instead.
    var givenNames: [String] {
        let all: [(String, Bool)] = [
            ("--algorithm", algorithm != nil), ("--learning-rate", learningRate != nil), ("--gamma", gamma != nil),
            ("--clip-norm", clipNorm != nil), ("--clip-form", clipForm != nil), ("--clip-scope", clipScope != nil),
            ("--beta", beta != nil), ("--nu", nu != nil), ("--offset", offset != nil), ("--beta2", beta2 != nil),
            ("--epsilon", epsilon != nil), ("--weight-decay", weightDecay != nil), ("--decay-place", decayPlace != nil),
            ("--gradient", gradient != nil), ("--order", order != nil),
            ("--iterations", iterations != nil), ("--epochs", epochs != nil), ("--save", save != nil),
            ("--store-gradients", storeGradients), ("--seed", seed != nil), ("--precision", precision != nil),
            ("--micro-batch", microBatch != nil),
        ]
        return all.filter(\.1).map(\.0)
    }

    func validate() throws {
        if gamma != nil && clipNorm != nil { throw ValidationError("give --gamma or --clip-norm, not both") }
        if iterations != nil && epochs != nil { throw ValidationError("give --iterations or --epochs, not both") }
        if gradient == .full && order != nil {
            throw ValidationError("--order is of single components; --gradient full takes all of them")
        }
        for case (let name, let value?) in [("--gamma", gamma), ("--clip-norm", clipNorm)] where !(value > 0) {
            throw ValidationError("\(name) must be a number above 0, or inf for no clipping, not \(value)")
        }
        if decayPlace != nil && weightDecay == nil && algorithm != .adamw {
            throw ValidationError("--decay-place needs --weight-decay")
        }
        let isAdam = algorithm?.isAdam ?? false
        if isAdam && gamma != nil {
            throw ValidationError("adam and adamw clip the gradient: give --clip-norm instead of --gamma")
        }
        if !isAdam && (beta2 != nil || epsilon != nil) {
            throw ValidationError("--beta2 and --epsilon belong to adam and adamw")
        }
        if let epochs, epochs < 1 { throw ValidationError("--epochs must be at least 1, found \(epochs)") }
        try checkThreadCount(threads)
    }

    /// What evaluates the objective, defaults included.
    var evaluation: EvaluationOptions { EvaluationOptions(microBatch: microBatch, device: device ?? "cpu") }

    /// The configuration of a new run, every default resolved and every value checked.
    /// - Parameters:
    ///   - componentCount: m.
    ///   - schedule: what changes along the run.
    func configuration(
        for objective: ObjectiveName, componentCount: Int, schedule: TrainScheduleOptions
    ) throws -> TrainingConfiguration {
        let algorithm = algorithm ?? .clipping
        let epochLength = gradient == .full ? 1 : componentCount
        let (length, isOverflow) = (epochs ?? 1).multipliedReportingOverflow(by: epochLength)
        if isOverflow { throw ValidationError("--epochs \(epochs ?? 1) of \(epochLength) iterations is too many") }
        let usualRate = algorithm.isAdam ? 0.001 : objective.standardLearningRate
        var configuration = TrainingConfiguration(
            algorithm: algorithm, learningRate: learningRate ?? usualRate, clipping: clipping(for: objective),
            beta: beta ?? (algorithm == .heavyBall || algorithm.isAdam ? 0.9 : 0), nu: nu ?? 0,
            order: order ?? (gradient == .full ? .cyclic : .reshuffle),
            iterations: epochs == nil ? iterations ?? 300 : length,
            save: save ?? SaveSchedule(every: 5), storesGradients: storeGradients, seed: seed ?? 0,
            precision: precision ?? .float32, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount,
            device: device ?? "cpu", microBatch: microBatch)
        configuration.offset = offset ?? 0
        configuration.clippingForm = clipForm ?? .hard
        configuration.clippingScope = clipScope ?? .global
        configuration.gradient = gradient ?? .component
        if algorithm.isAdam {
            configuration.adam = TrainingConfiguration.AdamConstants(beta2: beta2 ?? 0.999, epsilon: epsilon ?? 1e-8)
        }
        if let rate = weightDecay ?? (algorithm == .adamw ? 0.01 : nil) {
            configuration.weightDecay = TrainingConfiguration.WeightDecay(
                rate: rate, place: decayPlace ?? (algorithm == .adamw ? .decoupled : .before))
        }
        configuration.schedule = schedule.schedule
        configuration.averaging = schedule.average
        try configuration.validate()
        return configuration
    }

    private func clipping(for objective: ObjectiveName) -> TrainingConfiguration.Clipping {
        if let gamma { return gamma == .infinity ? .none : .gamma(gamma) }
        if let clipNorm { return clipNorm == .infinity ? .none : .norm(clipNorm) }
        let isUsual = [.clipping, .sgd, .heavyBall].contains(algorithm ?? .clipping)
        return isUsual ? objective.standardClipNorm.map { .norm($0) } ?? .none : .none
    }
}

extension ObjectiveName {
    fileprivate var standardLearningRate: Double {
        switch self {
        case .lstm: 10
        case .awdLSTM: 30
        case .transformer, .resnet, .mlp: 0.1
        default: 0.01
        }
    }

    fileprivate var standardClipNorm: Double? {
        switch self {
        case .lstm, .awdLSTM: 0.25
        case .transformer: 1
        default: nil
        }
    }
}

extension TrainingConfiguration.Algorithm: ExpressibleByArgument {}
extension TrainingConfiguration.ClippingForm: ExpressibleByArgument {}
extension TrainingConfiguration.ClippingScope: ExpressibleByArgument {}
extension TrainingConfiguration.GradientKind: ExpressibleByArgument {}
extension TrainingConfiguration.WeightDecay.Place: ExpressibleByArgument {}
extension ComponentOrder.Kind: ExpressibleByArgument {}
extension Precision: ExpressibleByArgument {}
