import ArgumentParser
import Essentials
import Evaluation
import Models

/// Whether components of a recurrent network start from zero or from the state before them.
enum StateName: String, ExpressibleByArgument, CaseIterable {
    case zero, carried
}

/// The options of language models: text, sizes, regularisation, state. Everything is optional, so that an option that the
/// chosen objective does not have is refused instead of ignored.
struct TrainLanguageOptions: ParsableArguments {
    @Option(
        help: "Language models: a held-out text (default: the last tenth of the lines); resnet, mlp: held-out images.")
    var valid: String?
    @Option(
        help: """
            Language models: whitespace (a text that is tokenised already), words (raw text), characters or bytes. (default: \
            whitespace)
            """)
    var tokens: Tokenization?
    @Option(
        parsing: .unconditional,
        help: "Language models, unless of bytes: the number of words kept, <unk> and <eos> included. (default: 10000)")
    var vocabulary: Int?
    @Option(
        parsing: .unconditional,
        help: "Language models: steps of a segment. (default: 35; 70 for awd-lstm, 64 for transformer)")
    var sequenceLength: Int?
    @Option(parsing: .unconditional, help: "lstm, awd-lstm: hidden size of a layer. (default: 200; 1150 for awd-lstm)")
    var hidden: Int?
    @Option(
        parsing: .unconditional,
        help:
            "Language models: embedding size; transformer: the width. (default: 200; 400 for awd-lstm, 128 for transformer)"
    )
    var embedding: Int?
    @Option(parsing: .unconditional, help: "Language models: layers. (default: 2; 3 for awd-lstm, 4 for transformer)")
    var layers: Int?
    @Option(parsing: .unconditional, help: "transformer: heads of the attention. (default: 4)")
    var heads: Int?
    @Flag(
        inversion: .prefixedNo,
        help: "lstm, awd-lstm: whether the decoder's weight is the embedding's. (default: --tied)")
    var tied: Bool?
    @Option(
        parsing: .unconditional,
        help:
            "lstm, transformer: probability of dropping an activation; masks are a function of the component. (default: 0)"
    )
    var dropout: Double?
    @Option(
        parsing: .unconditional, help: "awd-lstm: probability of dropping a word's row of the embedding. (default: 0.1)"
    )
    var wordDropout: Double?
    @Option(
        parsing: .unconditional,
        help: "awd-lstm: of dropping an element of the input, the same at every step. (default: 0.4)")
    var inputDropout: Double?
    @Option(parsing: .unconditional, help: "awd-lstm: of dropping an element between layers. (default: 0.25)")
    var hiddenDropout: Double?
    @Option(parsing: .unconditional, help: "awd-lstm: of dropping an element of the output. (default: 0.4)")
    var outputDropout: Double?
    @Option(parsing: .unconditional, help: "awd-lstm: of dropping a recurrent weight. (default: 0.5)")
    var weightDropout: Double?
    @Option(
        parsing: .unconditional, help: "awd-lstm: α, the weight of the mean squared output in the loss. (default: 2)")
    var activation: Double?
    @Option(
        parsing: .unconditional,
        help: "awd-lstm: β, the weight of the mean squared change of the output in the loss. (default: 1)")
    var temporalActivation: Double?
    @Option(
        help: """
            lstm, awd-lstm: zero, or carried: a component starts from the state that the segments before it leave at the \
            same point, and no gradient flows into it. (default: zero)
            """)
    var state: StateName?
    @Option(
        parsing: .unconditional,
        help: "With --state carried: how many segments are run before a component. (default: 3)")
    var burnIn: Int?
    @Option(help: "lstm, awd-lstm: fixed, or random: lengths around the sequence length. (default: fixed)")
    var segmentLengths: SegmentLengths?

    /// The options that were given, by name, with the objectives that have them.
    var given: [(String, Bool, [ObjectiveName])] {
        let recurrent: [ObjectiveName] = [.lstm, .awdLSTM]
        let all = recurrent + [.transformer]
        return [
            ("--valid", valid != nil, all + [.resnet, .mlp]), ("--tokens", tokens != nil, all),
            ("--vocabulary", vocabulary != nil, all), ("--sequence-length", sequenceLength != nil, all),
            ("--hidden", hidden != nil, recurrent), ("--embedding", embedding != nil, all),
            ("--layers", layers != nil, all), ("--heads", heads != nil, [.transformer]),
            ("--tied", tied != nil, recurrent), ("--dropout", dropout != nil, [.lstm, .transformer]),
            ("--word-dropout", wordDropout != nil, [.awdLSTM]), ("--input-dropout", inputDropout != nil, [.awdLSTM]),
            ("--hidden-dropout", hiddenDropout != nil, [.awdLSTM]),
            ("--output-dropout", outputDropout != nil, [.awdLSTM]),
            ("--weight-dropout", weightDropout != nil, [.awdLSTM]), ("--activation", activation != nil, [.awdLSTM]),
            ("--temporal-activation", temporalActivation != nil, [.awdLSTM]), ("--state", state != nil, recurrent),
            ("--burn-in", burnIn != nil, recurrent), ("--segment-lengths", segmentLengths != nil, recurrent),
        ]
    }

    func validate() throws {
        if burnIn != nil && state != .carried { throw ValidationError("--burn-in goes with --state carried") }
        if tokens == .bytes && vocabulary != nil {
            throw ValidationError("--vocabulary is of words; there are 256 bytes")
        }
    }

    /// Reads the text, to count its words, and checks every value.
    func description(
        of objective: ObjectiveName, data: String?, batchSize: Int?, trainingDraws: TrainingDraws?, seed: UInt64
    ) throws -> ObjectiveDescription {
        let tokenization = tokens ?? .whitespace
        let text = TextDescription(
            source: try data.map { .file(try DataFile(path: $0)) } ?? .generated(GeneratedText(seed: seed)),
            validation: try valid.map { .file(try DataFile(path: $0)) } ?? .lastLines(fraction: 0.1),
            tokenization: tokenization, vocabularyLimit: tokenization == .bytes ? nil : vocabulary ?? 10_000)
        if objective == .transformer {
            return try .transformer(
                text, batchSize: batchSize ?? 12, sequenceLength: sequenceLength ?? 64, width: embedding ?? 128,
                headCount: heads ?? 4, layerCount: layers ?? 4, dropout: dropout ?? 0,
                trainingDraws: trainingDraws ?? .fixed, seed: seed)
        }
        let isAWD = objective == .awdLSTM
        return try .languageModel(
            text, batchSize: batchSize ?? 20, sequenceLength: sequenceLength ?? (isAWD ? 70 : 35),
            embeddingSize: embedding ?? (isAWD ? 400 : 200), hiddenSize: hidden ?? (isAWD ? 1150 : 200),
            layerCount: layers ?? (isAWD ? 3 : 2), tiedWeights: tied ?? true, dropout: dropout ?? 0,
            regularization: isAWD ? regularization : nil,
            state: state == .carried ? .carried(segments: burnIn ?? 3) : .zero,
            segmentLengths: segmentLengths ?? .fixed, trainingDraws: trainingDraws ?? .fixed, seed: seed)
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
}

extension Tokenization: ExpressibleByArgument {}
extension SegmentLengths: ExpressibleByArgument {}
extension TrainingDraws: ExpressibleByArgument {}
