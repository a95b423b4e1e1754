/// Text from outside (files, file names, options, other programs) in every language that this program writes.
///
/// This is the one place where text is escaped; docs/method.md, "Text from outside", says what users see of it. All of it works on Unicode scalars or
/// bytes: a quote that is followed by a combining mark is another `Character` than the quote, but the same byte to a shell.
public enum Escaping {
    /// What is done with line ends (LF) in text for people.
    public enum LineEnds: Sendable {
        /// They are shown as `\u{a}`: the text is one line.
        case shown
        /// They are kept where two blanks follow, as in messages of several lines; so no text can forge a line that begins at the margin.
        case indented
        /// They are kept: the text is made of lines.
        case kept
    }

    /// Scalars beyond which text is cut for people; data are never cut.
    public static let longestLine = 10_000
    /// The same for a cell of a table, a title or a label.
    public static let longestLabel = 500

    /// Scalars that show nothing, move the cursor or turn the direction of writing: Unicode's general categories Cc (C0, DEL, C1), Cf (bidirectional
    /// controls, zero-width characters, byte-order mark), Zl and Zp, and what is no character at all.
    static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value < 0x20 }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: return true
        default: return scalar.value & 0xFFFE == 0xFFFE || (0xFDD0...0xFDEF).contains(scalar.value)
        }
    }

    // MARK: - For people

    /// Text that a terminal shows and does not obey (ECMA-48, Unicode Standard Annex 9): hidden scalars stand as `\u{1b}`.
    ///
    /// What this returns it returns unchanged when it is given again, so that a second wall harms nothing.
    /// - Parameter limit: how many scalars are shown; an ellipsis and the number of all follow. `nil` for all.
    public static func terminal(
        _ text: String, lineEnds: LineEnds = .shown, limit: Int? = longestLine
    ) -> String {
        let isShort = limit.map { text.utf8.count <= $0 } ?? true
        if isShort, text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        let scalars = text.unicodeScalars
        let count = isShort ? 0 : scalars.count
        guard let limit, count > limit else { return visible(scalars[...], lineEnds) }
        return visible(scalars.prefix(limit), lineEnds) + "… (\(count) characters)"
    }

    /// A cell of a table, a title or a label: one line, and not longer than such a thing should be.
    public static func label(_ text: String) -> String { terminal(text, limit: longestLabel) }

    private static func visible(_ scalars: Substring.UnicodeScalarView, _ lineEnds: LineEnds) -> String {
        var result = String.UnicodeScalarView()
        var position = scalars.startIndex
        while position < scalars.endIndex {
            let scalar = scalars[position]
            position = scalars.index(after: position)
            let isKept =
                switch (lineEnds, scalar) {
                case (.kept, "\n"), (.kept, "\t"): true
                case (.indented, "\n"): scalars[position...].starts(with: "  ".unicodeScalars)
                default: !isHidden(scalar)
                }
            if isKept {
                result.append(scalar)
            } else {
                result += "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars
            }
        }
        return String(result)
    }

    // MARK: - Markup

    /// Text in elements and in quoted attributes of HTML (HTML Standard, 13.1.2.3 and 13.1.4), of XML and of SVG.
    ///
    /// XML 1.0, 2.2 has no form for most control characters, so that hidden scalars stand as `\u{1b}` here too. `>` is escaped because of `]]>` (2.4).
    public static func html(_ text: String, lineEnds: LineEnds = .shown, limit: Int? = longestLine) -> String {
        replacing(terminal(text, lineEnds: lineEnds, limit: limit)) { byte in
            switch byte {
            case UInt8(ascii: "&"): "&amp;"
            case UInt8(ascii: "<"): "&lt;"
            case UInt8(ascii: ">"): "&gt;"
            case UInt8(ascii: "\""): "&quot;"
            case UInt8(ascii: "'"): "&#39;"
            default: nil
            }
        }
    }

    /// One line of Markdown (CommonMark 0.31, 2.4: a backslash before punctuation takes its meaning; GitHub's tables, autolinks and formulas).
    public static func markdown(_ text: String) -> String {
        let escaped = replacing(terminal(text)) { byte in
            #"\`*_[]<>|~&$#"#.utf8.contains(byte) ? "\\" + String(Unicode.Scalar(byte)) : nil
        }
        // A list begins with a mark and a blank, a rule or a heading's underline with a row of marks, at the beginning of a line only.
        let digits = escaped.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let rest = escaped.utf8.dropFirst(digits.count)
        guard let mark = rest.first, (digits.isEmpty ? "-+=" : ".)").utf8.contains(mark) else { return escaped }
        let next = rest.dropFirst().first ?? UInt8(ascii: " ")
        return next == UInt8(ascii: " ") || next == mark ? "\(Substring(digits))\\\(Substring(rest))" : escaped
    }

    /// Text in a table of LaTeX: the ten special characters, and what ligatures, the optional argument of `\\` and its star would take.
    public static func latex(_ text: String) -> String {
        replacing(label(text)) { byte in
            switch byte {
            case UInt8(ascii: "\\"): "\\textbackslash{}"
            case UInt8(ascii: "~"): "\\textasciitilde{}"
            case UInt8(ascii: "^"): "\\textasciicircum{}"
            case UInt8(ascii: "<"): "\\textless{}"
            case UInt8(ascii: ">"): "\\textgreater{}"
            case UInt8(ascii: "|"): "\\textbar{}"
            case UInt8(ascii: "`"): "\\textasciigrave{}"
            case UInt8(ascii: "-"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "*"):
                "{\(Unicode.Scalar(byte))}"
            default: #"&%$#_{}"#.utf8.contains(byte) ? "\\" + String(Unicode.Scalar(byte)) : nil
            }
        }
    }

    // MARK: - Data

    /// A string of JSON with its quotes (RFC 8259, 7). What need not be escaped and is hidden is escaped all the same: it is the same text to every reader.
    public static func json(_ text: String) -> String {
        let quoted = replacing(text) { byte in
            switch byte {
            case UInt8(ascii: "\""): "\\\""
            case UInt8(ascii: "\\"): "\\\\"
            case UInt8(ascii: "\n"): "\\n"
            case UInt8(ascii: "\r"): "\\r"
            case UInt8(ascii: "\t"): "\\t"
            case 0..<0x20: unicodeEscape(UInt16(byte))
            default: nil
            }
        }
        return "\"" + visibleJSON(quoted) + "\""
    }

    /// A whole document of JSON, as other code made it, inside a `script` element of HTML: no `<` that could end the element (HTML Standard, 4.12.1.3), no
    /// `>` or `&`, and nothing hidden. These stand only in its strings, where `\u003c` means the same.
    public static func jsonInHTML(_ document: String) -> String {
        visibleJSON(
            replacing(document) { byte in
                "<>&".utf8.contains(byte) ? unicodeEscape(UInt16(byte)) : nil
            })
    }

    private static func unicodeEscape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    /// A whole document of JSON with hidden scalars above ASCII, and DEL, as `\u202e`: the same document to every reader. They stand only in its
    /// strings; a line end between members stays.
    static func visibleJSON(_ document: String) -> String {
        if document.utf8.allSatisfy({ $0 < 0x7F }) { return document }
        var result = String.UnicodeScalarView()
        for scalar in document.unicodeScalars {
            if scalar.value >= 0x7F, isHidden(scalar) {
                for unit in String(scalar).utf16 { result += unicodeEscape(unit).unicodeScalars }
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    /// A text field of comma-separated values: quoted where it has to be (RFC 4180, 2), with inner quotes doubled. Numbers do not come here.
    ///
    /// Spreadsheets take a field for a formula that begins with `=`, `+`, `-`, `@` or a blank control, quoted or not. Such a text gets an apostrophe before it,
    /// and so does one that begins with apostrophes and then one of these: whoever reads it takes one apostrophe away there and has the text again.
    public static func csv(_ text: String) -> String {
        let afterApostrophes = text.utf8.first { $0 != UInt8(ascii: "'") }
        let isFormula = afterApostrophes.map { "=+-@\t\r\n".utf8.contains($0) } ?? false
        let field = isFormula ? "'" + text : text
        guard field.isEmpty || field.utf8.contains(where: { ",;\"\n\r\t".utf8.contains($0) }) else { return field }
        return "\"" + replacing(field) { $0 == UInt8(ascii: "\"") ? "\"\"" : nil } + "\""
    }

    // MARK: - Commands

    /// One word of a shell (POSIX.1-2024, 2.2): single quotes, inside of which a shell interprets nothing. Text with hidden scalars, a line end among them,
    /// becomes one visible line of the form `$'…'` (2.2.4), with octal bytes. No word can hold a NUL; it stands as `\u{0}`.
    public static func shell(_ text: String) -> String {
        if isPlainWord(text) { return text }
        guard text.unicodeScalars.contains(where: isHidden) else {
            return "'" + replacing(text) { $0 == UInt8(ascii: "'") ? "'\\''" : nil } + "'"
        }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\0": result += "\\\\u{0}".unicodeScalars
            case "'", "\\": result += ["\\", scalar]
            case _ where isHidden(scalar):
                for byte in String(scalar).utf8 { result += "\\\(octal(byte))".unicodeScalars }
            default: result.append(scalar)
            }
        }
        return "$'" + String(result) + "'"
    }

    /// Words as one line for a shell.
    public static func shell(_ words: [String]) -> String { words.map { shell($0) }.joined(separator: " ") }

    /// A path as an argument that no program takes for an option.
    public static func argument(path: String) -> String { path.utf8.first == UInt8(ascii: "-") ? "./" + path : path }

    /// A path as a word of a shell, for the commands that messages advise.
    public static func shell(path: String) -> String { shell(argument(path: path)) }

    /// One option on a line `#SBATCH` of a script for Slurm. `sbatch` splits the line at blanks and ends it at `#`, but for what stands in double quotes,
    /// where it knows backslashes (Slurm 22.05, `_get_argument`).
    /// - Returns: `nil` for a line end or another hidden scalar, for which such a line has no form.
    public static func slurm(_ text: String) -> String? {
        guard !text.unicodeScalars.contains(where: isHidden) else { return nil }
        if isPlainWord(text) { return text }
        return "\"" + replacing(text) { "\"\\".utf8.contains($0) ? "\\" + String(Unicode.Scalar($0)) : nil } + "\""
    }

    /// A path as a pattern for the name of a file that a job writes, in which Slurm replaces `%` and a letter: `%%` is a percent sign.
    /// - Returns: `nil` for a path with a backslash, which turns all replacements off, or a hidden scalar.
    public static func slurmPattern(path: String) -> String? {
        guard !path.utf8.contains(UInt8(ascii: "\\")), !path.unicodeScalars.contains(where: isHidden) else {
            return nil
        }
        return replacing(path) { $0 == UInt8(ascii: "%") ? "%%" : nil }
    }

    /// The content of a string in a data file of gnuplot, which reads backslashes there as C does and takes quotes for itself.
    ///
    /// Texts come to gnuplot in data files alone, never in its scripts: see `GnuplotTexts`.
    /// - Parameter isForSVG: gnuplot writes `>`, and `&#x` of a character reference, into an SVG as they are: such marks become references here.
    public static func gnuplot(_ text: String, isForSVG: Bool) -> String {
        replacing(terminal(text)) { byte in
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): "\\\(octal(byte))"
            case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"):
                isForSVG ? "&#x\(String(byte, radix: 16));" : nil
            default: nil
            }
        }
    }

    // MARK: - Parts

    /// Whether a shell and sbatch take it as one word without any quotes.
    private static func isPlainWord(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_./=,:+@%".utf8.contains(byte)
            }
    }

    /// Three octal digits, as the shell and gnuplot read a byte after a backslash.
    private static func octal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 8)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }

    /// The text with some of its ASCII bytes replaced; what is above ASCII is never asked for.
    private static func replacing(_ text: String, _ replacement: (UInt8) -> String?) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if byte < 0x80, let other = replacement(byte) { result += other.utf8 } else { result.append(byte) }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
