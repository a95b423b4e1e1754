import ParameterSpace

/// Tells whether a row's numbers can be used. The codes are those of `/trajectory/status` and `/history/status`.
public enum RowStatus: UInt8, Sendable, Codable, CaseIterable {
    /// Everything is finite and the step is not zero.
    case ok = 0
    /// The loss, the gradient, the iterate or the next iterate is NaN or infinite somewhere.
    case nonFinite = 1
    /// x_{k+1} = x_k: there is no direction to measure along.
    case zeroStep = 2
}

/// The numbers of one iteration k.
public struct IterationRecord: Sendable, Equatable {
    /// f at x_k on the iteration's minibatch.
    public var loss: Double
    /// ‖∇f(x_k)‖ on the iteration's minibatch, before clipping.
    public var gradientNorm: Double
    /// ‖x_{k+1} − x_k‖, as `ParameterLayout.distance` gives it.
    public var stepNorm: Double
    /// η of this iteration.
    public var learningRate: Double
    /// Tells whether the clip norm shortened the step.
    public var clipped: Bool
    public var status: RowStatus

    public init(
        loss: Double, gradientNorm: Double, stepNorm: Double, learningRate: Double, clipped: Bool,
        status: RowStatus = .ok
    ) {
        self.loss = loss
        self.gradientNorm = gradientNorm
        self.stepNorm = stepNorm
        self.learningRate = learningRate
        self.clipped = clipped
        self.status = status
    }

    /// The first number in which two records differ, bit for bit: NaN equals the same NaN, 0 differs from −0.
    func difference(from other: IterationRecord) -> (name: String, first: String, second: String)? {
        let numbers = [
            ("loss", loss, other.loss), ("gradient_norm", gradientNorm, other.gradientNorm),
            ("step_norm", stepNorm, other.stepNorm), ("learning_rate", learningRate, other.learningRate),
        ]
        if let (name, first, second) = numbers.first(where: { $1.bitPattern != $2.bitPattern }) {
            return (name, "\(first)", "\(second)")
        }
        if clipped != other.clipped { return ("clipped", clipped ? "1" : "0", other.clipped ? "1" : "0") }
        if status != other.status { return ("status", "\(status)", "\(other.status)") }
        return nil
    }

    func hasSameBits(as other: IterationRecord) -> Bool { difference(from: other) == nil }
}

/// The numbers of one saved row: those of its iteration, with the iteration's index k.
public struct SnapshotRecord: Sendable, Equatable {
    public var iteration: Int
    public var values: IterationRecord

    public init(iteration: Int, _ values: IterationRecord) {
        self.iteration = iteration
        self.values = values
    }

    public init(
        iteration: Int, loss: Double, gradientNorm: Double, stepNorm: Double, learningRate: Double, clipped: Bool,
        status: RowStatus = .ok
    ) {
        self.init(
            iteration: iteration,
            IterationRecord(
                loss: loss, gradientNorm: gradientNorm, stepNorm: stepNorm, learningRate: learningRate,
                clipped: clipped, status: status))
    }

    public var loss: Double { values.loss }
    public var gradientNorm: Double { values.gradientNorm }
    public var stepNorm: Double { values.stepNorm }
    public var learningRate: Double { values.learningRate }
    public var clipped: Bool { values.clipped }
    public var status: RowStatus { values.status }
}

/// One evaluation on held-out data.
public struct EvaluationRecord: Sendable, Equatable {
    /// The number of epochs that were done.
    public var epoch: Int
    /// The number of iterations that were done.
    public var iteration: Int
    /// Mean loss of the epoch's minibatches.
    public var trainingLoss: Double
    /// Loss on the held-out data.
    public var validationLoss: Double
    /// The metric named in the plan; NaN without one.
    public var metric: Double

    public init(epoch: Int, iteration: Int, trainingLoss: Double, validationLoss: Double, metric: Double) {
        self.epoch = epoch
        self.iteration = iteration
        self.trainingLoss = trainingLoss
        self.validationLoss = validationLoss
        self.metric = metric
    }

    func hasSameBits(as other: EvaluationRecord) -> Bool {
        epoch == other.epoch && iteration == other.iteration
            && trainingLoss.bitPattern == other.trainingLoss.bitPattern
            && validationLoss.bitPattern == other.validationLoss.bitPattern
            && metric.bitPattern == other.metric.bitPattern
    }
}

/// The state of the optimiser between two iterations: all that a run needs to continue to the same history and iterates.
public struct ResumePoint<Scalar: ParameterScalar>: Sendable, Equatable {
    /// The next iteration to do.
    public var iteration: Int
    /// x at the start of that iteration; P elements.
    public var iterate: [Scalar]
    /// m at the start of that iteration; P elements, or none where the optimiser has no momentum.
    public var momentum: [Scalar]
    /// v of Adam; P elements, or none.
    public var secondMoment: [Scalar]
    /// The mean of the iterates since averaging began; P elements, or none where nothing is averaged.
    public var average: [Scalar]
    /// The number of evaluations that were done before that iteration.
    public var evaluationCount: Int

    public init(
        iteration: Int, iterate: [Scalar], momentum: [Scalar], secondMoment: [Scalar] = [], average: [Scalar] = [],
        evaluationCount: Int
    ) {
        self.iteration = iteration
        self.iterate = iterate
        self.momentum = momentum
        self.secondMoment = secondMoment
        self.average = average
        self.evaluationCount = evaluationCount
    }
}
