import Essentials
import HDF5

extension VerificationReport {
    /// Takes every checksum of a file again, and that of its definition. A file without checksums is as good.
    /// - Parameters:
    ///   - rows: which rows of a table count; `nil` for a table that this program does not know.
    ///   - required: the datasets of rows that there are, each of which has a checksum.
    package mutating func checkChecksums(
        of file: borrowing File, rows: (_ table: String) throws -> [Int]?, required: [String]
    ) {
        do {
            guard try file.exists(ChecksumPath.group) else {
                notes.append("the file has no checksums: a changed number that fits with the others cannot be told")
                return
            }
            var covered: Set<String> = []
            for name in try file.members(of: ChecksumPath.group)
            where ChecksumPath.table(name) != ChecksumPath.definition {
                guard let counted = try rows(name), let table = try ChecksumTable(name, of: file) else { continue }
                covered.formUnion(table.covers)
                try check(table, name, counted, of: file)
            }
            let without = required.first { !covered.contains($0) }
            check(
                "every dataset of rows has checksums", without == nil, at: without,
                expected: "a column in \(ChecksumPath.group)",
                found: "none")
        } catch { fail(error, "checksums can be read") }
        do {
            guard let digest = try DefinitionDigest.comparison(in: file) else { return }
            check(
                "the definition is what was written", digest.stored == digest.found, at: ChecksumPath.definition,
                expected: digest.stored, found: digest.found)
        } catch { fail(error, "the definition is what was written") }
    }

    private mutating func check(
        _ table: borrowing ChecksumTable, _ name: String, _ rows: [Int], of file: borrowing File
    ) throws {
        let places = try table.covers.map { try StoredRows($0, of: file) }
        let room = try table.rowCount
        for place in places {
            check(
                "tables of checksums have the rows of what they cover", place.count == room,
                at: ChecksumPath.table(name), expected: "\(place.count) rows, as \(place.path)", found: "\(room)")
        }
        guard places.allSatisfy({ $0.count == room }) else { return }
        let elements = try StoredElements(file.path)
        for row in rows where row < room {
            let expected = try table.row(row)
            for (place, expected) in zip(places, expected) {
                let found = try place.checksum(ofRow: row, elements)
                check(
                    "rows are what was written", found == expected, at: "\(place.path), row \(row)",
                    expected: "the checksum \(Checksum.text(expected))", found: Checksum.text(found))
            }
        }
    }
}

/// Describes the place of the rows of a contiguous dataset.
private struct StoredRows {
    let path: String
    let count: Int
    private let start: Int
    private let rowBytes: Int

    private static var pieceBytes: Int { 1 << 20 }

    /// - Throws: `SmoothnessError(.data)` for one that lies in pieces or in another file.
    init(_ path: String, of file: borrowing File) throws {
        let dataset = try file.dataset(path)
        let shape = try dataset.shape
        let size = dataset.storageSize
        let isEmpty = shape.contains(0)
        guard try dataset.isContiguous, try file.isWithin(path), !shape.isEmpty, isEmpty || dataset.byteOffset != nil,
            isEmpty || (size > 0 && size % shape[0] == 0)
        else {
            throw SmoothnessError(
                .data, "has no place of its own in the file", file: file.path, object: path,
                expected: "a contiguous dataset of rows")
        }
        self.path = path
        count = shape[0]
        start = dataset.byteOffset ?? 0
        rowBytes = isEmpty ? 0 : size / shape[0]
    }

    func checksum(ofRow row: Int, _ elements: borrowing StoredElements) throws -> UInt32 {
        var checksum = Checksum()
        var done = 0
        while done < rowBytes {
            let length = min(Self.pieceBytes, rowBytes - done)
            var bytes = [UInt8](repeating: 0, count: length)
            try elements.read(into: &bytes, count: length, atByte: start + row * rowBytes + done)
            checksum.add(bytes)
            done += length
        }
        return checksum.value
    }
}
