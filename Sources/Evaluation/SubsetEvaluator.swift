import Dispatch
import Essentials
import ParameterSpace
import Synchronization

/// A gradient ∇f_S(x) that is to be evaluated, and what is known of it.
package struct SubsetProbe<Scalar: ParameterScalar> {
    package var objective: any Objective<Scalar>
    /// The subset and its division.
    package var groups: ComponentGroups
    /// The positions in `groups.components` that are evaluated. Where it does not begin at 0, `value` holds those before it at the same
    /// point, and they are added to.
    package var range: Range<Int>
    /// x
    package var point: [Scalar]
    /// ∇f_S(x) and the groups' gradients.
    package var value: GroupedGradient<Scalar>
    /// Whether another gradient will be begun before this one is waited for: then nobody has to be spared a wait at its end.
    package var isFollowed = false

    package init(
        objective: any Objective<Scalar>, groups: ComponentGroups, range: Range<Int>, point: [Scalar],
        value: GroupedGradient<Scalar>, isFollowed: Bool = false
    ) {
        self.objective = objective
        self.groups = groups
        self.range = range
        self.point = point
        self.value = value
        self.isFollowed = isFollowed
    }
}

/// Evaluates ∇f_S group by group, several groups at the same time, each worker with its own vectors. A single group is cut into parts for that;
/// the groups of several gradients may follow one another, so that nobody waits between them: a gradient is begun, and then waited for.
///
/// Which worker takes which group is left to chance; the sums are not: a group is summed in the order of its components, and
/// the groups are added in their order. The result does not depend on the number of workers.
///
/// Whoever waits for a gradient is one of the workers. The others come when there is something to do, and go when there is not.
package final class SubsetEvaluator<Scalar: ParameterScalar>: Sendable {
    package let workerCount: Int
    package let isCancelled: @Sendable () -> Bool
    private let state = Mutex(State())

    private struct State {
        /// Groups that nobody has taken, in the order in which their gradients were begun.
        var queue: [SubsetTask<Scalar>] = []
        /// Workers besides the one that waits.
        var helperCount = 0
        /// The workers' own vectors, made once.
        var buffers: [GroupBuffers<Scalar>] = []
    }

    package init(workerCount: Int, isCancelled: @escaping @Sendable () -> Bool) {
        self.workerCount = max(1, workerCount)
        self.isCancelled = isCancelled
    }

    /// The vectors of one worker: a component's gradient, that of another where they are evaluated in pairs, and where groups have more than one
    /// component, the sum of a group.
    package static func byteCountPerWorker(parameterCount: Int, sumsGroups: Bool, takesPairs: Bool = false) -> Int {
        parameterCount
            * ((takesPairs ? 2 : 1) * MemoryLayout<Scalar>.stride + (sumsGroups ? MemoryLayout<Double>.stride : 0))
    }

    /// Leaves ∇f_S(point) and the groups' gradients in `value`; see `SubsetProbe` for the parameters.
    /// - Throws: as for several probes.
    package func evaluate(
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
    package func evaluate(_ probes: inout [SubsetProbe<Scalar>]) throws {
        let begun = probes.indices.map { SubsetEvaluation(&probes[$0], isCancelled: isCancelled) }
        // Whoever called is a worker, too.
        enqueue(begun, sparing: 1)
        var failure: (any Error)?
        for (index, evaluation) in begun.enumerated() {
            do {
                if failure != nil { evaluation.abandon() }
                probes[index].value = try finish(evaluation)
            } catch {
                failure = failure ?? error
                probes[index].value = evaluation.takeValue()
            }
        }
        if let failure { throw failure }
    }

    /// Lets the other workers begin with a gradient. It has to be finished.
    package func begin(_ probe: consuming SubsetProbe<Scalar>) -> SubsetEvaluation<Scalar> {
        let evaluation = SubsetEvaluation(&probe, isCancelled: isCancelled)
        enqueue([evaluation], sparing: 0)
        return evaluation
    }

    /// Works until a gradient is there, at whatever was begun first.
    /// - Throws: as `evaluate`; the vectors can be had back from the evaluation then.
    package func finish(_ evaluation: SubsetEvaluation<Scalar>) throws -> GroupedGradient<Scalar> {
        while !evaluation.isComplete {
            guard let task = state.withLock({ take(&$0) }) else {
                evaluation.wait()
                break
            }
            run(task)
        }
        if let failure = evaluation.failure { throw failure }
        return evaluation.takeValue()
    }

    /// - Parameter spared: how many of the tasks the caller will take itself.
    private func enqueue(_ evaluations: [SubsetEvaluation<Scalar>], sparing spared: Int) {
        let called = state.withLock { state in
            state.queue += evaluations.flatMap(\.tasks)
            let count = min(workerCount - 1 - state.helperCount, state.queue.count - spared)
            state.helperCount += max(0, count)
            return count
        }
        for _ in 0..<max(0, called) { DispatchQueue.global().async { self.help() } }
    }

    /// Takes task after task until there is none.
    private func help() {
        while let task = state.withLock({ state in
            let task = take(&state)
            if task == nil { state.helperCount -= 1 }
            return task
        }) {
            run(task)
        }
    }

    private func run(_ task: SubsetTask<Scalar>) {
        var own = state.withLock { $0.buffers.popLast() } ?? GroupBuffers()
        task.run(&own)
        state.withLock { [own] in $0.buffers.append(own) }
    }

    /// Takes one task, or two of the same gradient where they are evaluated together; at the end of all that there is single ones are better
    /// shared.
    private func take(_ state: inout State) -> SubsetTask<Scalar>? {
        guard var task = state.queue.first else { return nil }
        let left = state.queue.count
        if left > 1, task.evaluation.takesPairs, state.queue[1].evaluation === task.evaluation,
            workerCount == 1 || task.evaluation.isFollowed || left > 2 * workerCount
        {
            task.isPair = true
        }
        state.queue.removeFirst(task.isPair ? 2 : 1)
        return task
    }
}

/// A group of a gradient, or one and the next.
package struct SubsetTask<Scalar: ParameterScalar>: Sendable {
    package let evaluation: SubsetEvaluation<Scalar>
    package let group: Int
    package var isPair = false

    package func run(_ own: inout GroupBuffers<Scalar>) {
        if isPair { evaluation.runPair(group, &own) } else { evaluation.run(group, &own) }
    }
}

/// The vectors of one worker.
package struct GroupBuffers<Scalar: ParameterScalar>: Sendable {
    package var component: [Scalar] = []
    /// For the second of a pair.
    package var other: [Scalar] = []
    package var sum: [Double] = []

    /// Room for the gradients of components: a vector may have been exchanged for one of a group that has not been made.
    package mutating func prepareComponents(_ count: Int, parameterCount: Int) {
        if component.isEmpty { component = Scalar.zeros(parameterCount) }
        if count > 1, other.isEmpty { other = Scalar.zeros(parameterCount) }
    }

    /// Zeros.
    package mutating func prepareSum(parameterCount: Int) {
        guard !sum.isEmpty else {
            sum = Double.zeros(parameterCount)
            return
        }
        for index in sum.indices { sum[index] = 0 }
    }
}
