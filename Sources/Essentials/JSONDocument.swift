import Foundation

/// Returns a JSON document with sorted keys and a line end. Numbers that are not finite, which JSON does not have, become the strings
/// "NaN", "Infinity" and "-Infinity", as in tables; what is hidden in its strings is escaped, so that a terminal shows it and does not obey it.
public func jsonDocument(_ value: some Encodable) throws -> String {
    let encoder = sortingEncoder([.prettyPrinted])
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return Escaping.visibleJSON(String(decoding: try encoder.encode(value), as: UTF8.self)) + "\n"
}

/// Returns a value as JSON on one line with sorted keys, as attributes of files hold it: equal values make equal texts.
/// - Throws: `EncodingError` for a number that is not finite.
public func jsonLine(_ value: some Encodable) throws -> String {
    String(decoding: try sortingEncoder([]).encode(value), as: UTF8.self)
}

private func sortingEncoder(_ formatting: JSONEncoder.OutputFormatting) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    return encoder
}

/// Reads a value from JSON.
/// - Parameter what: as `the configuration of the estimate`; `object` is where the JSON stands, as `/configuration`.
/// - Throws: `SmoothnessError(.data)` that names the file, the key, what belongs there and what is there; what the value itself throws.
public func decodingJSON<Value: Decodable>(
    _ json: Data, what: String, file: String? = nil, object: String? = nil
) throws -> Value {
    do { return try JSONDecoder().decode(Value.self, from: json) } catch let error as DecodingError {
        throw SmoothnessError(decoding: error, what: what, file: file, object: object)
    }
}
