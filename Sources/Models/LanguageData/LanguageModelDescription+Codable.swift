import Essentials
import Evaluation

extension LanguageModelDescription {
    enum CodingKeys: String, CodingKey {
        case text, network, seed, training, validation, state
        case burnIn = "burn_in"
        case segmentLengths = "segment_lengths"
        case trainingDraws = "training_draws"
        case batchSize = "batch_size"
        case sequenceLength = "sequence_length"
    }

    enum NetworkKeys: String, CodingKey {
        case dropout, regularization
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
        state = try Self.state(from: container)
        segmentLengths = try container.decodeIfPresent(SegmentLengths.self, forKey: .segmentLengths) ?? .fixed
        trainingDraws = try container.decodeIfPresent(TrainingDraws.self, forKey: .trainingDraws) ?? .fixed
        let network = try container.nestedContainer(keyedBy: NetworkKeys.self, forKey: .network)
        self.network = LSTMConfiguration(
            vocabularySize: try network.decode(Int.self, forKey: .vocabularySize),
            embeddingSize: try network.decode(Int.self, forKey: .embeddingSize),
            hiddenSize: try network.decode(Int.self, forKey: .hiddenSize),
            layerCount: try network.decode(Int.self, forKey: .layerCount),
            tiedWeights: try network.decode(Bool.self, forKey: .tiedWeights),
            dropout: try network.decode(Double.self, forKey: .dropout),
            regularization: try network.decodeIfPresent(LSTMRegularization.self, forKey: .regularization))
    }

    private static func state(from container: KeyedDecodingContainer<CodingKeys>) throws -> InitialState {
        switch try container.decodeIfPresent(String.self, forKey: .state) {
        case nil: return .zero
        case "carried": return .carried(segments: try container.decode(Int.self, forKey: .burnIn))
        case let other?:
            throw SmoothnessError(
                .data, "this initial state is not known", object: "state", expected: "carried, or no such key",
                found: "'\(other)'", remedy: "It may have been written by a newer smoothness")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(text, forKey: .text)
        try container.encode(batchSize, forKey: .batchSize)
        try container.encode(sequenceLength, forKey: .sequenceLength)
        try container.encode(seed, forKey: .seed)
        try container.encode(training, forKey: .training)
        try container.encodeIfPresent(validation, forKey: .validation)
        // What was not asked for is left out, so that older descriptions keep their text.
        if case .carried(let segments) = state {
            try container.encode("carried", forKey: .state)
            try container.encode(segments, forKey: .burnIn)
        }
        if segmentLengths != .fixed { try container.encode(segmentLengths, forKey: .segmentLengths) }
        if trainingDraws != .fixed { try container.encode(trainingDraws, forKey: .trainingDraws) }
        var network = container.nestedContainer(keyedBy: NetworkKeys.self, forKey: .network)
        try network.encode(self.network.vocabularySize, forKey: .vocabularySize)
        try network.encode(self.network.embeddingSize, forKey: .embeddingSize)
        try network.encode(self.network.hiddenSize, forKey: .hiddenSize)
        try network.encode(self.network.layerCount, forKey: .layerCount)
        try network.encode(self.network.tiedWeights, forKey: .tiedWeights)
        try network.encode(self.network.dropout, forKey: .dropout)
        try network.encodeIfPresent(self.network.regularization, forKey: .regularization)
    }
}
