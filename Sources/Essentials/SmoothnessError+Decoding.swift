extension SmoothnessError {
    /// An error of decoding JSON in this project's words: which key, what belongs there and what is there instead.
    /// - Parameters:
    ///   - what: as `the configuration of the estimate`.
    ///   - object: where the JSON stands, as `/configuration`.
    public init(decoding error: DecodingError, what: String, file: String? = nil, object: String? = nil) {
        let (context, missing, expected): (DecodingError.Context, String?, String?) =
            switch error {
            case .keyNotFound(let key, let context): (context, key.stringValue, "a value")
            case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
                (context, nil, Self.noun(of: type))
            case .dataCorrupted(let context): (context, nil, nil)
            @unknown default: (.init(codingPath: [], debugDescription: "\(error)"), nil, nil)
            }
        let path = (context.codingPath.map(\.stringValue) + [missing].compactMap(\.self)).joined(separator: ".")
        let place = [object, path.isEmpty ? nil : path].compactMap(\.self).joined(separator: ": ")
        let reason = context.debugDescription.trimmingSuffix(while: { $0 == "." })
        self.init(
            .data, "\(what) cannot be read", file: file, object: place.isEmpty ? nil : place, expected: expected,
            found: missing == nil ? String(reason) : "nothing")
    }

    private static func noun(of type: any Any.Type) -> String {
        switch type {
        case is any BinaryInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is String.Type: "a text"
        case is Bool.Type: "true or false"
        default: "\(type)".hasPrefix("Dictionary") ? "an object" : "\(type)".hasPrefix("Array") ? "a list" : "\(type)"
        }
    }
}

extension String {
    fileprivate func trimmingSuffix(while belongs: (Character) -> Bool) -> Substring {
        var end = endIndex
        while end > startIndex, belongs(self[index(before: end)]) { end = index(before: end) }
        return self[..<end]
    }
}
