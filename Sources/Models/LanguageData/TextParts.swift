import Archives
import Essentials
import Evaluation
import Foundation

/// What a part of a text holds, before it is numbered.
enum TextContent {
    /// The lines, as words.
    case words([[String]])
    /// The bytes as they are, line ends included.
    case bytes([UInt8])

    var lineCount: Int {
        switch self {
        case .words(let lines): lines.count
        case .bytes(let bytes):
            bytes.count { $0 == UInt8(ascii: "\n") } + (bytes.isEmpty || bytes.last == UInt8(ascii: "\n") ? 0 : 1)
        }
    }

    /// The content without its last `count` lines, and these.
    func divided(beforeLast count: Int) -> (first: TextContent, last: TextContent) {
        switch self {
        case .words(let lines): return (.words(lines.dropLast(count)), .words(lines.suffix(count)))
        case .bytes(let bytes):
            let ends = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
            let cut = ends[lineCount - count - 1] + 1
            return (.bytes(Array(bytes[..<cut])), .bytes(Array(bytes[cut...])))
        }
    }
}

/// The two parts of a text.
struct TextParts {
    struct Part {
        /// Where it comes from, for errors.
        var file: String
        var object: String
        var content: TextContent
    }

    var training: Part
    var validation: Part?

    init(_ description: TextDescription, dataOverride: String?) throws {
        let (content, name) = try Self.content(of: description, dataOverride: dataOverride)
        training = Part(file: name, object: "training text", content: content)
        switch description.validation {
        case .none: break
        case .lastLines(let fraction):
            let lineCount = content.lineCount
            let count = max(1, Int(fraction * Double(lineCount)))
            guard count < lineCount else {
                throw SmoothnessError(
                    .data, "has too few lines to hold some out", file: name, expected: "at least 2 lines",
                    found: "\(lineCount)", remedy: "Name a held-out text with --valid, or give a longer text")
            }
            let (first, last) = content.divided(beforeLast: count)
            training.content = first
            validation = Part(file: name, object: "held-out text", content: last)
        case .file(let file):
            let place = Self.place(of: file, beside: dataOverride)
            validation = Part(
                file: place, object: "held-out text",
                content: try Self.content(ofFile: file, at: place, tokenization: description.tokenization))
        }
    }

    private static func content(
        of description: TextDescription, dataOverride: String?
    ) throws -> (TextContent, name: String) {
        switch description.source {
        case .file(let file):
            let place = dataOverride ?? file.path
            return (try content(ofFile: file, at: place, tokenization: description.tokenization), place)
        case .generated(let text):
            let lines = text.lines()
            let name = "the generated text"
            switch description.tokenization {
            case .whitespace, .words: return (.words(lines), name)
            case .characters:
                return (.words(lines.map { Tokenization.characters.words(of: $0.joined(separator: " ")[...]) }), name)
            case .bytes: return (.bytes(lines.flatMap { Array(($0.joined(separator: " ") + "\n").utf8) }), name)
            }
        }
    }

    private static func content(
        ofFile file: DataFile, at place: String, tokenization: Tokenization
    ) throws -> TextContent {
        let bytes = try file.read(from: place)
        guard !bytes.isEmpty else {
            throw SmoothnessError(
                .data, "is empty", file: place, expected: "text, one sentence a line", found: "0 bytes")
        }
        if tokenization == .bytes { return .bytes(bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw notUTF8(bytes, file: place) }
        let lines = TextLines.lines(of: text).map { tokenization.words(of: $0) }
        guard lines.contains(where: { !$0.isEmpty }) else {
            throw SmoothnessError(
                .data, "holds no words", file: place, expected: "text, one sentence a line",
                found: "\(lines.count) lines of white space")
        }
        return .words(lines)
    }

    private static func notUTF8(_ bytes: [UInt8], file: String) -> SmoothnessError {
        let offset = UTF8Fault.offset(in: bytes) ?? bytes.count
        let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") } + 1
        let found =
            offset < bytes.count ? "a byte 0x" + String(bytes[offset], radix: 16) : "the end inside of a character"
        return SmoothnessError(
            .data, "is not text in UTF-8", file: file, object: "byte \(offset) (line \(line))",
            expected: "a character in UTF-8", found: found,
            remedy: Packing.isGzip(bytes)
                ? "It begins as gzip does: unpack it with gunzip"
                : "Convert the file to UTF-8, or read it with --tokens bytes")
    }

    private static func place(of file: DataFile, beside dataOverride: String?) -> String {
        guard let dataOverride, !FileManager.default.fileExists(atPath: file.path) else { return file.path }
        let folder = URL(filePath: dataOverride).deletingLastPathComponent()
        let name = URL(filePath: file.path).lastPathComponent
        return folder.appending(path: name).path
    }
}

/// Where bytes stop being UTF-8.
enum UTF8Fault {
    /// The first byte of the first sequence that is no character; the number of bytes where the last character is cut off
    /// by the end; `nil` for UTF-8.
    static func offset(in bytes: [UInt8]) -> Int? {
        var place = 0
        while place < bytes.count {
            guard let (length, second) = sequence(beginningWith: bytes[place]) else { return place }
            for step in 1..<max(length, 1) {
                guard place + step < bytes.count else { return bytes.count }
                guard (step == 1 ? second : 0x80...0xBF).contains(bytes[place + step]) else { return place }
            }
            place += length
        }
        return nil
    }

    /// The bytes of a character that begins with `first` and what may come second (Unicode, table 3-7).
    private static func sequence(beginningWith first: UInt8) -> (length: Int, second: ClosedRange<UInt8>)? {
        switch first {
        case 0x00...0x7F: (1, 0x80...0xBF)
        case 0xC2...0xDF: (2, 0x80...0xBF)
        case 0xE0: (3, 0xA0...0xBF)
        case 0xED: (3, 0x80...0x9F)
        case 0xE1...0xEF: (3, 0x80...0xBF)
        case 0xF0: (4, 0x90...0xBF)
        case 0xF1...0xF3: (4, 0x80...0xBF)
        case 0xF4: (4, 0x80...0x8F)
        default: nil
        }
    }
}
