import Essentials
import Evaluation
import Foundation

extension LanguageModelDescription {
    public var dataPath: String? { text.dataPath }
    public var hasSegments: Bool { true }

    public func trainArguments() -> [String] {
        var arguments = ["--objective", network.regularization == nil ? "lstm" : "awd-lstm"]
        arguments += text.trainArguments
        arguments += [
            "--batch-size", "\(batchSize)", "--sequence-length", "\(sequenceLength)", "--hidden",
            "\(network.hiddenSize)", "--embedding", "\(network.embeddingSize)", "--layers", "\(network.layerCount)",
            network.tiedWeights ? "--tied" : "--no-tied",
        ]
        if let regularization = network.regularization {
            arguments += [
                "--word-dropout", "\(regularization.wordDropout)", "--input-dropout", "\(regularization.inputDropout)",
                "--hidden-dropout", "\(regularization.hiddenDropout)", "--output-dropout",
                "\(regularization.outputDropout)", "--weight-dropout", "\(regularization.weightDropout)",
                "--activation",
                "\(regularization.activation)", "--temporal-activation", "\(regularization.temporalActivation)",
            ]
        } else {
            arguments += ["--dropout", "\(network.dropout)"]
        }
        if case .carried(let segments) = state { arguments += ["--state", "carried", "--burn-in", "\(segments)"] }
        if segmentLengths != .fixed { arguments += ["--segment-lengths", segmentLengths.rawValue] }
        if trainingDraws != .fixed { arguments += ["--training-draws", trainingDraws.rawValue] }
        return arguments + ["--objective-seed", "\(seed)"]
    }

    /// One line for a person.
    public var summary: String {
        let regularization = network.regularization
        return (regularization == nil ? "LSTM" : "AWD-LSTM")
            + " language model, \(counted(network.layerCount, "layer")) × \(network.hiddenSize), embedding "
            + "\(network.embeddingSize), \(network.tiedWeights ? "tied" : "untied"), "
            + (network.dropout > 0 ? "dropout \(network.dropout), " : "") + (regularization?.summary ?? "")
            + (state == .zero ? "" : "state carried over \(counted(state.segments, "segment")), ")
            + "\(counted(network.layout.count, "parameter")), "
            + "\(counted(training.componentCount, "component")) of "
            + (segmentLengths == .random
                ? "\(batchSize) × about \(sequenceLength) tokens"
                : "\(batchSize) × \(sequenceLength) tokens")
    }

    public var dataNotes: [String] {
        notes(text, network.vocabularySize, training, validation) + gradientNotes
    }

    public var gradientNotes: [String] {
        guard case .carried(let segments) = state else { return [] }
        return [
            "state carried: every component starts from the state that its \(counted(segments, "segment")) before leave at the "
                + "same point, and no gradient flows into it (truncated back-propagation)"
        ]
    }
}

extension LSTMRegularization {
    fileprivate var summary: String {
        "dropout of words \(wordDropout), input \(inputDropout), hidden \(hiddenDropout), output \(outputDropout), weights "
            + "\(weightDropout), α \(activation), β \(temporalActivation), "
    }
}

extension TransformerDescription {
    public var dataPath: String? { text.dataPath }
    public var hasSegments: Bool { true }

    public func trainArguments() -> [String] {
        var arguments = ["--objective", "transformer"] + text.trainArguments
        arguments += [
            "--batch-size", "\(batchSize)", "--sequence-length", "\(sequenceLength)", "--embedding",
            "\(network.width)", "--heads", "\(network.headCount)", "--layers", "\(network.layerCount)", "--dropout",
            "\(network.dropout)",
        ]
        if let draws = trainingDraws { arguments += ["--training-draws", draws.rawValue] }
        return arguments + ["--objective-seed", "\(seed)"]
    }

    public var dataNotes: [String] { notes(text, network.vocabularySize, training, validation) }

    /// One line for a person.
    public var summary: String {
        "Transformer language model, \(counted(network.layerCount, "layer")) × \(network.width), "
            + "\(counted(network.headCount, "head")), " + (network.dropout > 0 ? "dropout \(network.dropout), " : "")
            + "\(counted(network.layout.count, "parameter")), \(counted(training.componentCount, "component")) of "
            + "\(batchSize) × \(sequenceLength) tokens"
    }
}

/// What was read, what was held out and what was left out, a line each.
func notes(
    _ text: TextDescription, _ vocabularySize: Int, _ training: TextStatistics, _ validation: TextStatistics?
) -> [String] {
    let source =
        switch text.source {
        case .file(let file): file.path
        case .generated(let text): "generated text, seed \(text.seed)"
        }
    let unit =
        switch text.tokenization {
        case .whitespace, .words: "word"
        case .characters: "character"
        case .bytes: "byte"
        }
    return ["\(source): vocabulary of \(counted(vocabularySize, unit))", training.note("training text")]
        + (validation.map { [$0.note("held-out text")] } ?? ["no held-out text"])
}

extension TextStatistics {
    fileprivate func note(_ part: String) -> String {
        "\(part): \(counted(lineCount, "line")), \(counted(tokenCount, "token")) of which \(grouped(unknownCount)) "
            + "<unk>, \(counted(componentCount, "component")), \(counted(droppedCount, "token")) left over and dropped"
    }
}

extension TextDescription {
    fileprivate var dataPath: String? { if case .file(let file) = source { file.path } else { nil } }

    /// The options of `train` that give it again.
    fileprivate var trainArguments: [String] {
        var arguments: [String] = []
        if case .file(let file) = source { arguments += ["--data", Escaping.argument(path: file.path)] }
        if case .file(let file) = validation { arguments += ["--valid", file.path] }
        arguments += ["--tokens", tokenization.rawValue]
        if let limit = vocabularyLimit { arguments += ["--vocabulary", "\(limit)"] }
        return arguments
    }
}
