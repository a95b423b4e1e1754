import Essentials
import HDF5

extension RunHeader {
    /// SHA-256 of what identifies the run and these rows of it: see "Digest" in docs/run-file.md.
    public func digest(of rows: [SnapshotRecord]) -> String {
        var bytes = Array("\(RunFormat.name) digest 1\n".utf8)
        for text in [runID, objective, optimizer] { bytes += Array("\(text)\n".utf8) }
        for block in layout.blocks {
            let extents = block.shape.map(String.init).joined(separator: ",")
            bytes += Array("\(block.name)\t\(extents)\t\(block.offset)\t\(block.count)\n".utf8)
        }
        bytes += Array("\(rows.count)\n".utf8)
        for row in rows {
            bytes += Int64(row.iteration).littleEndianBytes
            for value in [row.loss, row.gradientNorm, row.stepNorm] { bytes += value.bitPattern.littleEndianBytes }
        }
        return Digest(of: bytes).sha256
    }
}

extension RunFileReader {
    /// The digest of all committed rows.
    public func digest() throws -> String { try digest(rows: snapshotCount) }

    /// The digest of the first `rows` committed rows; it does not change when more rows are committed later.
    public func digest(rows: Int) throws -> String {
        guard rows >= 0, rows <= snapshotCount else {
            throw SmoothnessError(
                .data, "a digest of more rows than are committed was asked for", file: path, object: "/commit",
                expected: "at least \(rows)", found: "\(snapshotCount)")
        }
        return header.digest(of: Array(try snapshots().prefix(rows)))
    }

    /// The digest of these iterations, saved or not, as if they were the rows: that of the rows themselves where they are saved.
    /// - Throws: `SmoothnessError(.data)` where one of them is not committed.
    public func digest(iterations: [Int]) throws -> String {
        let records = try records(ofIterations: iterations)
        return header.digest(
            of: try zip(iterations, records).map { iteration, record in
                guard let record else {
                    throw SmoothnessError(
                        .data, "iteration \(iteration) is not committed", file: path, object: "/history",
                        expected: "an iteration below \(iterationCount)")
                }
                return record
            })
    }

    /// The numbers of these iterations: those of their row where they are saved, else those of the history; `nil` for one that is not
    /// committed.
    public func records(ofIterations iterations: [Int]) throws -> [SnapshotRecord?] {
        let (snapshots, history) = (try snapshots(), try history())
        return iterations.map { iteration in
            if let row = plan.row(ofIteration: iteration), row < snapshots.count { return snapshots[row] }
            return history.indices.contains(iteration)
                ? SnapshotRecord(iteration: iteration, history[iteration]) : nil
        }
    }
}
