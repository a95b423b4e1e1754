import Essentials
import Evaluation

/// What AWD-LSTM adds to an LSTM language model (Merity, Keskar, Socher 2018): probabilities of variational dropout, whose
/// masks are the same at every step of a segment, and weights of the activation terms of the loss.
///
/// Weight decay, the remaining part of their recipe, belongs to the optimiser.
public struct LSTMRegularization: Codable, Sendable, Hashable {
    /// Probability that a word's whole row of the embedding is dropped where the input reads it.
    public var wordDropout: Double
    /// Of an element of the embedded input.
    public var inputDropout: Double
    /// Of an element of a layer's output, the last layer's aside.
    public var hiddenDropout: Double
    /// Of an element of the last layer's output.
    public var outputDropout: Double
    /// Of an element of a recurrent weight matrix W_hh (DropConnect, "weight drop").
    public var weightDropout: Double
    /// α of α·mean(y²), y the last layer's output after dropout (activation regularisation, AR).
    public var activation: Double
    /// β of β·mean((h_{t+1} − h_t)²), h the last layer's output before dropout (temporal activation regularisation, TAR).
    public var temporalActivation: Double

    enum CodingKeys: String, CodingKey {
        case wordDropout = "word_dropout"
        case inputDropout = "input_dropout"
        case hiddenDropout = "hidden_dropout"
        case outputDropout = "output_dropout"
        case weightDropout = "weight_dropout"
        case activation
        case temporalActivation = "temporal_activation"
    }

    /// The defaults are those of Merity et al. for the Penn Treebank, of which Zhang et al. 2020 name output dropout 0.4 and
    /// weight drop 0.5.
    public init(
        wordDropout: Double = 0.1, inputDropout: Double = 0.4, hiddenDropout: Double = 0.25,
        outputDropout: Double = 0.4,
        weightDropout: Double = 0.5, activation: Double = 2, temporalActivation: Double = 1
    ) {
        self.wordDropout = wordDropout
        self.inputDropout = inputDropout
        self.hiddenDropout = hiddenDropout
        self.outputDropout = outputDropout
        self.weightDropout = weightDropout
        self.activation = activation
        self.temporalActivation = temporalActivation
    }

    /// Whether anything is dropped.
    public var drops: Bool {
        [wordDropout, inputDropout, hiddenDropout, outputDropout, weightDropout].contains { $0 > 0 }
    }

    func validate() throws(SmoothnessError) {
        let probabilities = [
            ("word dropout", wordDropout), ("input dropout", inputDropout), ("hidden dropout", hiddenDropout),
            ("output dropout", outputDropout), ("weight dropout", weightDropout),
        ]
        for (name, probability) in probabilities where !(0..<1).contains(probability) {
            throw SmoothnessError(
                .usage, "the probability is out of range", object: name, expected: "0 ≤ p < 1",
                found: "\(probability)")
        }
        for (name, weight) in [("activation", activation), ("temporal activation", temporalActivation)]
        where !isNonnegative(weight) {
            throw SmoothnessError(
                .usage, "the weight of the regularisation is out of range", object: name, expected: "0 or more",
                found: "\(weight)")
        }
    }
}
