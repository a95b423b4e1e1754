import Foundation

/// A JSON document with sorted keys and a line end. Numbers that are not finite, which JSON does not have, become the strings "NaN",
/// "Infinity" and "-Infinity", as in tables; what is hidden in its strings is escaped, so that a terminal shows it and does not obey it.
public func jsonDocument(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return Escaping.visibleJSON(String(decoding: try encoder.encode(value), as: UTF8.self)) + "\n"
}
