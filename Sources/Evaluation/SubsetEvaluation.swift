import Dispatch
import Essentials
import ParameterSpace
import Synchronization

/// A gradient that workers share.
package final class SubsetEvaluation<Scalar: ParameterScalar>: Sendable {
    private let objective: any Objective<Scalar>
    private let groups: ComponentGroups
    private let range: Range<Int>
    /// W_b and W of what is in the value before, and after.
    private let before: GroupedSample?
    private let after: GroupedSample
    /// Whether every group is but one component: its gradient is the group's then, and needs no sum.
    private let isOneEach: Bool
    /// Whether the mean is made from the groups' gradients when all of them are there, instead of adding one after the other.
    private let isMeanLast: Bool
    /// Whether the value knows of no groups: those evaluated are the parts of its only one.
    private let isCut: Bool
    /// Whether two groups may be evaluated together.
    package let takesPairs: Bool
    /// See `SubsetProbe`.
    package let isFollowed: Bool
    /// Signalled when all groups before this one have been added; none are waited for where the mean comes last.
    private let turns: [DispatchSemaphore]
    /// Signalled when the gradient is there.
    private let end = DispatchSemaphore(value: 0)
    private let isCancelled: @Sendable () -> Bool
    private let state: Mutex<State>

    private struct State {
        /// Given up before the end is signalled, so that whoever waits owns it alone.
        var point: [Scalar]
        var value: GroupedGradient<Scalar>
        /// How many groups have not been added.
        var left: Int
        var isComplete = false
        var failure: (any Error)?
    }

    /// Takes the probe's value and makes it ready for its groups.
    package init(_ probe: inout SubsetProbe<Scalar>, isCancelled: @escaping @Sendable () -> Bool) {
        let range = probe.range
        var value = probe.value.taken()
        // A single group has no vectors of its own that a part could be taken for.
        let isWhole = probe.groups.count > 1 || range.lowerBound > 0 || range.count == 1
        groups = isWhole ? probe.groups : probe.groups.parts(for: probe.objective)
        isCut = groups.count != probe.groups.count
        (before, after) = (groups.sample(before: range), groups.sample(ofSize: range.upperBound))
        isOneEach = before == nil && range.count == after.groupWeights.count
        isMeanLast = isOneEach && !value.groups.isEmpty
        objective = probe.objective.focused(on: probe.point)
        takesPairs = isMeanLast && objective.prefersPairs
        isFollowed = probe.isFollowed
        self.range = range
        self.isCancelled = isCancelled
        turns = (0..<(isMeanLast ? 0 : after.groupWeights.count)).map { _ in DispatchSemaphore(value: 0) }
        turns.first?.signal()
        value.prepare(adding: range, before: before, after: after, addsToMean: !isMeanLast)
        state = Mutex(State(point: probe.point, value: value, left: after.groupWeights.count))
    }

    private var point: [Scalar] { state.withLock { $0.point } }
    private var groupCount: Int { after.groupWeights.count }
    /// One a group, in order.
    package var tasks: [SubsetTask<Scalar>] { (0..<groupCount).map { SubsetTask(evaluation: self, group: $0) } }
    package var isComplete: Bool { state.withLock { $0.isComplete } }
    /// What went wrong first.
    package var failure: (any Error)? { state.withLock { $0.failure } }

    package func wait() { end.wait() }

    /// Leaves what has not been evaluated undone.
    package func abandon() { fail(SmoothnessError(.interrupted, "given up")) }

    /// Hands the vectors back, once it is complete.
    package func takeValue() -> GroupedGradient<Scalar> { state.withLock { $0.value.taken() } }

    // MARK: - By the workers

    /// Evaluates a group and adds it.
    package func run(_ group: Int, _ own: inout GroupBuffers<Scalar>) {
        let loss = evaluate { try sum(group, &own) }
        if isMeanLast {
            if let loss { keep(group, loss, &own.component) }
        } else {
            // Groups are taken in order, so that the one whose turn it is has always been taken: no wait without end.
            turns[group].wait()
            if let loss { add(group, loss, &own) }
            if group + 1 < groupCount { turns[group + 1].signal() }
        }
        countDown(1)
    }

    /// Evaluates a group and the next, which are one component each, together.
    package func runPair(_ group: Int, _ own: inout GroupBuffers<Scalar>) {
        if let losses = evaluate({ try pair(group, &own) }) {
            keep(group, losses.0, &own.component)
            keep(group + 1, losses.1, &own.other)
        }
        countDown(2)
    }

    /// - Returns: `nil` after a failure, its own or another's.
    private func evaluate<Value>(_ body: () throws -> Value) -> Value? {
        guard failure == nil else { return nil }
        do {
            let value = try body()
            return failure == nil ? value : nil
        } catch {
            fail(error)
            return nil
        }
    }

    private func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }

    /// Leaves Σ wᵢ∇fᵢ over the new components of a group in `own.sum`, or where there is but one, its ∇fᵢ in `own.component`.
    /// - Returns: Σ wᵢfᵢ
    private func sum(_ group: Int, _ own: inout GroupBuffers<Scalar>) throws -> Double {
        let positions = Array(groups.positions(ofGroup: group, in: range))
        let components = positions.map { groups.components[$0] }
        let point = point
        own.prepareComponents(1, parameterCount: point.count)
        guard isOneEach else {
            own.prepareSum(parameterCount: point.count)
            return try objective.addGradients(
                of: components, at: point, scratch: &own.component, into: &own.sum,
                isCancelled: { isCancelled() || failure != nil })
        }
        try checkCancellation()
        return groups.weights[positions[0]]
            * (try objective.gradient(ofComponent: components[0], at: point, into: &own.component))
    }

    /// Leaves the ∇fᵢ of this group and of the next, which are one component each, in `own.component` and `own.other`.
    /// - Returns: wᵢfᵢ of both.
    private func pair(_ group: Int, _ own: inout GroupBuffers<Scalar>) throws -> (Double, Double) {
        try checkCancellation()
        let point = point
        own.prepareComponents(2, parameterCount: point.count)
        let (components, weights) = (groups.components, groups.weights)
        let losses = try objective.gradients(
            ofComponents: components[group], components[group + 1], at: point, into: &own.component, &own.other)
        return (weights[group] * losses.0, weights[group + 1] * losses.1)
    }

    private func checkCancellation() throws {
        guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
    }

    /// Hands a group's gradient over.
    private func keep(_ group: Int, _ loss: Double, _ gradient: inout [Scalar]) {
        state.withLock { state in
            state.value.groupLosses[group] = loss
            swap(&gradient, &state.value.groups[group])
        }
    }

    /// Adds a group to the mean. It is its turn, so that nobody else has the value.
    private func add(_ group: Int, _ loss: Double, _ own: inout GroupBuffers<Scalar>) {
        var value = takeValue()
        value.loss += loss
        let (old, new) = (before?.groupWeights[group] ?? 0, after.groupWeights[group])
        value.groupLosses[group] = (old * value.groupLosses[group] + loss) / new
        if isOneEach {
            Scalar.accumulate(into: &value.mean, scale: new / after.totalWeight, own.component)
        } else {
            Double.accumulate(into: &value.mean, scale: 1 / after.totalWeight, own.sum)
            if !value.groups.isEmpty {
                if value.groups[group].isEmpty { value.groups[group] = Scalar.zeros(value.parameterCount) }
                if old > 0 { Scalar.accumulate(into: &own.sum, scale: old, value.groups[group]) }
                Scalar.round(into: &value.groups[group], factor: 1 / new, own.sum)
            }
        }
        give(&value)
    }

    private func give(_ value: inout GroupedGradient<Scalar>) {
        let returned = value.taken()
        state.withLock { [returned] in $0.value = returned }
    }

    /// With the last group the gradient is made complete.
    private func countDown(_ count: Int) {
        let isLast = state.withLock { state in
            state.left -= count
            return state.left == 0
        }
        guard isLast else { return }
        var value = takeValue()
        if isMeanLast, failure == nil { value.addGroups(of: after) }
        value.loss /= after.totalWeight
        if isCut { value.groupLosses = [value.loss] }
        give(&value)
        state.withLock {
            $0.point = []
            $0.isComplete = true
        }
        end.signal()
    }
}

extension GroupedGradient {
    /// Moves the vectors out: with a second owner every write would be a copy.
    package mutating func taken() -> GroupedGradient {
        var taken = GroupedGradient.empty
        swap(&taken, &self)
        return taken
    }

    /// From means over what was there to shares of the means over all; the mean itself only where groups are added to it one by one.
    package mutating func prepare(
        adding range: Range<Int>, before: GroupedSample?, after: GroupedSample, addsToMean: Bool
    ) {
        let groupCount = after.groupWeights.count
        precondition(
            range.lowerBound == 0 || range.lowerBound >= groupCount, "a sample grows from one component a group on")
        if let before {
            scale(&mean, by: before.totalWeight / after.totalWeight)
            loss *= before.totalWeight
        } else {
            if addsToMean { clearMean() }
            loss = 0
            groupLosses = [Double](repeating: 0, count: groupCount)
        }
    }

    /// Σ W_b g_b / W from the groups' gradients, piece by piece, so that the sum stays in the cache; and from their W_b f_b the sum and means.
    package mutating func addGroups(of sample: GroupedSample) {
        for (group, weight) in sample.groupWeights.enumerated() {
            loss += groupLosses[group]
            groupLosses[group] /= weight
        }
        let scales = sample.groupWeights.map { $0 / sample.totalWeight }
        if mean.isEmpty { mean = Double.zeros(parameterCount) }
        for first in stride(from: 0, to: mean.count, by: PieceSums.length) {
            let piece = first..<min(first + PieceSums.length, mean.count)
            for index in piece { mean[index] = 0 }
            for (scale, group) in zip(scales, groups) {
                Scalar.accumulate(into: &mean, scale: scale, group, in: piece)
            }
        }
    }
}

extension ComponentGroups {
    /// The sample that stands before a range is added; `nil` for none.
    package func sample(before range: Range<Int>) -> GroupedSample? {
        range.lowerBound > 0 ? sample(ofSize: range.lowerBound) : nil
    }
}
