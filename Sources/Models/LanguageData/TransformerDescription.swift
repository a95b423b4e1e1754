import Essentials
import Evaluation
import Foundation
import ParameterSpace

/// What a `TransformerObjective` is made from.
public struct TransformerDescription: DescribedObjective {
    public static let kind = "transformer-language-model"
    public static let names = ["transformer"]
    public static let hasDevices = true

    public var text: TextDescription
    /// With as many positions as a segment has steps.
    public var network: TransformerConfiguration
    /// B, streams.
    public var batchSize: Int
    /// T, steps of a segment.
    public var sequenceLength: Int
    /// Of the dropout masks.
    public var seed: UInt64
    /// `nil` for fixed.
    public var trainingDraws: TrainingDraws?
    /// What the text gave when the description was made; making the objective again must give the same.
    public var training: TextStatistics
    public var validation: TextStatistics?

    enum CodingKeys: String, CodingKey {
        case text, network, seed, training, validation
        case batchSize = "batch_size"
        case sequenceLength = "sequence_length"
        case trainingDraws = "training_draws"
    }

    public func validate() throws {
        try LanguageModelDescription.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        try network.validate()
        try requireMemory(forParameters: network.layout.count)
        try require(
            network.contextLength == sequenceLength, "context_length", "the sequence length, \(sequenceLength)",
            network.contextLength)
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar> {
        let options = surroundings.options
        try text.requireLines(training: training, validation: validation)
        let data = try LanguageData(
            text, batchSize: batchSize, sequenceLength: sequenceLength, dataOverride: surroundings.data)
        try data.requireAgreement(
            vocabularySize: network.vocabularySize, training: training, validation: validation)
        let model = try TransformerLanguageModel<Scalar>(network, device: options.device)
        return ObjectiveSet(
            training: TransformerObjective(
                model: model, streams: data.training, seed: seed, masks: options.masks, microBatch: options.microBatch),
            validation: data.validation.map {
                TransformerObjective(model: model, streams: $0, masks: .off, microBatch: options.microBatch)
            },
            metricName: "perplexity", metric: { exp($0) }, trainingDraws: trainingDraws ?? .fixed)
    }
}

extension ObjectiveDescription {
    /// A Transformer language model over a text; see `TransformerObjective`. Reads the text to count its words.
    ///
    /// - Parameters:
    ///   - batchSize: B, streams.
    ///   - sequenceLength: T, steps of a segment, which is the context.
    ///   - seed: of the dropout masks.
    /// - Throws: `SmoothnessError` of kind `.usage` for sizes out of range, and what `LanguageData` throws.
    public static func transformer(
        _ text: TextDescription, batchSize: Int = 8, sequenceLength: Int = 64, width: Int = 128, headCount: Int = 4,
        layerCount: Int = 2, dropout: Double = 0, trainingDraws: TrainingDraws = .fixed, seed: UInt64 = 0
    ) throws -> Self {
        try LanguageModelDescription.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let data = try LanguageData(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let description = TransformerDescription(
            text: text,
            network: TransformerConfiguration(
                vocabularySize: data.vocabulary.count, contextLength: sequenceLength, width: width,
                headCount: headCount, layerCount: layerCount, dropout: dropout),
            batchSize: batchSize, sequenceLength: sequenceLength, seed: seed,
            trainingDraws: trainingDraws == .fixed ? nil : trainingDraws, training: data.trainingStatistics,
            validation: data.validationStatistics)
        try description.validate()
        return Self(description)
    }
}
