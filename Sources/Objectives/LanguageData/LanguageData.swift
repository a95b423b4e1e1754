import Essentials
import Foundation

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
        vocabulary = Vocabulary(lines: parts.training.lines, limit: description.vocabularyLimit)
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

/// The lines of the two parts, as words.
private struct TextParts {
    struct Part {
        /// Where it comes from, for errors.
        var file: String
        var object: String
        var lines: [[String]]
    }

    var training: Part
    var validation: Part?

    init(_ description: TextDescription, dataOverride: String?) throws {
        let (lines, name) = try Self.lines(of: description, dataOverride: dataOverride)
        training = Part(file: name, object: "training text", lines: lines)
        switch description.validation {
        case .none: break
        case .lastLines(let fraction):
            let count = max(1, Int(fraction * Double(lines.count)))
            guard count < lines.count else {
                throw SmoothnessError(
                    .data, "has too few lines to hold some out", file: name, expected: "at least 2 lines",
                    found: "\(lines.count)", remedy: "Name a held-out text with --valid, or give a longer text")
            }
            training.lines = Array(lines.dropLast(count))
            validation = Part(file: name, object: "held-out text", lines: Array(lines.suffix(count)))
        case .file(let file):
            let place = Self.place(of: file, beside: dataOverride)
            validation = Part(
                file: place, object: "held-out text",
                lines: try Self.lines(ofFile: file, at: place, tokenization: description.tokenization))
        }
    }

    private static func lines(
        of description: TextDescription, dataOverride: String?
    ) throws -> (lines: [[String]], name: String) {
        switch description.source {
        case .generated(let text): return (text.lines(), "the generated text")
        case .file(let file):
            let place = dataOverride ?? file.path
            return (try lines(ofFile: file, at: place, tokenization: description.tokenization), place)
        }
    }

    private static func lines(
        ofFile file: DataFile, at place: String, tokenization: Tokenization
    ) throws -> [[String]] {
        let bytes = try file.read(from: place)
        guard !bytes.isEmpty else {
            throw SmoothnessError(
                .data, "is empty", file: place, expected: "text, one sentence a line", found: "0 bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SmoothnessError(
                .data, "is not text in UTF-8", file: place, expected: "UTF-8",
                found: "a byte that UTF-8 does not allow in line \(lineOfFault(in: bytes))")
        }
        let lines = TextLines.lines(of: text).map { tokenization.words(of: $0) }
        guard lines.contains(where: { !$0.isEmpty }) else {
            throw SmoothnessError(
                .data, "holds no words", file: place, expected: "text, one sentence a line",
                found: "\(lines.count) lines of white space")
        }
        return lines
    }

    /// The first line, from one, that is not UTF-8.
    private static func lineOfFault(in bytes: [UInt8]) -> Int {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return (lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0) + 1
    }

    private static func place(of file: DataFile, beside dataOverride: String?) -> String {
        guard let dataOverride, !FileManager.default.fileExists(atPath: file.path) else { return file.path }
        let folder = URL(filePath: dataOverride).deletingLastPathComponent()
        let name = URL(filePath: file.path).lastPathComponent
        return folder.appending(path: name).path
    }
}

extension TextParts.Part {
    fileprivate func streams(
        _ vocabulary: Vocabulary, count: Int, sequenceLength: Int
    ) throws -> (TokenStreams, TextStatistics) {
        let tokens = vocabulary.encode(lines)
        guard let streams = TokenStreams(tokens: tokens, count: count, sequenceLength: sequenceLength) else {
            throw SmoothnessError(
                .data, "is too short for one segment", file: file, object: object,
                expected: "at least \(2 * count) tokens for \(count) streams", found: "\(tokens.count) tokens",
                remedy: "Use a smaller batch size or more text")
        }
        return (
            streams,
            TextStatistics(
                lineCount: lines.count, tokenCount: tokens.count,
                unknownCount: tokens.count { $0 == Vocabulary.unknownToken }, droppedCount: streams.droppedCount,
                componentCount: streams.segmentCount)
        )
    }
}
