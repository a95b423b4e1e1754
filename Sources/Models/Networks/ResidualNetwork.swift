import ParameterSpace
import Torch

// The forward pass.
extension ResidualNetworkConfiguration {
    /// The logits [N, classes] of images [N, C, H, W].
    func logits(
        _ images: Tensor, _ parameters: NamedTensors, normalization: NormalizationPass
    ) throws -> Tensor {
        func convolve(_ x: Tensor, _ name: String, stride: Int = 1) throws -> Tensor {
            let weight = parameters["\(name).weight"]
            return try x.convolved(with: weight, stride: stride, padding: weight.shape[2] / 2)
        }
        func normalize(_ x: Tensor, _ name: String) throws -> Tensor {
            try x.batchNormalized(
                weight: parameters["\(name).weight"], bias: parameters["\(name).bias"],
                statistics: normalization.statistics(of: name))
        }
        func residual(_ x: Tensor, _ block: ResidualBlock) throws -> Tensor {
            let name = block.name
            let isBottleneck = usesBottlenecks
            var y = try convolve(x, "\(name).conv1", stride: isBottleneck ? 1 : block.stride)
            y = try normalize(y, "\(name).bn1").relu()
            y = try convolve(y, "\(name).conv2", stride: isBottleneck ? block.stride : 1)
            y = try normalize(y, "\(name).bn2")
            if isBottleneck { y = try normalize(convolve(y.relu(), "\(name).conv3"), "\(name).bn3") }
            guard block.changesSize else { return try (y + x).relu() }
            if shortcut == .projection {
                let projected = try normalize(
                    convolve(x, "\(name).shortcut.0", stride: block.stride), "\(name).shortcut.1")
                return try (y + projected).relu()
            }
            let padding = block.outputChannels - block.inputChannels
            return try
                (y + x.subsampled(stride: block.stride, zeroChannelsBefore: padding / 2, after: padding - padding / 2))
                .relu()
        }

        var x = try normalize(convolve(images.channelsLast(), "conv1", stride: family == .imageNet ? 2 : 1), "bn1")
            .relu()
        if family == .imageNet { x = try x.maxPooled(kernel: 3, stride: 2, padding: 1) }
        for block in blocks { x = try residual(x, block) }
        return try x.globallyAveraged().linear(parameters["linear.weight"], parameters["linear.bias"])
    }
}

/// Where the batch normalisations of one forward pass take their statistics from.
enum NormalizationPass {
    case batch
    case accumulating([String: (mean: Tensor, variance: Tensor)], momentum: Double)
    case given([String: (mean: Tensor, variance: Tensor)])

    func statistics(of name: String) -> Tensor.NormalizationStatistics {
        switch self {
        case .batch: return .batch
        case .accumulating(let running, let momentum):
            guard let pair = running[name] else { preconditionFailure("there is no normalisation \(name)") }
            return .accumulating(mean: pair.mean, variance: pair.variance, momentum: momentum)
        case .given(let population):
            guard let pair = population[name] else { preconditionFailure("there is no normalisation \(name)") }
            return .given(mean: pair.mean, variance: pair.variance)
        }
    }
}
