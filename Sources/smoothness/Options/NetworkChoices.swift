import Essentials
import Evaluation
import Foundation
import Models

/// What was asked of a network and of its data; `nil` where nothing was, so that the default is the network's own.
struct NetworkChoices: Sendable {
    var data, valid, module: String?
    var batchSize: Int?
    var trainingDraws: TrainingDraws?
    var seed: UInt64?
    // Language models
    var tokens: Tokenization?
    var vocabulary, sequenceLength, hidden, embedding, layers, heads, burnIn: Int?
    var tied: Bool?
    var dropout, wordDropout, inputDropout, hiddenDropout, outputDropout, weightDropout: Double?
    var activation, temporalActivation: Double?
    var state: StateName?
    var segmentLengths: SegmentLengths?
    // Images
    var architecture: Architecture?
    var shortcut: ResidualNetworkConfiguration.Shortcut?
    var hiddenSizes: SizeList?
    var activationFunction: PerceptronConfiguration.Activation?
    var imageFormat: ImageFormat?
    var heldOut: HeldOutShare?
    var width, images, imageSize, resize, channels, classes, cropPadding, populationComponents: Int?
    var flip: Bool?
    var channelMean, channelDeviation: [Double]?
    var labelSmoothing: Double?
}

// MARK: - The options

extension NetworkChoices {
    /// Every option of a network or its data, with the objectives that have it.
    static let options: [ObjectiveChoice] = dataOptions + languageOptions + regularizationOptions + imageOptions

    private static let language = ["lstm", "awd-lstm", "transformer"]
    private static let recurrent = ["lstm", "awd-lstm"]
    private static let pictures = ["resnet", "mlp"]

    private static func option<Value: OptionValue & Sendable>(
        _ owners: [String], _ name: String, _ help: String, _ form: OptionForm? = nil,
        at place: any WritableKeyPath<NetworkChoices, Value?> & Sendable
    ) -> ObjectiveChoice {
        ObjectiveChoice(owners: owners, CommandOption(name, form, help, at: place))
    }

    private static let dataOptions = [
        option(
            language + pictures + ["logistic-regression", "torchscript"], "data",
            "a text, one sentence a line; images (CIFAR-10, IDX as MNIST's, a folder of folders of JPEG or PNG); comma-separated numbers, the label last; HDF5 with a dataset of every argument. With --resume: where the same data are now. (default: generated data)",
            at: \.data),
        option(
            ["torchscript"], "module",
            "the archive of torch.jit.save, whose forward returns the loss of a batch. A module is a program: only this option opens one, never a run file.",
            at: \.module),
        option(
            language + pictures, "valid", "a held-out text (default: the last tenth of the lines); held-out images",
            at: \.valid),
        option(
            language + pictures + ["logistic-regression", "torchscript"], "batch-size",
            "streams of a text (default: 20; 12 for transformer), images (128), samples (32), entries of the first axis (one)",
            at: \.batchSize),
        option(
            language + pictures, "training-draws",
            "fixed, one draw of masks, cuts, batches and augmentation for the whole run, or fresh, one for every epoch (default: fixed; fresh for images)",
            at: \.trainingDraws),
        option(
            language + pictures + ["torchscript"], "objective-seed",
            "of generated data, dropout masks, image batches, augmentation (default: 0)", at: \.seed),
    ]

    private static let languageOptions = [
        option(
            language, "tokens",
            "whitespace (a text that is tokenised already), words (raw text), characters or bytes (default: whitespace)",
            at: \.tokens),
        option(
            language, "vocabulary",
            "unless of bytes: the number of words kept, <unk> and <eos> included (default: 10000)",
            at: \.vocabulary),
        option(
            language, "sequence-length", "steps of a segment (default: 35; 70 for awd-lstm, 64 for transformer)",
            at: \.sequenceLength),
        option(recurrent, "hidden", "hidden size of a layer (default: 200; 1150 for awd-lstm)", at: \.hidden),
        option(
            language, "embedding",
            "embedding size; of a transformer the width (default: 200; 400 for awd-lstm, 128 for transformer)",
            at: \.embedding),
        option(language, "layers", "layers (default: 2; 3 for awd-lstm, 4 for transformer)", at: \.layers),
        option(["transformer"], "heads", "heads of the attention (default: 4)", at: \.heads),
        option(
            recurrent, "tied", "whether the decoder's weight is the embedding's (default: --tied)", .inverted,
            at: \.tied),
        option(
            recurrent, "state",
            "zero, or carried: a component starts from the state that the segments before it leave at the same point, and no gradient flows into it (default: zero)",
            at: \.state),
        option(
            recurrent, "burn-in", "with --state carried: how many segments are run before a component (default: 3)",
            at: \.burnIn),
        option(
            recurrent, "segment-lengths", "fixed, or random: lengths around the sequence length (default: fixed)",
            at: \.segmentLengths),
    ]

    private static let regularizationOptions = [
        option(
            ["lstm", "transformer"], "dropout",
            "probability of dropping an activation; masks are a function of the component (default: 0)", at: \.dropout),
        option(
            ["awd-lstm"], "word-dropout", "probability of dropping a word's row of the embedding (default: 0.1)",
            at: \.wordDropout),
        option(
            ["awd-lstm"], "input-dropout", "of dropping an element of the input, the same at every step (default: 0.4)",
            at: \.inputDropout),
        option(
            ["awd-lstm"], "hidden-dropout", "of dropping an element between layers (default: 0.25)",
            at: \.hiddenDropout),
        option(
            ["awd-lstm"], "output-dropout", "of dropping an element of the output (default: 0.4)", at: \.outputDropout),
        option(["awd-lstm"], "weight-dropout", "of dropping a recurrent weight (default: 0.5)", at: \.weightDropout),
        option(
            ["awd-lstm"], "activation", "α, the weight of the mean squared output in the loss (default: 2)",
            at: \.activation),
        option(
            ["awd-lstm"], "temporal-activation",
            "β, the weight of the mean squared change of the output in the loss (default: 1)", at: \.temporalActivation),
    ]

    private static let imageOptions = [
        option(
            ["resnet"], "architecture",
            "cifar-N (N = 20, 32, 56, any 6n + 2), cifar-resnet18 (Zhang et al.'s), imagenet-50, -101 or -152 (default: cifar-20)",
            at: \.architecture),
        option(
            ["resnet"], "shortcut",
            "projection (1×1 convolution) or identity (zero padding, cifar-N) (default: projection)", at: \.shortcut),
        option(
            ["resnet"], "width", "channels of the first stage (default: 16 for cifar-N, 64 for the others)", at: \.width
        ),
        option(
            ["mlp"], "hidden-sizes",
            "sizes of the hidden layers, as 256,128; none for a linear classifier (default: 128)", at: \.hiddenSizes),
        option(["mlp"], "activation-function", "between layers (default: relu)", at: \.activationFunction),
        option(pictures, "image-format", "form of --data (default: found out by looking)", at: \.imageFormat),
        option(
            pictures, "held-out",
            "held-out images without --valid: published (the data's own), none, or a fraction of the images (default: published where there are some, otherwise 0.1)",
            at: \.heldOut),
        option(
            pictures, "images", "train on so many images; without --data, generate so many (default: all; 2000)",
            at: \.images),
        option(
            pictures, "image-size",
            "height and width of the images of a folder, or of generated ones (default: 32 for cifar, 224 for imagenet, 28 for mlp; generated for imagenet: 64)",
            at: \.imageSize),
        option(
            pictures, "resize",
            "a folder's images: the shorter side before the middle is cut out (default: 8/7 of --image-size)",
            at: \.resize),
        option(pictures, "channels", "of generated images (default: 3 for resnet, 1 for mlp)", at: \.channels),
        option(pictures, "classes", "of generated images (default: 10)", at: \.classes),
        option(
            pictures, "crop-padding",
            "augmentation: rows and columns around an image before a window is cut out (default: 4 for CIFAR-10 and folders, otherwise 0)",
            at: \.cropPadding),
        option(
            pictures, "flip", "augmentation: mirror half of the images (default: as --crop-padding)", .inverted,
            at: \.flip),
        option(
            pictures, "channel-mean", "mean of each channel, as 0.5,0.5,0.5 (default: the data's custom)",
            at: \.channelMean),
        option(
            pictures, "channel-deviation", "standard deviation of each channel (default: the data's custom)",
            at: \.channelDeviation),
        option(pictures, "label-smoothing", "label smoothing (default: 0)", at: \.labelSmoothing),
        option(
            ["resnet"], "population-components",
            "components from which evaluations take the statistics of batch normalisation (default: 16)",
            at: \.populationComponents),
    ]

    /// - Throws: `OptionMistake` for what does not go together.
    func check() throws {
        if burnIn != nil && state != .carried { throw OptionMistake("--burn-in goes with --state carried") }
        if tokens == .bytes && vocabulary != nil {
            throw OptionMistake("--vocabulary is of words; there are 256 bytes")
        }
        if (channelMean == nil) != (channelDeviation == nil) {
            throw OptionMistake("give both --channel-mean and --channel-deviation, or neither")
        }
    }
}

// MARK: - What they describe

extension NetworkChoices {
    /// Reads what has to be read (a text, to count its words; images, to count them) and checks every value.
    /// - Returns: `nil` for an objective that is no network.
    func description(of objective: String) throws -> ObjectiveDescription? {
        switch objective {
        case "lstm": try languageModel(isRegularized: false)
        case "awd-lstm": try languageModel(isRegularized: true)
        case "transformer": try transformer
        case "resnet", "mlp": try imageClassifier(isPerceptron: objective == "mlp")
        case "torchscript": try torchScript
        default: nil
        }
    }

    private var text: TextDescription {
        get throws {
            let tokenization = tokens ?? .whitespace
            return TextDescription(
                source: try data.map { .file(try DataFile(path: $0)) } ?? .generated(GeneratedText(seed: seed ?? 0)),
                validation: try valid.map { .file(try DataFile(path: $0)) } ?? .lastLines(fraction: 0.1),
                tokenization: tokenization, vocabularyLimit: tokenization == .bytes ? nil : vocabulary ?? 10_000)
        }
    }

    private var transformer: ObjectiveDescription {
        get throws {
            try .transformer(
                text, batchSize: batchSize ?? 12, sequenceLength: sequenceLength ?? 64, width: embedding ?? 128,
                headCount: heads ?? 4, layerCount: layers ?? 4, dropout: dropout ?? 0,
                trainingDraws: trainingDraws ?? .fixed, seed: seed ?? 0)
        }
    }

    private func languageModel(isRegularized: Bool) throws -> ObjectiveDescription {
        try .languageModel(
            text, batchSize: batchSize ?? 20, sequenceLength: sequenceLength ?? (isRegularized ? 70 : 35),
            embeddingSize: embedding ?? (isRegularized ? 400 : 200),
            hiddenSize: hidden ?? (isRegularized ? 1150 : 200), layerCount: layers ?? (isRegularized ? 3 : 2),
            tiedWeights: tied ?? true, dropout: dropout ?? 0, regularization: isRegularized ? regularization : nil,
            state: state == .carried ? .carried(segments: burnIn ?? 3) : .zero,
            segmentLengths: segmentLengths ?? .fixed, trainingDraws: trainingDraws ?? .fixed, seed: seed ?? 0)
    }

    private var regularization: LSTMRegularization {
        let standard = LSTMRegularization()
        return LSTMRegularization(
            wordDropout: wordDropout ?? standard.wordDropout, inputDropout: inputDropout ?? standard.inputDropout,
            hiddenDropout: hiddenDropout ?? standard.hiddenDropout,
            outputDropout: outputDropout ?? standard.outputDropout,
            weightDropout: weightDropout ?? standard.weightDropout, activation: activation ?? standard.activation,
            temporalActivation: temporalActivation ?? standard.temporalActivation)
    }

    private var torchScript: ObjectiveDescription {
        get throws {
            guard let module, let data else {
                throw SmoothnessError(
                    .usage, "a scripted module needs its file and its batches", expected: "--module and --data")
            }
            return try .torchScript(module: module, data: data, batchSize: batchSize, seed: seed ?? 0)
        }
    }
}
