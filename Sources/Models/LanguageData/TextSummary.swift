import Foundation

extension ObjectiveDescription {
    /// What has to be said of gradients that are not the gradients of the losses; mostly nothing.
    public var gradientNotes: [String] {
        if case .languageModel(let model) = kind { model.stateNotes } else { [] }
    }
}

extension LanguageModelDescription {
    /// One line for a person.
    var summary: String {
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

    /// What has to be said of a gradient that is not the gradient of the loss.
    var stateNotes: [String] {
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
    /// One line for a person.
    var summary: String {
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
