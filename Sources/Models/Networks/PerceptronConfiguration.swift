import Evaluation
import ParameterSpace
import Torch

/// A multilayer perceptron: x ↦ W_L·a(… a(W_0·x + b_0) …) + b_L.
public struct PerceptronConfiguration: Codable, Sendable, Hashable {
    public enum Activation: String, Codable, Sendable, Hashable, CaseIterable {
        case relu, tanh
        /// x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016), exact.
        case gelu
    }

    /// Values of an image, channels included.
    public var inputSize: Int
    /// Of every hidden layer; empty for a linear classifier.
    public var hiddenSizes: [Int]
    public var activation: Activation
    public var classCount: Int

    enum CodingKeys: String, CodingKey {
        case activation
        case inputSize = "input_size"
        case hiddenSizes = "hidden_sizes"
        case classCount = "class_count"
    }

    public init(inputSize: Int, hiddenSizes: [Int], activation: Activation = .relu, classCount: Int) {
        self.inputSize = inputSize
        self.hiddenSizes = hiddenSizes
        self.activation = activation
        self.classCount = classCount
    }

    /// - Throws: `SmoothnessError` of kind `.usage` that names the first value out of range.
    public func validate() throws {
        try requireSize("input_size", inputSize, atMost: DescriptionBounds.pixels)
        try require(
            hiddenSizes.count <= DescriptionBounds.layers, "hidden_sizes", "\(DescriptionBounds.layers) at most",
            hiddenSizes.count)
        try require(hiddenSizes.allSatisfy { $0 >= 1 }, "hidden_sizes", "1 or more each", hiddenSizes)
        for size in hiddenSizes { try requireSize("hidden_sizes", size) }
        try require(classCount >= 2, "class_count", "2 or more", classCount)
        try requireSize("class_count", classCount)
    }

    /// Of the input, the hidden layers and the output.
    var sizes: [Int] { [inputSize] + hiddenSizes + [classCount] }

    /// `layerL.weight` [O, I] and `layerL.bias` [O] for every layer, from 0.
    public var layout: ParameterLayout {
        ParameterLayout(
            zip(sizes, sizes.dropFirst()).enumerated().flatMap { layer, size in
                [("layer\(layer).weight", [size.1, size.0]), ("layer\(layer).bias", [size.1])]
            })
    }

    /// As `torch.nn.Linear`: everything of a layer uniform within 1/√(inputs of the layer).
    func initialDistribution(of block: ParameterBlock) -> InitialDistribution {
        let sizes = [inputSize] + hiddenSizes
        let layer = layout.blocks.firstIndex { $0.name == block.name }.map { $0 / 2 } ?? 0
        return .uniform(bound: 1 / Double(sizes[layer]).squareRoot())
    }

    /// The activation as the gradient in one call knows it, if it does.
    var fusedActivation: PerceptronActivation? {
        switch activation {
        case .relu: .rectifier
        case .tanh: .hyperbolicTangent
        case .gelu: hiddenSizes.isEmpty ? .rectifier : nil
        }
    }

    /// The logits [N, classes] of images [N, …].
    func logits(_ images: Tensor, _ parameters: NamedTensors) throws -> Tensor {
        var x = try images.reshaped([images.shape[0], inputSize])
        for layer in 0...hiddenSizes.count {
            x = try x.linear(parameters["layer\(layer).weight"], parameters["layer\(layer).bias"])
            if layer < hiddenSizes.count {
                x =
                    switch activation {
                    case .relu: try x.relu()
                    case .tanh: try x.tanh()
                    case .gelu: try x.gelu()
                    }
            }
        }
        return x
    }
}
