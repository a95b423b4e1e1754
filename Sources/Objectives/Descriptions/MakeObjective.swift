import Essentials
import ParameterSpace

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
