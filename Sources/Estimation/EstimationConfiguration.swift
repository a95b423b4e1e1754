import Essentials
import Evaluation
import Foundation

/// What is measured, in full: with the run it decides every number of an estimates file.
public struct EstimationConfiguration: Sendable, Hashable, Codable {
    public var mode: EstimationMode
    public var direction: StepDirection
    /// Of steps; gradients are measured in the dual one.
    public var norm: StepNorm
    public var grid: GammaGrid
    public var search: GammaSearch
    public var subset: ComponentSelection
    /// B, the number of groups of components from whose spread the standard errors come. 1: none are asked for.
    public var groups: Int
    /// Grow the subset, row by row, until the relative standard error of L̂ is at most this, or `subset` is used up.
    public var targetError: Double?
    public var control: EstimationControl
    /// Of random directions and controls.
    public var seed: UInt64
    /// How the norm of the Hessian is found, where it is asked for.
    public var hessian: HessianOptions?
    /// At how many rows the rounding of Float is measured against Double; `nil`: one in 25, at most eight.
    public var roundingProbes: Int?
    /// The scalar in which gradients are evaluated; `nil` means the run's. Iterates are rounded to it once, on reading.
    public var precision: Precision?
    /// How components are evaluated: masks, pieces, device.
    public var evaluation: EvaluationOptions
    /// What gradient processes serve in the place of the run's own objective; `nil`: the run's own.
    public var oracle: GradientProcessIdentity?
    /// `nil`: they are evaluated.
    public var source: GradientSource?
    /// What is measured in place of the run's own objective, which must have the same parameters; `nil`: the run's own.
    public var objective: ObjectiveDescription?

    public init(
        grid: GammaGrid = .spacing(delta: 0.1), subset: ComponentSelection = .sample(fraction: 0.1, seed: 0),
        precision: Precision? = nil, evaluation: EvaluationOptions = EvaluationOptions(),
        mode: EstimationMode = .zhangPaper, direction: StepDirection = .step, norm: StepNorm = .euclidean,
        search: GammaSearch = .grid, groups: Int = ComponentGroups.standardCount, targetError: Double? = nil,
        control: EstimationControl = .none, seed: UInt64 = 0, roundingProbes: Int? = nil,
        hessian: HessianOptions? = nil
    ) {
        self.mode = mode
        self.direction = direction
        self.norm = norm
        self.grid = grid
        self.search = search
        self.subset = subset
        self.groups = groups
        self.targetError = targetError
        self.control = control
        self.seed = seed
        self.roundingProbes = roundingProbes
        self.hessian = hessian
        self.precision = precision
        self.evaluation = evaluation
    }

    /// What is chosen otherwise than usual about the number called smoothness, as `direction hessian, masks fresh`; empty where nothing is.
    public var peculiarities: String {
        [
            direction == .step ? nil : "direction \(direction.rawValue)",
            control == .none ? nil : "control \(control.rawValue)",
            evaluation.masks == .fixed ? nil : "masks \(evaluation.masks.rawValue)",
        ].compactMap { $0 }.joined(separator: ", ")
    }

    /// What is called the local smoothness; `nil` for eq. 20 of Zhang et al. 2020.
    public var smoothnessFormula: String? {
        if direction == .hessian { return "‖∇²f_S(x_k)‖₂, by Lanczos' method" }
        return switch mode {
        case .zhangPaper, .h0h1: nil
        case .zhangCode: "|S|·‖∇f_S′(x_k+d/2) − ∇f_S(x_k)‖/‖d/2‖"
        case .gluon: "‖∇f_{k+1}(x_{k+1}) − ∇f_k(x_k)‖/‖d‖"
        case .directional: "max_γ ⟨∇f_S(x_k+γd) − ∇f_S(x_k), γd⟩/‖γd‖²"
        }
    }

    /// What keeps this from being a measurement of the smoothness of a function, and what its controls are for.
    public var warnings: [String] {
        let masks =
            evaluation.masks == .fresh
            ? "--masks fresh draws masks and cuts anew at every evaluation: this is no measurement of a function" : nil
        return [masks, mode.flaw, control.explanation].compactMap { $0 }
    }

    /// - Throws: `SmoothnessError(.usage)` for what no estimate can be.
    public func validate() throws {
        func require(_ isTrue: Bool, _ message: String, found: String) throws {
            if !isTrue { throw SmoothnessError(.usage, message, found: found) }
        }
        try require(groups >= 1, "there must be at least one group of components", found: "\(groups)")
        if let targetError {
            try require(
                targetError > 0 && targetError < 1, "the target error must be between 0 and 1", found: "\(targetError)")
            try require(groups >= 2, "an error needs at least two groups", found: "\(groups)")
            try require(mode != .gluon, "this mode has no standard error to aim at", found: mode.rawValue)
            // A number that may be 0 has no relative error.
            try require(
                mode != .directional, "the curvature along the step has no relative error", found: mode.rawValue)
            try require(control == .none, "a control has a fixed subset", found: control.rawValue)
        }
        try require(
            mode != .directional || norm == .euclidean,
            "--mode directional is a product with the step, of no other norm",
            found: "--norm \(norm.rawValue)")
        try require(
            control == .none || direction == .step, "a control is probed along a step",
            found: "--control \(control.rawValue) --direction \(direction.rawValue)")
        try require(
            control == .none || mode != .gluon, "this mode has other data at every probe already",
            found: "--control \(control.rawValue) --mode \(mode.rawValue)")
        if direction == .hessian {
            try require(
                mode == .zhangPaper || mode == .h0h1, "the norm of the Hessian takes the place of what a mode measures",
                found: "--direction hessian --mode \(mode.rawValue)")
            try require(
                norm == .euclidean, "the norm of the Hessian is that of the Euclidean norm",
                found: "--direction hessian --norm \(norm.rawValue)")
            try require(
                targetError == nil, "the norm of the Hessian has no standard error to aim at",
                found: "--direction hessian --target-error \(targetError ?? .nan)")
        }
        if case .coarseToFine(let tolerance) = search {
            try require(
                tolerance > 0 && tolerance < 1, "the tolerance of the search must be between 0 and 1",
                found: "\(tolerance)")
        }
        try require(
            (roundingProbes ?? 0) >= 0, "rounding is measured at 0 or more rows", found: "\(roundingProbes ?? 0)")
    }

    /// - Parameter count: m, the components of the objective.
    /// - Throws: `SmoothnessError(.usage)` for what cannot be measured on them.
    public func requireMeasurable(ofComponents count: Int) throws {
        try validate()
        _ = try resolvedGammas
        let size = try subset.drawn(of: count).count
        guard targetError == nil || size > 1 else {
            throw SmoothnessError(
                .usage, "an error needs two components or more to aim at", object: "--target-error",
                expected: "a larger subset", found: "\(size) of \(count) components")
        }
    }

    /// One line of JSON with sorted keys: equal configurations give equal text.
    public func json() throws -> String {
        try jsonLine(self)
    }

    /// Reads what `json()` writes.
    /// - Throws: `SmoothnessError(.data)` that names the file, the key, what belongs there and what is there.
    public init(json: String, file: String? = nil) throws {
        self = try decodingJSON(
            Data(json.utf8), what: "the configuration of the estimate", file: file, object: "/configuration")
    }
}
