import Essentials
import HDF5

/// The open datasets of a file that is read.
struct ReaderColumns: ~Copyable {
    let trajectory: RecordColumns
    let history: RecordColumns
    let evaluations: EvaluationColumns
    let iterate: Dataset
    let nextIterate: Dataset?
    let gradient: Dataset?

    /// Without next iterates, the next iterate of a row is the iterate of the row after it.
    var isConsecutive: Bool { nextIterate == nil }
}

extension ReaderColumns {
    init(_ file: borrowing File) throws {
        self.init(
            trajectory: try RecordColumns(file, group: "/trajectory/"),
            history: try RecordColumns(file, group: "/history/"), evaluations: try EvaluationColumns(file),
            iterate: try file.dataset(RunFilePath.iterate),
            nextIterate: try Self.optional(RunFilePath.nextIterate, in: file),
            gradient: try Self.optional(RunFilePath.gradient, in: file))
    }

    private static func optional(_ path: String, in file: borrowing File) throws -> Dataset? {
        try file.exists(path) ? try file.dataset(path) : nil
    }

    private static func shape(of dataset: borrowing Dataset?) throws -> [Int]? {
        switch dataset {
        case .some(let dataset): try dataset.shape
        case .none: nil
        }
    }

    /// Refuses vectors whose extents do not follow from the rows and the parameter table, before anything is read.
    func requireExtents(rows: Int, width: Int, file: String) throws {
        func require(_ object: String, _ found: [Int]?, _ expected: [Int]) throws {
            guard let found, found != expected else { return }
            throw SmoothnessError(
                .data, "has other extents than the rows and the parameters ask for", file: file, object: object,
                expected: "\(expected)", found: "\(found)")
        }
        try translating(.data) {
            try require(RunFilePath.iterate, try iterate.shape, [isConsecutive ? rows + 1 : rows, width])
            try require(RunFilePath.nextIterate, try Self.shape(of: nextIterate), [rows, width])
            try require(RunFilePath.gradient, try Self.shape(of: gradient), [rows, width])
        }
    }
}
