import Essentials
import Evaluation
import Foundation
import ParameterSpace

/// What a `LanguageModelObjective` is made from.
public struct LanguageModelDescription: DescribedObjective {
    public static let kind = "lstm-language-model"
    public static let names = ["lstm", "awd-lstm"]
    public static let hasDevices = true

    public var text: TextDescription
    public var network: LSTMConfiguration
    /// B, streams.
    public var batchSize: Int
    /// T, steps of a segment.
    public var sequenceLength: Int
    /// Of the dropout masks and the cuts.
    public var seed: UInt64
    /// Where a component starts from.
    public var state = InitialState.zero
    public var segmentLengths = SegmentLengths.fixed
    public var trainingDraws = TrainingDraws.fixed
    /// What the text gave when the description was made; making the objective again must give the same.
    public var training: TextStatistics
    public var validation: TextStatistics?
}

extension LanguageModelDescription {
    public func validate() throws {
        try Self.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        try network.validate()
        try requireMemory(forParameters: network.layout.count)
        if case .carried(let segments) = state {
            try require(segments > 0, "burn_in", "1 segment or more", segments)
            try requireSize("burn_in", segments, atMost: DescriptionBounds.components)
        }
    }

    /// What must hold before the text is read.
    static func validate(_ text: TextDescription, batchSize: Int, sequenceLength: Int) throws {
        try requireSize("batch_size", batchSize, atMost: DescriptionBounds.batch)
        try requireSize("sequence_length", sequenceLength, atMost: DescriptionBounds.batch)
        if text.tokenization == .bytes {
            try require(
                text.vocabularyLimit == nil, "vocabulary_limit", "none: there are 256 bytes",
                text.vocabularyLimit.map { "\($0)" } ?? "none")
        }
        let limit = text.vocabularyLimit ?? 3
        try require(limit >= 3, "vocabulary_limit", "3 or more: <unk>, <eos> and a word", limit)
        if case .lastLines(let fraction) = text.validation {
            try require(fraction > 0 && fraction < 1, "held_out_fraction", "more than 0, less than 1", fraction)
        }
        guard case .generated(let generated) = text.source else { return }
        try requireSize("class_count", generated.classCount, atMost: 256)
        try require(
            generated.wordCount >= generated.classCount, "word_count", "at least the class count",
            generated.wordCount)
        try requireSize("word_count", generated.wordCount, atMost: DescriptionBounds.lines)
        try requireSize("line_count", generated.lineCount, atMost: DescriptionBounds.lines)
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
        let model = try LSTMLanguageModel<Scalar>(network, device: options.device)
        // Held-out text is measured by its cross-entropy alone.
        var plain = network
        plain.regularization = nil
        let evaluated = try LSTMLanguageModel<Scalar>(plain, device: options.device)
        return ObjectiveSet(
            training: LanguageModelObjective(
                model: model, streams: data.training, seed: seed, masks: options.masks,
                microBatch: options.microBatch, state: state, segmentLengths: segmentLengths),
            validation: data.validation.map {
                LanguageModelObjective(
                    model: evaluated, streams: $0, masks: .off, microBatch: options.microBatch, state: state)
            },
            metricName: "perplexity", metric: { exp($0) }, trainingDraws: trainingDraws)
    }
}

extension ObjectiveDescription {
    /// An LSTM language model over a text; see `LanguageModelObjective`. Reads the text to count its words.
    ///
    /// - Parameters:
    ///   - batchSize: B, streams.
    ///   - sequenceLength: T, steps of a segment.
    ///   - regularization: makes it an AWD-LSTM.
    ///   - seed: of the dropout masks and the cuts.
    /// - Throws: `SmoothnessError` of kind `.usage` for sizes out of range, and what `LanguageData` throws.
    public static func languageModel(
        _ text: TextDescription, batchSize: Int = 20, sequenceLength: Int = 35, embeddingSize: Int = 200,
        hiddenSize: Int = 200, layerCount: Int = 2, tiedWeights: Bool = true, dropout: Double = 0,
        regularization: LSTMRegularization? = nil, state: InitialState = .zero,
        segmentLengths: SegmentLengths = .fixed, trainingDraws: TrainingDraws = .fixed, seed: UInt64 = 0
    ) throws -> Self {
        try LanguageModelDescription.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let data = try LanguageData(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let description = LanguageModelDescription(
            text: text,
            network: LSTMConfiguration(
                vocabularySize: data.vocabulary.count, embeddingSize: embeddingSize, hiddenSize: hiddenSize,
                layerCount: layerCount, tiedWeights: tiedWeights, dropout: dropout, regularization: regularization),
            batchSize: batchSize, sequenceLength: sequenceLength, seed: seed, state: state,
            segmentLengths: segmentLengths, trainingDraws: trainingDraws, training: data.trainingStatistics,
            validation: data.validationStatistics)
        try description.validate()
        return Self(description)
    }
}
