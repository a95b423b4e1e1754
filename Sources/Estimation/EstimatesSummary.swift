import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// What is in an estimates file, for `inspect`.
public struct EstimatesSummary: Sendable, Codable {
    /// The smallest and largest of the finite values.
    public struct Span: Sendable, Codable, Equatable {
        public var smallest: Double
        public var largest: Double

        init?(_ values: [Double]) {
            let finite = values.filter(\.isFinite)
            guard let smallest = finite.min(), let largest = finite.max() else { return nil }
            self.smallest = smallest
            self.largest = largest
        }
    }

    public var path: String
    public var format: String
    public var formatVersion: String
    public var state: RunState
    public var created: String
    public var software: String
    public var runID: String
    public var runDigest: String
    public var runFile: String
    public var configuration: EstimationConfiguration
    public var gammas: [Double]
    public var subsetSize: Int
    public var parameterCount: Int
    public var blocks: [String]
    public var rowCount: Int
    public var committedRows: Int
    /// ε_rep; `nil` before it is measured or where it is not finite.
    public var repeatability: Double?
    /// How many committed rows have each status, by name.
    public var statuses: [String: Int]
    public var gradientNorm: Span?
    public var smoothness: Span?
    public var stepNorm: Span?
    /// Rows whose losses contradict their gradients: `StepEstimate.identityHolds` is false.
    public var identityViolations: Int

    enum CodingKeys: String, CodingKey {
        case path, format, state, created, software, configuration, gammas, blocks, repeatability, statuses, smoothness
        case formatVersion = "format_version"
        case runID = "run_id"
        case runDigest = "run_digest"
        case runFile = "run_file"
        case subsetSize = "subset_size"
        case parameterCount = "parameter_count"
        case rowCount = "row_count"
        case committedRows = "committed_rows"
        case gradientNorm = "gradient_norm"
        case stepNorm = "step_norm"
        case identityViolations = "identity_violations"
    }

    /// - Throws: as `EstimatesFileReader`.
    public init(ofFile path: String) throws {
        let reader = try EstimatesFileReader(path)
        let header = reader.header
        self.path = path
        format = EstimatesSchema.format
        formatVersion = header.formatVersion
        state = header.state
        created = header.created
        software = "\(header.software) \(header.softwareVersion)"
        runID = header.runID
        runDigest = header.runDigest
        runFile = header.runFile
        configuration = header.configuration
        gammas = header.gammas
        subsetSize = header.components.count
        parameterCount = header.layout.count
        blocks = header.layout.blocks.map(\.name)
        rowCount = header.rowCount
        committedRows = reader.committedRows
        repeatability = reader.repeatability.flatMap { $0.isFinite ? $0 : nil }
        var rows: [EstimateRow] = []
        identityViolations = 0
        for row in 0..<reader.committedRows {
            let estimate = try reader.estimate(row: row)
            rows.append(EstimateRow(estimate))
            if estimate.status == .ok && !estimate.identityHolds { identityViolations += 1 }
        }
        statuses = Dictionary(rows.map { ($0.status.name, 1) }, uniquingKeysWith: +)
        gradientNorm = Span(rows.map(\.gradientNorm))
        smoothness = Span(rows.map(\.smoothness))
        stepNorm = Span(rows.map(\.stepNorm))
    }
}

extension EstimatesSummary {
    /// A JSON object with sorted keys and a line end.
    public func json() throws -> String { try jsonDocument(self) }

    /// For a person: one line a fact.
    public func text() -> String {
        let counts = EstimateStatus.allCases.compactMap { status in statuses[status.name].map { "\($0) \(status.name)" }
        }
        let lines: [(String, String?)] = [
            ("file", path), ("format", "\(format) \(formatVersion), written by \(software) at \(created)"),
            ("state", "\(state.rawValue), \(committedRows) of \(rowCount) rows"),
            ("run", "\(runFile) (\(runID))"), ("options", Escaping.shell(configuration.arguments)),
            ("gammas", gammas.map { "\($0)" }.joined(separator: " ")), ("components", "\(subsetSize)"),
            ("parameters", "\(parameterCount) in \(blocks.count) blocks: \(blocks.joined(separator: ", "))"),
            ("repeatability", repeatability.map { "\($0)" }), ("rows", counts.joined(separator: ", ")),
            ("gradient norm", gradientNorm?.text), ("smoothness", smoothness?.text), ("step norm", stepNorm?.text),
            ("identity", "\(identityViolations) violations"),
        ]
        return lines.map { name, value in
            name.padding(toLength: 15, withPad: " ", startingAt: 0) + Escaping.terminal(value ?? "-") + "\n"
        }.joined()
    }
}

extension EstimatesSummary.Span {
    var text: String { String(format: "%.5g … %.5g", smallest, largest) }
}
