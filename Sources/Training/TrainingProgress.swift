import RunFiles

/// Where a run stands after an iteration, for a progress bar or a log.
public struct TrainingProgress: Sendable {
    /// Iterations done, those before a resume included.
    public var iteration: Int
    /// T
    public var iterationCount: Int
    /// The epoch of the last iteration, from 1.
    public var epoch: Int
    /// f_i(x_k) of the last iteration's component.
    public var loss: Double
    /// ‖∇f_i(x_k)‖ before clipping.
    public var gradientNorm: Double
    /// The share of all iterations so far whose step was clipped.
    public var clippedShare: Double
    /// Since this call began.
    public var elapsed: Duration
    /// At the pace of this call.
    public var remaining: Duration
    /// The last one, if there was any.
    public var evaluation: EvaluationRecord?
}

/// How a call of the trainer ended.
public enum TrainingOutcome: Sendable, Equatable {
    /// All T iterations are done.
    case complete
    /// The loss, the gradient or the step of this iteration is not finite; its row is recorded, no step was taken, and the
    /// run is over.
    case diverged(iteration: Int)
    /// Asked to stop before this iteration; the file can be continued.
    case interrupted(iteration: Int)
}

/// What a call of the trainer did and what the time went to.
public struct TrainingSummary: Sendable {
    public var outcome = TrainingOutcome.complete
    /// Iterations in the file, those before a resume included.
    public var iterations = 0
    /// Iterations of this call.
    public var iterationsDone = 0
    public var clippedCount = 0
    public var lastEvaluation: EvaluationRecord?
    /// The whole call.
    public var elapsed = Duration.zero
    /// Losses and gradients of minibatches.
    public var gradientTime = Duration.zero
    /// Snapshots, history and resume points.
    public var writingTime = Duration.zero
    /// Validation losses.
    public var evaluationTime = Duration.zero

    public init() {}
}
