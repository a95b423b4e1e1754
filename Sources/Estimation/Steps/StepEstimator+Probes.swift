import Essentials
import Evaluation
import ParameterSpace

/// What a gradient is evaluated for.
enum ProbeSlot {
    case base
    /// The index of γ.
    case gamma(Int)
    /// The second time at the same point.
    case again
    /// On the way to an adversarial direction.
    case ascent(Int)

    /// A number for it, so that draws and subsets can be functions of the row and the probe.
    func number(gammaCount: Int) -> Int {
        switch self {
        case .base: 0
        case .gamma(let index): 1 + index
        case .again: 1 + gammaCount
        case .ascent(let index): 2 + gammaCount + index
        }
    }
}

/// Where a gradient is evaluated.
enum ProbePoint {
    case iterate, next, probe
}

/// Which of the held gradients it becomes.
enum ProbeTarget {
    case base, gradient, end
}

extension StepEstimator {
    /// Adds a range of components at a point to what `target` holds.
    mutating func evaluate(
        _ slot: ProbeSlot, _ range: Range<Int>, _ place: RowPlace, at point: ProbePoint, into target: ProbeTarget
    ) throws {
        if range.lowerBound == 0 { gradientCount += 1 }
        let vector =
            switch point {
            case .iterate: workspace.iterate
            case .next: workspace.next
            case .probe: workspace.probe
            }
        let (function, subset) = (function(slot, place), subset(slot, place))
        componentGradientCount += range.count
        switch target {
        case .base: try evaluator.evaluate(function, over: subset, in: range, at: vector, into: &workspace.base)
        case .gradient:
            try evaluator.evaluate(function, over: subset, in: range, at: vector, into: &workspace.gradient)
        case .end: try evaluator.evaluate(function, over: subset, in: range, at: vector, into: &workspace.end!)
        }
    }

    /// What it takes to evaluate ∇f_S at a point, into `value`.
    func subsetProbe(
        _ slot: ProbeSlot, _ place: RowPlace, _ range: Range<Int>, at point: [Scalar],
        _ value: consuming GroupedGradient<Scalar>, isFollowed: Bool
    ) -> SubsetProbe<Scalar> {
        SubsetProbe(
            objective: function(slot, place), groups: subset(slot, place), range: range, point: point, value: value,
            isFollowed: isFollowed)
    }

    /// The objective, with its random parts drawn anew where that is asked for.
    private func function(_ slot: ProbeSlot, _ place: RowPlace) -> any Objective<Scalar> {
        guard options.isFresh else { return objective }
        return objective.redrawn(1 &+ UInt64(bitPattern: Int64(uniqueNumber(slot, place))))
    }

    /// The subset, or another one of its size where a control or a mode asks for it.
    private func subset(_ slot: ProbeSlot, _ place: RowPlace) -> ComponentGroups {
        if options.mode == .gluon {
            let shift = if case .gamma = slot { 1 } else { 0 }
            let next = (place.iteration &+ shift).magnitude % UInt(objective.componentCount)
            return groups.replacing([Int(next)], of: objective)
        }
        guard options.control == .freshSubset, case .gamma = slot else { return groups }
        var generator = SeededGenerator(
            seed: options.seed, purpose: "fresh subset", index: uniqueNumber(slot, place))
        let drawn = generator.permutation(of: objective.componentCount).prefix(groups.components.count)
        return groups.replacing(Array(drawn), of: objective)
    }

    /// A function of the row's iteration, which a file may make as large as it likes, and the probe alone.
    private func uniqueNumber(_ slot: ProbeSlot, _ place: RowPlace) -> Int {
        place.iteration &* (gammas.count + 2 + Self.ascentSlots) &+ slot.number(gammaCount: gammas.count)
    }

    mutating func evaluateBase(_ range: Range<Int>, _ place: RowPlace) throws {
        try evaluate(.base, range, place, at: .iterate, into: .base)
    }

    /// Evaluates ∇f_S(x_k + γd) over the row's subset and records what follows from it; at γ = 1 at the end of the step itself.
    /// - Parameter known: how many components of the gradient at γ = 1 `end` holds already.
    /// - Returns: at γ = 1 the cosine between the gradients at both ends.
    @discardableResult
    mutating func probe(
        _ index: Int, _ place: RowPlace, known: Int = 0, into estimate: inout StepEstimate
    ) throws -> Double? {
        let isEnd = gammas[index] == 1
        workspace.makePoint(at: gammas[index])
        let isKept = isEnd && workspace.end != nil
        if known < estimate.subsetSize {
            try evaluate(
                .gamma(index), known..<estimate.subsetSize, place, at: isEnd ? .next : .probe,
                into: isKept ? .end : .gradient)
        }
        if isKept { swapGradientAndEnd() }
        defer { if isKept { swapGradientAndEnd() } }
        try record(index, into: &estimate)
        return isEnd ? cosine(atEnd: index, of: estimate) : nil
    }

    /// cos(∇f_S(x_k), ∇f_S(x_k + d)), the latter in `gradient`.
    func cosine(atEnd index: Int, of estimate: StepEstimate) -> Double {
        let product = layout.dot(workspace.base.mean, workspace.gradient.mean)
        return product / (estimate.gradientNorm * estimate.curve[index].gradientNorm)
    }

    mutating func swapGradientAndEnd() {
        guard var kept = workspace.end.take() else { return }
        swap(&workspace.gradient, &kept)
        workspace.end = consume kept
    }

    /// The numbers of the probe whose gradient is in `gradient`.
    mutating func record(
        _ index: Int, beside begun: [BegunProbe<Scalar>] = [], into estimate: inout StepEstimate
    ) throws {
        let (sums, groupSums) = pieces(beside: begun).probe(
            workspace.gradient, from: workspace.base, probe: gammas[index] == 1 ? workspace.next : workspace.probe,
            iterate: workspace.iterate)
        let context = context(of: estimate)
        if estimate.blockLeaveOut.isEmpty {
            estimate.blockLeaveOut = Array(repeating: Array(repeating: [], count: gammas.count), count: sums.count)
        }
        let whole = (0..<workspace.gradient.groups.count).map { group in
            groupSums.reduce(GroupSums()) { $0 + $1[group] }
        }
        let (normed, projections) = (try normedSums(index), try projections(index))
        estimate.record(
            probe: index, loss: workspace.gradient.loss, sums: sums, groups: whole, normed: normed,
            projections: projections.map { parts in
                whole.indices.map { group in parts.reduce(0) { $0 + $1[group] } }
            }, context)
        for block in sums.indices {
            estimate.blockLeaveOut[block][index] = leaveOut(
                block, sums[block], groups: groupSums[block], normed: normed?[block], projections: projections?[block],
                context.sample)
        }
    }
}

extension ComponentGroups {
    /// Other components in the same groups.
    func replacing<Scalar>(_ components: [Int], of objective: any Objective<Scalar>) -> ComponentGroups {
        ComponentGroups(
            components: components, weights: components.map { objective.weight(ofComponent: $0) }, count: count,
            populationWeight: populationWeight)
    }

    /// A single component, in one group.
    func alone<Scalar>(of objective: any Objective<Scalar>) -> ComponentGroups {
        ComponentGroups(
            components: [0], weights: [objective.weight(ofComponent: 0)], count: 1, populationWeight: populationWeight)
    }
}
