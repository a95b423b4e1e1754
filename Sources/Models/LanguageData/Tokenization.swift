/// How a text becomes words.
public enum Tokenization: String, Sendable, Hashable, Codable, CaseIterable {
    /// Words are what stands between white space, as in files that are tokenised already (Penn Treebank, WikiText).
    case whitespace
    /// For raw text: lower-cased; inside each piece between white space, runs of letters, marks and digits are words,
    /// with apostrophes and hyphens inside a run part of it (`know't`, `well-known`); every other character is a word
    /// of its own. A piece that is `<unk>` or `<eos>` stays as it is.
    case words
    /// Every Unicode scalar of a line is a word, spaces included; `<eos>` stands for the line's end.
    case characters
    /// The bytes of the file as they are, line ends included: a vocabulary of 256, no `<unk>` and no `<eos>`.
    case bytes

    /// The words of one line, without its end.
    func words(of line: Substring) -> [String] {
        // By Unicode scalars: a combining mark on a space would hide the space from a division by characters.
        let pieces = line.unicodeScalars.split { $0.properties.isWhitespace }
        switch self {
        case .whitespace: return pieces.map { String($0) }
        case .words: return pieces.flatMap { Self.divide(String($0)) }
        case .characters: return line.unicodeScalars.map { String($0) }
        case .bytes: return line.utf8.map { Vocabulary.bytes.words[Int($0)] }
        }
    }

    private static func divide(_ piece: String) -> [String] {
        if piece == Vocabulary.unknown || piece == Vocabulary.endOfSentence { return [piece] }
        let scalars = Array(piece.lowercased().unicodeScalars)
        var words: [String] = []
        var run = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            let isInside =
                !run.isEmpty && index + 1 < scalars.count && joiners.contains(scalar)
                && isWordScalar(scalars[index + 1]) && isWordScalar(scalars[index - 1])
            if isWordScalar(scalar) || isInside {
                run.append(scalar)
                continue
            }
            if !run.isEmpty { words.append(String(run)) }
            run.removeAll()
            words.append(String(scalar))
        }
        return run.isEmpty ? words : words + [String(run)]
    }

    private static let joiners: Set<Unicode.Scalar> = ["'", "’", "-", "‐"]

    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark,
            .spacingMark, .enclosingMark, .decimalNumber, .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}

/// The lines of a text file.
enum TextLines {
    /// Lines end at `\n`; a `\r` before it belongs to the end. A last line without an end is a line; a byte-order mark
    /// at the front is dropped. Empty lines are lines.
    static func lines(of text: String) -> [Substring] {
        var rest = text.unicodeScalars[...]
        if rest.first == "\u{FEFF}" { rest.removeFirst() }
        var lines = rest.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines.map { Substring($0.last == "\r" ? $0.dropLast() : $0) }
    }
}
