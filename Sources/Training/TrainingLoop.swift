import Essentials
import Evaluation
import ParameterSpace
import RunFiles

/// The iterations of one call of the trainer.
struct TrainingLoop<Scalar: ParameterScalar> {
    private let trainer: Trainer<Scalar>
    private let configuration: TrainingConfiguration
    /// The training objective with the draw of the epoch.
    private var objective: any Objective<Scalar>
    private var epoch = 0
    private let rule: UpdateRule
    private let observer: (any StepObserver<Scalar>)?
    /// Σ w ∇f of a full gradient, and the gradient of one component; empty otherwise.
    private var sum: [Double]
    private var scratch: [Scalar]
    private var state: TrainingState<Scalar>
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let firstIteration: Int
    private var lastResumePoint: ContinuousClock.Instant
    private var resumePointInterval: Duration
    private var done = TrainingSummary()

    init(trainer: Trainer<Scalar>, state: consuming TrainingState<Scalar>, observer: (any StepObserver<Scalar>)?) {
        self.trainer = trainer
        self.observer = observer
        configuration = trainer.configuration
        objective = trainer.objective(inEpoch: 0)
        rule = UpdateRule(trainer.configuration)
        let isFull = trainer.componentsPerIteration > 1
        sum = [Double](repeating: 0, count: isFull ? state.iterate.count : 0)
        scratch = Scalar.zeros(isFull ? state.iterate.count : 0)
        firstIteration = state.iteration
        self.state = state
        start = clock.now
        lastResumePoint = start
        resumePointInterval = min(trainer.resumePointInterval, .milliseconds(50))
    }

    func summary(_ outcome: TrainingOutcome) -> TrainingSummary {
        var summary = done
        summary.outcome = outcome
        summary.iterations = state.iteration
        summary.iterationsDone = state.iteration - firstIteration
        summary.clippedCount = state.clippedCount
        summary.elapsed = clock.now - start
        return summary
    }

    mutating func run(
        into writer: inout RunFileWriter<Scalar>, shouldStop: () -> Bool, progress: (TrainingProgress) -> Void
    ) throws -> TrainingOutcome {
        while true {
            if trainer.evaluationsDue(at: state.iteration) > state.evaluationCount {
                guard try evaluate(into: &writer, shouldStop: shouldStop) else { return try interrupt(&writer) }
            }
            guard state.iteration < configuration.iterations else { break }
            if shouldStop() { return try interrupt(&writer) }
            guard let record = try iterateOnce(into: &writer, shouldStop: shouldStop) else {
                return try interrupt(&writer)
            }
            // The memory of the rule is that of the next iteration already: the run goes on from its last resume point.
            guard try observeStep() else { return .interrupted(iteration: state.iteration) }
            advance(record)
            progress(report(record))
            if record.status == .nonFinite { return .diverged(iteration: state.iteration - 1) }
            if clock.now - lastResumePoint >= resumePointInterval { try saveResumePoint(to: &writer) }
        }
        try saveResumePoint(to: &writer)
        return .complete
    }

    /// One step of the rule, recorded; `advance` then makes `state` that of the next iteration.
    /// - Returns: `nil` where it was asked to stop inside a full gradient; nothing is recorded then.
    private mutating func iterateOnce(
        into writer: inout RunFileWriter<Scalar>, shouldStop: () -> Bool
    ) throws -> IterationRecord? {
        redraw()
        let before = clock.now
        let (loss, weight) = try evaluateGradient(shouldStop: shouldStop)
        done.gradientTime += clock.now - before
        guard let loss else { return nil }

        let record = step(loss: loss)
        let beforeWriting = clock.now
        try write(record, to: &writer)
        done.writingTime += clock.now - beforeWriting

        state.epochLoss.add(loss, weight: weight)
        return record
    }

    private mutating func advance(_ record: IterationRecord) {
        state.clippedCount += record.clipped ? 1 : 0
        state.advance()
    }

    /// Hands the step over where it is asked for.
    /// - Returns: `false` where the observer was asked to stop.
    private func observeStep() throws -> Bool {
        guard let observer, configuration.observation?.schedule.saves(state.iteration) == true else { return true }
        do {
            try observer.observe(iteration: state.iteration, iterate: state.iterate, next: state.next)
            return true
        } catch let error as SmoothnessError where error.kind == .interrupted {
            return false
        }
    }

    /// Takes the objective of the epoch that the iteration belongs to.
    private mutating func redraw() {
        let current = state.iteration / trainer.epochLength
        guard current != epoch else { return }
        epoch = current
        objective = trainer.objective(inEpoch: epoch)
    }

    /// Writes the gradient of the iteration into `state.gradient`.
    /// - Returns: its loss, `nil` where it was asked to stop, and its weight in the mean over the epoch.
    private mutating func evaluateGradient(shouldStop: () -> Bool) throws -> (loss: Double?, weight: Double) {
        guard trainer.componentsPerIteration > 1 else {
            let component = state.order.component(at: state.iteration)
            let loss = try objective.gradient(ofComponent: component, at: state.iterate, into: &state.gradient)
            return (loss, configuration.gradient == .full ? 1 : objective.weight(ofComponent: component))
        }
        for index in sum.indices { sum[index] = 0 }
        var losses = WeightedSum()
        for component in 0..<objective.componentCount {
            if component > 0 && shouldStop() { return (nil, 1) }
            let loss = try objective.gradient(ofComponent: component, at: state.iterate, into: &scratch)
            let weight = objective.weight(ofComponent: component)
            Scalar.accumulate(into: &sum, scale: weight, scratch)
            losses.add(loss, weight: weight)
        }
        let total = objective.totalWeight(of: 0..<objective.componentCount)
        for index in sum.indices { state.gradient[index] = Scalar(sum[index] / total) }
        return (losses.mean, 1)
    }

    /// Writes x_{t+1} into `state.next`: the rule's, or x_t where something is not finite.
    private mutating func step(loss: Double) -> IterationRecord {
        let gradientNorm = objective.layout.norm(of: state.gradient)
        let factor =
            configuration.schedule?.factor(
                at: state.iteration, learningRate: configuration.learningRate, epochLength: trainer.epochLength,
                iterationCount: configuration.iterations,
                reductions: state.reductions) ?? 1
        let rule = rule.scaled(by: factor)
        var record = IterationRecord(
            loss: loss, gradientNorm: gradientNorm, stepNorm: 0, learningRate: rule.learningRate, clipped: false,
            status: .nonFinite)
        if loss.isFinite && gradientNorm.isFinite {
            record.clipped = rule.advance(
                from: state.iterate, gradient: state.gradient, gradientNorm: gradientNorm, iteration: state.iteration,
                memory: &state.memory, into: &state.next, layout: objective.layout)
            record.stepNorm = objective.layout.distance(from: state.iterate, to: state.next)
            record.status = record.stepNorm == 0 ? .zeroStep : .ok
            if record.stepNorm.isFinite { return record }
            record.stepNorm = 0
            record.clipped = false
            record.status = .nonFinite
        }
        state.next = state.iterate
        return record
    }

    private mutating func write(_ record: IterationRecord, to writer: inout RunFileWriter<Scalar>) throws {
        try writer.record(record, at: state.iteration)
        guard configuration.save.saves(state.iteration) else { return }
        try writer.record(
            SnapshotRecord(iteration: state.iteration, record), iterate: state.iterate, nextIterate: state.next,
            gradient: configuration.storesGradients ? state.gradient : nil)
    }

    /// The validation loss and metric at the end of an epoch, at x or, where iterates are averaged, at x̄, and the mean training
    /// loss of the epoch.
    /// - Returns: `false` where it was asked to stop; nothing is recorded then, and the evaluation is still due.
    private mutating func evaluate(
        into writer: inout RunFileWriter<Scalar>, shouldStop: () -> Bool
    ) throws -> Bool {
        guard let heldOut = trainer.objectives.validation else { return true }
        let before = clock.now
        defer { done.evaluationTime += clock.now - before }
        let point = state.averagedCount > 0 ? state.average : state.iterate
        let validation = try heldOut.settled(at: point)
        var sum = WeightedSum()
        var correctCount: Int? = 0
        var exampleCount = 0.0
        for component in 0..<validation.componentCount {
            if shouldStop() { return false }
            let weight = validation.weight(ofComponent: component)
            let evaluation = try validation.evaluation(ofComponent: component, at: point)
            sum.add(evaluation.loss, weight: weight)
            exampleCount += weight
            correctCount = correctCount.flatMap { count in evaluation.correctCount.map { count + $0 } }
        }
        let record = EvaluationRecord(
            epoch: state.evaluationCount + 1, iteration: state.iteration, trainingLoss: state.epochLoss.mean,
            validationLoss: sum.mean,
            metric: correctCount.map { Double($0) / exampleCount } ?? trainer.objectives.metric(sum.mean))
        try writer.record(record)
        done.lastEvaluation = record
        state.note(record)
        state.epochLoss = WeightedSum()
        return true
    }

    private mutating func interrupt(_ writer: inout RunFileWriter<Scalar>) throws -> TrainingOutcome {
        try saveResumePoint(to: &writer)
        return .interrupted(iteration: state.iteration)
    }

    private mutating func saveResumePoint(to writer: inout RunFileWriter<Scalar>) throws {
        let before = clock.now
        try writer.saveResumePoint(
            ResumePoint(
                iteration: state.iteration, iterate: state.iterate, momentum: state.memory.momentum,
                secondMoment: state.memory.secondMoment, average: state.average,
                evaluationCount: state.evaluationCount))
        lastResumePoint = clock.now
        let cost = lastResumePoint - before
        done.writingTime += cost
        resumePointInterval = min(trainer.resumePointInterval, max(.milliseconds(50), cost * 100))
    }

    private func report(_ record: IterationRecord) -> TrainingProgress {
        let elapsed = clock.now - start
        return TrainingProgress(
            iteration: state.iteration, iterationCount: configuration.iterations,
            epoch: (state.iteration - 1) / trainer.epochLength + 1, loss: record.loss,
            gradientNorm: record.gradientNorm, clippedShare: Double(state.clippedCount) / Double(state.iteration),
            elapsed: elapsed,
            remaining: elapsed / (state.iteration - firstIteration) * (configuration.iterations - state.iteration),
            evaluation: done.lastEvaluation)
    }
}
