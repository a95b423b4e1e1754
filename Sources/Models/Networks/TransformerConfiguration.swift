import Essentials
import Evaluation
import ParameterSpace

/// The sizes of a Transformer language model in the form of GPT-2 (Radford et al. 2019): tied weights, learned positions,
/// pre-norm blocks with causal attention and a feed-forward layer four times as wide, all linear layers with a bias.
public struct TransformerConfiguration: Codable, Sendable, Hashable {
    /// V
    public var vocabularySize: Int
    /// T, the longest segment: the number of learned positions.
    public var contextLength: Int
    /// C, a multiple of the number of heads.
    public var width: Int
    public var headCount: Int
    public var layerCount: Int
    /// The probability, in [0, 1), that an element of the embedded input or of what a block's attention or feed-forward layer
    /// adds is dropped. Attention probabilities are not dropped.
    public var dropout: Double

    enum CodingKeys: String, CodingKey {
        case width, dropout
        case vocabularySize = "vocabulary_size"
        case contextLength = "context_length"
        case headCount = "head_count"
        case layerCount = "layer_count"
    }

    public init(
        vocabularySize: Int, contextLength: Int, width: Int, headCount: Int, layerCount: Int, dropout: Double = 0
    ) {
        self.vocabularySize = vocabularySize
        self.contextLength = contextLength
        self.width = width
        self.headCount = headCount
        self.layerCount = layerCount
        self.dropout = dropout
    }

    /// The blocks of the flat vector under GPT-2's names, weights of linear layers as [out, in]: `wte.weight` [V, C],
    /// `wpe.weight` [T, C]; for each block `h.<l>.`: `ln_1.weight` and `.bias` [C], `attn.c_attn` [3C, C] (queries, keys,
    /// values), `attn.c_proj` [C, C], `ln_2`, `mlp.c_fc` [4C, C], `mlp.c_proj` [C, 4C], each linear layer with `.weight` and
    /// `.bias`; `ln_f.weight`, `ln_f.bias` [C]. The decoder's weight is `wte.weight`; it has no bias.
    public var layout: ParameterLayout {
        var tensors: [(name: String, shape: [Int])] = [
            ("wte.weight", [vocabularySize, width]), ("wpe.weight", [contextLength, width]),
        ]
        func norm(_ name: String) { tensors += [("\(name).weight", [width]), ("\(name).bias", [width])] }
        func linear(_ name: String, _ output: Int, _ input: Int) {
            tensors += [("\(name).weight", [output, input]), ("\(name).bias", [output])]
        }
        for layer in 0..<layerCount {
            norm("h.\(layer).ln_1")
            linear("h.\(layer).attn.c_attn", 3 * width, width)
            linear("h.\(layer).attn.c_proj", width, width)
            norm("h.\(layer).ln_2")
            linear("h.\(layer).mlp.c_fc", 4 * width, width)
            linear("h.\(layer).mlp.c_proj", width, 4 * width)
        }
        norm("ln_f")
        return ParameterLayout(tensors)
    }

    /// - Throws: `SmoothnessError` with kind `.usage` that names the first value out of range.
    public func validate() throws(SmoothnessError) {
        let sizes = [
            ("vocabulary size", vocabularySize), ("context length", contextLength), ("width", width),
            ("number of heads", headCount), ("layer count", layerCount),
        ]
        for (name, size) in sizes where size < 1 {
            throw SmoothnessError(
                .usage, "the \(name) of a Transformer must be at least 1", expected: "≥ 1", found: "\(size)")
        }
        for (name, size) in sizes {
            let most = name == "layer count" ? DescriptionBounds.layers : DescriptionBounds.size
            guard size > most else { continue }
            throw SmoothnessError(
                .usage, "the \(name) of a Transformer must be at most \(most)", expected: "≤ \(most)", found: "\(size)")
        }
        guard width.isMultiple(of: headCount) else {
            throw SmoothnessError(
                .usage, "the width of a Transformer must be a multiple of its heads",
                expected: "a multiple of \(headCount)", found: "\(width)")
        }
        guard (0..<1).contains(dropout) else {
            throw SmoothnessError(
                .usage, "the dropout probability is out of range", expected: "0 ≤ p < 1", found: "\(dropout)")
        }
    }
}
