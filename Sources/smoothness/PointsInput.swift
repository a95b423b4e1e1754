import Batching
import Essentials
import Estimation
import Fitting
import Foundation
import Objectives
import Reporting
import RunFiles

/// The points of `fit` and `plot`, from any of the three kinds of input.
struct PointsInput {
    let points: SmoothnessPoints
    /// What was measured, in one line.
    let title: String
    /// The same for the top of a text report.
    let heading: String
    /// The estimates file that a run file led to.
    var estimatesPath: String?
    /// Beside the input, with the ending .svg.
    let defaultPlotPath: String

    init(path: String) throws {
        switch try FileKind(of: path) {
        case .other:
            points = try readPoints(csv: path)
            title = URL(filePath: path).lastPathComponent
            heading = "points of \(Console.absolute(path))\n"
        case .estimates:
            (points, title, heading) = try Self.read(estimates: path)
        case .alignment:
            throw SmoothnessError(
                .data, "holds alignments and no smoothness", file: path, expected: "an estimates file or a run file")
        case .run:
            let estimates = EstimationJob.defaultOutput(forRun: path)
            guard FileManager.default.fileExists(atPath: estimates) else {
                throw SmoothnessError(
                    .noInput, "has not been estimated", file: path, expected: estimates,
                    remedy: "Run: smoothness estimate \(path)")
            }
            let run = try RunFileReader(path)
            let measured = try EstimatesFileReader(estimates)
            guard measured.header.runID == run.header.runID else {
                throw SmoothnessError(
                    .data, "was made from another run", file: estimates, object: "/@run_id", expected: run.header.runID,
                    found: measured.header.runID, remedy: "Run: smoothness estimate --force \(path)")
            }
            (points, title, heading) = try Self.read(estimates: estimates)
            estimatesPath = estimates
        }
        defaultPlotPath = URL(filePath: path).deletingPathExtension().path + ".svg"
    }

    private static func read(
        estimates path: String
    ) throws -> (points: SmoothnessPoints, title: String, heading: String) {
        let reader = try EstimatesFileReader(path)
        let rows = try reader.rows()
        let header = reader.header
        let points = SmoothnessPoints(rows)
        let summary = (try? ObjectiveDescription(json: header.objective).summary) ?? header.runFile
        let title = "\(header.runFile): \(summary)"
        let count = header.components.count
        let heading = """
            \(title)
            \(count) component\(count == 1 ? "" : "s"), γ in \(header.gammas.map { "\($0)" }.joined(separator: ", ")), \
            \(rows.count) of \(header.rowCount) rows

            """
        return (points, title, heading)
    }
}
