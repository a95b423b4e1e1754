import Essentials
import Foundation
import RunFiles

/// Calls the estimates that `EstimationInLoop` has made of a complete run complete.
///
/// - Returns: where the estimates file is, and is to be.
/// - Throws: `SmoothnessError`: `.noInput` where there is none; `.data` where it is of another run or rows are missing.
@discardableResult
public func sealEstimateInLoop(ofRun path: String) throws -> ResumableOutput {
    let output = ResumableOutput(
        estimatesInLoopOf: path, runID: try RunFileReader(path).header.runID, isForced: false)
    guard let seal = try Seal(ofRun: path, output: output.place) else { return output }
    let writer = try AnalysisFileWriter(continuing: output.place, EstimatesSchema.file) { _ in seal.rowCount }
    try writer.finish(rowCount: seal.rowCount) { writer in
        try writer.store { try LiveRows.store(digest: seal.digest, in: $0) }
    }
    return output
}

/// What is left to say in an estimates file.
private struct Seal {
    let rowCount: Int
    let digest: String

    /// Reads both files and lets go of them.
    /// - Returns: `nil` where the file is complete.
    init?(ofRun path: String, output: String) throws {
        let run = try RunFileReader(path)
        let estimates = try EstimatesFileReader(output)
        let header = estimates.header
        guard header.runID == run.header.runID, let live = header.live, live.maker == .train else {
            throw SmoothnessError(
                .data, "is no estimate that was made with the run", file: output, object: "/@run_id",
                expected: run.header.runID, found: header.runID)
        }
        // A run that diverged has fewer rows than were planned.
        let done = Array(live.iterations.prefix { $0 < run.iterationCount })
        guard estimates.committedRows == done.count else {
            throw SmoothnessError(
                .data, "rows are missing whose iterates are gone", file: output, object: EstimatesSchema.commit,
                expected: "\(done.count)", found: "\(estimates.committedRows)",
                remedy: "Begin the run anew with --force.")
        }
        guard header.state != .complete else { return nil }
        rowCount = done.count
        digest = try run.digest(iterations: done)
    }
}
