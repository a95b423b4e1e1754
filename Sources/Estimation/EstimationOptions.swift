import Essentials
import Evaluation

extension EstimationConfiguration {
    /// Every option that decides a number of an estimate, in the order in which help shows them and `arguments` writes them.
    ///
    /// `estimate`, `batch` and `train --estimate` read these, and what repeats or describes an estimates file writes them.
    public static let options: [CommandOption<EstimationConfiguration>] =
        gridOptions + componentOptions(at: \.subset) + choiceOptions + hessianOptions + searchOptions + errorOptions
        + [precisionOption(at: \.precision)] + evaluationOptions(at: \.evaluation)

    /// Those of the options that cannot be given together.
    public static let optionConflicts =
        [OptionConflict("delta", "gammas", "give --delta or --gammas, not both")] + componentConflicts

    /// What is measured where no option is given.
    public static let standard = EstimationConfiguration(subset: .standard(seed: 0))

    /// The words of `smoothness estimate` that ask for this configuration, in a fixed order.
    public var arguments: [String] {
        if source == .recorded { return ["--recorded"] + (mode == .zhangPaper ? [] : ["--mode", mode.rawValue]) }
        // The command of a gradient process is in no file.
        let process = oracle.map { ["--oracle", "the command that serves \($0.name)"] } ?? []
        return Self.options.arguments(of: self) + process + (objective?.value.estimateArguments ?? [])
    }

    private static let gridOptions: [CommandOption<EstimationConfiguration>] = [
        CommandOption(
            "delta", nil, "Spacing δ of the γ grid {δ, 2δ, …, 1}. (default: 0.1)",
            set: { (delta: Double, definition) in
                try definition.requireFreeGrid("--delta")
                definition.grid = .spacing(delta: delta)
            },
            get: {
                guard $0.mode.ownGammas == nil, case .spacing(let delta) = $0.grid else { return nil }
                return delta
            }),
        CommandOption(
            "gammas", .value("γ,…"), "The γ themselves, each in (0, 1], separated by commas.",
            set: { (gammas: [Double], definition) in
                try definition.requireFreeGrid("--gammas")
                definition.grid = .explicit(gammas: gammas)
            },
            get: {
                guard $0.mode.ownGammas == nil, case .explicit(let gammas) = $0.grid else { return nil }
                return gammas
            }),
    ]

    /// Some modes have γ of their own.
    private func requireFreeGrid(_ option: String) throws {
        guard let own = mode.ownGammas else { return }
        throw OptionMistake("--mode \(mode.rawValue) probes γ = \(own[0]) alone: leave out \(option)")
    }

    private static let choiceOptions: [CommandOption<EstimationConfiguration>] = [
        CommandOption(
            "mode", nil, "zhang-paper, or what others compute. What is wrong with them is printed.", isReadFirst: true,
            at: \.mode, usual: .zhangPaper),
        CommandOption(
            "direction", nil,
            "Along which d, always as long as the step; or hessian: the norm of the Hessian itself.",
            isReadFirst: true,
            set: { (direction: StepDirection, definition) in
                definition.direction = direction
                guard direction == .hessian else { return }
                // Beside the norm of the Hessian the end of the step is enough.
                definition.grid = .explicit(gammas: [1])
                definition.hessian = HessianOptions()
            },
            get: { $0.direction == .step ? nil : $0.direction }),
        CommandOption("norm", nil, "Norm of steps, with its dual for gradients.", at: \.norm, usual: .euclidean),
    ]

    private static let hessianOptions: [CommandOption<EstimationConfiguration>] = [
        hessianOption(
            "tolerance", "Residual, relative to the norm, at which Lanczos' method stops. (default: 0.001)",
            at: \.tolerance,
            must: { $0 > 0 ? nil : "be above 0" }),
        hessianOption(
            "iterations", "The most Hessian–vector products a row. (default: 100)", at: \.maximumIterations,
            must: { $0 >= 1 ? nil : "be at least 1" }),
        hessianOption(
            "products",
            "exact: by differentiating twice; differences: by differences of gradients. (default: exact)",
            at: \.products,
            must: { _ in nil }),
    ]

    private static func hessianOption<Value: OptionValue & Sendable>(
        _ name: String, _ help: String, at place: any WritableKeyPath<HessianOptions, Value> & Sendable,
        must check: @escaping @Sendable (Value) -> String?
    ) -> CommandOption<EstimationConfiguration> {
        CommandOption(
            "hessian-" + name, nil, help,
            set: { (value: Value, definition) in
                guard var hessian = definition.hessian else {
                    throw OptionMistake("--hessian-… belongs to --direction hessian")
                }
                if let demand = check(value) {
                    throw OptionMistake("--hessian-\(name) must \(demand), not \(value.optionText)")
                }
                hessian[keyPath: place] = value
                definition.hessian = hessian
            },
            get: { $0.hessian?[keyPath: place] })
    }

    private static let searchOptions: [CommandOption<EstimationConfiguration>] = [
        CommandOption(
            "search", nil,
            "grid: every γ; coarse-to-fine: those needed to find the largest value to --tolerance. (default: grid)",
            choices: ["grid", "coarse-to-fine"], isReadFirst: true,
            store: { text, definition in
                switch text {
                case "grid": definition.search = .grid
                case "coarse-to-fine": definition.search = .coarseToFine(tolerance: 0.01)
                default: throw UnreadableOption()
                }
            },
            text: { $0.search == .grid ? nil : "coarse-to-fine" }),
        CommandOption(
            "tolerance", nil, "Share of the smoothness that a coarse-to-fine search may leave unfound. (default: 0.01)",
            set: { (tolerance: Double, definition) in
                guard definition.search != .grid else {
                    throw OptionMistake("--tolerance belongs to --search coarse-to-fine")
                }
                definition.search = .coarseToFine(tolerance: tolerance)
            },
            get: { if case .coarseToFine(let tolerance) = $0.search { tolerance } else { nil } }),
    ]

    private static let errorOptions: [CommandOption<EstimationConfiguration>] = [
        CommandOption(
            "groups", .value("B"),
            "Groups of components from whose spread the standard errors come; 1: no errors, and less memory. (default: \(ComponentGroups.standardCount))",
            at: \.groups, usual: ComponentGroups.standardCount),
        CommandOption(
            "target-error", .value("share"),
            "Let the subset of every row grow, up to --subset (default: 1), until the relative standard error of the smoothness is below this, as 5% or 0.05.",
            isReadFirst: true,
            store: { text, definition in
                let isPercent = text.hasSuffix("%")
                guard let number = Double(isPercent ? String(text.dropLast()) : text), number.isFinite else {
                    throw UnreadableOption()
                }
                definition.targetError = isPercent ? number / 100 : number
                // A subset that grows may take all there is.
                definition.subset = .sample(fraction: 1, seed: definition.subset.seed)
            },
            text: { $0.targetError.map { "\($0)" } }),
        CommandOption(
            "control", nil,
            "permute: probe the step of another row; fresh-subset: other data at every probe. What they give is an artefact.",
            at: \.control, usual: EstimationControl.none),
        CommandOption("seed", nil, "Seed of random directions and controls. (default: 0)", at: \.seed, usual: 0),
        CommandOption(
            "rounding-probes", nil,
            "At how many rows float32 is held against float64. (default: one in 25, at most 8; 0: not at all)",
            at: \.roundingProbes),
    ]
}

// MARK: - Options that several commands have

/// Returns the options that choose the components of a definition.
func componentOptions<Definition>(
    at place: any WritableKeyPath<Definition, ComponentSelection> & Sendable,
    help: String =
        "Share of the components in the subset, drawn without replacement. (default: 0.1; all of fewer than ten)"
) -> [CommandOption<Definition>] {
    [
        CommandOption(
            "subset", nil, help,
            set: { (fraction: Double, definition) in
                definition[keyPath: place] = .sample(fraction: fraction, seed: definition[keyPath: place].seed)
            },
            get: { if case .sample(let fraction, _) = $0[keyPath: place] { fraction } else { nil } }),
        CommandOption(
            "subset-seed", nil, "Seed of that sample. (default: 0)",
            set: { (seed: UInt64, definition) in
                definition[keyPath: place].seed = seed
            },
            get: { if case .list = $0[keyPath: place] { nil } else { $0[keyPath: place].seed } }),
        CommandOption(
            "components", .value("list"), "The components themselves, as 0,3,8-11.",
            store: { $1[keyPath: place] = try ComponentSelection(parsing: $0) },
            text: { if case .list(let indices) = $0[keyPath: place] { indices.optionText } else { nil } }),
    ]
}

let componentConflicts = ["subset", "subset-seed"].map {
    OptionConflict("components", $0, "--components names the subset; leave out --subset and --subset-seed")
}

func precisionOption<Definition>(
    at place: any WritableKeyPath<Definition, Precision?> & Sendable
) -> CommandOption<Definition> {
    CommandOption("precision", nil, "Precision of the gradients. (default: the run's)", at: place)
}

/// Returns the options that say how components are evaluated.
func evaluationOptions<Definition>(
    at place: any WritableKeyPath<Definition, EvaluationOptions> & Sendable
) -> [CommandOption<Definition>] {
    [
        CommandOption(
            "masks", nil,
            "Dropout: fixed (the same masks at every point), off, or fresh (a new draw at every evaluation, which shows what that does: L̂ ~ 1/γ). (default: fixed)",
            set: { (masks: EvaluationOptions.Masks, definition) in
                definition[keyPath: place].masks = masks
            }, get: { $0[keyPath: place].masks }),
        CommandOption(
            "micro-batch", nil, "Evaluate a component at most so many examples at a time, to need less memory.",
            set: { (count: Int, definition) in
                guard count >= 1 else { throw OptionMistake("--micro-batch must be at least 1, not \(count)") }
                definition[keyPath: place].microBatch = count
            }, get: { $0[keyPath: place].microBatch }),
        CommandOption(
            "device", nil, "cpu or cuda. (default: cpu)",
            store: { $1[keyPath: place].device = $0 },
            text: { $0[keyPath: place].device == "cpu" ? nil : $0[keyPath: place].device }),
    ]
}

extension ComponentSelection {
    /// The seed of the sample; 0 of a list, which has none.
    public var seed: UInt64 {
        get {
            switch self {
            case .standard(let seed), .sample(_, let seed): seed
            case .list: 0
            }
        }
        set {
            switch self {
            case .standard: self = .standard(seed: newValue)
            case .sample(let fraction, _): self = .sample(fraction: fraction, seed: newValue)
            case .list: break
            }
        }
    }
}

extension EstimationMode: OptionValue {}
extension StepDirection: OptionValue {}
extension StepNorm: OptionValue {}
extension EstimationControl: OptionValue {}
extension HessianOptions.Products: OptionValue {}
