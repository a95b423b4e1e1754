import Essentials
import Evaluation
import ParameterSpace

/// The sizes of an LSTM language model: embedding → `layerCount` LSTM layers → decoder → softmax over the vocabulary.
///
/// As in Merity, Keskar, Socher 2018 (AWD-LSTM), where the weights are tied the last layer's hidden size is the embedding
/// size, so that the decoder can be the embedding matrix; every other layer has `hiddenSize`.
public struct LSTMConfiguration: Codable, Sendable, Hashable {
    /// V
    public var vocabularySize: Int
    /// E
    public var embeddingSize: Int
    /// H
    public var hiddenSize: Int
    public var layerCount: Int
    /// Whether the decoder's weight is the embedding's.
    public var tiedWeights: Bool
    /// The probability, in [0, 1), that an element of the embedded input, of a layer's output or of the last output is
    /// dropped. Masks are given from outside; see `DropoutMasks`.
    public var dropout: Double
    /// AWD-LSTM's regularisation, with its own masks in place of `dropout`; `nil` for the plain network.
    public var regularization: LSTMRegularization?

    public init(
        vocabularySize: Int, embeddingSize: Int, hiddenSize: Int, layerCount: Int, tiedWeights: Bool = true,
        dropout: Double = 0, regularization: LSTMRegularization? = nil
    ) {
        self.vocabularySize = vocabularySize
        self.embeddingSize = embeddingSize
        self.hiddenSize = hiddenSize
        self.layerCount = layerCount
        self.tiedWeights = tiedWeights
        self.dropout = dropout
        self.regularization = regularization
    }

    /// Whether anything is dropped.
    public var drops: Bool { regularization?.drops ?? (dropout > 0) }

    /// H_l
    public func hiddenSize(ofLayer layer: Int) -> Int {
        tiedWeights && layer == layerCount - 1 ? embeddingSize : hiddenSize
    }

    /// I_l: what layer l reads.
    public func inputSize(ofLayer layer: Int) -> Int {
        layer == 0 ? embeddingSize : hiddenSize(ofLayer: layer - 1)
    }

    /// What the decoder reads.
    public var outputSize: Int { hiddenSize(ofLayer: layerCount - 1) }

    /// The blocks of the flat vector under PyTorch's names, gates in PyTorch's order i, f, g, o:
    /// `encoder.weight` [V, E]; for each layer l `lstm.weight_ih_l` [4H_l, I_l], `lstm.weight_hh_l` [4H_l, H_l],
    /// `lstm.bias_ih_l` [4H_l], `lstm.bias_hh_l` [4H_l]; `decoder.weight` [V, H_last] unless tied; `decoder.bias` [V].
    public var layout: ParameterLayout {
        var tensors: [(name: String, shape: [Int])] = [("encoder.weight", [vocabularySize, embeddingSize])]
        for layer in 0..<layerCount {
            let hidden = hiddenSize(ofLayer: layer)
            tensors += [
                ("lstm.weight_ih_l\(layer)", [4 * hidden, inputSize(ofLayer: layer)]),
                ("lstm.weight_hh_l\(layer)", [4 * hidden, hidden]),
                ("lstm.bias_ih_l\(layer)", [4 * hidden]),
                ("lstm.bias_hh_l\(layer)", [4 * hidden]),
            ]
        }
        if !tiedWeights { tensors.append(("decoder.weight", [vocabularySize, outputSize])) }
        tensors.append(("decoder.bias", [vocabularySize]))
        return ParameterLayout(tensors)
    }

    /// - Throws: `SmoothnessError` with kind `.usage` that names the first value out of range.
    public func validate() throws(SmoothnessError) {
        let sizes = [
            ("vocabulary size", vocabularySize), ("embedding size", embeddingSize), ("hidden size", hiddenSize),
            ("layer count", layerCount),
        ]
        for (name, size) in sizes where size < 1 {
            throw SmoothnessError(
                .usage, "the \(name) of an LSTM must be at least 1", expected: "≥ 1", found: "\(size)")
        }
        for (name, size) in sizes {
            let most = name == "layer count" ? DescriptionBounds.layers : DescriptionBounds.size
            guard size > most else { continue }
            throw SmoothnessError(
                .usage, "the \(name) of an LSTM must be at most \(most)", expected: "≤ \(most)", found: "\(size)")
        }
        guard (0..<1).contains(dropout) else {
            throw SmoothnessError(
                .usage, "the dropout probability is out of range", expected: "0 ≤ p < 1", found: "\(dropout)")
        }
        guard let regularization else { return }
        try regularization.validate()
        guard dropout == 0 else {
            throw SmoothnessError(
                .usage, "AWD-LSTM has its own kinds of dropout", object: "dropout", expected: "0", found: "\(dropout)",
                remedy: "Set the output dropout instead")
        }
    }
}
