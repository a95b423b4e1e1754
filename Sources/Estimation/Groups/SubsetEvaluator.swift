import Dispatch
import Essentials
import Objectives
import ParameterSpace
import Synchronization

/// Evaluates ∇f_S group by group, several groups at the same time, each worker with its own vectors. A single group is cut into parts for that.
///
/// Which worker takes which group is left to chance; the sums are not: a group is summed in the order of its components, and
/// the groups are added in their order. The result does not depend on the number of workers.
struct SubsetEvaluator<Scalar: ParameterScalar> {
    let workerCount: Int
    let isCancelled: @Sendable () -> Bool
    /// The workers' own vectors, made once.
    private var buffers: [GroupBuffers<Scalar>] = []

    init(workerCount: Int, isCancelled: @escaping @Sendable () -> Bool) {
        self.workerCount = max(1, workerCount)
        self.isCancelled = isCancelled
    }

    /// The vectors of one worker: a component's gradient and, where groups have more than one component, the sum of a group.
    static func byteCountPerWorker(parameterCount: Int, sumsGroups: Bool) -> Int {
        parameterCount * (MemoryLayout<Scalar>.stride + (sumsGroups ? MemoryLayout<Double>.stride : 0))
    }

    /// Leaves ∇f_S(point) and the groups' gradients in `value`.
    ///
    /// - Parameters:
    ///   - range: the positions in `groups.components` that are evaluated. Where it does not begin at 0, `value` holds those
    ///     before it at the same point, and they are added to.
    /// - Throws: what the objective throws; `SmoothnessError(.interrupted)` when cancelled, between two component gradients.
    mutating func evaluate(
        _ objective: any Objective<Scalar>, over groups: ComponentGroups, in range: Range<Int>, at point: [Scalar],
        into value: inout GroupedGradient<Scalar>
    ) throws {
        // A single group has no vectors of its own that a part could be taken for.
        let isWhole = groups.count > 1 || range.lowerBound > 0 || range.count == 1
        let cut = isWhole ? groups : groups.parts(for: objective)
        defer { if cut.count != groups.count { value.groupLosses = [value.loss] } }
        let (before, after) = (cut.sample(before: range), cut.sample(ofSize: range.upperBound))
        value.prepare(adding: range, before: before, after: after)
        let run = GroupRun(
            objective: objective.focused(on: point), groups: cut, range: range, before: before, after: after,
            point: point,
            value: Self.taking(&value), buffers: Self.taking(&buffers), isCancelled: isCancelled)
        if workerCount == 1 || run.groupCount == 1 {
            run.work()
        } else {
            DispatchQueue.concurrentPerform(iterations: min(workerCount, run.groupCount)) { _ in run.work() }
        }
        let failure = run.takeResult(into: &value, buffers: &buffers)
        if let failure { throw failure }
    }

    /// Moves vectors out: with a second owner every write would be a copy.
    private static func taking(_ value: inout GroupedGradient<Scalar>) -> GroupedGradient<Scalar> {
        var taken = GroupedGradient<Scalar>.empty
        swap(&taken, &value)
        return taken
    }

    private static func taking(_ buffers: inout [GroupBuffers<Scalar>]) -> [GroupBuffers<Scalar>] {
        var taken: [GroupBuffers<Scalar>] = []
        swap(&taken, &buffers)
        return taken
    }
}

extension GroupedGradient {
    /// From means over what was there to shares of the means over all.
    fileprivate mutating func prepare(adding range: Range<Int>, before: GroupedSample?, after: GroupedSample) {
        let groupCount = after.groupWeights.count
        precondition(
            range.lowerBound == 0 || range.lowerBound >= groupCount, "a sample grows from one component a group on")
        if let before {
            scale(&mean, by: before.totalWeight / after.totalWeight)
            loss *= before.totalWeight
        } else {
            for index in mean.indices { mean[index] = 0 }
            loss = 0
            groupLosses = [Double](repeating: 0, count: groupCount)
        }
    }
}

extension ComponentGroups {
    /// The sample that stands before a range is added; `nil` for none.
    fileprivate func sample(before range: Range<Int>) -> GroupedSample? {
        range.lowerBound > 0 ? sample(ofSize: range.lowerBound) : nil
    }
}

/// The vectors of one worker.
struct GroupBuffers<Scalar: ParameterScalar>: Sendable {
    var component: [Scalar]
    var sum: [Double]

    init(parameterCount: Int) {
        component = [Scalar](repeating: 0, count: parameterCount)
        sum = []
    }

    /// Zeros; the vector is made when it is first needed.
    mutating func prepareSum() {
        if sum.isEmpty { sum = [Double](repeating: 0, count: component.count) }
        for index in sum.indices { sum[index] = 0 }
    }
}

/// One evaluation that its workers share.
private final class GroupRun<Scalar: ParameterScalar>: Sendable {
    private struct State {
        var value: GroupedGradient<Scalar>
        var buffers: [GroupBuffers<Scalar>]
        /// The first group that nobody has taken.
        var next = 0
        var failure: (any Error)?

        mutating func takeGroup(of count: Int) -> Int? {
            guard next < count else { return nil }
            defer { next += 1 }
            return next
        }
    }

    let groupCount: Int
    private let objective: any Objective<Scalar>
    private let groups: ComponentGroups
    private let range: Range<Int>
    private let point: [Scalar]
    /// W_b and W of what is in `value` before, and after.
    private let before: GroupedSample?
    private let after: GroupedSample
    /// Whether every group is but one component: its gradient is the group's then, and needs no sum.
    private let isOneEach: Bool
    private let isCancelled: @Sendable () -> Bool
    private let state: Mutex<State>
    /// Signalled when all groups before this one have been added.
    private let turns: [DispatchSemaphore]

    init(
        objective: any Objective<Scalar>, groups: ComponentGroups, range: Range<Int>, before: GroupedSample?,
        after: GroupedSample, point: [Scalar], value: consuming GroupedGradient<Scalar>,
        buffers: consuming [GroupBuffers<Scalar>], isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.objective = objective
        self.groups = groups
        self.range = range
        self.point = point
        self.isCancelled = isCancelled
        self.before = before
        self.after = after
        groupCount = after.groupWeights.count
        isOneEach = before == nil && range.count == groupCount
        turns = (0..<groupCount).map { _ in DispatchSemaphore(value: 0) }
        turns[0].signal()
        state = Mutex(State(value: value, buffers: buffers))
    }

    /// Takes group after group until none is left.
    func work() {
        var own =
            state.withLock { $0.buffers.popLast() } ?? GroupBuffers(parameterCount: objective.layout.count)
        while let group = state.withLock({ $0.takeGroup(of: groupCount) }) {
            let outcome = Result { try sum(group, &own) }
            // Groups are taken in order, so that the one whose turn it is has always been taken: no wait without end.
            turns[group].wait()
            state.withLock { add(group, outcome, &own, to: &$0) }
            if group + 1 < groupCount { turns[group + 1].signal() }
        }
        state.withLock { [own] in $0.buffers.append(own) }
    }

    /// Leaves Σ wᵢ∇fᵢ over the new components of a group in `own.sum`, or where there is but one, its ∇fᵢ in `own.component`.
    /// - Returns: Σ wᵢfᵢ
    private func sum(_ group: Int, _ own: inout GroupBuffers<Scalar>) throws -> Double {
        let positions = Array(groups.positions(ofGroup: group, in: range))
        let components = positions.map { groups.components[$0] }
        guard isOneEach else {
            own.prepareSum()
            return try objective.addGradients(
                of: components, at: point, scratch: &own.component, into: &own.sum, isCancelled: isCancelled)
        }
        guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
        return groups.weights[positions[0]]
            * (try objective.gradient(ofComponent: components[0], at: point, into: &own.component))
    }

    private func add(
        _ group: Int, _ outcome: Result<Double, any Error>, _ own: inout GroupBuffers<Scalar>, to state: inout State
    ) {
        guard state.failure == nil else { return }
        guard case .success(let loss) = outcome else {
            if case .failure(let error) = outcome { state.failure = error }
            // Nobody need take the rest.
            state.next = groupCount
            return
        }
        state.value.loss += loss
        let (old, new) = (before?.groupWeights[group] ?? 0, after.groupWeights[group])
        state.value.groupLosses[group] = (old * state.value.groupLosses[group] + loss) / new
        let hasGroups = !state.value.groups.isEmpty
        if isOneEach {
            Scalar.accumulate(into: &state.value.mean, scale: new / after.totalWeight, own.component)
            if hasGroups { swap(&own.component, &state.value.groups[group]) }
            return
        }
        Double.accumulate(into: &state.value.mean, scale: 1 / after.totalWeight, own.sum)
        guard hasGroups else { return }
        if old > 0 { Scalar.accumulate(into: &own.sum, scale: old, state.value.groups[group]) }
        Scalar.round(into: &state.value.groups[group], factor: 1 / new, own.sum)
    }

    /// Hands the vectors back.
    /// - Returns: what went wrong first.
    func takeResult(
        into value: inout GroupedGradient<Scalar>, buffers: inout [GroupBuffers<Scalar>]
    ) -> (any Error)? {
        let total = after.totalWeight
        return state.withLock { state in
            swap(&value, &state.value)
            swap(&buffers, &state.buffers)
            value.loss /= total
            return state.failure
        }
    }
}
