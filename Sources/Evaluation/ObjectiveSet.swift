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

/// Makes the objective that a description describes.
///
/// - Parameters:
///   - dataOverride: where the data file is now, if it is not where the description says; its content must be the same.
///   - modulePath: where the scripted module of such a description is, which only the caller may say.
/// - Throws: `SmoothnessError` of kind `.usage` where a parameter is out of range or a place is given for data that are
///   not read, `.noInput` where the data is gone, and `.data` where it is not what the description was made from.
public func makeObjective<Scalar: ParameterScalar>(
    _ description: ObjectiveDescription, as scalar: Scalar.Type, options: EvaluationOptions = EvaluationOptions(),
    dataOverride: String? = nil, modulePath: String? = nil
) throws -> ObjectiveSet<Scalar> {
    try description.validate()
    try requireSize("micro_batch", options.microBatch ?? 1, atMost: DescriptionBounds.batch)
    if dataOverride != nil && description.dataPath == nil {
        throw SmoothnessError(
            .usage, "this objective reads no file, so there is none to look for elsewhere", file: dataOverride,
            object: description.kind.name)
    }
    if case .torchScript = description.kind {
    } else if let modulePath {
        throw SmoothnessError(
            .usage, "this objective has no scripted module", file: modulePath, object: description.kind.name)
    }
    switch description.kind {
    case .languageModel, .transformer, .imageClassifier, .torchScript, .external: break
    default: try requireProcessor(options.device)
    }
    let training: any Objective<Scalar>
    switch description.kind {
    case .quadratic(let parameters):
        training = Quadratic<Scalar>(
            spectrum: parameters.spectrum, rotations: parameters.rotations, componentCount: parameters.componentCount,
            noise: parameters.noise, seed: parameters.seed)
    case .polynomial(let parameters):
        training = Polynomial<Scalar>(coefficients: parameters.coefficients, start: parameters.start)
    case .quarticValley(let parameters): training = QuarticValley<Scalar>(start: parameters.start)
    case .exponentialWalls(let parameters):
        training = ExponentialWalls<Scalar>(growth: parameters.growth, initialGradient: parameters.initialGradient)
    case .slowSlope(let parameters): training = SlowSlope<Scalar>(slope: parameters.slope, gap: parameters.gap)
    case .qianExample(let parameters): training = QianExample<Scalar>(start: parameters.start)
    case .exponentialSum(let parameters):
        training = ExponentialSum<Scalar>(
            amplitudes: parameters.amplitudes, rates: parameters.rates, start: parameters.start)
    case .deepLinearNetwork(let parameters):
        training = DeepLinearNetwork<Scalar>(
            widths: parameters.widths, samples: parameters.samples, batchSize: parameters.batchSize,
            initialScale: parameters.initialScale)
    case .logisticRegression(let parameters):
        training = LogisticRegression<Scalar>(
            samples: try parameters.samples(dataOverride: dataOverride), batchSize: parameters.batchSize,
            regularization: parameters.regularization, hasIntercept: parameters.hasIntercept)
    case .languageModel(let parameters):
        return try parameters.makeObjective(as: scalar, options: options, dataOverride: dataOverride)
    case .transformer(let parameters):
        return try parameters.makeObjective(as: scalar, options: options, dataOverride: dataOverride)
    case .imageClassifier(let parameters):
        return try parameters.makeObjective(as: scalar, options: options, dataOverride: dataOverride)
    case .torchScript(let parameters):
        return try parameters.makeObjective(
            as: scalar, options: options, modulePath: modulePath, dataOverride: dataOverride)
    case .external(let model): throw model.absence
    }
    return ObjectiveSet(training: training)
}

private func requireProcessor(_ device: String) throws {
    guard device != "cpu" else { return }
    throw SmoothnessError(
        .usage, "formulas are evaluated on the processor", object: "device", expected: "cpu", found: device)
}

extension DeepLinearNetworkDescription {
    fileprivate var samples: RegressionSamples {
        RegressionSamples(
            inputCount: widths[0], outputCount: widths[widths.count - 1], count: sampleCount, noise: noise, seed: seed)
    }
}

extension LogisticRegressionDescription {
    fileprivate func samples(dataOverride: String?) throws -> LabelledSamples {
        switch source {
        case .generated(let samples): LabelledSamples(generated: samples)
        case .file(let file):
            try LabelledSamples(
                commaSeparated: try file.read(from: dataOverride), file: dataOverride ?? file.path)
        }
    }
}
