import Essentials
import Evaluation
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
    /// What the rule remembers.
    var memory: UpdateMemory<Scalar>
    /// x̄; zero before averaging begins, empty where it never does.
    var average: [Scalar]
    var order: ComponentOrder
    /// Σ w f and Σ w over the iterations of the epoch, in their order.
    var epochLoss = WeightedSum()
    /// Validation losses and the iterations before them, in order.
    private(set) var evaluations: [(iteration: Int, validationLoss: Double)] = []
    /// How often the evaluations so far have made the schedule divide the learning rate.
    private(set) var reductions = 0
    /// τ: the iterates after this iteration are averaged; `nil` as long as that is not known.
    private(set) var averagingStart: Int?
    var clippedCount = 0
    private let configuration: TrainingConfiguration

    var evaluationCount: Int { evaluations.count }
    /// How many iterates are in x̄.
    var averagedCount: Int { averagingStart.map { max(iteration - $0, 0) } ?? 0 }

    /// The state at t = 0: the initial point of the seed, all memories zero.
    init(from trainer: Trainer<Scalar>) {
        let objective = trainer.objectives.training
        configuration = trainer.configuration
        iterate = objective.initialPoint(seed: configuration.seed)
        next = Scalar.zeros(iterate.count)
        gradient = next
        memory = UpdateMemory(for: UpdateRule(configuration), parameterCount: iterate.count)
        average = configuration.averaging == nil ? [] : next
        if case .from(let epoch) = configuration.averaging {
            // A start beyond every run is no start.
            let (start, isBeyond) = epoch.multipliedReportingOverflow(by: trainer.epochLength)
            averagingStart = isBeyond ? nil : start
        }
        order = ComponentOrder(
            configuration.order, seed: configuration.seed, componentCount: objective.componentCount)
    }

    /// Takes note of an evaluation, on which the schedule and averaging may depend.
    mutating func note(_ evaluation: EvaluationRecord) {
        evaluations.append((evaluation.iteration, evaluation.validationLoss))
        let losses = evaluations.map(\.validationLoss)
        if let plateau = configuration.schedule?.plateau { reductions = plateau.reductions(after: losses) }
        if averagingStart == nil, let trigger = configuration.averaging?.trigger(in: losses) {
            averagingStart = evaluations[trigger].iteration
        }
    }

    /// Takes x_{t+1} into x̄ where averaging has begun, exchanges x_t and x_{t+1}, and goes on to the next iteration.
    mutating func advance() {
        swap(&iterate, &next)
        iteration += 1
        let count = averagedCount
        guard count > 0 else { return }
        // x̄ₙ = x̄ₙ₋₁ + (xₙ − x̄ₙ₋₁)/n
        Scalar.axpby(1 / Double(count), iterate, 1 - 1 / Double(count), into: &average)
    }

    /// Becomes the state at a resume point.
    ///
    /// Only iteration, iterate, memories, average and the number of evaluations were saved: the order is a function of the seed,
    /// the schedule and the start of averaging follow from the evaluations, and the sums are made again from the history
    /// of the iterations before, in the same order and so to the same bits.
    mutating func `continue`(
        at point: consuming ResumePoint<Scalar>, history: [IterationRecord], evaluations: [EvaluationRecord],
        of trainer: Trainer<Scalar>, path: String
    ) throws {
        let expected = [
            history.count, iterate.count, memory.momentum.count, memory.secondMoment.count, average.count,
            evaluations.count,
        ]
        let found = [
            point.iteration, point.iterate.count, point.momentum.count, point.secondMoment.count, point.average.count,
            point.evaluationCount,
        ]
        guard expected == found else {
            throw SmoothnessError(
                .data, "does not fit the run", file: path, object: "/resume",
                expected: "iterations, parameters, of momentum, of second moment, of average, evaluations: \(expected)",
                found: "\(found)")
        }
        iteration = point.iteration
        iterate = point.iterate
        memory.momentum = point.momentum
        memory.secondMoment = point.secondMoment
        average = point.average
        for evaluation in evaluations { note(evaluation) }
        clippedCount = history.count(where: \.clipped)
        sumEpoch(history, of: trainer)
    }

    private mutating func sumEpoch(_ history: [IterationRecord], of trainer: Trainer<Scalar>) {
        let length = trainer.epochLength
        // An evaluation that is still due wants the sums of the epoch that has just ended.
        let isDue = trainer.evaluationsDue(at: iteration) > evaluationCount
        let epoch = isDue ? (iteration - 1) / length : iteration / length
        let objective = trainer.objective(inEpoch: epoch)
        for earlier in (epoch * length)..<iteration {
            let weight =
                configuration.gradient == .full ? 1 : objective.weight(ofComponent: order.component(at: earlier))
            epochLoss.add(history[earlier].loss, weight: weight)
        }
    }
}

extension Trainer {
    /// The finite sum that an epoch, from 0, trains on.
    func objective(inEpoch epoch: Int) -> any Objective<Scalar> {
        objectives.trainingDraws == .fresh ? objectives.training.redrawn(UInt64(epoch)) : objectives.training
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
