import Essentials
import Fitting
import Foundation

/// Reads points from a CSV file with a header line: `gradient_norm` and `smoothness`, optionally `iteration` (else 0, 1, …),
/// `effective_learning_rate`, `step_norm`, `below_floor`, `loss`, `segment_gradient_norm`, `gradient_norm_error`,
/// `smoothness_error`; other columns are ignored. Without `effective_learning_rate` it follows
/// from the step norm, η_eff = ‖d‖/‖∇f(x_k)‖. An empty number is NaN, so that the point is left out and counted.
/// - Throws: `SmoothnessError` with kind `.noInput`, `.inputOutput`, or `.data` naming line and column.
public func readPoints(csv path: String) throws -> SmoothnessPoints {
    guard FileManager.default.fileExists(atPath: path) else {
        throw SmoothnessError(.noInput, "there is no such file", file: path)
    }
    // Not `contents(atPath:)`, which asks for the size first: a pipe has none.
    guard let handle = FileHandle(forReadingAtPath: path), let data = try? handle.readToEnd() ?? Data() else {
        throw SmoothnessError(.inputOutput, "cannot be read", file: path)
    }
    guard let text = String(validating: data, as: UTF8.self) else {
        throw SmoothnessError(.data, "is no text in UTF-8", file: path, expected: "comma-separated values")
    }
    return try readPoints(csvText: text, file: path)
}

/// `readPoints(csv:)` on text; `file` is named in errors.
public func readPoints(csvText text: String, file: String? = nil) throws -> SmoothnessPoints {
    let records = try parseCSV(text, file: file)
    guard let header = records.first else {
        throw SmoothnessError(
            .data, "holds no points", file: file, expected: "a header line with gradient_norm and smoothness",
            found: "nothing")
    }
    let reader = try PointsReader(header: header, records: records.dropFirst(), file: file)
    return try reader.points()
}

private struct PointsReader {
    let file: String?
    let records: ArraySlice<[CSVField]>
    /// Field index of every named column.
    let places: [String: Int]

    init(header: [CSVField], records: ArraySlice<[CSVField]>, file: String?) throws {
        let names = header.map { $0.text.trimmingCharacters(in: .whitespaces) }
        places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        self.records = records
        self.file = file
        for name in [
            "iteration", "gradient_norm", "smoothness", "effective_learning_rate", "step_norm", "below_floor", "loss",
            "segment_gradient_norm", "gradient_norm_error", "smoothness_error",
        ]
        where names.filter({ $0 == name }).count > 1 {
            throw SmoothnessError(.data, "the column occurs twice", file: file, object: "line 1, column \(name)")
        }
        for name in ["gradient_norm", "smoothness"] where places[name] == nil {
            throw SmoothnessError(
                .data, "the column is missing", file: file, object: name,
                expected: "a header line with gradient_norm and smoothness",
                found: "\(names.joined(separator: ","))")
        }
        for record in records where record.count != names.count {
            throw SmoothnessError(
                .data, "a record has another number of fields than the header", file: file,
                object: "line \(record[0].line)", expected: "\(names.count)", found: "\(record.count)")
        }
    }

    func points() throws -> SmoothnessPoints {
        let gradientNorm = try numbers("gradient_norm") ?? []
        let stepNorm = try numbers("step_norm")
        let iteration = try column("iteration", expected: "a whole number", parse: integer)
        let derived = stepNorm.map { zip($0, gradientNorm).map { $1 == 0 ? .nan : $0 / $1 } }
        return SmoothnessPoints(
            iteration: iteration ?? Array(0..<records.count), gradientNorm: gradientNorm,
            smoothness: try numbers("smoothness") ?? [],
            effectiveLearningRate: try numbers("effective_learning_rate") ?? derived, stepNorm: stepNorm,
            belowFloor: try column("below_floor", expected: "true or false", parse: truth),
            loss: try numbers("loss"), segmentGradientNorm: try numbers("segment_gradient_norm"),
            gradientNormError: try numbers("gradient_norm_error"),
            smoothnessError: try numbers("smoothness_error"))
    }

    private func numbers(_ name: String) throws -> [Double]? {
        try column(name, expected: "a number", parse: number)
    }

    private func column<Value>(
        _ name: String, expected: String, parse: (String) -> Value?
    ) throws -> [Value]? {
        guard let place = places[name] else { return nil }
        return try records.map { record in
            let field = record[place]
            guard let value = parse(trimmed(field.text)) else {
                throw SmoothnessError(
                    .data, "the value cannot be read", file: file,
                    object: "line \(field.line), column \(name)", expected: expected, found: "\"\(field.text)\"")
            }
            return value
        }
    }

    /// Most fields have nothing to trim, and looking is quicker than trimming.
    private func trimmed(_ text: String) -> String {
        let plain = UInt8(ascii: "!")...UInt8(ascii: "~")
        guard let first = text.utf8.first, let last = text.utf8.last, plain.contains(first), plain.contains(last) else {
            return text.trimmingCharacters(in: .whitespaces)
        }
        return text
    }

    /// Double(_:) also reads `nan`, `inf` and `infinity` in any case, and hexadecimal.
    private func number(_ text: String) -> Double? { text.isEmpty ? .nan : Double(text) }

    /// Whole numbers, also as other programs write them: `12.0`.
    private func integer(_ text: String) -> Int? {
        guard let number = Int(text) ?? Double(text).flatMap({ Int(exactly: $0) }) else { return nil }
        // What a Double holds exactly; plots reckon with it.
        return number.magnitude <= 1 << 53 ? number : nil
    }

    private func truth(_ text: String) -> Bool? {
        switch text.lowercased() {
        case "true", "1": true
        case "false", "0", "": false
        default: nil
        }
    }
}
