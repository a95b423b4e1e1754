import Essentials
import Objectives
import ParameterSpace
import RunFiles

/// What the next iteration depends on, and the buffers that it works in.
struct TrainingState<Scalar: ParameterScalar> {
    /// t, the iterations done.
    var iteration = 0
    /// x_t
    var iterate: [Scalar]
    /// Overwritten with x_{t+1}.
    var next: [Scalar]
    /// Overwritten with g_t.
    var gradient: [Scalar]
    /// m_t; empty where the rule keeps none.
    var momentum: [Scalar]
    var order: ComponentOrder
    /// Σ w f and Σ w over the iterations of the epoch, in their order.
    var epochLoss = WeightedSum()
    var evaluationCount = 0
    var clippedCount = 0

    /// The state at t = 0: the initial point of the seed, m₀ = 0.
    init(from trainer: Trainer<Scalar>) {
        let objective = trainer.objectives.training
        let configuration = trainer.configuration
        iterate = objective.initialPoint(seed: configuration.seed)
        next = [Scalar](repeating: 0, count: iterate.count)
        gradient = next
        momentum = UpdateRule(configuration).keepsMomentum ? next : []
        order = ComponentOrder(
            configuration.order, seed: configuration.seed, componentCount: objective.componentCount)
    }

    /// Becomes the state at a resume point.
    ///
    /// Only iteration, iterate, momentum and the number of evaluations were saved: the order is a function of the seed, and
    /// the sums are made again from the history of the iterations before, in the same order and so to the same bits.
    mutating func `continue`(
        at point: consuming ResumePoint<Scalar>, history: [IterationRecord], of trainer: Trainer<Scalar>, path: String
    ) throws {
        guard point.iteration == history.count, point.iterate.count == iterate.count,
            point.momentum.count == momentum.count
        else {
            throw SmoothnessError(
                .data, "does not fit the run", file: path, object: "/resume",
                expected: "\(history.count) iterations, \(iterate.count) parameters, \(momentum.count) of momentum",
                found: "\(point.iteration), \(point.iterate.count), \(point.momentum.count)")
        }
        iteration = point.iteration
        iterate = point.iterate
        momentum = point.momentum
        evaluationCount = point.evaluationCount
        clippedCount = history.count(where: \.clipped)
        let length = trainer.epochLength
        // An evaluation that is still due wants the sums of the epoch that has just ended.
        let isDue = trainer.evaluationsDue(at: iteration) > evaluationCount
        let epoch = isDue ? (iteration - 1) / length : iteration / length
        for earlier in (epoch * length)..<iteration {
            let weight = trainer.objectives.training.weight(ofComponent: order.component(at: earlier))
            epochLoss.add(history[earlier].loss, weight: weight)
        }
    }
}

/// Σ w f and Σ w.
struct WeightedSum: Sendable {
    private var sum = 0.0
    private var total = 0.0

    mutating func add(_ value: Double, weight: Double) {
        sum += weight * value
        total += weight
    }

    /// Σ w f / Σ w
    var mean: Double { sum / total }
}
