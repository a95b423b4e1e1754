import Essentials
import HDF5
import ParameterSpace

/// The open datasets of the rows of a file.
struct RunColumns: ~Copyable {
    let trajectory: RecordColumns
    let history: RecordColumns
    let evaluations: EvaluationColumns
    let iterate: Dataset
    let nextIterate: Dataset?
    /// Absent where gradients are not stored.
    let gradient: Dataset?

    /// Without next iterates, the next iterate of a row is the iterate of the row after it.
    var isConsecutive: Bool { nextIterate == nil }

    /// Reads x_{k+1} of a row.
    /// - Returns: the dataset that has it, and its row there.
    func readNextIterate<Scalar: ParameterScalar>(
        row: Int, of width: Int, into vector: inout [Scalar]
    ) throws -> (path: String, row: Int) {
        guard nextIterate != nil else {
            try iterate.read(row: row + 1, of: width, into: &vector)
            return (RunFilePath.iterate, row + 1)
        }
        try nextIterate?.read(row: row, of: width, into: &vector)
        return (RunFilePath.nextIterate, row)
    }

    /// Writes the vectors of a row.
    /// - Returns: the byte ranges of the file that were written, as far as they are known.
    func write<Scalar: ParameterScalar>(
        iterate point: [Scalar], nextIterate next: [Scalar], gradient slope: [Scalar]?, row: Int
    ) throws -> [Range<Int>] {
        // Consecutive: the iterate of a later row is there already, as the next iterate of the row before.
        if !isConsecutive || row == 0 { try iterate.write(point, row: row) }
        if isConsecutive { try iterate.write(next, row: row + 1) }
        try nextIterate?.write(next, row: row)
        if let slope { try gradient?.write(slope, row: row) }
        let (width, scalar) = (point.count, Scalar.self)
        return [
            iterate.byteRange(ofRow: isConsecutive ? row + 1 : row, width: width, as: scalar),
            nextIterate?.byteRange(ofRow: row, width: width, as: scalar),
            gradient?.byteRange(ofRow: row, width: width, as: scalar),
        ].compactMap(\.self)
    }
}

extension RunColumns {
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

    private static func form(of dataset: borrowing Dataset?) throws -> (shape: [Int], element: String)? {
        switch dataset {
        case .some(let dataset): (try dataset.shape, try dataset.elementName)
        case .none: nil
        }
    }

    /// Refuses vectors whose extents do not follow from the rows and the parameter table, or whose elements are not all of one kind, before
    /// anything is read.
    func requireExtents(rows: Int, width: Int, file: String) throws {
        func require(_ object: String, _ found: (shape: [Int], element: String)?, _ rows: Int) throws {
            guard let found else { return }
            guard found.shape == [rows, width] else {
                throw SmoothnessError(
                    .data, "has other extents than the rows and the parameters ask for", file: file, object: object,
                    expected: "\([rows, width])", found: "\(found.shape)")
            }
            guard found.element == element else {
                throw SmoothnessError(
                    .data, "has other elements than the iterates", file: file, object: object, expected: element,
                    found: found.element)
            }
        }
        let element = try translating(.data) { try iterate.elementName }
        guard element == "float32" || element == "float64" else {
            throw SmoothnessError(
                .data, "has elements that are no parameters", file: file, object: RunFilePath.iterate,
                expected: "float32 or float64, little-endian", found: element)
        }
        try translating(.data) {
            try require(
                RunFilePath.iterate, (try iterate.shape, element), isConsecutive ? rows + 1 : rows)
            try require(RunFilePath.nextIterate, try Self.form(of: nextIterate), rows)
            try require(RunFilePath.gradient, try Self.form(of: gradient), rows)
        }
    }
}
