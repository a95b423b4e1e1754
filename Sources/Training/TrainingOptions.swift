import Essentials
import Evaluation

extension TrainingConfiguration {
    /// Every option of `train` that decides how a run is made on its objective, in the order in which help shows them and `arguments` writes them.
    public static let options: [CommandOption<TrainingConfiguration>] =
        ruleOptions + variantOptions + lengthOptions + placeOptions + scheduleOptions

    /// Those of the options that cannot be given together.
    public static let optionConflicts =
        [OptionConflict("gamma", "clip-norm", "give --gamma or --clip-norm, not both")]
        + [("decay-epochs", "plateau"), ("decay-epochs", "cosine"), ("plateau", "cosine")].map {
            OptionConflict($0.0, $0.1, "give one of --\($0.0), --\($0.1), not several")
        }

    /// The words of `smoothness train` that ask for this configuration, in a fixed order.
    public var arguments: [String] { Self.options.arguments(of: self) }

    private static let ruleOptions: [CommandOption<TrainingConfiguration>] = [
        CommandOption(
            "algorithm", nil,
            Algorithm.allCases.map { "\($0.rawValue): \($0.step)" }.joined(separator: "; ")
                + ", as docs/algorithms.md has it. (default: clipping, which with β = ν = 0 is SGD with gradient clipping)",
            isReadFirst: true,
            set: { (algorithm: Algorithm, definition) in
                definition.choose(algorithm)
            }, get: { $0.algorithm }),
        CommandOption(
            "learning-rate", nil,
            "η. (default: 0.001 for adam and adamw; else 10 for lstm, 30 for awd-lstm, 0.1 for transformer, resnet and mlp, 0.01 otherwise)",
            set: { (rate: Double, definition) in
                definition.setRate(rate, definition.clipNorm.map { .norm($0) } ?? .none)
            }, get: { $0.learningRate }),
        CommandOption(
            "gamma", nil, "γ, the longest step; the clip norm is γ/η. inf: no clipping.",
            store: { text, definition in
                let gamma = try limit("gamma", text)
                if definition.algorithm.isAdam {
                    throw OptionMistake("adam and adamw clip the gradient: give --clip-norm instead of --gamma")
                }
                definition.setRate(definition.learningRate, gamma == .infinity ? .none : .gamma(gamma))
            }, text: { $0.isMadeFromNorm ? nil : $0.gamma.map { "\($0)" } }),
        CommandOption(
            "clip-norm", nil,
            "γ/η, the longest gradient; inf: no clipping. (default: with clipping, sgd and heavy-ball 0.25 for lstm and awd-lstm, 1 for transformer; none otherwise)",
            store: { text, definition in
                let norm = try limit("clip-norm", text)
                definition.setRate(definition.learningRate, norm == .infinity ? .none : .norm(norm))
            }, text: { $0.isMadeFromNorm ? "\($0.clipNorm ?? .infinity)" : nil }),
        CommandOption(
            "beta", nil, "β, the memory of the momentum, Adam's β₁. (default: 0; 0.9 for heavy-ball, adam and adamw)",
            at: \.beta),
        CommandOption(
            "nu", nil, "ν of Algorithm 1: 0 clips the gradient, 1 the momentum, between them both. (default: 0)",
            at: \.nu),
    ]

    /// Reads γ or a clip norm.
    private static func limit(_ name: String, _ text: String) throws -> Double {
        guard let value = Double(text) else { throw UnreadableOption() }
        guard value > 0 else {
            throw OptionMistake("--\(name) must be a number above 0, or inf for no clipping, not \(value)")
        }
        return value
    }

    /// The one of γ and the clip norm that was given makes the other by one rounding: whether it was the clip norm.
    private var isMadeFromNorm: Bool {
        guard let gamma, let clipNorm else { return true }
        return algorithm.isAdam || clipNorm * learningRate == gamma
    }

    private static let variantOptions: [CommandOption<TrainingConfiguration>] = [
        CommandOption(
            "clip-form", nil, "hard, min(η, γ/‖v‖), or soft, η/(1 + η‖v‖/γ). (default: hard)", at: \.clippingForm,
            usual: .hard),
        CommandOption(
            "clip-scope", nil, "What is clipped or normalised as one: global or block. (default: global)",
            at: \.clippingScope, usual: .global),
        CommandOption(
            "offset", nil, "normalized: b of η/(‖m‖ + b). (default: 0)",
            set: { (offset: Double, definition) in
                definition.offset = offset
            }, get: { $0.algorithm.isNormalized ? $0.offset : nil }),
        adamOption("beta2", "adam, adamw: β₂, the memory of the second moment. (default: 0.999)", at: \.beta2),
        adamOption("epsilon", "adam, adamw: ε. (default: 1e-08)", at: \.epsilon),
        CommandOption(
            "weight-decay", nil, "λ of the penalty (λ/2)‖x‖², by its gradient λ x. (default: 0; 0.01 for adamw)",
            set: { (rate: Double, definition) in
                definition.weightDecay = WeightDecay(rate: rate, place: definition.weightDecay?.place ?? .before)
            }, get: { $0.weightDecay?.rate }),
        CommandOption(
            "decay-place", nil,
            "Whether λ x is added before clipping or after; adamw has it decoupled. (default: before)",
            set: { (place: WeightDecay.Place, definition) in
                guard let rate = definition.weightDecay?.rate else {
                    throw OptionMistake("--decay-place needs --weight-decay")
                }
                definition.weightDecay = WeightDecay(rate: rate, place: place)
            }, get: { $0.weightDecay?.place }),
    ]

    private static func adamOption(
        _ name: String, _ help: String, at place: any WritableKeyPath<AdamConstants, Double> & Sendable
    ) -> CommandOption<TrainingConfiguration> {
        CommandOption(
            name, nil, help,
            set: { (value: Double, definition) in
                guard var adam = definition.adam else {
                    throw OptionMistake("--beta2 and --epsilon belong to adam and adamw")
                }
                adam[keyPath: place] = value
                definition.adam = adam
            }, get: { $0.adam?[keyPath: place] })
    }

    private static let lengthOptions: [CommandOption<TrainingConfiguration>] = [
        CommandOption(
            "gradient", nil,
            "component (stochastic) or full (deterministic: all components in every iteration). (default: component)",
            isReadFirst: true,
            set: { (gradient: GradientKind, definition) in
                definition.gradient = gradient
                if gradient == .full { definition.order = .cyclic }
            }, get: { $0.gradient == .component ? nil : $0.gradient }),
        CommandOption(
            "order", nil, "Order of the components. (default: reshuffle)",
            set: { (order: ComponentOrder.Kind, definition) in
                guard definition.gradient == .component else {
                    throw OptionMistake("--order is of single components; --gradient full takes all of them")
                }
                definition.order = order
            }, get: { $0.gradient == .full ? nil : $0.order }),
        CommandOption(
            "iterations", nil, "Iterations, one component or one full gradient each. (default: 300)", at: \.iterations),
        CommandOption(
            "save", nil,
            "Which iterates to save with the one after: every=N[,first=M], or none. (default: every=5; none with --estimate)",
            store: { $1.save = try SaveSchedule(parsing: $0, option: "--save") }, text: { $0.save.description }),
        CommandOption("seed", nil, "Seed of the initial point and the order. (default: 0)", at: \.seed),
    ]

    private static let placeOptions: [CommandOption<TrainingConfiguration>] = [
        CommandOption("precision", nil, "Precision of the run. (default: float32)", at: \.precision),
        CommandOption(
            "threads", nil, "Threads of a gradient. (default: the machine's; with --resume, the run's)", at: \.threads,
            must: { (1...1024).contains($0) ? nil : "lie between 1 and 1024" }),
        CommandOption(
            "device", nil, "cpu or cuda. (default: cpu; with --resume, the run's and no other)", at: \.device),
        CommandOption(
            "store-gradients", .flag, "Save the gradient of every saved iterate's minibatch as well, before clipping.",
            at: \.storesGradients, usual: false),
        CommandOption(
            "micro-batch", nil,
            "At most this many streams or images at a time in one gradient, to need less memory. Not for resnet.",
            at: \.microBatch),
    ]

    private static let scheduleOptions: [CommandOption<TrainingConfiguration>] = [
        CommandOption(
            "warm-up", nil, "Raise η in even steps over the first so many iterations.",
            set: { (count: Int, definition) in
                definition.changeSchedule { $0.warmUp = count }
            }, get: { $0.schedule?.warmUp }),
        CommandOption(
            "decay-epochs", nil,
            "Divide η by --decay-factor from the beginning of these epochs on, as 100,150; counted from 0.",
            set: { (epochs: [Int], definition) in
                definition.changeSchedule { $0.steps = .init(epochs: epochs) }
            }, get: { $0.schedule?.steps?.epochs }),
        CommandOption(
            "plateau", nil,
            "Divide η by --decay-factor when so many evaluations in a row had no smaller validation loss.",
            set: { (patience: Int, definition) in
                definition.changeSchedule { $0.plateau = .init(patience: patience) }
            }, get: { $0.schedule?.plateau?.patience }),
        CommandOption(
            "decay-factor", nil, "The divisor of --decay-epochs and --plateau. (default: 10)",
            set: { (factor: Double, definition) in
                guard definition.schedule?.steps != nil || definition.schedule?.plateau != nil else {
                    throw OptionMistake("--decay-factor belongs to --decay-epochs and --plateau")
                }
                definition.changeSchedule {
                    $0.steps?.factor = factor
                    $0.plateau?.factor = factor
                }
            }, get: { ($0.schedule?.steps?.factor ?? $0.schedule?.plateau?.factor) }),
        CommandOption(
            "cosine", .flag, "Lower η over the run to --last-learning-rate along half a cosine.",
            store: { _, definition in definition.changeSchedule { $0.cosine = .init() } },
            text: { $0.schedule?.cosine == nil ? nil : "true" }),
        CommandOption(
            "last-learning-rate", nil, "What --cosine goes to. (default: 0)",
            set: { (last: Double, definition) in
                guard definition.schedule?.cosine != nil else {
                    throw OptionMistake("--last-learning-rate belongs to --cosine")
                }
                definition.changeSchedule { $0.cosine = .init(last: last) }
            }, get: { $0.schedule?.cosine?.last }),
        CommandOption(
            "average", nil,
            "Evaluate the average of the iterates from here on: from=E (after E epochs) or nonmonotone=N (AWD-LSTM's trigger: the validation loss is above its least of more than N evaluations ago).",
            store: { $1.averaging = try AveragingTrigger(parsing: $0) }, text: { $0.averaging?.description }),
    ]

    private mutating func changeSchedule(_ change: (inout LearningRateSchedule) -> Void) {
        var schedule = schedule ?? LearningRateSchedule()
        change(&schedule)
        self.schedule = schedule
    }

    /// Sets the algorithm and what is usual with it.
    private mutating func choose(_ algorithm: Algorithm) {
        self.algorithm = algorithm
        beta = algorithm.usualBeta
        if algorithm.isAdam { adam = AdamConstants() }
        if let rate = algorithm.usualWeightDecay {
            weightDecay = WeightDecay(rate: rate, place: algorithm.isDecoupled ? .decoupled : .before)
        }
        let clipping: Clipping = clipNorm.flatMap { algorithm.isUsuallyClipped ? .norm($0) : nil } ?? .none
        setRate(algorithm.usualLearningRate ?? learningRate, clipping)
    }
}

extension TrainingConfiguration.ClippingForm: OptionValue {}
extension TrainingConfiguration.ClippingScope: OptionValue {}
extension TrainingConfiguration.GradientKind: OptionValue {}
extension TrainingConfiguration.WeightDecay.Place: OptionValue {}
extension ComponentOrder.Kind: OptionValue {}
