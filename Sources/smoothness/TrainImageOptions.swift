import ArgumentParser
import Essentials
import Evaluation
import Foundation
import Models

/// The options of `train --objective resnet` and `mlp`. Optional throughout, so that one that does not fit is refused.
struct TrainImageOptions: ParsableArguments {
    @Option(
        help: """
            resnet: cifar-N (N = 20, 32, 56, any 6n + 2), cifar-resnet18 (Zhang et al.'s), imagenet-50, -101 or -152. \
            (default: cifar-20)
            """)
    var architecture: Architecture?
    @Option(help: "resnet: projection (1×1 convolution) or identity (zero padding, cifar-N). (default: projection)")
    var shortcut: ResidualNetworkConfiguration.Shortcut?
    @Option(
        parsing: .unconditional,
        help: "resnet: channels of the first stage. (default: 16 for cifar-N, 64 for the others)")
    var width: Int?
    @Option(
        parsing: .unconditional,
        help: "mlp: sizes of the hidden layers, as 256,128; none for a linear classifier. (default: 128)")
    var hiddenSizes: SizeList?
    @Option(help: "mlp: relu, tanh or gelu. (default: relu)")
    var activationFunction: PerceptronConfiguration.Activation?
    @Option(help: "Form of --data: cifar-binary, cifar-python, idx or folder. (default: found out by looking)")
    var imageFormat: ImageFormat?
    @Option(
        parsing: .unconditional,
        help: """
            Held-out images without --valid: published (the data's own), none, or a fraction of the images. (default: \
            published where there are some, otherwise 0.1)
            """)
    var heldOut: HeldOutShare?
    @Option(
        parsing: .unconditional, help: "Train on so many images; without --data, generate so many. (default: all; 2000)"
    )
    var images: Int?
    @Option(
        parsing: .unconditional,
        help: """
            Height and width of the images of a folder, or of generated ones. (default: 32 for cifar, 224 for imagenet, 28 for \
            mlp; generated for imagenet: 64)
            """)
    var imageSize: Int?
    @Option(
        parsing: .unconditional,
        help: "A folder's images: the shorter side before the middle is cut out. (default: 8/7 of --image-size)")
    var resize: Int?
    @Option(parsing: .unconditional, help: "Generated images: channels. (default: 3 for resnet, 1 for mlp)")
    var channels: Int?
    @Option(parsing: .unconditional, help: "Generated images: classes. (default: 10)")
    var classes: Int?
    @Option(
        parsing: .unconditional,
        help:
            "Augmentation: rows and columns around an image before a window is cut out. (default: 4 for CIFAR-10 and folders, otherwise 0)"
    )
    var cropPadding: Int?
    @Flag(inversion: .prefixedNo, help: "Augmentation: mirror half of the images. (default: as --crop-padding)")
    var flip: Bool?
    @Option(parsing: .unconditional, help: "Mean of each channel, as 0.5,0.5,0.5. (default: the data's custom)")
    var channelMean: WordList<Double>?
    @Option(parsing: .unconditional, help: "Standard deviation of each channel. (default: the data's custom)")
    var channelDeviation: WordList<Double>?
    @Option(parsing: .unconditional, help: "Label smoothing. (default: 0)")
    var labelSmoothing: Double?
    @Option(
        parsing: .unconditional,
        help: "Components from which evaluations take the statistics of batch normalisation. (default: 16)")
    var populationComponents: Int?

    /// The options that were given, by name, with the objectives that have them.
    var given: [(name: String, isGiven: Bool, objectives: [ObjectiveName])] {
        let both: [ObjectiveName] = [.resnet, .mlp]
        return [
            ("--architecture", architecture != nil, [.resnet]), ("--shortcut", shortcut != nil, [.resnet]),
            ("--width", width != nil, [.resnet]), ("--hidden-sizes", hiddenSizes != nil, [.mlp]),
            ("--activation-function", activationFunction != nil, [.mlp]), ("--image-format", imageFormat != nil, both),
            ("--held-out", heldOut != nil, both), ("--images", images != nil, both),
            ("--image-size", imageSize != nil, both), ("--resize", resize != nil, both),
            ("--channels", channels != nil, both), ("--classes", classes != nil, both),
            ("--crop-padding", cropPadding != nil, both), ("--flip", flip != nil, both),
            ("--channel-mean", channelMean != nil, both), ("--channel-deviation", channelDeviation != nil, both),
            ("--label-smoothing", labelSmoothing != nil, both),
            ("--population-components", populationComponents != nil, [.resnet]),
        ]
    }

    func validate() throws {
        if (channelMean == nil) != (channelDeviation == nil) {
            throw ValidationError("give both --channel-mean and --channel-deviation, or neither")
        }
    }

    /// Reads the images, to count them, and checks every value.
    func description(
        of objective: ObjectiveName, data: String?, valid: String?, batchSize: Int?, trainingDraws: TrainingDraws?,
        seed: UInt64
    ) throws -> ObjectiveDescription {
        var options = ImageClassifierOptions(network: network(of: objective))
        options.batchSize = batchSize ?? 128
        options.labelSmoothing = labelSmoothing ?? 0
        options.trainingDraws = trainingDraws ?? .fresh
        options.populationComponents = populationComponents ?? 16
        options.seed = seed
        if let channelMean, let channelDeviation {
            options.normalization = ImageNormalization(mean: channelMean.values, deviation: channelDeviation.values)
        }
        let images = try imageData(of: objective, data: data, valid: valid, seed: seed)
        if cropPadding != nil || flip != nil {
            let custom = images.customaryAugmentation
            options.augmentation = ImageAugmentation(
                cropPadding: cropPadding ?? custom.cropPadding, flips: flip ?? custom.flips)
        }
        return try .imageClassifier(images, options)
    }

    private func network(of objective: ObjectiveName) -> ImageClassifierOptions.Network {
        guard objective == .resnet else {
            return .perceptron(hiddenSizes: hiddenSizes?.values ?? [128], activation: activationFunction ?? .relu)
        }
        let network = architecture ?? Architecture(family: .cifar, depth: 20)
        return .residual(
            family: network.family, depth: network.depth, shortcut: shortcut ?? .projection, width: width)
    }

    private func imageData(
        of objective: ObjectiveName, data: String?, valid: String?, seed: UInt64
    ) throws -> ImageDataDescription {
        let isImageNet = objective == .resnet && architecture?.family == .imageNet
        let isPerceptron = objective == .mlp
        guard let data else {
            if let name = [
                ("--valid", valid != nil), ("--resize", resize != nil), ("--image-format", imageFormat != nil),
            ]
            .first(where: \.1)?.0 {
                throw SmoothnessError(.usage, "\(name) goes with --data")
            }
            let size = imageSize ?? (isImageNet ? 64 : isPerceptron ? 28 : 32)
            let shape = ImageShape(channels: channels ?? (isPerceptron ? 1 : 3), height: size, width: size)
            return ImageDataDescription(
                source: .generated(
                    GeneratedImages(imageCount: images ?? 2000, classCount: classes ?? 10, shape: shape, seed: seed)),
                heldOut: heldOut?.value ?? .fraction(0.1))
        }
        guard channels == nil && classes == nil else {
            throw SmoothnessError(.usage, "--channels and --classes are of generated images; --data brings its own")
        }
        let files = try ImageFiles(path: data, format: imageFormat)
        var resizing: ImageResizing?
        if files.format == .folder {
            let size = imageSize ?? (isImageNet ? 224 : isPerceptron ? 28 : 32)
            resizing = ImageResizing(
                shorterSide: resize ?? Int((Double(min(size, 1 << 20)) * 8 / 7).rounded()), size: size)
        } else if imageSize != nil || resize != nil {
            throw SmoothnessError(
                .usage, "--image-size and --resize are for folders of images", object: "--image-format",
                expected: "folder", found: files.format.rawValue)
        }
        return ImageDataDescription(
            source: .files(files),
            heldOut: try valid.map { .files(try ImageFiles(path: $0, format: imageFormat)) }
                ?? heldOut?.value ?? (try files.hasHeldOutImages() ? .published : .fraction(0.1)),
            limit: images, resizing: resizing)
    }
}

/// `cifar-20`, `cifar-resnet18`, `imagenet-50`
struct Architecture: ExpressibleByArgument {
    var family: ResidualNetworkConfiguration.Family
    var depth: Int

    init(family: ResidualNetworkConfiguration.Family, depth: Int) {
        self.family = family
        self.depth = depth
    }

    init?(argument: String) {
        if argument == "cifar-resnet18" {
            self.init(family: .cifarResNet18, depth: 18)
            return
        }
        let parts = argument.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        let families = ["cifar": ResidualNetworkConfiguration.Family.cifar, "imagenet": .imageNet]
        guard parts.count == 2, let depth = Int(parts[1]), depth > 0, let family = families[parts[0]] else {
            return nil
        }
        self.init(family: family, depth: depth)
    }
}

/// Positive integers separated by commas, or `none`.
struct SizeList: ExpressibleByArgument {
    var values: [Int]

    init?(argument: String) {
        if argument == "none" {
            values = []
            return
        }
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        values = parts.compactMap { Int($0) }
        guard values.count == parts.count else { return nil }
    }
}

/// `published`, `none` or a fraction.
struct HeldOutShare: ExpressibleByArgument {
    var value: ImageDataDescription.HeldOut

    init?(argument: String) {
        switch argument {
        case "published": value = .published
        case "none": value = .none
        default:
            guard let fraction = Double(argument) else { return nil }
            value = .fraction(fraction)
        }
    }
}

extension ResidualNetworkConfiguration.Shortcut: ExpressibleByArgument {}
extension PerceptronConfiguration.Activation: ExpressibleByArgument {}
extension ImageFormat: ExpressibleByArgument {}
