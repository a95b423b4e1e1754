import Essentials
import Evaluation
import ParameterSpace

/// Probes the steps of a run, one after the other, in a fixed amount of memory (see `EstimationWorkspace`).
///
/// Every gradient is of the same function f_S: the mean over the examples of a fixed list of components, each of which is
/// deterministic, summed in Double in a fixed order. Where the iterate of a row is bitwise the next iterate of the row
/// before, the gradient at γ = 1 of that row is the gradient at x_k of this one and is not evaluated again: n gradients a row
/// instead of n + 1.
public struct StepEstimator<Scalar: ParameterScalar>: ~Copyable {
    public let options: EstimatorOptions<Scalar>
    public var gammas: [Double] { options.gammas }
    /// Subset gradients evaluated so far, those of the calibration included.
    public internal(set) var gradientCount = 0
    /// Gradients of single components evaluated so far, those of the calibration included.
    public internal(set) var componentGradientCount = 0

    let layout: ParameterLayout
    let objective: any Objective<Scalar>
    let groups: ComponentGroups
    var workspace: EstimationWorkspace<Scalar>
    let evaluator: SubsetEvaluator<Scalar>
    let pieces: PieceSums
    let reference: RoundingReference?
    /// ε_rep of the row under way.
    private var repeatability: Double?
    /// Component gradients that count for the row under way though the row before or the calibration has evaluated them: the count of a row must
    /// not depend on where an estimate was interrupted.
    private var sharedCount = 0
    var carried = Carried.nothing
    /// The first probe of the next row, while this one is under way.
    var ahead: BegunProbe<Scalar>?

    /// Which gradient at the next row's x_k is known already, and where it is.
    enum Carried {
        case nothing
        /// That at the last row's x_{k+1}.
        case inGradient
        /// The same after a step of length zero.
        case inBase
        /// That of a row from its calibration.
        case inBaseOfRow(Int)
    }

    /// - Parameters:
    ///   - groups: the subset and its division.
    ///   - isCancelled: asked before every component gradient, or every two that are evaluated together; the row is then abandoned.
    public init(
        objective: any Objective<Scalar>, groups: ComponentGroups, options: EstimatorOptions<Scalar>,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        layout = objective.layout
        self.objective = objective
        // One minibatch after the other: there are no groups.
        let groups = options.mode == .gluon ? groups.alone(of: objective) : groups
        self.groups = groups
        self.options = options
        evaluator = SubsetEvaluator(workerCount: options.workerCount, isCancelled: isCancelled)
        pieces = PieceSums(objective.layout, workerCount: options.workerCount)
        reference = options.reference.map {
            RoundingReference($0, workerCount: options.workerCount, isCancelled: isCancelled)
        }
        workspace = EstimationWorkspace(
            parameterCount: objective.layout.count, groupCount: groups.count > 1 ? groups.count : 0,
            keepsEnd: options.keepsEnd, probeCount: options.probeCount(of: groups, for: objective))
    }

    /// Nothing goes on when it is gone.
    deinit {
        guard let ahead else { return }
        ahead.evaluation.abandon()
        _ = try? evaluator.finish(ahead.evaluation)
    }

    /// Machine epsilon of the evaluation, 2⁻²³ or 2⁻⁵².
    public var machineEpsilon: Double { Double(Scalar.ulpOfOne) }

    /// The estimate of one row: a function of the row's step, the definition and the calibration. What is wrong with the row's numbers is in its status.
    /// - Parameters:
    ///   - isFollowed: whether the row after it, of the same source, will be next, so that it may be begun before this one is done.
    ///   - calibration: what was measured once for many rows.
    /// - Throws: what reading and evaluating throw; `SmoothnessError(.interrupted)` when cancelled.
    public mutating func estimate<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source, isFollowed: Bool = false, calibration: RowCalibration
    ) throws -> StepEstimate where Source.Scalar == Scalar {
        var estimate = StepEstimate(
            iteration: source.iterations[row], gammas: gammas, blockCount: layout.blocks.count,
            groupCount: groups.count)
        estimate.relativeRounding = calibration.rounding.relative
        estimate.roundingProjection = calibration.rounding.projection
        repeatability = calibration.repeatability
        let countBefore = componentGradientCount
        sharedCount = 0
        let place = RowPlace(
            row: row, iteration: estimate.iteration,
            isFollowed: isFollowed && options.canLookAhead && !workspace.spares.isEmpty
                && row + 1 < source.iterations.count)
        do {
            try measure(place, of: &source, into: &estimate)
        } catch {
            giveUpAhead()
            throw error
        }
        // The row did not come to its probes.
        if ahead?.row == row { giveUpAhead() }
        estimate.componentGradientCount = componentGradientCount - countBefore + sharedCount
        return estimate
    }

    private mutating func measure<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source, into estimate: inout StepEstimate
    ) throws where Source.Scalar == Scalar {
        let all = 0..<layout.count
        let isRead = workspace.upcoming.row == place.row
        workspace.upcoming.row = nil
        if isRead {
            swap(&workspace.iterate, &workspace.upcoming.iterate)
        } else if !holdsIterate(of: place) {
            if ahead != nil { giveUpAhead() }
            try source.readIterate(ofRow: place.row, into: &workspace.iterate)
        }
        let isKnown = takeCarried(place)
        if isRead {
            swap(&workspace.next, &workspace.upcoming.next)
        } else {
            try source.readNextIterate(ofRow: place.row, into: &workspace.next)
        }
        guard Scalar.nonfiniteCount(workspace.iterate, in: all) == 0 else {
            estimate.status = .nonFiniteIterate
            return
        }
        estimate.subsetSize = initialSize
        if isKnown {
            sharedCount += estimate.subsetSize
        } else if !workspace.spares.isEmpty {
            try streamBase(place, size: estimate.subsetSize)
        } else {
            try evaluateBase(0..<estimate.subsetSize, place)
        }
        recordBase(in: &estimate)
        guard estimate.loss.isFinite && estimate.gradientNorm.isFinite else {
            estimate.status = .nonFiniteGradient
            return
        }
        guard Scalar.nonfiniteCount(workspace.next, in: all) == 0 else {
            estimate.status = .nonFiniteIterate
            return
        }
        recordStep(in: &estimate)
        try recordNormedEnds(in: &estimate)
        if options.direction == .hessian { try measureHessian(place, of: &estimate) }
        guard estimate.stepNorm > 0 else {
            estimate.status = .zeroStep
            if options.canShare { carried = .inBase }
            return
        }
        guard try aim(place, of: &source, estimate) else {
            estimate.status = .noDirection
            return
        }
        let cosine = try probeCurve(place, of: &source, into: &estimate)
        estimate.conclude(cosine: cosine, context(of: estimate))
        if options.canShare { carried = .inGradient }
    }

    /// Whether the workspace holds the row's iterate because the row has just been calibrated.
    func holdsIterate(of place: RowPlace) -> Bool {
        if case .inBaseOfRow(place.row) = carried { true } else { false }
    }

    /// Whether `base` holds the gradient at x_k because the row before, or the row's calibration, has left it.
    mutating func takeCarried(_ place: RowPlace) -> Bool {
        defer { carried = .nothing }
        switch carried {
        case .nothing: return false
        case .inBase: return workspace.iterateIsPreviousNext
        case .inBaseOfRow(let row): return row == place.row
        case .inGradient:
            guard workspace.iterateIsPreviousNext else { return false }
            if workspace.end == nil {
                swap(&workspace.base, &workspace.gradient)
            } else {
                workspace.swapBaseAndEnd()
            }
            return true
        }
    }

    /// What the statistics of a row need to know.
    func context(of estimate: StepEstimate) -> RowContext {
        RowContext(
            sample: groups.sample(ofSize: estimate.subsetSize),
            floors: Floors(
                repeatability: repeatability ?? .nan, relativeRounding: estimate.relativeRounding,
                roundingProjection: estimate.roundingProjection),
            machineEpsilon: machineEpsilon, mode: options.mode, direction: options.direction, norm: options.norm,
            parameterCount: layout.count)
    }

    func recordBase(in estimate: inout StepEstimate) {
        let (squares, sums) = pieces(beside: []).norms(of: workspace.base)
        estimate.loss = workspace.base.loss
        estimate.gradientNorm = squares.reduce(0, +).squareRoot()
        let context = context(of: estimate)
        for block in squares.indices {
            estimate.blocks[block].gradientNorm = squares[block].squareRoot()
            estimate.blocks[block].gradientNormError =
                GroupedNorm(squared: squares[block], sums: sums[block], sample: context.sample).error
        }
        for group in workspace.base.groupLosses.indices {
            estimate.groups[group].loss = workspace.base.groupLosses[group]
            guard groups.count > 1 else { continue }
            let whole = sums.reduce(GroupSums()) { $0 + $1[group] }
            estimate.groups[group].gradientSquared = whole.squared
            estimate.groups[group].gradientProduct = whole.product
        }
        estimate.concludeBase(context)
    }

    func recordStep(in estimate: inout StepEstimate) {
        let squares = layout.blocks.map {
            Scalar.squaredDistance(workspace.iterate, workspace.next, in: $0.range)
        }
        estimate.stepNorm = squares.reduce(0, +).squareRoot()
        for block in squares.indices { estimate.blocks[block].stepNorm = squares[block].squareRoot() }
    }
}

/// Which row of which iteration.
struct RowPlace {
    var row: Int
    var iteration: Int
    /// Whether the first probe of the next row may be begun before this row is done.
    var isFollowed = false
}

extension EstimationWorkspace {
    fileprivate mutating func swapBaseAndEnd() {
        guard var kept = end.take() else { return }
        swap(&base, &kept)
        end = consume kept
    }
}
