import Essentials
import Evaluation
import ParameterSpace

/// What an image classifier is made from: a residual network or a multilayer perceptron over images.
public struct ImageClassifierDescription: DescribedObjective {
    public static let kind = "image-classifier"
    public static let names = ["resnet", "mlp"]
    public static let hasDevices = true

    public var images: ImageDataDescription
    public var network: ImageNetwork
    /// Of an image as the network sees it.
    public var shape: ImageShape
    /// Images of a component.
    public var batchSize: Int
    public var labelSmoothing: Double
    public var augmentation: ImageAugmentation
    public var normalization: ImageNormalization
    /// Which draw of components and augmentation training uses.
    public var trainingDraws: TrainingDraws
    /// The training components from which evaluations take the population statistics of batch normalisation; absent
    /// without batch normalisation.
    public var populationComponents: Int?
    /// Of generated choices: components, augmentation, held-out fraction.
    public var seed: UInt64
    /// What the data gave when the description was made; making the objective again must give the same.
    public var training: ImageStatistics
    public var validation: ImageStatistics?

    enum CodingKeys: String, CodingKey {
        case images, network, shape, augmentation, normalization, seed, training, validation
        case batchSize = "batch_size"
        case labelSmoothing = "label_smoothing"
        case trainingDraws = "training_draws"
        case populationComponents = "population_components"
    }
}

/// What a caller chooses of an image classifier; the rest follows from the data.
public struct ImageClassifierOptions: Sendable, Hashable {
    public enum Network: Sendable, Hashable {
        /// `width` is the family's own where `nil`.
        case residual(
            family: ResidualNetworkConfiguration.Family, depth: Int,
            shortcut: ResidualNetworkConfiguration.Shortcut = .projection, width: Int? = nil)
        case perceptron(hiddenSizes: [Int], activation: PerceptronConfiguration.Activation = .relu)
    }

    public var network: Network
    public var batchSize = 128
    public var labelSmoothing = 0.0
    /// The data's custom, where `nil`: windows with a padding of 4 and mirroring for CIFAR-10 and folders, none for others.
    public var augmentation: ImageAugmentation?
    /// The data's custom, where `nil`.
    public var normalization: ImageNormalization?
    public var trainingDraws = TrainingDraws.fresh
    public var populationComponents = 16
    public var seed: UInt64 = 0

    public init(network: Network) { self.network = network }
}

extension ImageClassifierDescription {
    public func validate() throws {
        try images.validate()
        try shape.validate()
        try network.validate(for: shape)
        try requireMemory(forParameters: network.layout.count)
        try Self.validate(
            batchSize: batchSize, labelSmoothing: labelSmoothing, augmentation: augmentation,
            normalization: normalization, channels: shape.channels)
        try requireSize("population_components", populationComponents ?? 1, atMost: DescriptionBounds.batch)
    }

    private static func validate(
        batchSize: Int, labelSmoothing: Double, augmentation: ImageAugmentation, normalization: ImageNormalization,
        channels: Int
    ) throws {
        try requireSize("batch_size", batchSize, atMost: DescriptionBounds.batch)
        try require((0..<1).contains(labelSmoothing), "label_smoothing", "0 ≤ s < 1", labelSmoothing)
        try require(
            (0...1024).contains(augmentation.cropPadding), "crop_padding", "0 to 1024", augmentation.cropPadding)
        try require(
            normalization.mean.count == channels && normalization.mean.allSatisfy(\.isFinite), "mean",
            "\(channels) finite numbers, one a channel", normalization.mean)
        try require(
            normalization.deviation.count == channels && normalization.deviation.allSatisfy(isPositive), "deviation",
            "\(channels) positive numbers, one a channel", normalization.deviation)
    }

    public func makeObjective<Scalar: ParameterScalar>(
        as scalar: Scalar.Type, _ surroundings: ObjectiveSurroundings
    ) throws -> ObjectiveSet<Scalar> {
        let options = surroundings.options
        if let pieces = options.microBatch, !network.normalizations.isEmpty {
            throw SmoothnessError(
                .usage, "a component cannot be evaluated in pieces: batch normalisation is over all of it",
                object: "micro_batch", expected: "none", found: "\(pieces)", remedy: "Use a smaller batch size")
        }
        if case .generated(let generated) = images.source, images.limit == nil {
            // Before the time to make them is spent.
            let count = training.imageCount.addingReportingOverflow(validation?.imageCount ?? 0)
            try Models.requireAgreement(
                "the generated images are", "number", count.overflow ? .max : count.partialValue, generated.imageCount)
        }
        let data = try ImageData(images, seed: seed, dataOverride: surroundings.data)
        try check(data)
        let classifier = try ImageClassifier<Scalar>(network, shape: shape, device: options.device)
        let batches = ImageBatches(
            data.training, batchSize: batchSize, augmentation: options.masks == .off ? .none : augmentation,
            normalization: normalization, seed: seed)
        let heldOut = data.heldOut.map { selection in
            HeldOutImages(
                classifier: classifier,
                batches: ImageBatches(
                    selection, batchSize: batchSize, augmentation: .none, normalization: normalization, seed: seed,
                    isShuffled: false), training: batches, populationCount: populationComponents ?? 0,
                microBatch: options.microBatch)
        }
        return ObjectiveSet(
            training: ImageObjective(
                classifier: classifier, batches: batches, labelSmoothing: labelSmoothing,
                microBatch: options.microBatch),
            validation: heldOut, metricName: "accuracy", trainingDraws: trainingDraws)
    }

    private func check(_ data: ImageData) throws {
        func agree<Value: Equatable>(_ object: String, _ expected: Value, _ found: Value) throws {
            try Models.requireAgreement("the images are", object, expected, found)
        }
        try agree("shape", shape, data.training.source.shape)
        try agree("classes", network.classCount, data.classCount)
        try agree("training images", training.imageCount, data.training.members.count)
        try agree("held-out images", validation?.imageCount, data.heldOut?.members.count)
    }
}

extension ObjectiveDescription {
    /// A classifier over images; see `ImageClassifierDescription`. Reads the images to count them.
    /// - Throws: `SmoothnessError` of kind `.usage` for sizes out of range, and what `ImageData` throws.
    public static func imageClassifier(
        _ images: ImageDataDescription, _ options: ImageClassifierOptions
    ) throws -> Self {
        try images.validate()
        try requireSize("batch_size", options.batchSize, atMost: DescriptionBounds.batch)
        let data = try ImageData(images, seed: options.seed)
        let shape = data.training.source.shape
        let network: ImageNetwork
        switch options.network {
        case .residual(let family, let depth, let shortcut, let width):
            network = .residual(
                ResidualNetworkConfiguration(
                    family: family, depth: depth, shortcut: shortcut, width: width, inputChannels: shape.channels,
                    classCount: data.classCount))
        case .perceptron(let hiddenSizes, let activation):
            network = .perceptron(
                PerceptronConfiguration(
                    inputSize: shape.count, hiddenSizes: hiddenSizes, activation: activation,
                    classCount: data.classCount))
        }
        try network.validate(for: shape)
        func statistics(_ count: Int) -> ImageStatistics {
            ImageStatistics(imageCount: count, componentCount: (count + options.batchSize - 1) / options.batchSize)
        }
        let description = ImageClassifierDescription(
            images: images, network: network, shape: shape, batchSize: options.batchSize,
            labelSmoothing: options.labelSmoothing, augmentation: options.augmentation ?? images.customaryAugmentation,
            normalization: options.normalization ?? images.customaryNormalization(channels: shape.channels),
            trainingDraws: options.trainingDraws,
            populationComponents: network.normalizations.isEmpty ? nil : options.populationComponents,
            seed: options.seed, training: statistics(data.training.members.count),
            validation: data.heldOut.map { statistics($0.members.count) })
        try description.validate()
        return Self(description)
    }
}

extension ImageDataDescription {
    private var format: ImageFormat? { if case .files(let files) = source { files.format } else { nil } }

    /// Windows with a padding of 4 and mirroring for CIFAR-10 and folders; nothing for digits and generated images.
    public var customaryAugmentation: ImageAugmentation {
        switch format {
        case .cifarBinary, .cifarPython, .folder: ImageAugmentation(cropPadding: 4, flips: true)
        case .idx, nil: .none
        }
    }

    /// The means and deviations that are in use for CIFAR-10, MNIST and ImageNet; ½ and ¼ for generated images.
    func customaryNormalization(channels: Int) -> ImageNormalization {
        switch format {
        case .cifarBinary, .cifarPython:
            ImageNormalization(mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616])
        case .idx: ImageNormalization(mean: [0.1307], deviation: [0.3081])
        case .folder: ImageNormalization(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])
        case nil:
            ImageNormalization(
                mean: [Double](repeating: 0.5, count: channels), deviation: [Double](repeating: 0.25, count: channels))
        }
    }
}

extension ImageClassifierDescription {
    public var summary: String {
        let name =
            switch network {
            case .residual(let network):
                "ResNet-\(network.depth) (\(network.family.rawValue), \(network.shortcut.rawValue) shortcuts)"
            case .perceptron(let network):
                "multilayer perceptron, "
                    + (network.hiddenSizes.isEmpty
                        ? "no hidden layer"
                        : network.hiddenSizes.map(String.init).joined(separator: " × ")
                            + " \(network.activation.rawValue)")
            }
        return "\(name), \(counted(network.layout.count, "parameter")), "
            + "\(counted(training.componentCount, "component")) of \(counted(min(batchSize, training.imageCount), "image")) "
            + "\(shape.channels) × \(shape.height) × \(shape.width)"
    }

    public var dataNotes: [String] {
        let source =
            switch images.source {
            case .files(let files): files.path
            case .generated(let generated): "generated images, seed \(generated.seed)"
            }
        func note(_ part: String, _ statistics: ImageStatistics) -> String {
            "\(part): \(counted(statistics.imageCount, "image")), "
                + counted(statistics.componentCount, "component")
        }
        return [
            "\(source): \(counted(network.classCount, "class", plural: "classes"))", note("training images", training),
        ]
            + (validation.map { [note("held-out images", $0)] } ?? ["no held-out images"])
    }
}

extension ImageClassifierDescription {
    public var dataPath: String? { if case .files(let files) = images.source { files.path } else { nil } }
    public var mixesExamples: Bool { populationComponents != nil }

    public func trainArguments() -> [String] {
        var arguments: [String]
        switch network {
        case .residual(let network):
            arguments = [
                "--objective", "resnet", "--architecture",
                network.name, "--shortcut", network.shortcut.rawValue,
                "--width", "\(network.width)",
            ]
        case .perceptron(let network):
            let sizes = network.hiddenSizes
            arguments = [
                "--objective", "mlp", "--hidden-sizes", sizes.isEmpty ? "none" : sizes.parameterText,
                "--activation-function",
                network.activation.rawValue,
            ]
        }
        switch images.source {
        case .files(let files):
            arguments += ["--data", Escaping.argument(path: files.path), "--image-format", files.format.rawValue]
            if let limit = images.limit { arguments += ["--images", "\(limit)"] }
        case .generated(let generated):
            arguments += [
                "--images", "\(generated.imageCount)", "--classes", "\(generated.classCount)", "--channels",
                "\(generated.shape.channels)", "--image-size", "\(generated.shape.height)",
            ]
        }
        if let resizing = images.resizing {
            arguments += ["--image-size", "\(resizing.size)", "--resize", "\(resizing.shorterSide)"]
        }
        switch images.heldOut {
        case .published: arguments += ["--held-out", "published"]
        case .fraction(let fraction): arguments += ["--held-out", "\(fraction)"]
        case .files(let files): arguments += ["--valid", files.path]
        case .none: arguments += ["--held-out", "none"]
        }
        arguments += [
            "--batch-size", "\(batchSize)", "--label-smoothing", "\(labelSmoothing)",
            "--crop-padding", "\(augmentation.cropPadding)",
            augmentation.flips ? "--flip" : "--no-flip", "--channel-mean",
            normalization.mean.parameterText, "--channel-deviation", normalization.deviation.parameterText,
            "--training-draws", trainingDraws.rawValue, "--objective-seed", "\(seed)",
        ]
        if let components = populationComponents {
            arguments += ["--population-components", "\(components)"]
        }
        return arguments
    }
}
