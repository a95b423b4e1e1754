import Evaluation
import ParameterSpace

/// How the steps of a run are probed; `EstimationConfiguration` in terms of one objective.
public struct EstimatorOptions<Scalar: ParameterScalar>: Sendable {
    /// Increasing, in (0, 1].
    public var gammas: [Double]
    public var mode = EstimationMode.zhangPaper
    public var direction = StepDirection.step
    public var norm = StepNorm.euclidean
    public var search = GammaSearch.grid
    public var hessian = HessianOptions()
    public var control = EstimationControl.none
    public var targetError: Double?
    /// Of random directions and controls.
    public var seed: UInt64 = 0
    /// Whether the random parts of the objective are drawn anew at every evaluation: a function of row and probe, so that
    /// an interrupted estimate continues with the same draws.
    public var isFresh = false
    /// false evaluates every gradient anew; the values are the same.
    public var sharesGradients = true
    /// Groups that are evaluated at the same time.
    public var workerCount = 1
    /// Bytes for the vectors of probes that are evaluated at the same time.
    public var memoryBudget = 2 << 30
    /// The same objective in Double, where rounding is to be measured.
    public var reference: (any Objective<Double>)?

    /// Told ‖g − g′‖ of two evaluations at the first iterate and ‖g‖; throws where that is no function.
    public var requireRepeatable: @Sendable (_ difference: Double, _ norm: Double) throws -> Void = { _, _ in }

    public init(gammas: [Double]) { self.gammas = gammas }

    /// What a configuration asks for.
    public init(_ configuration: EstimationConfiguration) throws {
        gammas = try configuration.resolvedGammas
        mode = configuration.mode
        direction = configuration.direction
        norm = configuration.norm
        hessian = configuration.hessian ?? HessianOptions()
        search = configuration.search
        control = configuration.control
        targetError = configuration.targetError
        seed = configuration.seed
        isFresh = configuration.evaluation.masks == .fresh || configuration.mode == .zhangCode
    }

    /// Whether the gradient at γ = 1 of a step may serve as that at x_k of the next.
    var canShare: Bool {
        sharesGradients && direction.endsAtNextIterate && control == .none && targetError == nil && !isFresh
            && mode != .gluon && gammas.last == 1
    }

    /// Whether γ = 1 is probed before others, so that its gradient must be kept apart.
    var keepsEnd: Bool { targetError != nil || search != .grid }

    /// Whether the next row's probes are known before this row's gradients are.
    var canLookAhead: Bool {
        search == .grid && direction == .step && control == .none && targetError == nil && mode != .gluon
    }

    /// How many probes are evaluated at the same time: so many that there is something to do for every worker while the first of them is waited
    /// for and recorded, as far as their vectors stay within a budget. The numbers do not depend on it.
    ///
    /// One where the next probe is not known before the last is, and for gradients that come from another process, which has one point at a time.
    func probeCount(of groups: ComponentGroups, for objective: any Objective<Scalar>) -> Int {
        guard workerCount > 1, !keepsEnd, !objective.sharesWorkOfComponents, canLookAhead || gammas.count > 1 else {
            return 1
        }
        let parts = groups.parts(for: objective).count
        let bytes = EstimationWorkspace<Scalar>.byteCountPerProbe(
            parameterCount: objective.layout.count, groupCount: groups.count > 1 ? groups.count : 0)
        let wanted = 1 + (Self.turnsPerWorker * workerCount + parts - 1) / parts
        let most = min(memoryBudget / max(1, bytes), canLookAhead ? gammas.count + 1 : gammas.count)
        return max(1, min(wanted, most))
    }

    /// Groups that a worker should have before it: two that may be evaluated together.
    private static var turnsPerWorker: Int { 2 }
}

extension StepDirection {
    /// Whether d is the step of the run, so that γ = 1 is the next iterate itself.
    var endsAtNextIterate: Bool { self == .step || self == .hessian }
}

extension EstimationConfiguration {
    /// The γ of the curve in increasing order: those of the grid, unless the mode has its own.
    /// - Throws: as `GammaGrid.resolved`.
    public var resolvedGammas: [Double] {
        get throws { try mode.ownGammas ?? grid.resolved() }
    }
}
