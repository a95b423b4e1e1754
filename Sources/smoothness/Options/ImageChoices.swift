import Essentials
import Evaluation
import Foundation
import Models

extension NetworkChoices {
    /// Describes a classifier of images, whose files it reads to count them.
    func imageClassifier(isPerceptron: Bool) throws -> ObjectiveDescription {
        let network = architecture ?? Architecture(family: .cifar, depth: 20)
        var options = ImageClassifierOptions(
            network: isPerceptron
                ? .perceptron(hiddenSizes: hiddenSizes?.values ?? [128], activation: activationFunction ?? .relu)
                : .residual(
                    family: network.family, depth: network.depth, shortcut: shortcut ?? .projection, width: width))
        options.batchSize = batchSize ?? 128
        options.labelSmoothing = labelSmoothing ?? 0
        options.trainingDraws = trainingDraws ?? .fresh
        options.populationComponents = populationComponents ?? 16
        options.seed = seed ?? 0
        if let channelMean, let channelDeviation {
            options.normalization = ImageNormalization(mean: channelMean, deviation: channelDeviation)
        }
        let size = imageSize ?? (isPerceptron ? 28 : network.family == .imageNet ? (data == nil ? 64 : 224) : 32)
        let images = try data.map { try imageFiles(at: $0, size: size) } ?? generated(size, isPerceptron: isPerceptron)
        if cropPadding != nil || flip != nil {
            let custom = images.customaryAugmentation
            options.augmentation = ImageAugmentation(
                cropPadding: cropPadding ?? custom.cropPadding, flips: flip ?? custom.flips)
        }
        return try .imageClassifier(images, options)
    }

    private func generated(_ size: Int, isPerceptron: Bool) throws -> ImageDataDescription {
        let ofFiles = names(
            ("--valid", valid != nil), ("--resize", resize != nil), ("--image-format", imageFormat != nil))
        if let name = ofFiles.first { throw SmoothnessError(.usage, "\(name) goes with --data") }
        let shape = ImageShape(channels: channels ?? (isPerceptron ? 1 : 3), height: size, width: size)
        return ImageDataDescription(
            source: .generated(
                GeneratedImages(imageCount: images ?? 2000, classCount: classes ?? 10, shape: shape, seed: seed ?? 0)),
            heldOut: heldOut?.value ?? .fraction(0.1))
    }

    private func imageFiles(at path: String, size: Int) throws -> ImageDataDescription {
        guard channels == nil && classes == nil else {
            throw SmoothnessError(.usage, "--channels and --classes are of generated images; --data brings its own")
        }
        let files = try ImageFiles(path: path, format: imageFormat)
        var resizing: ImageResizing?
        if files.format == .folder {
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

// MARK: - Values

/// Whether components of a recurrent network start from zero or from the state before them.
enum StateName: String, OptionValue, CaseIterable {
    case zero, carried
}

/// `cifar-20`, `cifar-resnet18`, `imagenet-50`
struct Architecture: OptionValue {
    var family: ResidualNetworkConfiguration.Family
    var depth: Int

    init(family: ResidualNetworkConfiguration.Family, depth: Int) {
        self.family = family
        self.depth = depth
    }

    init?(optionText: String) {
        if optionText == "cifar-resnet18" {
            self.init(family: .cifarResNet18, depth: 18)
            return
        }
        let parts = optionText.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        let families = ["cifar": ResidualNetworkConfiguration.Family.cifar, "imagenet": .imageNet]
        guard parts.count == 2, let depth = Int(parts[1]), depth > 0, let family = families[parts[0]] else {
            return nil
        }
        self.init(family: family, depth: depth)
    }

    var optionText: String { family == .cifarResNet18 ? family.rawValue : "\(family.rawValue)-\(depth)" }
}

/// Whole numbers separated by commas, or `none`.
struct SizeList: OptionValue {
    var values: [Int]

    init?(optionText: String) {
        guard let values = optionText == "none" ? [] : [Int](optionText: optionText) else { return nil }
        self.values = values
    }

    var optionText: String { values.isEmpty ? "none" : values.optionText }
}

/// `published`, `none` or a fraction.
struct HeldOutShare: OptionValue {
    let value: ImageDataDescription.HeldOut
    let optionText: String

    init?(optionText: String) {
        self.optionText = optionText
        switch optionText {
        case "published": value = .published
        case "none": value = .none
        default:
            guard let fraction = Double(optionText) else { return nil }
            value = .fraction(fraction)
        }
    }
}

extension Tokenization: OptionValue {}
extension SegmentLengths: OptionValue {}
extension ResidualNetworkConfiguration.Shortcut: OptionValue {}
extension PerceptronConfiguration.Activation: OptionValue {}
extension ImageFormat: OptionValue {}
