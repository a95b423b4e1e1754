import Essentials

/// A text as streams of numbered words: the training part and, where there is one, the held-out part.
public struct LanguageData: Sendable, Hashable {
    public let vocabulary: Vocabulary
    public let training: TokenStreams
    public let validation: TokenStreams?
    public let trainingStatistics: TextStatistics
    public let validationStatistics: TextStatistics?

    /// - Parameters:
    ///   - batchSize: B, the number of streams of both parts.
    ///   - sequenceLength: T
    ///   - dataOverride: where the text is now, if not where the description says. A validation file that is not at its
    ///     own place is looked for beside it, under its own name.
    /// - Throws: `SmoothnessError` of kind `.noInput` or `.inputOutput`, and `.data` for a file that has changed, is
    ///   not UTF-8, is empty, holds no words, or is too short for its streams.
    public init(
        _ description: TextDescription, batchSize: Int, sequenceLength: Int, dataOverride: String? = nil
    ) throws {
        let parts = try TextParts(description, dataOverride: dataOverride)
        vocabulary =
            switch parts.training.content {
            case .words(let lines): Vocabulary(lines: lines, limit: description.vocabularyLimit)
            case .bytes: .bytes
            }
        (training, trainingStatistics) = try parts.training.streams(
            vocabulary, count: batchSize, sequenceLength: sequenceLength)
        guard let heldOut = parts.validation else {
            (validation, validationStatistics) = (nil, nil)
            return
        }
        (validation, validationStatistics) = try heldOut.streams(
            vocabulary, count: batchSize, sequenceLength: sequenceLength)
    }
}

/// What a description says of its data and the data do not bear out.
func requireAgreement<Value: Equatable>(_ what: String, _ object: String, _ expected: Value, _ found: Value) throws {
    guard expected != found else { return }
    throw SmoothnessError(
        .data, "\(what) not what the description says", object: object, expected: "\(expected)", found: "\(found)",
        remedy: "Use the version of smoothness that wrote the description")
}

extension TextDescription {
    /// Holds the length of a generated text against the description's own counts, before the time to make it is spent.
    func requireLines(training: TextStatistics, validation heldOut: TextStatistics?) throws {
        guard case .generated(let generated) = source else { return }
        if case .file = validation { return }
        let lines = training.lineCount.addingReportingOverflow(heldOut?.lineCount ?? 0)
        try Models.requireAgreement(
            "the generated text is", "lines", lines.overflow ? .max : lines.partialValue, generated.lineCount)
    }
}

extension LanguageData {
    /// The same file must give the same tokens; if not, this program divides text otherwise than the one that wrote the
    /// description.
    func requireAgreement(vocabularySize: Int, training: TextStatistics, validation: TextStatistics?) throws {
        func agree<Value: Equatable>(_ object: String, _ expected: Value, _ found: Value) throws {
            guard expected != found else { return }
            throw SmoothnessError(
                .data, "the text does not give what the description says", object: object, expected: "\(expected)",
                found: "\(found)", remedy: "Use the version of smoothness that wrote the description")
        }
        try agree("vocabulary size", vocabularySize, vocabulary.count)
        try agree("training text", training, trainingStatistics)
        try agree("held-out text", validation, validationStatistics)
    }
}

extension TextParts.Part {
    fileprivate func streams(
        _ vocabulary: Vocabulary, count: Int, sequenceLength: Int
    ) throws -> (TokenStreams, TextStatistics) {
        let tokens: [Int32]
        let unknownCount: Int
        switch content {
        case .words(let lines):
            tokens = vocabulary.encode(lines)
            unknownCount = tokens.count { $0 == Vocabulary.unknownToken }
        case .bytes(let bytes):
            tokens = bytes.map { Int32($0) }
            unknownCount = 0
        }
        guard let streams = TokenStreams(tokens: tokens, count: count, sequenceLength: sequenceLength) else {
            throw SmoothnessError(
                .data, "is too short for one segment", file: file, object: object,
                expected: "at least \(2 * count) tokens for \(count) streams", found: "\(tokens.count) tokens",
                remedy: "Use a smaller batch size or more text")
        }
        return (
            streams,
            TextStatistics(
                lineCount: content.lineCount, tokenCount: tokens.count, unknownCount: unknownCount,
                droppedCount: streams.droppedCount, componentCount: streams.segmentCount)
        )
    }
}
