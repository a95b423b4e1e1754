import ArgumentParser
import Batching
import Essentials
import Estimation
import Evaluation
import Foundation

/// The options that decide the numbers; `EstimationConfiguration.arguments` writes them.
struct EstimateDefinitionOptions: ParsableArguments {
    @Option(
        parsing: .unconditional, help: "Spacing δ of the γ grid {δ, 2δ, …, 1}. (default: 0.1)")
    var delta: Double?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The γ themselves, each in (0, 1], separated by commas.", valueName: "γ,…"))
    var gammas: NumberList?
    @Option(
        parsing: .unconditional,
        help: "Share of the components in the subset, drawn without replacement. (default: 0.1; all of fewer than ten)")
    var subset: Double?
    @Option(
        parsing: .unconditional, help: "Seed of that sample. (default: 0)")
    var subsetSeed: UInt64?
    @Option(help: ArgumentHelp("The components of the subset, as 0,3,8-11.", valueName: "list"))
    var components: String?
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Groups of components from whose spread the standard errors come; 1: no errors, and less memory.",
            valueName: "B"))
    var groups = ComponentGroups.standardCount
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Let the subset of every row grow, up to --subset (default: 1), until the relative standard error of the smoothness is below this, as 5% or 0.05.",
            valueName: "share"))
    var targetError: Percentage?
    @Option(help: "grid: every γ; coarse-to-fine: those needed to find the largest value to --tolerance.")
    var search = SearchKind.grid
    @Option(
        parsing: .unconditional,
        help: "Share of the smoothness that a coarse-to-fine search may leave unfound. (default: 0.01)")
    var tolerance: Double?
    @Option(
        help:
            "Along which d: step, gradient, random, momentum, adversarial, all as long as the step; or hessian: the norm of the Hessian itself."
    )
    var direction = StepDirection.step
    @Option(
        parsing: .unconditional,
        help: "Residual, relative to the norm, at which Lanczos' method stops. (default: 0.001)")
    var hessianTolerance: Double?
    @Option(
        parsing: .unconditional, help: "The most Hessian–vector products a row. (default: 100)")
    var hessianIterations: Int?
    @Option(help: "exact: by differentiating twice; differences: by differences of gradients. (default: exact)")
    var hessianProducts: HessianOptions.Products?
    @Option(
        help:
            "Norm of steps, with its dual for gradients: euclidean, root-mean-square, spectral, maximum or row-wise."
    )
    var norm = StepNorm.euclidean
    @Option(
        help:
            "zhang-paper, or what others compute: zhang-code, gluon, directional, h0h1. What is wrong with them is printed."
    )
    var mode = EstimationMode.zhangPaper
    @Option(
        help:
            "permute: probe the step of another row; fresh-subset: other data at every probe. What they give is an artefact."
    )
    var control = EstimationControl.none
    @Option(
        parsing: .unconditional, help: "Seed of random directions and controls.")
    var seed: UInt64 = 0
    @Option(
        parsing: .unconditional,
        help: "At how many rows float32 is held against float64. (default: one in 25, at most 8; 0: not at all)")
    var roundingProbes: Int?
    @Option(help: "float32 or float64. (default: the run's)")
    var precision: Precision?
    @Option(
        parsing: .unconditional,
        help: "Evaluate a component in pieces of at most this many examples, to need less memory.")
    var microBatch: Int?
    @Option(
        help:
            "Dropout: fixed (the same masks at every point), off, or fresh (a new draw at every evaluation, which shows what that does: L̂ ~ 1/γ)."
    )
    var masks = EvaluationOptions.Masks.fixed
    @Option(help: "cpu or cuda.")
    var device = "cpu"

    func validate() throws {
        if delta != nil && gammas != nil { throw ValidationError("give --delta or --gammas, not both") }
        if let own = mode.ownGammas, delta != nil || gammas != nil {
            throw ValidationError(
                "--mode \(mode.rawValue) probes γ = \(own[0]) alone: leave out \(delta != nil ? "--delta" : "--gammas")"
            )
        }
        if tolerance != nil && search == .grid {
            throw ValidationError("--tolerance belongs to --search coarse-to-fine")
        }
        if direction != .hessian && (hessianTolerance != nil || hessianIterations != nil || hessianProducts != nil) {
            throw ValidationError("--hessian-… belongs to --direction hessian")
        }
        if let hessianIterations, hessianIterations < 1 {
            throw ValidationError("--hessian-iterations must be at least 1, not \(hessianIterations)")
        }
        if let hessianTolerance, !(hessianTolerance > 0) {
            throw ValidationError("--hessian-tolerance must be above 0, not \(hessianTolerance)")
        }
        if components != nil && (subset != nil || subsetSeed != nil) {
            throw ValidationError("--components names the subset; leave out --subset and --subset-seed")
        }
        if let microBatch, microBatch < 1 {
            throw ValidationError("--micro-batch must be at least 1, not \(microBatch)")
        }
    }

    /// Recorded gradients are what they are.
    func refuseForRecorded(isComparison: Bool) throws {
        let excluded = [
            ("--delta", delta != nil), ("--gammas", gammas != nil), ("--subset", subset != nil),
            ("--subset-seed", subsetSeed != nil), ("--components", components != nil),
            ("--groups", groups != ComponentGroups.standardCount), ("--target-error", targetError != nil),
            ("--search", search != .grid), ("--direction", direction != .step), ("--norm", norm != .euclidean),
            ("--control", control != .none), ("--rounding-probes", roundingProbes != nil),
            ("--precision", precision != nil), ("--micro-batch", microBatch != nil), ("--masks", masks != .fixed),
            ("--device", device != "cpu"), ("--compare-subsets, --data, --objective", isComparison),
        ].filter(\.1).map(\.0)
        guard excluded.isEmpty else {
            throw ValidationError(
                "the gradients of this run were recorded and can be taken in no other way: leave out "
                    + excluded.joined(separator: ", "))
        }
    }

    /// Beside the norm of the Hessian the end of the step is enough.
    private var standardGrid: GammaGrid { direction == .hessian ? .explicit(gammas: [1]) : .spacing(delta: 0.1) }

    private var hessian: HessianOptions? {
        guard direction == .hessian else { return nil }
        return HessianOptions(
            tolerance: hessianTolerance ?? 1e-3, maximumIterations: hessianIterations ?? 100,
            products: hessianProducts ?? .exact)
    }

    var configuration: EstimationConfiguration {
        get throws {
            EstimationConfiguration(
                grid: gammas.map { .explicit(gammas: $0.values) } ?? delta.map { .spacing(delta: $0) } ?? standardGrid,
                subset: try components.map { try ComponentSelection(parsing: $0) }
                    ?? subset.map { .sample(fraction: $0, seed: subsetSeed ?? 0) }
                    // A subset that grows may take all there is.
                    ?? (targetError == nil
                        ? .standard(seed: subsetSeed ?? 0) : .sample(fraction: 1, seed: subsetSeed ?? 0)),
                precision: precision,
                evaluation: EvaluationOptions(masks: masks, microBatch: microBatch, device: device),
                mode: mode, direction: direction, norm: norm,
                search: search == .grid ? .grid : .coarseToFine(tolerance: tolerance ?? 0.01), groups: groups,
                targetError: targetError?.value, control: control, seed: seed, roundingProbes: roundingProbes,
                hessian: hessian)
        }
    }
}

/// How the largest value over γ is found.
enum SearchKind: String, ExpressibleByArgument, CaseIterable {
    case grid
    case coarseToFine = "coarse-to-fine"
}

/// A share, written as 5% or 0.05.
struct Percentage: ExpressibleByArgument {
    let value: Double

    init?(argument: String) {
        let isPercent = argument.hasSuffix("%")
        guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number.isFinite else {
            return nil
        }
        value = isPercent ? number / 100 : number
    }
}

extension EvaluationOptions.Masks: ExpressibleByArgument {}
extension EstimationMode: ExpressibleByArgument {}
extension StepDirection: ExpressibleByArgument {}
extension EstimationControl: ExpressibleByArgument {}
extension StepNorm: ExpressibleByArgument {}
extension HessianOptions.Products: ExpressibleByArgument {}

/// How the processor's cores are shared: as many groups of components at the same time as there are threads, each on one thread, so that the
/// numbers do not depend on how many there are: LibTorch's products and convolutions may add up in another order with another number. Where
/// one gradient is taken after the other (another device), its operations have all threads.
struct Parallelism {
    let threads: Int
    let workerCount: Int
    let threadsPerWorker: Int

    /// - Parameter processCount: how many gradient processes there are: as many gradients are evaluated at the same time.
    init(threads: Int?, _ definition: EstimationConfiguration, processCount: Int? = nil) {
        let available = threads ?? Self.allotted
        if let processCount {
            (self.threads, workerCount, threadsPerWorker) = (processCount, processCount, available)
            return
        }
        self.threads = available
        let isSerial = definition.evaluation.device != "cpu"
        // Recorded rows are summed side by side, evaluated ones group by group, a single group part by part.
        let shares = definition.source == .recorded || definition.groups == 1 ? available : definition.groups
        workerCount = isSerial ? 1 : max(1, min(available, shares))
        threadsPerWorker = workerCount > 1 ? 1 : available
    }

    /// What a scheduler allots to the task, or the processor's cores.
    static var allotted: Int { Allotment().processors }
}
