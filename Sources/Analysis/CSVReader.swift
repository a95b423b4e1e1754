import Essentials

/// One field of a CSV file and where it stands.
public struct CSVField: Sendable, Hashable {
    public var text: String
    /// Whether it stood in quotes; an unquoted empty field is a missing value.
    public var isQuoted: Bool
    /// 1-based.
    public var line: Int
    /// 1-based position of the field within its record.
    public var column: Int
}

/// Splits comma-separated values after RFC 4180 into records; LF, CRLF and CR end a record, a byte-order mark and empty lines are skipped.
///
/// Written here, because the Swift packages for it know no positions for their errors, and some end the process on a stray quote.
/// - Throws: `SmoothnessError(.data)` with line and field for a quote inside an unquoted field, text after a closing quote
///   and a quote that is never closed.
public func parseCSV(_ text: String, file: String? = nil) throws -> [[CSVField]] {
    var parser = CSVParser(file: file)
    var scalars = Substring(text).unicodeScalars
    if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
    for scalar in scalars { try parser.take(scalar) }
    return try parser.finish()
}

private struct CSVParser {
    private static let mostFields = 100_000

    private enum State { case start, plain, quoted, closed }

    let file: String?
    private var state = State.start
    private var field = String.UnicodeScalarView()
    private var record: [CSVField] = []
    private var records: [[CSVField]] = []
    private var line = 1
    private var fieldLine = 1
    private var previousWasReturn = false

    init(file: String?) { self.file = file }

    mutating func take(_ scalar: Unicode.Scalar) throws {
        // CRLF is one line end, inside quotes too.
        let isSecondHalf = previousWasReturn && scalar == "\n"
        previousWasReturn = scalar == "\r"
        if (scalar == "\n" && !isSecondHalf) || scalar == "\r" { line += 1 }
        switch (state, scalar) {
        case (.quoted, "\""): state = .closed
        case (.quoted, _): field.append(scalar)
        case (.closed, "\""):
            field.append(scalar)
            state = .quoted
        case (_, "\n") where isSecondHalf: break
        case (_, ","): try endField()
        case (_, "\n"), (_, "\r"): try endRecord()
        case (.start, "\""):
            state = .quoted
        case (.closed, _): throw fault("there is text after a closing quote")
        case (.plain, "\""): throw fault("there is a quote inside a field that is not quoted")
        default:
            field.append(scalar)
            state = .plain
        }
    }

    mutating func finish() throws -> [[CSVField]] {
        if state == .quoted { throw fault("a quote is never closed") }
        if state != .start || !record.isEmpty { try endRecord() }
        return records
    }

    private mutating func endField() throws {
        // A file of commas would take forty times its size.
        guard record.count < Self.mostFields else { throw fault("there are more than \(Self.mostFields) fields") }
        record.append(
            CSVField(
                text: String(field), isQuoted: state == .closed, line: fieldLine, column: record.count + 1))
        field = String.UnicodeScalarView()
        state = .start
        fieldLine = line
    }

    private mutating func endRecord() throws {
        let isBlank = record.isEmpty && state == .start
        if !isBlank {
            try endField()
            records.append(record)
            record = []
        }
        fieldLine = line
    }

    private func fault(_ message: String) -> SmoothnessError {
        SmoothnessError(
            .data, message, file: file, object: "line \(fieldLine), field \(record.count + 1)",
            remedy: "Quote fields after RFC 4180: \"…\", with inner quotes doubled.")
    }
}
