import Essentials
import Fitting

/// A JSON document whose members keep their order, as tables need and `JSONEncoder` does not offer. Numbers that are not
/// finite become the strings "NaN", "Infinity" and "-Infinity".
indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// `depth` levels of arrays and objects get a line for every member; deeper ones stay on one line.
    func text(expandedDepth depth: Int = .max, indentation: Int = 0) -> String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        // Swift prints the shortest digits that read back as the same Double.
        case .number(let value) where value.isFinite: "\(value)"
        case .number(let value): "\"\(JSONNumber.text(ofNonFinite: value))\""
        case .string(let value): Escaping.json(value)
        case .array(let values):
            Self.joined(
                values.map { $0.text(expandedDepth: depth - 1, indentation: indentation + 2) }, "[", "]", depth,
                indentation)
        case .object(let members):
            Self.joined(
                members.map {
                    "\(Escaping.json($0)): \($1.text(expandedDepth: depth - 1, indentation: indentation + 2))"
                }, "{", "}", depth, indentation)
        }
    }

    private static func joined(
        _ members: [String], _ opening: String, _ closing: String, _ depth: Int, _ indentation: Int
    ) -> String {
        if members.isEmpty { return opening + closing }
        if depth <= 0 { return opening + members.joined(separator: ", ") + closing }
        let margin = "\n" + String(repeating: " ", count: indentation)
        return opening + margin + "  " + members.joined(separator: "," + margin + "  ") + margin + closing
    }
}

// Literals, so that a specification reads like the JSON that it becomes; a dictionary literal keeps its order.
extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements) }
    init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(floatLiteral value: Double) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
}
