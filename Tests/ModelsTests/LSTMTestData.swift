import Essentials
import Evaluation
import Models
import ParameterSpace
import Testing
import Torch

/// All tests of the LSTM language model.
@Suite struct LSTM {}

enum LSTMTestData {
    static func batch(length: Int, count: Int, vocabulary: Int, seed: UInt64 = 7) -> TokenBatch {
        var generator = SeededGenerator(seed: seed, purpose: "tokens")
        let inputs = (0..<(length * count)).map { _ in Int64(generator.index(below: vocabulary)) }
        let targets = (0..<(length * count)).map { _ in Int64(generator.index(below: vocabulary)) }
        return TokenBatch(length: length, count: count, inputs: inputs, targets: targets)
    }

    /// Uniform on ±bound: larger than an initial point, so that gates saturate and no term is negligible.
    static func point<Scalar: ParameterScalar>(_ count: Int, bound: Double, seed: UInt64 = 3) -> [Scalar] {
        var generator = SeededGenerator(seed: seed, purpose: "point")
        return (0..<count).map { _ in Scalar(bound * (2 * generator.uniform() - 1)) }
    }

    /// Sizes that are no multiples of any vector, more and fewer streams than any tile, T = 1, B = 1, one layer and three.
    static let cases: [LSTMCase] = [
        LSTMCase(11, 5, 7, 2, tied: true, dropout: 0.3, length: 3, count: 4),
        LSTMCase(50, 8, 33, 2, tied: false, dropout: 0, length: 6, count: 7),
        LSTMCase(50, 8, 20, 1, tied: true, dropout: 0.2, length: 1, count: 1),
        LSTMCase(20, 9, 17, 3, tied: false, dropout: 0.5, length: 5, count: 1),
        LSTMCase(30, 17, 40, 3, tied: true, dropout: 0.1, length: 4, count: 70),
        LSTMCase(1, 3, 4, 1, tied: false, dropout: 0, length: 1, count: 6),
        LSTMCase(900, 24, 70, 2, tied: true, dropout: 0, length: 11, count: 20),
        LSTMCase(40, 9, 21, 3, tied: true, dropout: 0, awd: awd, length: 7, count: 5),
        LSTMCase(40, 9, 21, 2, tied: false, dropout: 0, awd: awd, length: 1, count: 3),
        LSTMCase(
            30, 11, 18, 2, tied: true, dropout: 0,
            awd: LSTMRegularization(
                wordDropout: 0, inputDropout: 0.5, hiddenDropout: 0, outputDropout: 0, weightDropout: 0, activation: 0,
                temporalActivation: 3), length: 4, count: 66),
        // No mask at any place: tokens of the same word are one row, and words are dropped whole.
        LSTMCase(
            12, 9, 21, 2, tied: true, dropout: 0,
            awd: LSTMRegularization(
                wordDropout: 0.4, inputDropout: 0, hiddenDropout: 0, outputDropout: 0, weightDropout: 0.3,
                activation: 0,
                temporalActivation: 0), length: 6, count: 9),
    ]

    /// Strong enough that nothing is negligible.
    static let awd = LSTMRegularization(
        wordDropout: 0.3, inputDropout: 0.4, hiddenDropout: 0.25, outputDropout: 0.2, weightDropout: 0.5, activation: 2,
        temporalActivation: 3)

    /// A state that is neither zero nor small.
    static func state<Scalar: ParameterScalar>(
        _ model: LSTMLanguageModel<Scalar>, count: Int, masks: DropoutMasks? = nil
    ) throws -> LSTMState<Scalar> {
        let before = batch(length: 3, count: count, vocabulary: model.configuration.vocabularySize, seed: 21)
        let point: [Scalar] = point(model.layout.count, bound: 0.7, seed: 22)
        return try model.state(after: before, masks: masks, at: point)
    }
}

/// A network with a batch.
struct LSTMCase: Sendable, CustomTestStringConvertible {
    var configuration: LSTMConfiguration
    var batch: TokenBatch
    static let seed: UInt64 = 41
    static let component = 5

    init(
        _ vocabulary: Int, _ embedding: Int, _ hidden: Int, _ layers: Int, tied: Bool, dropout: Double,
        awd: LSTMRegularization? = nil, length: Int, count: Int
    ) {
        configuration = LSTMConfiguration(
            vocabularySize: vocabulary, embeddingSize: embedding, hiddenSize: hidden, layerCount: layers,
            tiedWeights: tied, dropout: dropout, regularization: awd)
        batch = LSTMTestData.batch(length: length, count: count, vocabulary: vocabulary)
    }

    var masks: DropoutMasks? {
        DropoutMasks(
            configuration, seed: Self.seed, component: Self.component, length: batch.length, count: batch.count)
    }

    var testDescription: String {
        let c = configuration
        return "V \(c.vocabularySize) E \(c.embeddingSize) H \(c.hiddenSize) × \(c.layerCount)"
            + (c.tiedWeights ? " tied" : "") + (c.regularization == nil ? "" : " AWD")
            + " dropout \(c.dropout) T \(batch.length) B \(batch.count)"
    }
}

extension LSTMLanguageModel {
    /// Loss and gradient as a pair, into memory that was not clean.
    func lossAndGradient(
        _ batch: TokenBatch, masks: DropoutMasks?, from state: LSTMState<Scalar>? = nil, at point: [Scalar],
        plain: Bool = false
    ) throws -> (loss: Double, gradient: [Scalar]) {
        var gradient = [Scalar](repeating: .nan, count: layout.count)
        let loss =
            try plain
            ? plainGradient(batch, masks: masks, from: state, at: point, into: &gradient)
            : self.gradient(batch, masks: masks, from: state, at: point, into: &gradient)
        return (loss, gradient)
    }
}

/// ‖a − b‖ / ‖b‖ for every block of a layout, the largest; blocks that are zero in `b` must be zero in `a`.
func largestBlockDistance<Scalar: ParameterScalar>(_ layout: ParameterLayout, _ a: [Scalar], _ b: [Scalar]) -> Double {
    var largest = 0.0
    for block in layout.blocks {
        let distance = Scalar.squaredDistance(a, b, in: block.range).squareRoot()
        let norm = Scalar.squaredNorm(b, in: block.range).squareRoot()
        if distance.isNaN { return .nan }
        largest = max(largest, distance == 0 ? 0 : distance / norm)
    }
    return largest
}
