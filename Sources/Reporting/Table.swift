import Essentials
import Fitting

/// One cell of a table.
public enum TableValue: Sendable, Hashable {
    case integer(Int)
    case number(Double)
    case string(String)
    case bool(Bool)
    case missing

    public static func optional(_ value: Double?) -> TableValue { value.map { .number($0) } ?? .missing }
    public static func optional(_ value: Int?) -> TableValue { value.map { .integer($0) } ?? .missing }
    public static func optional(_ value: String?) -> TableValue { value.map { .string($0) } ?? .missing }
}

/// Named columns over rows of values, for people (text) and for programs (CSV, JSON).
public struct Table: Sendable, Equatable {
    /// How a table is written.
    public enum Format: String, Sendable, CaseIterable {
        case text, csv, json
    }

    /// Stable names: lower-case words joined by underscores.
    public let columns: [String]
    public private(set) var rows: [[TableValue]] = []

    public init(columns: [String]) { self.columns = columns }

    public init(columns: [String], rows: [[TableValue]]) {
        self.columns = columns
        for row in rows { append(row) }
    }

    /// Adds a row of as many values as there are columns.
    public mutating func append(_ row: [TableValue]) {
        precondition(row.count == columns.count, "a row of \(row.count) values in a table of \(columns.count) columns")
        rows.append(row)
    }

    /// The table without some of its columns.
    public func dropping(_ names: Set<String>) -> Table {
        let kept = columns.indices.filter { !names.contains(columns[$0]) }
        return Table(columns: kept.map { columns[$0] }, rows: rows.map { row in kept.map { row[$0] } })
    }

    /// These columns, in this order.
    public func selecting(_ names: [String]) -> Table {
        let places = names.map { name in
            guard let place = columns.firstIndex(of: name) else { preconditionFailure("there is no column \(name)") }
            return place
        }
        return Table(columns: names, rows: rows.map { row in places.map { row[$0] } })
    }

    public func rendered(as format: Format, significantDigits: Int = 5) -> String {
        switch format {
        case .text: text(significantDigits: significantDigits)
        case .csv: csv()
        case .json: json()
        }
    }

    /// Columns aligned by two spaces, numbers to the right, rounded to significant digits; a missing value is `-`.
    public func text(significantDigits: Int = 5) -> String {
        let columns = columns.map(Escaping.label)
        let cells = rows.map { row in row.map { Self.text($0, significantDigits) } }
        let isNumeric = columns.indices.map { column in
            rows.allSatisfy { row in
                if case .string = row[column] { return false }
                return true
            }
        }
        let widths = columns.indices.map { column in
            cells.reduce(columns[column].count) { max($0, $1[column].count) }
        }
        return ([columns] + cells).map { line in
            let padded = line.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - line[column].count)
                return isNumeric[column] ? space + line[column] : line[column] + space
            }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text + "\n"
        }.joined()
    }

    /// Comma-separated values quoted after RFC 4180, lines ending in LF as Unix tools expect. Doubles have the shortest digits that
    /// read back exactly; `nan`, `inf`, `-inf` are spelled out; a missing value is empty, an empty string is `""`. Text that a spreadsheet would take for a
    /// formula has an apostrophe before it (`Escaping.csv`).
    public func csv() -> String {
        var text = columns.map { Escaping.csv($0) }.joined(separator: ",") + "\n"
        for row in rows {
            text += row.map(Self.csv).joined(separator: ",") + "\n"
        }
        return text
    }

    /// An array of one object a row, members in the order of the columns. A missing value is null; a number that is not
    /// finite is "NaN", "Infinity" or "-Infinity".
    public func json() -> String {
        JSONValue.array(rows.map { row in .object(zip(columns, row).map { ($0, $1.json) }) })
            .text(expandedDepth: 1) + "\n"
    }

    private static func text(_ value: TableValue, _ significantDigits: Int) -> String {
        switch value {
        case .integer(let value): String(value)
        case .number(let value): significant(value, digits: significantDigits)
        case .string(let value): Escaping.label(value)
        case .bool(let value): value ? "true" : "false"
        case .missing: "-"
        }
    }

    private static func csv(_ value: TableValue) -> String {
        switch value {
        case .integer(let value): String(value)
        case .number(let value): value.isNaN ? "nan" : "\(value)"
        case .string(let value): Escaping.csv(value)
        case .bool(let value): value ? "true" : "false"
        case .missing: ""
        }
    }
}

extension TableValue {
    var json: JSONValue {
        switch self {
        case .integer(let value): .integer(value)
        case .number(let value): .number(value)
        case .string(let value): .string(value)
        case .bool(let value): .bool(value)
        case .missing: .null
        }
    }
}
