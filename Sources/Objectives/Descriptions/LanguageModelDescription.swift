import Essentials
import Foundation
import ParameterSpace

/// What a `LanguageModelObjective` is made from.
public struct LanguageModelDescription: Sendable, Hashable {
    public var text: TextDescription
    public var network: LSTMConfiguration
    /// B, streams.
    public var batchSize: Int
    /// T, steps of a segment.
    public var sequenceLength: Int
    /// Of the dropout masks.
    public var seed: UInt64
    /// What the text gave when the description was made; making the objective again must give the same.
    public var training: TextStatistics
    public var validation: TextStatistics?
}

extension LanguageModelDescription: Codable {
    enum CodingKeys: String, CodingKey {
        case text, network, seed, training, validation
        case batchSize = "batch_size"
        case sequenceLength = "sequence_length"
    }

    enum NetworkKeys: String, CodingKey {
        case dropout
        case vocabularySize = "vocabulary_size"
        case embeddingSize = "embedding_size"
        case hiddenSize = "hidden_size"
        case layerCount = "layer_count"
        case tiedWeights = "tied_weights"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        text = try container.decode(TextDescription.self, forKey: .text)
        batchSize = try container.decode(Int.self, forKey: .batchSize)
        sequenceLength = try container.decode(Int.self, forKey: .sequenceLength)
        seed = try container.decode(UInt64.self, forKey: .seed)
        training = try container.decode(TextStatistics.self, forKey: .training)
        validation = try container.decodeIfPresent(TextStatistics.self, forKey: .validation)
        let network = try container.nestedContainer(keyedBy: NetworkKeys.self, forKey: .network)
        self.network = LSTMConfiguration(
            vocabularySize: try network.decode(Int.self, forKey: .vocabularySize),
            embeddingSize: try network.decode(Int.self, forKey: .embeddingSize),
            hiddenSize: try network.decode(Int.self, forKey: .hiddenSize),
            layerCount: try network.decode(Int.self, forKey: .layerCount),
            tiedWeights: try network.decode(Bool.self, forKey: .tiedWeights),
            dropout: try network.decode(Double.self, forKey: .dropout))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(text, forKey: .text)
        try container.encode(batchSize, forKey: .batchSize)
        try container.encode(sequenceLength, forKey: .sequenceLength)
        try container.encode(seed, forKey: .seed)
        try container.encode(training, forKey: .training)
        try container.encodeIfPresent(validation, forKey: .validation)
        var network = container.nestedContainer(keyedBy: NetworkKeys.self, forKey: .network)
        try network.encode(self.network.vocabularySize, forKey: .vocabularySize)
        try network.encode(self.network.embeddingSize, forKey: .embeddingSize)
        try network.encode(self.network.hiddenSize, forKey: .hiddenSize)
        try network.encode(self.network.layerCount, forKey: .layerCount)
        try network.encode(self.network.tiedWeights, forKey: .tiedWeights)
        try network.encode(self.network.dropout, forKey: .dropout)
    }
}

extension LanguageModelDescription {
    func validate() throws {
        try Self.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        try network.validate()
    }

    /// What must hold before the text is read.
    static func validate(_ text: TextDescription, batchSize: Int, sequenceLength: Int) throws {
        try require(batchSize > 0, "batch_size", "1 or more", batchSize)
        try require(sequenceLength > 0, "sequence_length", "1 or more", sequenceLength)
        let limit = text.vocabularyLimit ?? 3
        try require(limit >= 3, "vocabulary_limit", "3 or more: <unk>, <eos> and a word", limit)
        if case .lastLines(let fraction) = text.validation {
            try require(fraction > 0 && fraction < 1, "held_out_fraction", "more than 0, less than 1", fraction)
        }
        guard case .generated(let generated) = text.source else { return }
        try require(generated.classCount > 0, "class_count", "1 or more", generated.classCount)
        try require(
            generated.wordCount >= generated.classCount, "word_count", "at least the class count",
            generated.wordCount)
        try require(generated.lineCount > 0, "line_count", "1 or more", generated.lineCount)
    }

    func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, options: EvaluationOptions, dataOverride: String?
    ) throws -> ObjectiveSet<Scalar> {
        let data = try LanguageData(
            text, batchSize: batchSize, sequenceLength: sequenceLength, dataOverride: dataOverride)
        try check(data)
        let model = try LSTMLanguageModel<Scalar>(network, device: options.device)
        return ObjectiveSet(
            training: LanguageModelObjective(
                model: model, streams: data.training, seed: seed, masks: options.masks,
                microBatch: options.microBatch),
            validation: data.validation.map {
                LanguageModelObjective(model: model, streams: $0, masks: .off, microBatch: options.microBatch)
            },
            metricName: "perplexity", metric: { exp($0) })
    }

    /// The same file must give the same tokens; if not, this program divides text otherwise than the one that wrote the
    /// description.
    private func check(_ data: LanguageData) throws {
        func agree<Value: Equatable>(_ object: String, _ expected: Value, _ found: Value) throws {
            guard expected != found else { return }
            throw SmoothnessError(
                .data, "the text does not give what the description says", object: object, expected: "\(expected)",
                found: "\(found)", remedy: "Use the version of smoothness that wrote the description")
        }
        try agree("vocabulary size", network.vocabularySize, data.vocabulary.count)
        try agree("training text", training, data.trainingStatistics)
        try agree("held-out text", validation, data.validationStatistics)
    }
}

extension ObjectiveDescription {
    /// An LSTM language model over a text; see `LanguageModelObjective`. Reads the text to count its words.
    ///
    /// - Parameters:
    ///   - batchSize: B, streams.
    ///   - sequenceLength: T, steps of a segment.
    ///   - seed: of the dropout masks.
    /// - Throws: `SmoothnessError` of kind `.usage` for sizes out of range, and what `LanguageData` throws.
    public static func languageModel(
        _ text: TextDescription, batchSize: Int = 20, sequenceLength: Int = 35, embeddingSize: Int = 200,
        hiddenSize: Int = 200, layerCount: Int = 2, tiedWeights: Bool = true, dropout: Double = 0, seed: UInt64 = 0
    ) throws -> Self {
        try LanguageModelDescription.validate(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let data = try LanguageData(text, batchSize: batchSize, sequenceLength: sequenceLength)
        let description = LanguageModelDescription(
            text: text,
            network: LSTMConfiguration(
                vocabularySize: data.vocabulary.count, embeddingSize: embeddingSize, hiddenSize: hiddenSize,
                layerCount: layerCount, tiedWeights: tiedWeights, dropout: dropout),
            batchSize: batchSize, sequenceLength: sequenceLength, seed: seed, training: data.trainingStatistics,
            validation: data.validationStatistics)
        try description.validate()
        return Self(.languageModel(description))
    }
}
