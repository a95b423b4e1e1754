import Essentials
import HDF5

extension RunFileReader {
    /// SHA-256 of what identifies the committed rows: see "Digest" in docs/run-file.md.
    public func digest() throws -> String { try digest(rows: snapshotCount) }

    /// The digest of the first `rows` committed rows; it does not change when more rows are committed later.
    public func digest(rows: Int) throws -> String {
        guard rows >= 0, rows <= snapshotCount else {
            throw SmoothnessError(
                .data, "a digest of more rows than are committed was asked for", file: path, object: "/commit",
                expected: "at least \(rows)", found: "\(snapshotCount)")
        }
        var bytes = Array("\(RunFormat.name) digest 1\n".utf8)
        for text in [header.runID, header.objective, header.optimizer] { bytes += Array("\(text)\n".utf8) }
        for block in header.layout.blocks {
            let extents = block.shape.map(String.init).joined(separator: ",")
            bytes += Array("\(block.name)\t\(extents)\t\(block.offset)\t\(block.count)\n".utf8)
        }
        bytes += Array("\(rows)\n".utf8)
        for row in try snapshots().prefix(rows) {
            append(UInt64(bitPattern: Int64(row.iteration)), to: &bytes)
            for value in [row.loss, row.gradientNorm, row.stepNorm] { append(value.bitPattern, to: &bytes) }
        }
        return Digest(of: bytes).sha256
    }

    /// Eight bytes, the lowest first.
    private func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift))) }
    }
}
