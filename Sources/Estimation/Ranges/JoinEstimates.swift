import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// Joins the rows of a run that were estimated apart to the estimates file that `EstimationJob` would have made, every number to the bit.
///
/// The file is made under another name, beside `output` or in the folder that `TMPDIR` names, and renamed when it is whole.
/// - Parameters:
///   - run: the run file.
///   - pieces: of its first rows without a gap, in order.
///   - configuration: as it was measured.
/// - Throws: `SmoothnessError`: `.data` where the pieces do not fit together or to the run; `.cannotCreate`, `.inputOutput`.
public func joinEstimates(
    ofRun run: String, _ pieces: [EstimatedRows], configuration: EstimationConfiguration, dataOverride: String? = nil,
    output: String
) throws {
    let rowCount = try requireSequence(pieces, run: run)
    let request = try EstimationRequest(
        run: run, rowCount: rowCount, configuration: configuration, dataOverride: dataOverride, workerCount: 1)
    let first = pieces[0]
    let extents = RowExtents(
        request.configuration, gammaCount: first.header.gammas.count, blockCount: request.header.layout.blocks.count,
        groupCount: first.groups.count)
    guard first.header.runID == request.header.runID, first.header.extents == extents else {
        throw SmoothnessError(
            .data, "is not the run that was measured", file: run, object: "/@run_id", expected: first.header.runID,
            found: request.header.runID)
    }
    let header = EstimatesHeader(
        root: AnalysisRoot(
            EstimatesSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: run,
            origin: AnalysisOrigin(output: output, run: run, data: dataOverride, threads: nil)),
        objective: request.header.objective, optimizer: request.header.optimizer, configuration: request.configuration,
        gammas: first.header.gammas, groups: first.groups, layout: request.header.layout, rowCount: rowCount, live: nil)
    try write(
        pieces.flatMap(\.estimates), header, repeatability: pieces.compactMap(\.repeatability).first, to: output)
}

/// - Returns: how many rows there are.
private func requireSequence(_ pieces: [EstimatedRows], run: String) throws -> Int {
    var next = 0
    for piece in pieces {
        guard piece.header.firstRow == next, piece.header.extents == pieces[0].header.extents,
            piece.groups == pieces[0].groups,
            piece.header.gammas == pieces[0].header.gammas, piece.header.runID == pieces[0].header.runID
        else {
            throw SmoothnessError(
                .data, "rows that were estimated apart do not fit together", file: run, object: "row \(next)",
                found: "rows from \(piece.header.firstRow) on")
        }
        next = piece.nextRow
    }
    guard next > 0 else { throw SmoothnessError(.data, "no row of it is estimated", file: run) }
    return next
}

private func write(_ rows: [StepEstimate], _ header: EstimatesHeader, repeatability: Double?, to output: String) throws
{
    try StagedFile.make(output, byteCount: EstimatesFileSkeleton.byteCount(header)) { path in
        try EstimatesFileSkeleton.create(at: path, header: header, isReplacing: false)
        let extents = header.extents
        let writer = try AnalysisFileWriter(continuing: path, EstimatesSchema.file) { _ in 0 }
        try writer.finish(rowCount: rows.count) { writer in
            if let repeatability {
                try writer.store { try $0.dataset(EstimatesSchema.repeatability).write(all: [repeatability]) }
            }
            try writer.append(count: rows.count) { try EstimatesFileAccess.write(rows, extents, to: $0) }
        }
    }
}
