import Essentials
import Objectives
import ParameterSpace

/// Probes the steps of a run, one after the other, in a fixed amount of memory (see `EstimationWorkspace`).
///
/// Every gradient is of the same function f_S: the mean over the examples of a fixed list of components, each of which is
/// deterministic, summed in Double in the order of the list. Where the iterate of a row is bitwise the next iterate of the row
/// before, the gradient at γ = 1 of that row is the gradient at x_k of this one and is not evaluated again: n gradients a row
/// instead of n + 1.
public struct StepEstimator<Scalar: ParameterScalar>: ~Copyable {
    public let gammas: [Double]
    /// Subset gradients evaluated so far, the one of the repeatability probe included.
    public private(set) var gradientCount = 0
    /// ε_rep: the norm of the difference of two evaluations of ∇f_S at the first usable iterate; 0 for a function that
    /// repeats itself. `nil` until it is measured.
    public private(set) var repeatability: Double?

    private let layout: ParameterLayout
    private let subset: ComponentSubset<Scalar>
    private let sharesGradients: Bool
    private var workspace: EstimationWorkspace<Scalar>
    private var carried = Carried.nothing

    /// Where the gradient at the last row's x_{k+1} is.
    private enum Carried {
        case nothing
        case inGradient(SubsetValue)
        /// After a step of length zero.
        case inBase(SubsetValue)
    }

    /// - Parameters:
    ///   - repeatability: ε_rep where it was measured before, as by the run that is continued.
    ///   - sharesGradients: false evaluates every gradient anew; the values are the same.
    ///   - isCancelled: asked before every component gradient; the row is then abandoned.
    public init(
        objective: any Objective<Scalar>, components: [Int], gammas: [Double], repeatability: Double? = nil,
        sharesGradients: Bool = true, isCancelled: @escaping () -> Bool = { false }
    ) {
        layout = objective.layout
        subset = ComponentSubset(objective: objective, components: components, isCancelled: isCancelled)
        self.gammas = gammas
        self.repeatability = repeatability
        self.sharesGradients = sharesGradients
        workspace = EstimationWorkspace(parameterCount: objective.layout.count)
    }

    /// Machine epsilon of the evaluation, 2⁻²³ or 2⁻⁵².
    public var machineEpsilon: Double { Double(Scalar.ulpOfOne) }

    /// The estimate of one row. What is wrong with the row's numbers is in its status.
    /// - Throws: what reading and evaluating throw; `SmoothnessError(.interrupted)` when cancelled.
    public mutating func estimate<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source
    ) throws -> StepEstimate where Source.Scalar == Scalar {
        let all = 0..<layout.count
        var estimate = StepEstimate(
            iteration: source.iterations[row], gammas: gammas, blockCount: layout.blocks.count)
        try source.readIterate(ofRow: row, into: &workspace.iterate)
        let known = takeCarried()
        try source.readNextIterate(ofRow: row, into: &workspace.next)

        guard Scalar.nonfiniteCount(workspace.iterate, in: all) == 0 else {
            estimate.status = .nonFiniteIterate
            return estimate
        }
        let base = try known ?? evaluateBase()
        recordBase(base, in: &estimate)
        guard base.loss.isFinite && estimate.gradientNorm.isFinite else {
            estimate.status = .nonFiniteGradient
            return estimate
        }
        let repeatability = try measureRepeatability()
        guard Scalar.nonfiniteCount(workspace.next, in: all) == 0 else {
            estimate.status = .nonFiniteIterate
            return estimate
        }
        recordStep(in: &estimate)
        guard estimate.stepNorm > 0 else {
            estimate.status = .zeroStep
            carried = .inBase(base)
            return estimate
        }
        var cosine: Double?
        for index in gammas.indices {
            let evaluation = try probe(gamma: gammas[index])
            estimate.record(
                probe: index, loss: evaluation.loss, sums: sums(gamma: gammas[index]), machineEpsilon: machineEpsilon,
                repeatability: repeatability)
            if gammas[index] == 1 {
                carried = .inGradient(evaluation)
                let product = layout.dot(workspace.base, workspace.gradient)
                cosine = product / (estimate.gradientNorm * estimate.curve[index].gradientNorm)
            }
        }
        estimate.conclude(cosine: cosine, machineEpsilon: machineEpsilon)
        return estimate
    }

    /// The value at x_k where the row before has left its gradient, which is then in `base`.
    private mutating func takeCarried() -> SubsetValue? {
        defer { carried = .nothing }
        guard sharesGradients else { return nil }
        switch carried {
        case .nothing: return nil
        case .inGradient(let evaluation):
            guard workspace.iterateIsPreviousNext else { return nil }
            swap(&workspace.base, &workspace.gradient)
            return evaluation
        case .inBase(let evaluation): return workspace.iterateIsPreviousNext ? evaluation : nil
        }
    }

    private mutating func evaluateBase() throws -> SubsetValue {
        gradientCount += 1
        return try subset.evaluate(
            at: workspace.iterate, countingSquares: true, scratch: &workspace.component, into: &workspace.base)
    }

    /// Leaves ∇f_S(x_k + γd) in `gradient`; at γ = 1 at the stored x_{k+1} itself.
    private mutating func probe(gamma: Double) throws -> SubsetValue {
        gradientCount += 1
        if gamma == 1 {
            return try subset.evaluate(
                at: workspace.next, countingSquares: true, scratch: &workspace.component, into: &workspace.gradient)
        }
        Scalar.pointAlong(into: &workspace.probe, from: workspace.iterate, to: workspace.next, fraction: gamma)
        return try subset.evaluate(
            at: workspace.probe, countingSquares: false, scratch: &workspace.component, into: &workspace.gradient)
    }

    private func sums(gamma: Double) -> [ProbeSums] {
        layout.probeSums(
            gradient: workspace.gradient, base: workspace.base, probe: gamma == 1 ? workspace.next : workspace.probe,
            iterate: workspace.iterate)
    }

    private func recordBase(_ base: SubsetValue, in estimate: inout StepEstimate) {
        let squares = layout.squaredNorms(of: workspace.base)
        let squared = squares.reduce(0, +)
        estimate.loss = base.loss
        estimate.gradientNorm = squared.squareRoot()
        estimate.unbiasedSquaredGradientNorm = subset.unbiasedSquaredNorm(
            squaredNorm: squared, componentSquares: base.componentSquares)
        for block in squares.indices { estimate.blocks[block].gradientNorm = squares[block].squareRoot() }
    }

    private func recordStep(in estimate: inout StepEstimate) {
        let squares = layout.blocks.map {
            Scalar.squaredDistance(workspace.iterate, workspace.next, in: $0.range)
        }
        estimate.stepNorm = squares.reduce(0, +).squareRoot()
        for block in squares.indices { estimate.blocks[block].stepNorm = squares[block].squareRoot() }
    }

    /// Evaluates ∇f_S(x_k) a second time, at the first iterate only; `gradient` is free before the first probe.
    private mutating func measureRepeatability() throws -> Double {
        if let repeatability { return repeatability }
        gradientCount += 1
        _ = try subset.evaluate(
            at: workspace.iterate, countingSquares: false, scratch: &workspace.component, into: &workspace.gradient)
        let difference = layout.distance(from: workspace.base, to: workspace.gradient)
        let measured = difference.isFinite ? difference : .infinity
        repeatability = measured
        return measured
    }
}
