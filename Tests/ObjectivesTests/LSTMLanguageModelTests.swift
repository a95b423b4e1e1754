import Essentials
import Objectives
import ParameterSpace
import Testing

@Suite struct LSTMLanguageModelTests {
    static let small = LSTMConfiguration(
        vocabularySize: 11, embeddingSize: 5, hiddenSize: 7, layerCount: 2, tiedWeights: true, dropout: 0.3)

    /// At the zero point every logit is zero, so the loss is log V and the decoder's bias has the gradient 1/V − frequency.
    @Test func zeroPointGivesLogOfTheVocabulary() throws {
        let model = try LSTMLanguageModel<Double>(Self.small)
        let batch = LSTMTestData.batch(length: 3, count: 4, vocabulary: 11)
        let point = [Double](repeating: 0, count: model.layout.count)
        var gradient = [Double](repeating: .nan, count: model.layout.count)
        let loss = try model.gradient(batch, masks: nil, at: point, into: &gradient)
        #expect(abs(loss - 2.397895272798370544) < 1e-14)
        let bias = try #require(model.layout.block(named: "decoder.bias"))
        for token in 0..<11 {
            let frequency = Double(batch.targets.count { $0 == Int64(token) }) / 12
            #expect(abs(gradient[bias.offset + token] - (1.0 / 11 - frequency)) < 1e-15)
        }
    }
}

enum LSTMTestData {
    static func batch(length: Int, count: Int, vocabulary: Int) -> TokenBatch {
        var generator = SeededGenerator(seed: 7, purpose: "tokens")
        let draw = { (_: Int) in Int64(generator.index(below: vocabulary)) }
        let inputs = (0..<(length * count)).map(draw)
        return TokenBatch(length: length, count: count, inputs: inputs, targets: (0..<(length * count)).map(draw))
    }
}
