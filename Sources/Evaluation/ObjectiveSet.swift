import Essentials
import Foundation
import ParameterSpace

/// The element type in which an objective is evaluated and its iterates are stored.
public enum Precision: String, Codable, Sendable, Hashable, CaseIterable {
    case float32, float64
}

/// How an objective is evaluated. None of these changes which function it is, except that `masks` `off` leaves dropout
/// out and `fresh` makes it no function at all.
public struct EvaluationOptions: Sendable, Hashable, Codable {
    public enum Masks: String, Codable, Sendable, Hashable, CaseIterable {
        /// Component i has the same dropout masks at every point: a function of (seed, i).
        case fixed
        /// No dropout.
        case off
        /// A new draw of masks, augmentation and cuts at *every* evaluation, to show what that does: the difference of two
        /// gradients holds the noise of two draws, so that L̂(γ) grows as 1/γ. Whoever evaluates chooses the draws (`redrawn`); to
        /// the objective itself it is `fixed`.
        case fresh
    }

    public var masks: Masks
    /// Evaluate a component in pieces of at most this many examples (streams of text), to need less memory.
    public var microBatch: Int?
    /// `cpu` or `cuda`
    public var device: String

    public init(masks: Masks = .fixed, microBatch: Int? = nil, device: String = "cpu") {
        self.masks = masks
        self.microBatch = microBatch
        self.device = device
    }
}

/// Which draw of an objective's random parts training uses; estimates are made at draw 0.
public enum TrainingDraws: String, Codable, Sendable, Hashable, CaseIterable {
    /// Draw 0 throughout: training minimises the function that is measured.
    case fixed
    /// Draw e in epoch e, counted from 0.
    case fresh
}

/// An objective for training and, where there is held-out data, one that measures on that.
public struct ObjectiveSet<Scalar: ParameterScalar>: Sendable {
    public var training: any Objective<Scalar>
    public var validation: (any Objective<Scalar>)?
    /// The field's number for held-out data: `perplexity`, or `accuracy` where components count right answers.
    public var metricName: String?
    /// From a mean loss to that number. Not asked where components count right answers: their share is the number then.
    public var metric: @Sendable (Double) -> Double
    /// Whether epoch e of training uses draw e of the random parts, or every epoch draw 0.
    public var trainingDraws = TrainingDraws.fixed

    public init(
        training: any Objective<Scalar>, validation: (any Objective<Scalar>)? = nil, metricName: String? = nil,
        metric: @escaping @Sendable (Double) -> Double = { $0 }, trainingDraws: TrainingDraws = .fixed
    ) {
        self.training = training
        self.validation = validation
        self.metricName = metricName
        self.metric = metric
        self.trainingDraws = trainingDraws
    }
}
