import ArgumentParser
import Essentials
import Estimation
import Evaluation
import Training

/// `train --estimate` and what is measured by it: the options of `estimate` with a prefix. Every value is text here and read by
/// `EstimateDefinitionOptions`, so that both commands understand, refuse and mean the same.
struct TrainEstimateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Measure the local smoothness while training, as estimate does afterwards, into OUTPUT.estimates.h5; the iterates need not be saved.",
            valueName: "every=N[,first=M]"),
        transform: { try SaveSchedule(parsing: $0, option: "--estimate", allowsNone: false) })
    var estimate: SaveSchedule?
    @Option(parsing: .unconditional, help: ArgumentHelp("Spacing δ of the γ grid. (default: 0.1)", valueName: "δ"))
    var estimateDelta: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("The γ themselves.", valueName: "γ,…"))
    var estimateGammas: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Share of the components in the subset. (default: 0.1; all of fewer than ten)", valueName: "share"))
    var estimateSubset: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Seed of that sample. (default: 0)", valueName: "seed"))
    var estimateSubsetSeed: String?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("The components of the subset, as 0,3,8-11.", valueName: "list"))
    var estimateComponents: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Groups of components. (default: 16)", valueName: "B"))
    var estimateGroups: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Let the subset of every row grow until the relative standard error is below this.", valueName: "share"))
    var estimateTargetError: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("grid or coarse-to-fine. (default: grid)", valueName: "kind"))
    var estimateSearch: String?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("Of a coarse-to-fine search. (default: 0.01)", valueName: "share"))
    var estimateTolerance: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("step, gradient, random, adversarial or hessian. (default: step)", valueName: "direction"))
    var estimateDirection: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("Of Lanczos' method. (default: 0.001)", valueName: "share"))
    var estimateHessianTolerance: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The most Hessian–vector products a row. (default: 100)", valueName: "count"))
    var estimateHessianIterations: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("exact or differences. (default: exact)", valueName: "kind"))
    var estimateHessianProducts: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Norm of steps, with its dual for gradients. (default: euclidean)", valueName: "norm"))
    var estimateNorm: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "zhang-paper, zhang-code, gluon, directional or h0h1. (default: zhang-paper)", valueName: "mode"))
    var estimateMode: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("none or fresh-subset. (default: none)", valueName: "control"))
    var estimateControl: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Seed of random directions and controls. (default: 0)", valueName: "seed"))
    var estimateSeed: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("At how many rows float32 is held against float64.", valueName: "count"))
    var estimateRoundingProbes: String?
    @Option(
        parsing: .unconditional, help: ArgumentHelp("float32 or float64. (default: the run's)", valueName: "precision"))
    var estimatePrecision: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("At most this many examples at a time.", valueName: "count"))
    var estimateMicroBatch: String?
    @Option(parsing: .unconditional, help: ArgumentHelp("fixed, off or fresh. (default: fixed)", valueName: "masks"))
    var estimateMasks: String?

    /// The options of `estimate` that were given, without the prefix.
    private var given: [(name: String, value: String)] {
        let all: [(String, String?)] = [
            ("delta", estimateDelta),
            ("gammas", estimateGammas),
            ("subset", estimateSubset),
            ("subset-seed", estimateSubsetSeed),
            ("components", estimateComponents),
            ("groups", estimateGroups),
            ("target-error", estimateTargetError),
            ("search", estimateSearch),
            ("tolerance", estimateTolerance),
            ("direction", estimateDirection),
            ("hessian-tolerance", estimateHessianTolerance),
            ("hessian-iterations", estimateHessianIterations),
            ("hessian-products", estimateHessianProducts),
            ("norm", estimateNorm),
            ("mode", estimateMode),
            ("control", estimateControl),
            ("seed", estimateSeed),
            ("rounding-probes", estimateRoundingProbes),
            ("precision", estimatePrecision),
            ("micro-batch", estimateMicroBatch),
            ("masks", estimateMasks),
        ]
        return all.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The names of the options that were given and that `--resume` takes from the file instead.
    var givenNames: [String] { (estimate == nil ? [] : ["--estimate"]) + given.map { "--estimate-\($0.name)" } }

    func validate() throws {
        if estimate == nil, let first = given.first {
            throw ValidationError("--estimate-\(first.name) belongs to --estimate every=N")
        }
        do {
            _ = try definition(device: "cpu")
        } catch let error as SmoothnessError {
            throw ValidationError("\(error)")
        }
    }

    /// What is measured in the loop; `nil` for nothing.
    func observation(device: String) throws -> TrainingConfiguration.Observation? {
        guard let estimate else { return nil }
        let configuration = try definition(device: device)
        return TrainingConfiguration.Observation(schedule: estimate, definition: try configuration.json())
    }

    private func definition(device: String) throws -> EstimationConfiguration {
        let words = given.flatMap { ["--\($0.name)", $0.value] } + ["--device", device]
        let configuration: EstimationConfiguration
        do {
            configuration = try EstimateDefinitionOptions.parse(words).configuration
        } catch let error as SmoothnessError {
            throw error
        } catch {
            // What it says names the options of estimate.
            let message = EstimateDefinitionOptions.message(for: error)
            throw ValidationError(message.replacing("--", with: "--estimate-"))
        }
        try configuration.requireStepsInHand()
        return configuration
    }
}

extension TrainingConfiguration.Observation {
    /// What `TrainEstimateOptions` reads back as the same.
    var arguments: [String] {
        get throws {
            var words = try EstimationConfiguration(json: definition).arguments
            // It is the run's.
            if let place = words.firstIndex(of: "--device") { words.removeSubrange(place...(place + 1)) }
            return ["--estimate", "\(schedule)"]
                + words.map { $0.hasPrefix("--") ? "--estimate-" + $0.dropFirst(2) : $0 }
        }
    }
}
