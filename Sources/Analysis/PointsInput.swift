import Essentials
import Estimation
import Evaluation
import Fitting
import Foundation
import RunFiles

/// The points of `fit` and `plot`, from any of the three kinds of input.
package struct PointsInput {
    package let points: SmoothnessPoints
    /// What was measured, in one line.
    package let title: String
    /// The same for the top of a text report.
    package let heading: String
    /// Norm and γ, in one line; `nil` for a CSV, which does not say.
    package private(set) var definition: String?
    /// The estimates file that a run file led to.
    package var estimatesPath: String?
    /// What keeps the numbers from being the smoothness of a function, in sentences.
    package private(set) var warnings: [String] = []
    /// What is called the local smoothness, where it is not eq. 20 of Zhang et al. 2020.
    package private(set) var formula: String?
    /// What identifies the run, and how it was measured; `nil` for a CSV, which does not say.
    package var origin: EstimatesOrigin?

    package init(path: String) throws {
        switch try FileKind(of: path) {
        case .other:
            points = try readPoints(csv: path)
            title = URL(filePath: path).lastPathComponent
            heading = "points of \(Escaping.terminal(URL(filePath: path).standardizedFileURL.path))\n"
        case .estimates:
            (points, title, heading, definition, origin, warnings) = try Self.read(estimates: path)
            formula = try origin.flatMap { try Self.formula(of: $0) }
        case .alignment:
            throw SmoothnessError(
                .data, "holds alignments and no smoothness", file: path, expected: "an estimates file or a run file")
        case .run:
            let estimates = EstimationJob.defaultOutput(forRun: path)
            guard FileManager.default.fileExists(atPath: estimates) else {
                throw SmoothnessError(
                    .noInput, "has not been estimated", file: path, expected: estimates,
                    remedy: "Run: smoothness estimate \(Escaping.shell(path: path))")
            }
            let run = try RunFileReader(path)
            let measured = try EstimatesFileReader(estimates)
            guard measured.header.runID == run.header.runID else {
                throw SmoothnessError(
                    .data, "was made from another run", file: estimates, object: "/@run_id", expected: run.header.runID,
                    found: measured.header.runID,
                    remedy: "Run: smoothness estimate --force \(Escaping.shell(path: path))")
            }
            (points, title, heading, definition, origin, warnings) = try Self.read(estimates: estimates)
            formula = try origin.flatMap { try Self.formula(of: $0) }
            estimatesPath = estimates
        }
    }

    private static func read(
        estimates path: String
    ) throws -> (
        points: SmoothnessPoints, title: String, heading: String, definition: String, origin: EstimatesOrigin,
        warnings: [String]
    ) {
        let reader = try EstimatesFileReader(path)
        let header = reader.header
        let estimates = try reader.estimates()
        let points = SmoothnessPoints(estimates)
        let summary = (try? ObjectiveDescription(json: header.objective).summary) ?? header.runFile
        let configuration = header.configuration
        let mode = configuration.mode == .zhangPaper ? [] : ["mode \(configuration.mode.rawValue)"]
        let otherwise = mode + (configuration.peculiarities.isEmpty ? [] : [configuration.peculiarities])
        let title =
            "\(header.runFile): \(summary)" + (otherwise.isEmpty ? "" : " (\(otherwise.joined(separator: ", ")))")
        let count = header.components.count
        let norm = header.configuration.norm
        let norms = norm == .euclidean ? "Euclidean norm" : "norm \(norm.rawValue) of steps, its dual of gradients"
        let definition =
            "\(norms), mode \(configuration.mode.rawValue)\(configuration.peculiarities.isEmpty ? "" : ", " + configuration.peculiarities), γ in \(header.gammas.map { "\($0)" }.joined(separator: ", "))"
        let heading = """
            \(Escaping.terminal(title))
            \(Escaping.terminal(definition))
            \(count) component\(count == 1 ? "" : "s"), \(estimates.count) of \(header.rowCount) rows

            """
        let origin = EstimatesOrigin(
            path: path, runID: header.runID, configuration: try header.configuration.json(),
            objective: header.objective, optimizer: header.optimizer,
            blockNames: header.layout.blocks.map(\.name),
            blocks: SmoothnessPoints.blocks(estimates, count: header.layout.blocks.count),
            noise: GradientNoise(estimates, componentWeights: header.componentWeights))
        let warnings = configuration.warnings + [EstimateControls(estimates).warning].compactMap { $0 }
        return (points, title, heading, definition, origin, warnings)
    }

    private static func formula(of origin: EstimatesOrigin) throws -> String? {
        try EstimationConfiguration(json: origin.configuration, file: origin.path).smoothnessFormula
    }
}

/// What an estimates file says besides its points.
package struct EstimatesOrigin {
    package var path: String
    package var runID: String
    /// JSON of the definition: γ, subset, norm, precision, evaluation.
    package var configuration: String
    /// JSON, as in the run file.
    package var objective: String
    package var optimizer: String
    /// The blocks of the parameters and the points of each.
    package var blockNames: [String]
    package var blocks: [SmoothnessPoints]
    /// `nil` for estimates over one component.
    package var noise: GradientNoise?

    /// The definition as names and values, without what cannot change a number: where it was computed and in which pieces.
    package var definition: [String: String] { Self.definition(of: configuration) }

    package static func definition(of configuration: String) -> [String: String] {
        let object = (try? JSONSerialization.jsonObject(with: Data(configuration.utf8))) as? [String: Any] ?? [:]
        var result: [String: String] = [:]
        func flatten(_ value: Any, _ name: String) {
            if let object = value as? [String: Any] {
                for (key, member) in object { flatten(member, name.isEmpty ? key : "\(name) \(key)") }
            } else if !["evaluation device", "evaluation microBatch"].contains(name) {
                result[name] = "\(value)"
            }
        }
        flatten(object, "")
        return result
    }
}
