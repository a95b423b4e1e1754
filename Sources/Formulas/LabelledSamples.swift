import Essentials
import Foundation

/// Samples for a binary classifier: n rows of features and a label each.
public struct LabelledSamples: Sendable, Hashable {
    public let featureCount: Int
    /// n × featureCount, row by row.
    public let features: [Double]
    /// n labels, 0 or 1.
    public let labels: [Double]

    public var count: Int { labels.count }

    public init(featureCount: Int, features: [Double], labels: [Double]) {
        precondition(
            featureCount > 0 && features.count == featureCount * labels.count && !labels.isEmpty,
            "\(features.count) feature values do not make \(labels.count) rows of \(featureCount)")
        precondition(labels.allSatisfy { $0 == 0 || $0 == 1 }, "labels are 0 or 1")
        self.featureCount = featureCount
        self.features = features
        self.labels = labels
    }

    /// A function of the seed: standard normal features, normal weights w of standard deviation 2/√featureCount, a
    /// normal bias b of standard deviation ½, and P(label = 1) = σ(w·x + b).
    public init(generated description: GeneratedSamples) {
        let dimension = description.featureCount
        var generator = SeededGenerator(seed: description.seed, purpose: "logistic truth")
        let scale = 2 / Double(dimension).squareRoot()
        let weights = (0..<dimension).map { _ in scale * generator.normal() }
        let bias = generator.normal() / 2
        var features: [Double] = []
        var labels: [Double] = []
        for sample in 0..<description.sampleCount {
            var draw = SeededGenerator(seed: description.seed, purpose: "logistic sample", index: sample)
            let row = (0..<dimension).map { _ in draw.normal() }
            let margin = zip(weights, row).reduce(bias) { $0 + $1.0 * $1.1 }
            features += row
            labels.append(draw.uniform() < 1 / (1 + exp(-margin)) ? 1 : 0)
        }
        self.init(featureCount: dimension, features: features, labels: labels)
    }

    /// Reads comma-separated values: one sample a line, the label (0/1 or −1/+1) in the last column, features before
    /// it. A first line without any number is a header; empty lines and lines that begin with `#` are skipped.
    /// - Throws: `SmoothnessError` of kind `.data` that names file and line.
    public init(commaSeparated bytes: [UInt8], file: String) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SmoothnessError(.data, "is not text in UTF-8", file: file)
        }
        var features: [Double] = []
        var labels: [Double] = []
        var columnCount: Int?
        var isFirst = true
        // `\r\n` is one character of Swift's, and it is a newline as well.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            if fields == [""] || fields[0].hasPrefix("#") { continue }
            let values = fields.map { Double($0) }
            defer { isFirst = false }
            if isFirst && values.allSatisfy({ $0 == nil }) { continue }
            let row = try Self.checked(values, fields, columnCount: columnCount, file: file, line: index + 1)
            columnCount = row.count
            features += row.dropLast()
            labels.append(row[row.count - 1] > 0 ? 1 : 0)
        }
        guard let columnCount else {
            throw SmoothnessError(
                .data, "holds no samples", file: file, expected: "lines of numbers, the label last",
                found: bytes.isEmpty ? "an empty file" : "no line of numbers")
        }
        self.init(featureCount: columnCount - 1, features: features, labels: labels)
    }

    private static func checked(
        _ values: [Double?], _ fields: [String], columnCount: Int?, file: String, line: Int
    ) throws -> [Double] {
        let object = "line \(line)"
        for (value, field) in zip(values, fields) where value?.isFinite != true {
            throw SmoothnessError(
                .data, "a field is not a finite number", file: file, object: object, expected: "a number",
                found: "'\(field)'")
        }
        let row = values.compactMap(\.self)
        guard row.count == columnCount ?? max(row.count, 2) else {
            throw SmoothnessError(
                .data, "has the wrong number of columns", file: file, object: object,
                expected: columnCount.map { "\($0)" } ?? "at least one feature and a label", found: "\(row.count)")
        }
        guard [-1, 0, 1].contains(row[row.count - 1]) else {
            throw SmoothnessError(
                .data, "the label in the last column is not binary", file: file, object: object,
                expected: "0 or 1, or −1 or +1", found: fields[fields.count - 1])
        }
        return row
    }
}

/// What seeded samples for logistic regression are made from.
public struct GeneratedSamples: Sendable, Hashable, Codable {
    public var sampleCount: Int
    public var featureCount: Int
    public var seed: UInt64

    enum CodingKeys: String, CodingKey {
        case sampleCount = "sample_count"
        case featureCount = "feature_count"
        case seed
    }

    public init(sampleCount: Int, featureCount: Int, seed: UInt64 = 0) {
        self.sampleCount = sampleCount
        self.featureCount = featureCount
        self.seed = seed
    }
}
