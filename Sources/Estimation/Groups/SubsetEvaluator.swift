import Dispatch
import Essentials
import Objectives
import ParameterSpace
import Synchronization

/// A gradient ∇f_S(x) that is to be evaluated, and what is known of it.
struct SubsetProbe<Scalar: ParameterScalar> {
    var objective: any Objective<Scalar>
    /// The subset and its division.
    var groups: ComponentGroups
    /// The positions in `groups.components` that are evaluated. Where it does not begin at 0, `value` holds those before it at the same
    /// point, and they are added to.
    var range: Range<Int>
    /// x
    var point: [Scalar]
    /// ∇f_S(x) and the groups' gradients.
    var value: GroupedGradient<Scalar>
}

/// Evaluates ∇f_S group by group, several groups at the same time, each worker with its own vectors. A single group is cut into parts for that;
/// the groups of several gradients may follow one another, so that nobody waits between them.
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

    /// The vectors of one worker: a component's gradient, that of another where they are evaluated in pairs, and where groups have more than one
    /// component, the sum of a group.
    static func byteCountPerWorker(parameterCount: Int, sumsGroups: Bool, takesPairs: Bool = false) -> Int {
        parameterCount
            * ((takesPairs ? 2 : 1) * MemoryLayout<Scalar>.stride + (sumsGroups ? MemoryLayout<Double>.stride : 0))
    }

    /// Leaves ∇f_S(point) and the groups' gradients in `value`; see `SubsetProbe` for the parameters.
    /// - Throws: as for several probes.
    mutating func evaluate(
        _ objective: any Objective<Scalar>, over groups: ComponentGroups, in range: Range<Int>, at point: [Scalar],
        into value: inout GroupedGradient<Scalar>
    ) throws {
        var probes = [
            SubsetProbe(objective: objective, groups: groups, range: range, point: point, value: value.taken())
        ]
        defer { swap(&value, &probes[0].value) }
        try evaluate(&probes)
    }

    /// Leaves the gradients of all probes in their values.
    /// - Throws: what the objective throws; `SmoothnessError(.interrupted)` when cancelled, between two component gradients. What the values
    ///   hold is of no use then.
    mutating func evaluate(_ probes: inout [SubsetProbe<Scalar>]) throws {
        var values: [GroupedGradient<Scalar>] = []
        let parts = probes.indices.map { index in
            let part = SubsetRun<Scalar>.Part(&probes[index])
            values.append(probes[index].value.taken())
            return part
        }
        var taken: [GroupBuffers<Scalar>] = []
        swap(&taken, &buffers)
        let run = SubsetRun(
            parts, values: values, buffers: taken, workerCount: workerCount, isCancelled: isCancelled)
        // With a second owner every write would be a copy.
        (values, taken) = ([], [])
        let workers = min(workerCount, run.taskCount)
        if workers == 1 {
            run.work()
        } else {
            DispatchQueue.concurrentPerform(iterations: workers) { _ in run.work() }
        }
        if let failure = run.takeResult(into: &probes, buffers: &buffers) { throw failure }
    }
}

extension GroupedGradient {
    /// Moves the vectors out: with a second owner every write would be a copy.
    mutating func taken() -> GroupedGradient {
        var taken = GroupedGradient.empty
        swap(&taken, &self)
        return taken
    }

    /// From means over what was there to shares of the means over all; the mean itself only where groups are added to it one by one.
    fileprivate mutating func prepare(
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
    fileprivate mutating func addGroups(of sample: GroupedSample) {
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
    fileprivate func sample(before range: Range<Int>) -> GroupedSample? {
        range.lowerBound > 0 ? sample(ofSize: range.lowerBound) : nil
    }
}

/// The vectors of one worker.
struct GroupBuffers<Scalar: ParameterScalar>: Sendable {
    var component: [Scalar] = []
    /// For the second of a pair.
    var other: [Scalar] = []
    var sum: [Double] = []

    /// Room for the gradients of components: a vector may have been exchanged for one of a group that has not been made.
    mutating func prepareComponents(_ count: Int, parameterCount: Int) {
        if component.isEmpty { component = Scalar.zeros(parameterCount) }
        if count > 1, other.isEmpty { other = Scalar.zeros(parameterCount) }
    }

    /// Zeros.
    mutating func prepareSum(parameterCount: Int) {
        guard !sum.isEmpty else {
            sum = Double.zeros(parameterCount)
            return
        }
        for index in sum.indices { sum[index] = 0 }
    }
}

/// The evaluation of one or several gradients that its workers share.
private final class SubsetRun<Scalar: ParameterScalar>: Sendable {
    /// One of the gradients.
    struct Part: Sendable {
        let objective: any Objective<Scalar>
        let groups: ComponentGroups
        let range: Range<Int>
        let point: [Scalar]
        /// W_b and W of what is in the value before, and after.
        let before: GroupedSample?
        let after: GroupedSample
        /// Whether every group is but one component: its gradient is the group's then, and needs no sum.
        let isOneEach: Bool
        /// Whether the mean is made from the groups' gradients when all of them are there, instead of adding one after the other.
        let isMeanLast: Bool
        /// Whether the value knows of no groups: those evaluated are the parts of its only one.
        let isCut: Bool
        /// Whether two groups may be evaluated together.
        let takesPairs: Bool
        /// Signalled when all groups before this one have been added; none are waited for where the mean comes last.
        let turns: [DispatchSemaphore]
        var groupCount: Int { after.groupWeights.count }

        /// Makes the probe's value ready for its groups.
        init(_ probe: inout SubsetProbe<Scalar>) {
            let range = probe.range
            // A single group has no vectors of its own that a part could be taken for.
            let isWhole = probe.groups.count > 1 || range.lowerBound > 0 || range.count == 1
            groups = isWhole ? probe.groups : probe.groups.parts(for: probe.objective)
            isCut = groups.count != probe.groups.count
            (before, after) = (groups.sample(before: range), groups.sample(ofSize: range.upperBound))
            isOneEach = before == nil && range.count == after.groupWeights.count
            isMeanLast = isOneEach && !probe.value.groups.isEmpty
            objective = probe.objective.focused(on: probe.point)
            takesPairs = isMeanLast && objective.prefersPairs
            point = probe.point
            self.range = range
            turns = (0..<(isMeanLast ? 0 : after.groupWeights.count)).map { _ in DispatchSemaphore(value: 0) }
            turns.first?.signal()
            probe.value.prepare(adding: range, before: before, after: after, addsToMean: !isMeanLast)
        }
    }

    /// A group of one of the gradients.
    private struct Task {
        var part: Int
        var group: Int
    }

    private struct State {
        var values: [GroupedGradient<Scalar>]
        var buffers: [GroupBuffers<Scalar>]
        /// How many groups of every part have not been added.
        var left: [Int]
        /// The first task that nobody has taken.
        var next = 0
        var failure: (any Error)?

        /// Takes one task, or as many as there are up to `most`.
        mutating func take(_ most: Int, of count: Int) -> Range<Int> {
            let first = next
            next = min(count, first + most)
            return first..<next
        }

        /// Keeps the first failure; nobody need take the rest.
        mutating func fail(_ error: any Error, taskCount: Int) {
            if failure == nil { failure = error }
            next = taskCount
        }
    }

    private let parts: [Part]
    private let tasks: [Task]
    private let workerCount: Int
    private let isCancelled: @Sendable () -> Bool
    private let state: Mutex<State>

    var taskCount: Int { tasks.count }

    init(
        _ parts: [Part], values: consuming [GroupedGradient<Scalar>], buffers: consuming [GroupBuffers<Scalar>],
        workerCount: Int, isCancelled: @escaping @Sendable () -> Bool
    ) {
        self.parts = parts
        self.workerCount = workerCount
        self.isCancelled = isCancelled
        tasks = parts.indices.flatMap { part in (0..<parts[part].groupCount).map { Task(part: part, group: $0) } }
        state = Mutex(State(values: values, buffers: buffers, left: parts.map(\.groupCount)))
    }

    /// Takes group after group until none is left.
    func work() {
        var own = state.withLock { $0.buffers.popLast() } ?? GroupBuffers()
        while true {
            let indices = state.withLock { $0.take(taskCount(from: $0.next), of: tasks.count) }
            guard let first = indices.first else { break }
            let task = tasks[first]
            let part = parts[task.part]
            if indices.count == 2 {
                guard let losses = evaluate({ try pair(task.group, of: part, &own) }) else { continue }
                keep(task, losses.0, &own.component)
                keep(tasks[first + 1], losses.1, &own.other)
                continue
            }
            let loss = evaluate { try sum(task.group, of: part, &own) }
            guard !part.isMeanLast else {
                if let loss { keep(task, loss, &own.component) }
                continue
            }
            // Groups are taken in order, so that the one whose turn it is has always been taken: no wait without end.
            part.turns[task.group].wait()
            if let loss { add(task, loss, &own) }
            if task.group + 1 < part.groupCount { part.turns[task.group + 1].signal() }
        }
        state.withLock { [own] in $0.buffers.append(own) }
    }

    /// How many tasks to take from here: two where they belong together, unless few are left, which are better shared.
    private func taskCount(from next: Int) -> Int {
        guard next + 1 < tasks.count, parts[tasks[next].part].takesPairs, tasks[next + 1].part == tasks[next].part
        else {
            return 1
        }
        return workerCount == 1 || tasks.count - next > 2 * workerCount ? 2 : 1
    }

    /// - Returns: `nil` after a failure, its own or another's.
    private func evaluate<Value>(_ body: () throws -> Value) -> Value? {
        do {
            let value = try body()
            return state.withLock { $0.failure == nil } ? value : nil
        } catch {
            state.withLock { $0.fail(error, taskCount: tasks.count) }
            return nil
        }
    }

    /// Leaves Σ wᵢ∇fᵢ over the new components of a group in `own.sum`, or where there is but one, its ∇fᵢ in `own.component`.
    /// - Returns: Σ wᵢfᵢ
    private func sum(_ group: Int, of part: Part, _ own: inout GroupBuffers<Scalar>) throws -> Double {
        let positions = Array(part.groups.positions(ofGroup: group, in: part.range))
        let components = positions.map { part.groups.components[$0] }
        let parameterCount = part.point.count
        own.prepareComponents(1, parameterCount: parameterCount)
        guard part.isOneEach else {
            own.prepareSum(parameterCount: parameterCount)
            return try part.objective.addGradients(
                of: components, at: part.point, scratch: &own.component, into: &own.sum, isCancelled: isCancelled)
        }
        try checkCancellation()
        return part.groups.weights[positions[0]]
            * (try part.objective.gradient(ofComponent: components[0], at: part.point, into: &own.component))
    }

    /// Leaves the ∇fᵢ of this group and of the next, which are one component each, in `own.component` and `own.other`.
    /// - Returns: wᵢfᵢ of both.
    private func pair(_ group: Int, of part: Part, _ own: inout GroupBuffers<Scalar>) throws -> (Double, Double) {
        try checkCancellation()
        own.prepareComponents(2, parameterCount: part.point.count)
        let (components, weights) = (part.groups.components, part.groups.weights)
        let losses = try part.objective.gradients(
            ofComponents: components[group], components[group + 1], at: part.point, into: &own.component, &own.other)
        return (weights[group] * losses.0, weights[group + 1] * losses.1)
    }

    private func checkCancellation() throws {
        guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
    }

    /// Hands a group's gradient over; with the last one the mean is made.
    private func keep(_ task: Task, _ loss: Double, _ gradient: inout [Scalar]) {
        let sample = parts[task.part].after
        let complete = state.withLock { state -> GroupedGradient<Scalar>? in
            state.values[task.part].groupLosses[task.group] = loss
            swap(&gradient, &state.values[task.part].groups[task.group])
            state.left[task.part] -= 1
            return state.left[task.part] == 0 ? state.values[task.part].taken() : nil
        }
        guard var value = complete else { return }
        value.addGroups(of: sample)
        give(&value, back: task.part)
    }

    /// Adds a group to the mean. It is its turn, so that nobody else has the value.
    private func add(_ task: Task, _ loss: Double, _ own: inout GroupBuffers<Scalar>) {
        let part = parts[task.part]
        let (before, after) = (part.before, part.after)
        var value = state.withLock { $0.values[task.part].taken() }
        value.loss += loss
        let (old, new) = (before?.groupWeights[task.group] ?? 0, after.groupWeights[task.group])
        value.groupLosses[task.group] = (old * value.groupLosses[task.group] + loss) / new
        if part.isOneEach {
            Scalar.accumulate(into: &value.mean, scale: new / after.totalWeight, own.component)
        } else {
            Double.accumulate(into: &value.mean, scale: 1 / after.totalWeight, own.sum)
            if !value.groups.isEmpty {
                if value.groups[task.group].isEmpty { value.groups[task.group] = Scalar.zeros(value.parameterCount) }
                if old > 0 { Scalar.accumulate(into: &own.sum, scale: old, value.groups[task.group]) }
                Scalar.round(into: &value.groups[task.group], factor: 1 / new, own.sum)
            }
        }
        give(&value, back: task.part)
    }

    private func give(_ value: inout GroupedGradient<Scalar>, back part: Int) {
        let returned = value.taken()
        state.withLock { [returned] in $0.values[part] = returned }
    }

    /// Hands the vectors back.
    /// - Returns: what went wrong first.
    func takeResult(
        into probes: inout [SubsetProbe<Scalar>], buffers: inout [GroupBuffers<Scalar>]
    ) -> (any Error)? {
        state.withLock { state in
            for index in probes.indices {
                probes[index].value = state.values[index].taken()
                probes[index].value.loss /= parts[index].after.totalWeight
                if parts[index].isCut { probes[index].value.groupLosses = [probes[index].value.loss] }
            }
            swap(&buffers, &state.buffers)
            return state.failure
        }
    }
}
