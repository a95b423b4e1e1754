import Essentials
import Evaluation
import Foundation

/// Selects the saved rows of a run that are measured.
public enum RowSelection: Sendable, Hashable, Codable {
    /// Rows 0, n, 2n, … of the run file.
    case every(count: Int)
    /// These rows of the run file.
    case list(rows: [Int])

    /// Reads `0,3,8-11`.
    /// - Throws: `SmoothnessError(.usage)`.
    public init(parsing text: String) throws {
        guard case .list(let rows) = try ComponentSelection(parsing: text) else {
            preconditionFailure("a list is a list")
        }
        self = .list(rows: rows)
    }

    /// The rows in increasing order.
    /// - Throws: `SmoothnessError(.usage)` for a row that is not there or named twice.
    public func resolved(of count: Int) throws -> [Int] {
        switch self {
        case .every(let step):
            guard step > 0 else {
                throw SmoothnessError(.usage, "rows cannot be taken every \(step)", expected: "1 or more")
            }
            return Array(stride(from: 0, to: count, by: step))
        case .list(let rows):
            let sorted = rows.sorted()
            if let outside = rows.first(where: { !(0..<count).contains($0) }) {
                throw SmoothnessError(
                    .usage, "the run has no row \(outside)", expected: "0 … \(count - 1)", found: "\(outside)")
            }
            if let twice = zip(sorted, sorted.dropFirst()).first(where: ==) {
                throw SmoothnessError(.usage, "row \(twice.0) is named twice")
            }
            return sorted
        }
    }
}

/// Defines in full what is measured: with the run it decides every number of an alignment file.
public struct AlignmentConfiguration: Sendable, Hashable, Codable {
    public var rows: RowSelection
    /// In `unit`; `nil` means `BatchPartition.standardSizes`.
    public var batchSizes: [Int]?
    /// `nil` means what the objective's data are counted in.
    public var unit: BatchUnit?
    /// c, increasing.
    public var clipNorms: [Double]
    public var subset: ComponentSelection
    /// The scalar in which gradients are evaluated; `nil` means the run's.
    public var precision: Precision?
    public var evaluation: EvaluationOptions

    enum CodingKeys: String, CodingKey {
        case rows, unit, subset, precision, evaluation
        case batchSizes = "batch_sizes"
        case clipNorms = "clip_norms"
    }

    public init(
        rows: RowSelection = .every(count: 1), batchSizes: [Int]? = nil, unit: BatchUnit? = nil,
        clipNorms: [Double] = [], subset: ComponentSelection = .sample(fraction: 1, seed: 0),
        precision: Precision? = nil, evaluation: EvaluationOptions = EvaluationOptions()
    ) {
        self.rows = rows
        self.batchSizes = batchSizes
        self.unit = unit
        self.clipNorms = clipNorms
        self.subset = subset
        self.precision = precision
        self.evaluation = evaluation
    }

    /// One line of JSON with sorted keys: equal configurations give equal text.
    public func json() throws -> String {
        try jsonLine(self)
    }

    /// Reads what `json()` writes.
    /// - Throws: `SmoothnessError(.data)` that names the file, the key, what belongs there and what is there.
    public init(json: String, file: String? = nil) throws {
        self = try decodingJSON(
            Data(json.utf8), what: "the configuration of the alignment", file: file, object: "/configuration")
    }

    /// Checks what does not depend on the objective.
    /// - Throws: `SmoothnessError(.usage)`.
    func validate() throws {
        guard clipNorms.allSatisfy({ $0.isFinite && $0 > 0 }), zip(clipNorms, clipNorms.dropFirst()).allSatisfy(<)
        else {
            throw SmoothnessError(
                .usage, "the clip norms are not increasing positive numbers", object: "clip norms",
                found: "\(clipNorms)")
        }
        if let batchSizes {
            guard !batchSizes.isEmpty, zip(batchSizes, batchSizes.dropFirst()).allSatisfy(<) else {
                throw SmoothnessError(
                    .usage, "the batch sizes are not increasing", object: "batch sizes", found: "\(batchSizes)")
            }
        }
    }
}
