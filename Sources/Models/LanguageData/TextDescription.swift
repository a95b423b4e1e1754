import Evaluation

/// Which text a language model reads and how it becomes numbered words.
public struct TextDescription: Sendable, Hashable {
    /// In JSON the key `file` or `generated`.
    public enum Source: Sendable, Hashable {
        case file(DataFile)
        case generated(GeneratedText)
    }

    /// The held-out text; in JSON the key `validation_file` or `held_out_fraction`, or neither.
    public enum Validation: Sendable, Hashable {
        /// The last lines of the same text, this fraction of their number (rounded down, at least one line).
        case lastLines(fraction: Double)
        case file(DataFile)
        case none
    }

    public var source: Source
    public var validation: Validation
    public var tokenization: Tokenization
    /// Number of words kept, `<unk>` and `<eos>` included; `nil` keeps all.
    public var vocabularyLimit: Int?

    public init(
        source: Source, validation: Validation = .lastLines(fraction: 0.1), tokenization: Tokenization = .whitespace,
        vocabularyLimit: Int? = 10_000
    ) {
        self.source = source
        self.validation = validation
        self.tokenization = tokenization
        self.vocabularyLimit = vocabularyLimit
    }
}

/// Counts of one part of a text, so that what was dropped and not known is never silent.
public struct TextStatistics: Sendable, Hashable, Codable {
    /// Lines, empty ones included.
    public var lineCount: Int
    /// N: words and line ends.
    public var tokenCount: Int
    /// How many of them are `<unk>`, the text's own included.
    public var unknownCount: Int
    /// Tokens at the end that do not fill the streams.
    public var droppedCount: Int
    /// Segments of all streams.
    public var componentCount: Int

    enum CodingKeys: String, CodingKey {
        case lineCount = "line_count"
        case tokenCount = "token_count"
        case unknownCount = "unknown_count"
        case droppedCount = "dropped_count"
        case componentCount = "component_count"
    }

    public init(lineCount: Int, tokenCount: Int, unknownCount: Int, droppedCount: Int, componentCount: Int) {
        self.lineCount = lineCount
        self.tokenCount = tokenCount
        self.unknownCount = unknownCount
        self.droppedCount = droppedCount
        self.componentCount = componentCount
    }
}

extension TextDescription: Codable {
    enum CodingKeys: String, CodingKey {
        case file, generated, tokenization
        case validationFile = "validation_file"
        case heldOutFraction = "held_out_fraction"
        case vocabularyLimit = "vocabulary_limit"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let file = try container.decodeIfPresent(DataFile.self, forKey: .file) {
            source = .file(file)
        } else {
            source = .generated(try container.decode(GeneratedText.self, forKey: .generated))
        }
        if let file = try container.decodeIfPresent(DataFile.self, forKey: .validationFile) {
            validation = .file(file)
        } else if let fraction = try container.decodeIfPresent(Double.self, forKey: .heldOutFraction) {
            validation = .lastLines(fraction: fraction)
        } else {
            validation = .none
        }
        tokenization = try container.decode(Tokenization.self, forKey: .tokenization)
        vocabularyLimit = try container.decodeIfPresent(Int.self, forKey: .vocabularyLimit)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch source {
        case .file(let file): try container.encode(file, forKey: .file)
        case .generated(let text): try container.encode(text, forKey: .generated)
        }
        switch validation {
        case .file(let file): try container.encode(file, forKey: .validationFile)
        case .lastLines(let fraction): try container.encode(fraction, forKey: .heldOutFraction)
        case .none: break
        }
        try container.encode(tokenization, forKey: .tokenization)
        try container.encodeIfPresent(vocabularyLimit, forKey: .vocabularyLimit)
    }
}
