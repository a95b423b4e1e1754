import Essentials
import Foundation
import RunFiles

/// Summarises an alignment file for `inspect`.
public struct AlignmentSummary: Sendable, Codable {
    public var path: String
    public var format: String
    public var formatVersion: String
    public var state: RunState
    public var created: String
    public var software: String
    public var runID: String
    public var runDigest: String
    public var runFile: String
    public var configuration: AlignmentConfiguration
    public var subsetSize: Int
    public var componentCount: Int
    public var parameterCount: Int
    /// m of every batch size.
    public var batchCounts: [Int]
    public var rowCount: Int
    public var committedRows: Int
    /// The number of committed rows of each status, by its name.
    public var statuses: [String: Int]
    public var gradientNorm: EstimatesSummary.Span?
    /// One a batch size.
    public var meanCosine: [EstimatesSummary.Span?]

    enum CodingKeys: String, CodingKey {
        case path, format, state, created, software, configuration, statuses
        case formatVersion = "format_version"
        case runID = "run_id"
        case runDigest = "run_digest"
        case runFile = "run_file"
        case subsetSize = "subset_size"
        case componentCount = "component_count"
        case parameterCount = "parameter_count"
        case batchCounts = "batch_counts"
        case rowCount = "row_count"
        case committedRows = "committed_rows"
        case gradientNorm = "gradient_norm"
        case meanCosine = "mean_cosine"
    }

    /// - Throws: as `AlignmentFileReader`.
    public init(ofFile path: String) throws {
        let reader = try AlignmentFileReader(path)
        let (header, rows) = (reader.header, try reader.rows())
        self.path = path
        format = AlignmentSchema.format
        formatVersion = header.formatVersion
        state = header.state
        created = header.created
        software = "\(header.software) \(header.softwareVersion)"
        runID = header.runID
        runDigest = header.runDigest
        runFile = header.runFile
        configuration = header.configuration
        subsetSize = header.components.count
        componentCount = header.componentCount
        parameterCount = header.layout.count
        batchCounts = header.partitions.map(\.count)
        rowCount = header.rowCount
        committedRows = reader.committedRows
        statuses = Dictionary(rows.map { ($0.status.name, 1) }, uniquingKeysWith: +)
        gradientNorm = .init(rows.map(\.gradientNorm))
        meanCosine = header.partitions.indices.map { index in .init(rows.map { $0.batches[index].meanCosine }) }
    }

    /// For a person: one line a fact.
    public func text() -> String {
        let counts = AlignmentStatus.allCases.compactMap { status in
            statuses[status.name].map { "\($0) \(status.name)" }
        }
        let sizes = zip(configuration.batchSizes ?? [], zip(batchCounts, meanCosine)).map { size, rest in
            (
                "batch size \(size)",
                Optional("\(rest.0) batches, mean cosine \(rest.1?.text ?? "-")")
            )
        }
        let lines: [(String, String?)] =
            [
                ("file", path), ("format", "\(format) \(formatVersion), written by \(software) at \(created)"),
                ("state", "\(state.rawValue), \(committedRows) of \(rowCount) rows"),
                ("run", "\(runFile) (\(runID))"), ("options", Escaping.shell(configuration.arguments)),
                ("components", "\(subsetSize) of \(componentCount)"), ("parameters", "\(parameterCount)"),
                ("rows", counts.joined(separator: ", ")), ("gradient norm", gradientNorm?.text),
            ] + sizes
        return lines.map { name, value in
            name.padding(toLength: max(16, name.count + 1), withPad: " ", startingAt: 0)
                + Escaping.terminal(value ?? "-") + "\n"
        }.joined()
    }
}
