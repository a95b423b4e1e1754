import Essentials
import Evaluation
import ParameterSpace
import Torch

/// What the elements of a block are drawn from at the start.
enum InitialDistribution {
    case constant(Double)
    case uniform(bound: Double)
    case normal(deviation: Double)
}

/// A network from images to logits. In JSON an object whose key `kind` is `resnet` or `mlp`, beside the network's own keys.
public enum ImageNetwork: Sendable, Hashable {
    case residual(ResidualNetworkConfiguration)
    case perceptron(PerceptronConfiguration)

    public var layout: ParameterLayout {
        switch self {
        case .residual(let network): network.layout
        case .perceptron(let network): network.layout
        }
    }

    public var classCount: Int {
        switch self {
        case .residual(let network): network.classCount
        case .perceptron(let network): network.classCount
        }
    }

    /// The batch normalisations with their channels; a component of a network that has some is not the sum of its pieces.
    var normalizations: [(name: String, channels: Int)] {
        if case .residual(let network) = self { network.normalizations } else { [] }
    }

    /// - Throws: `SmoothnessError` of kind `.usage`.
    func validate(for shape: ImageShape) throws {
        switch self {
        case .residual(let network):
            try network.validate()
            try require(
                network.inputChannels == shape.channels, "input_channels", "\(shape.channels)", network.inputChannels)
            let least = network.leastSize
            try require(
                shape.height >= least && shape.width >= least, "image size",
                "at least \(least) × \(least) for this network", "\(shape.height) × \(shape.width)")
        case .perceptron(let network):
            try network.validate()
            try require(network.inputSize == shape.count, "input_size", "\(shape.count)", network.inputSize)
        }
    }

    func logits(
        _ images: Tensor, _ parameters: NamedTensors, normalization: NormalizationPass
    ) throws -> Tensor {
        switch self {
        case .residual(let network): try network.logits(images, parameters, normalization: normalization)
        case .perceptron(let network): try network.logits(images, parameters)
        }
    }

    /// Where training starts, a function of the seed alone. Block `name` is drawn from
    /// `SeededGenerator(seed:, purpose: "initial-<name>")` in row-major order: convolutions normal with standard deviation
    /// √(2/(C·K·K)) (He et al. 2015), batch normalisations 1 and 0, linear layers uniform within 1/√inputs, biases too
    /// (as `torch.nn.Linear`), each element fl(bound·(2u − 1)).
    func initialPoint<Scalar: ParameterScalar>(seed: UInt64) -> [Scalar] {
        var point: [Scalar] = []
        point.reserveCapacity(layout.count)
        for block in layout.blocks {
            var generator = SeededGenerator(seed: seed, purpose: "initial-\(block.name)")
            let distribution =
                switch self {
                case .residual(let network): network.initialDistribution(of: block)
                case .perceptron(let network): network.initialDistribution(of: block)
                }
            switch distribution {
            case .constant(let value): point += [Scalar](repeating: Scalar(value), count: block.count)
            case .uniform(let bound):
                for _ in 0..<block.count { point.append(Scalar(bound * (2 * generator.uniform() - 1))) }
            case .normal(let deviation):
                for _ in 0..<block.count { point.append(Scalar(deviation * generator.normal())) }
            }
        }
        return point
    }
}

extension ImageNetwork: Codable {
    private enum CodingKeys: String, CodingKey { case kind }
    private enum KindName: String, Codable { case resnet, mlp }

    public init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: CodingKeys.self).decode(KindName.self, forKey: .kind) {
        case .resnet: self = .residual(try ResidualNetworkConfiguration(from: decoder))
        case .mlp: self = .perceptron(try PerceptronConfiguration(from: decoder))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .residual(let network):
            try container.encode(KindName.resnet, forKey: .kind)
            try network.encode(to: encoder)
        case .perceptron(let network):
            try container.encode(KindName.mlp, forKey: .kind)
            try network.encode(to: encoder)
        }
    }
}
