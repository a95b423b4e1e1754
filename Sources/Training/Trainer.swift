import Essentials
import Evaluation
import ParameterSpace
import RunFiles

/// Makes a run: minimises an objective by one component a step, or by its full gradient, and writes the run file.
///
/// One iteration is one component and an epoch is m iterations; with the full gradient both are one pass over all
/// components. Where the objectives ask for it, epoch e (from 0) uses draw e of the training objective. What a run file gets is a function of the objective and the configuration alone, so that an interrupted run continues to the
/// same bytes of iterates and history as one that was never interrupted.
///
/// Keeps three vectors of P scalars: x_t, x_{t+1} and the gradient; one more each for momentum, Adam's second moment, weight
/// decay inside the gradient and the average of iterates; and P Doubles for the sum of a full gradient. Nothing is copied
/// between iterations: the buffers of x_t and x_{t+1} are exchanged.
///
/// A loss, a gradient norm or a step that is not finite ends the run: the iteration's row is recorded with status
/// `nonFinite`, *no step is taken* (x_{k+1} = x_k, step norm 0), and the file is finished as complete, with the rows up to
/// that one. A diverged run is data, and all its iterates are finite.
public struct Trainer<Scalar: ParameterScalar>: Sendable {
    public let objectives: ObjectiveSet<Scalar>
    public let configuration: TrainingConfiguration
    /// The longest time between two resume points, so that a killed process loses little work. They come more often where
    /// they cost little: after a hundred times the time that the last one took, but at least 50 ms, so that they take 1 % of
    /// the time or come once in this interval.
    public var resumePointInterval = Duration.seconds(30)

    /// - Throws: `SmoothnessError(.usage)` where the configuration is out of range or for another precision.
    public init(_ objectives: ObjectiveSet<Scalar>, _ configuration: TrainingConfiguration) throws {
        try configuration.validate()
        guard configuration.precision.rawValue == Scalar.scalarName else {
            throw SmoothnessError(
                .usage, "is not the precision of the objective", object: "precision", expected: Scalar.scalarName,
                found: configuration.precision.rawValue)
        }
        if let name = configuration.needsValidation, objectives.validation == nil {
            throw SmoothnessError(
                .usage, "watches the validation loss, and this objective has no held-out data", object: name)
        }
        self.objectives = objectives
        self.configuration = configuration
    }

    /// Whether a new run file gets checksums; no number depends on it. `nil` gives them to runs that save at most every fourth iterate: what they cost
    /// grows with the share of iterates that are saved (Tests/Benchmarks/checksum_cost.py measures it).
    public var hasChecksums: Bool?

    /// The iterations of an epoch: m, or 1 with the full gradient.
    public var epochLength: Int {
        configuration.epochLength(componentCount: objectives.training.componentCount)
    }

    /// How much the run will write, known at once.
    public var extents: RunExtents {
        var extents = configuration.extents(
            evaluationCount: evaluationsDue(at: configuration.iterations), metricName: objectives.metricName)
        extents.hasChecksums = hasChecksums ?? (extents.snapshotCount <= extents.iterationCount / 4)
        return extents
    }

    /// What the run will write, known before it begins.
    public var plan: RunPlan {
        RunPlan(extents, savedIterations: configuration.save.savedIterations(of: configuration.iterations))
    }

    /// Refuses a run that does not fit on the disk of its file, before the plan of its rows is made.
    public func requireRoom(at path: String) throws {
        try extents.requireRoom(at: path, parameterCount: objectives.training.layout.count, scalar: Scalar.self)
    }

    /// Evaluations that belong to the first `iteration` iterations: one at the end of every epoch and, where T is no
    /// multiple of m, one at the end of the run. None without a validation objective.
    func evaluationsDue(at iteration: Int) -> Int {
        guard objectives.validation != nil else { return 0 }
        let (epochs, rest) = iteration.quotientAndRemainder(dividingBy: epochLength)
        return iteration == configuration.iterations && rest > 0 ? epochs + 1 : epochs
    }

    /// Trains from the beginning into a new file.
    /// - Parameters:
    ///   - replacing: whether a file of this name may be replaced.
    ///   - objective: the JSON text that rebuilds the objective.
    ///   - observer: receives the steps that `configuration.observation` names.
    ///   - shouldStop: polled before every gradient; `true` stops with a resumable file.
    ///   - progress: called after every iteration.
    /// - Throws: `SmoothnessError` of the writer or the objective; the file is left resumable where that is possible.
    public func train(
        creating path: String, replacing: Bool = false, objective: String,
        observer: (any StepObserver<Scalar>)? = nil, shouldStop: () -> Bool = { false },
        progress: (TrainingProgress) -> Void = { _ in }
    ) throws -> TrainingSummary {
        try requireRoom(at: path)
        let header = RunHeader(
            objective: objective, optimizer: try configuration.json, layout: objectives.training.layout,
            scalar: Scalar.self)
        let writer = try RunFileWriter<Scalar>(creating: path, replacing: replacing, header: header, plan: plan)
        return try run(TrainingState(from: self), into: writer, observer, shouldStop: shouldStop, progress: progress)
    }

    /// Continues an interrupted or killed run where its last resume point is.
    /// - Throws: `SmoothnessError(.data)` where the file is of another run or needs no continuing.
    public func train(
        continuing path: String, observer: (any StepObserver<Scalar>)? = nil, shouldStop: () -> Bool = { false },
        progress: (TrainingProgress) -> Void = { _ in }
    ) throws -> TrainingSummary {
        let writer = try RunFileWriter<Scalar>(continuing: path)
        try check(writer.header, writer.plan, of: path)
        var state = TrainingState(from: self)
        if let point = try writer.resumePoint() {
            try state.continue(
                at: point, history: writer.history(0..<point.iteration),
                evaluations: writer.evaluations(0..<point.evaluationCount), of: self, path: path)
        }
        return try run(state, into: writer, observer, shouldStop: shouldStop, progress: progress)
    }

    private func check(_ header: RunHeader, _ plan: RunPlan, of path: String) throws {
        guard header.layout == objectives.training.layout else {
            throw SmoothnessError(
                .data, "has other parameters than the objective", file: path, object: "/parameters",
                expected: "\(objectives.training.layout.count) in \(objectives.training.layout.blocks.count) blocks",
                found: "\(header.layout.count) in \(header.layout.blocks.count) blocks")
        }
        let stored = try TrainingConfiguration(json: header.optimizer, file: path)
        // Another number of threads repeats the run up to rounding: the caller decides and warns.
        var asked = configuration
        asked.threads = stored.threads
        guard stored == asked else {
            throw SmoothnessError(
                .data, "was begun with other settings", file: path, object: "/optimizer", expected: try asked.json,
                found: header.optimizer, remedy: "Continue it with its own settings")
        }
        // Whether there are checksums was decided when the file was made.
        var own = self.plan
        own.hasChecksums = plan.hasChecksums
        guard plan == own else {
            throw SmoothnessError(
                .data, "was planned for another run", file: path, object: "/trajectory",
                expected: "\(self.plan.savedIterations.count) snapshots of \(self.plan.iterationCount) iterations",
                found: "\(plan.savedIterations.count) snapshots of \(plan.iterationCount) iterations")
        }
    }

    /// Runs to the end and closes the file in the state that fits.
    private func run(
        _ initial: consuming TrainingState<Scalar>, into writer: consuming RunFileWriter<Scalar>,
        _ observer: (any StepObserver<Scalar>)?, shouldStop: () -> Bool, progress: (TrainingProgress) -> Void
    ) throws -> TrainingSummary {
        let firstIteration = initial.iteration
        var loop = TrainingLoop(trainer: self, state: initial, observer: observer)
        let outcome: TrainingOutcome
        do {
            try observer?.begin(run: writer.header, at: firstIteration)
            outcome = try loop.run(into: &writer, shouldStop: shouldStop, progress: progress)
        } catch {
            // The first error is the one to report; what is committed stays whatever happens here.
            try? writer.finish(.interrupted)
            throw error
        }
        if case .interrupted = outcome {
            try writer.finish(.interrupted)
        } else {
            try writer.finish(.complete)
        }
        return loop.summary(outcome)
    }
}

extension Trainer {
    /// The time of one iteration's gradient at the initial point, here and now, estimated from the first component: the second
    /// of two of its gradients, since the first warms up caches and allocators.
    public func measureGradientTime() throws -> Duration {
        let point = objectives.training.initialPoint(seed: configuration.seed)
        var gradient = Scalar.zeros(point.count)
        let clock = ContinuousClock()
        _ = try objectives.training.gradient(ofComponent: 0, at: point, into: &gradient)
        let start = clock.now
        _ = try objectives.training.gradient(ofComponent: 0, at: point, into: &gradient)
        return (clock.now - start) * componentsPerIteration
    }

    /// Gradients of components that an iteration takes: 1, or m with the full gradient.
    public var componentsPerIteration: Int {
        configuration.gradient == .full ? objectives.training.componentCount : 1
    }
}
