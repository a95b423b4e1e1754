import Essentials
import Evaluation
import ParameterSpace

/// Which residual network, and its sizes (He, Zhang, Ren, Sun 2016).
public struct ResidualNetworkConfiguration: Codable, Sendable, Hashable {
    /// The families that the papers' experiments use.
    public enum Family: String, Codable, Sendable, Hashable, CaseIterable {
        /// For CIFAR-10: a 3×3 convolution, three stages of n basic blocks with 16, 32, 64 channels (He et al. 2016, section
        /// 4.2). Depth 6n + 2: ResNet-20, -32, -44, -56, -110.
        case cifar
        /// The ResNet-18 that the code of Zhang et al. 2020 ran on CIFAR-10 under the name ResNet20: a 3×3 convolution, four stages of
        /// two basic blocks with 64 to 512 channels. Depth 18.
        case cifarResNet18 = "cifar-resnet18"
        /// For ImageNet: a 7×7 convolution of stride 2 and a max pooling, four stages of bottlenecks, the stride in the 3×3
        /// convolution (as torchvision). Depth 50, 101, 152.
        case imageNet = "imagenet"
    }

    /// What a shortcut does where sizes change.
    public enum Shortcut: String, Codable, Sendable, Hashable, CaseIterable {
        /// Option B of He et al.: a 1×1 convolution with batch normalisation.
        case projection
        /// Option A: every second row and column, with channels of zeros, half of them before and half after.
        case identity
    }

    public var family: Family
    public var depth: Int
    public var shortcut: Shortcut
    /// Channels of the first stage: 16 for `cifar`, 64 for the others.
    public var width: Int
    /// Channels of an image.
    public var inputChannels: Int
    public var classCount: Int

    enum CodingKeys: String, CodingKey {
        case family, depth, shortcut, width
        case inputChannels = "input_channels"
        case classCount = "class_count"
    }

    public init(
        family: Family, depth: Int, shortcut: Shortcut = .projection, width: Int? = nil, inputChannels: Int = 3,
        classCount: Int
    ) {
        self.family = family
        self.depth = depth
        self.shortcut = shortcut
        self.width = width ?? (family == .cifar ? 16 : 64)
        self.inputChannels = inputChannels
        self.classCount = classCount
    }

    /// `cifar-20`, `cifar-resnet18`, `imagenet-50`
    var name: String { family == .cifarResNet18 ? family.rawValue : "\(family.rawValue)-\(depth)" }

    /// Blocks of every stage; `nil` where the family has no network of this depth.
    var stages: [Int]? {
        switch family {
        case .cifar:
            (8...6 * DescriptionBounds.layers + 2).contains(depth) && (depth - 2).isMultiple(of: 6)
                ? [Int](repeating: (depth - 2) / 6, count: 3) : nil
        case .cifarResNet18: depth == 18 ? [2, 2, 2, 2] : nil
        case .imageNet: [50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]][depth]
        }
    }

    /// The least height and width of an image: at the last stage two pixels are left each way.
    var leastSize: Int {
        switch family {
        case .cifar: 8
        case .cifarResNet18: 16
        case .imageNet: 64
        }
    }

    var usesBottlenecks: Bool { family == .imageNet }

    /// - Throws: `SmoothnessError` of kind `.usage` that names the first value out of range.
    public func validate() throws {
        let depths =
            switch family {
            case .cifar: "6n + 2 with n ≥ 1"
            case .cifarResNet18: "18"
            case .imageNet: "50, 101 or 152"
            }
        try require(stages != nil, "depth", depths, depth)
        // The last stage has eight times as many channels as the first, and four times as many leave a bottleneck.
        try requireSize("width", width, atMost: DescriptionBounds.size >> 6)
        try requireSize("input_channels", inputChannels, atMost: DescriptionBounds.size)
        try require(classCount >= 2, "class_count", "2 or more", classCount)
        try requireSize("class_count", classCount)
        if family != .cifar {
            try require(shortcut == .projection, "shortcut", "projection: identity is cifar's", shortcut.rawValue)
        }
    }
}

/// One residual block.
struct ResidualBlock: Sendable, Hashable {
    /// As `layer2.0`.
    var name: String
    var inputChannels: Int
    /// Channels inside the block.
    var width: Int
    var outputChannels: Int
    var stride: Int

    var changesSize: Bool { stride != 1 || inputChannels != outputChannels }
}

extension ResidualNetworkConfiguration {
    /// The blocks in order.
    var blocks: [ResidualBlock] {
        let expansion = usesBottlenecks ? 4 : 1
        var channels = width
        return (stages ?? []).enumerated().flatMap { stage, count in
            (0..<count).map { index in
                let inside = width << stage
                defer { channels = inside * expansion }
                return ResidualBlock(
                    name: "layer\(stage + 1).\(index)", inputChannels: channels, width: inside,
                    outputChannels: inside * expansion, stride: stage > 0 && index == 0 ? 2 : 1)
            }
        }
    }

    /// Channels that the linear layer reads.
    var featureCount: Int { blocks.last?.outputChannels ?? width }

    /// The batch normalisations in the order of the forward pass, with their channels.
    var normalizations: [(name: String, channels: Int)] {
        let suffix = ".weight"
        return layout.blocks.filter { $0.shape.count == 1 && $0.name.hasSuffix(suffix) }
            .map { (String($0.name.dropLast(suffix.count)), $0.count) }
    }

    /// The blocks of the flat vector under the names of PyTorch's implementations: `conv1.weight` [O, C, K, K],
    /// `bn1.weight` [O], `bn1.bias`; for each block `layerS.B.conv1.weight`, `layerS.B.bn1.weight`, … and, where the sizes
    /// change and the shortcut is a projection, `layerS.B.shortcut.0.weight` and `layerS.B.shortcut.1.{weight,bias}`;
    /// `linear.weight` [classes, features], `linear.bias`.
    public var layout: ParameterLayout {
        var tensors: [(name: String, shape: [Int])] = []
        func convolution(_ prefix: String, _ normalization: String, _ input: Int, _ output: Int, _ kernel: Int) {
            tensors += [
                ("\(prefix).weight", [output, input, kernel, kernel]), ("\(normalization).weight", [output]),
                ("\(normalization).bias", [output]),
            ]
        }
        convolution("conv1", "bn1", inputChannels, width, family == .imageNet ? 7 : 3)
        for block in blocks {
            func inside(_ number: Int, _ input: Int, _ output: Int, _ kernel: Int) {
                convolution("\(block.name).conv\(number)", "\(block.name).bn\(number)", input, output, kernel)
            }
            if usesBottlenecks {
                inside(1, block.inputChannels, block.width, 1)
                inside(2, block.width, block.width, 3)
                inside(3, block.width, block.outputChannels, 1)
            } else {
                inside(1, block.inputChannels, block.width, 3)
                inside(2, block.width, block.outputChannels, 3)
            }
            if block.changesSize && shortcut == .projection {
                convolution(
                    "\(block.name).shortcut.0", "\(block.name).shortcut.1", block.inputChannels, block.outputChannels, 1
                )
            }
        }
        tensors += [("linear.weight", [classCount, featureCount]), ("linear.bias", [classCount])]
        return ParameterLayout(tensors)
    }

    /// What one element of a block is drawn from; see `ImageNetwork.initialPoint`.
    func initialDistribution(of block: ParameterBlock) -> InitialDistribution {
        if block.shape.count == 4 {
            let fanIn = Double(block.shape[1] * block.shape[2] * block.shape[3])
            return .normal(deviation: (2 / fanIn).squareRoot())
        }
        if block.name.hasPrefix("linear") { return .uniform(bound: 1 / Double(featureCount).squareRoot()) }
        return .constant(block.name.hasSuffix("weight") ? 1 : 0)
    }
}
