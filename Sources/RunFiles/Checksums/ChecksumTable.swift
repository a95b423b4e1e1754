import Essentials
import HDF5

/// `/checksums` of run, estimates and alignment files: see "Checksums" in docs/run-file.md.
package enum ChecksumPath {
    package static let group = "/checksums"
    /// SHA-256 over what is written once, when the file is made.
    package static let definition = "/checksums/definition"
    /// The attribute that names what a table or the digest is over, a line each.
    static let covers = "covers"

    package static func table(_ name: String) -> String { "\(group)/\(name)" }
}

/// A table of CRC-32: element (r, j) is that of the bytes of row r of the j-th of the datasets that it covers.
package struct ChecksumTable: ~Copyable {
    /// The datasets, in the order of the columns.
    package let covers: [String]
    private let dataset: Dataset
    private let path: String
    private let file: String
    private let columns: [String: Int]

    /// - Returns: `nil` where the file has no such table.
    /// - Throws: `SmoothnessError(.data)` for one of another form.
    package init?(_ name: String, of file: borrowing File) throws {
        let path = ChecksumPath.table(name)
        guard try file.exists(path) else { return nil }
        let covers = try file.attribute(ChecksumPath.covers, of: path, as: String.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let dataset = try file.dataset(path)
        let (element, shape) = (try dataset.elementName, try dataset.shape)
        guard element == "uint32", shape.count == 2, shape[1] == covers.count, Set(covers).count == covers.count else {
            throw SmoothnessError(
                .data, "is no table of checksums", file: file.path, object: path,
                expected: "uint32 [rows, \(covers.count)], as its attribute covers names datasets, each once",
                found: "\(element) \(shape)")
        }
        self.path = path
        self.file = file.path
        self.covers = covers
        self.dataset = dataset
        columns = Dictionary(uniqueKeysWithValues: covers.enumerated().map { ($1, $0) })
    }

    package var rowCount: Int { get throws { try dataset.shape[0] } }

    /// Writes the checksums of a row, given by the datasets' names.
    package func write(_ sums: [String: UInt32], row: Int) throws {
        try write([covers.map { try value($0, of: sums) }], from: row)
    }

    /// Writes rows, in the order of the columns.
    package func write(_ rows: [[UInt32]], from row: Int) throws {
        try dataset.write(Array(rows.joined()), start: [row, 0], count: [rows.count, covers.count])
    }

    private func value(_ covered: String, of sums: [String: UInt32]) throws -> UInt32 {
        guard let sum = sums[covered] else {
            throw SmoothnessError(
                .data, "is covered by checksums, and this program does not write it", file: file, object: covered,
                remedy: "Continue the file with the program that made it")
        }
        return sum
    }

    /// The checksums of a row.
    package func row(_ row: Int) throws -> [UInt32] {
        try dataset.read(as: UInt32.self, start: [row, 0], count: [1, covers.count])
    }

    /// Refuses a row of a dataset that is not what was written.
    /// - Throws: `SmoothnessError(.data)`
    package func require<Element: BitwiseCopyable>(_ values: [Element], are covered: String, row: Int) throws {
        guard let column = columns[covered] else { return }
        let expected = try dataset.read(as: UInt32.self, start: [row, column], count: [1, 1])[0]
        try Self.require(Checksum(of: values).value, is: expected, of: covered, row: row, file: file)
    }

    package static func require(
        _ found: UInt32, is expected: UInt32, of covered: String, row: Int, file: String
    ) throws {
        guard found != expected else { return }
        throw SmoothnessError(
            .data, "is not what was written: its checksum differs", file: file, object: "\(covered), row \(row)",
            expected: Checksum.text(expected), found: Checksum.text(found),
            remedy: "Take another copy of the file; smoothness verify says what else has changed")
    }
}

extension ChecksumTable {
    /// The definition of a table over these datasets, all of so many rows.
    static func definition(_ name: String, over covers: [String], rows: Int) -> DatasetDefinition {
        DatasetDefinition(
            path: ChecksumPath.table(name), element: .uint32, shape: [rows, covers.count],
            longName: "checksums of rows",
            definition:
                "CRC-32 of the bytes of every row of the datasets that the attribute covers names, one column each",
            attributes: [ChecksumPath.covers: covers.joined(separator: "\n")])
    }

    /// Makes a table in a file of analysis.
    package static func create(
        _ name: String, over covers: [String], rows: Int, in file: borrowing File
    ) throws {
        let definition = definition(name, over: covers, rows: rows)
        _ = try file.createDataset(definition.path, of: definition.element, shape: definition.shape)
        try definition.describe(in: file)
    }
}
