import Essentials
import Estimation
import Evaluation
import Foundation

/// The estimate of one run on one share of its data.
public struct SubsetRows: Sendable {
    /// As `0.1 of the data (14 components)`.
    public var name: String
    public var iteration: [Int]
    public var smoothness: [Double]
    /// 95 % intervals of every smoothness.
    public var intervals: [(low: Double, high: Double)]

    public init(
        name: String, iteration: [Int], smoothness: [Double], intervals: [(low: Double, high: Double)]
    ) {
        (self.name, self.iteration, self.smoothness, self.intervals) = (name, iteration, smoothness, intervals)
    }
}

/// Estimates of one run on different shares of its data, for `plot --kind subsets`.
package struct SubsetsInput {
    /// By increasing share.
    package let rows: [SubsetRows]
    package let title: String

    /// - Throws: `SmoothnessError(.data)` where the files are of different runs, measured by definitions that differ in more than the
    ///   subset, or on the same number of components.
    package init(paths: [String]) throws {
        var found: [(share: Double, count: Int, rows: SubsetRows)] = []
        var first: (path: String, header: EstimatesHeader, definition: [String: String])?
        for path in paths {
            guard try FileKind(of: path) == .estimates else {
                throw SmoothnessError(
                    .data, "is not an estimates file", file: path, expected: "what smoothness estimate writes")
            }
            let reader = try EstimatesFileReader(path)
            let header = reader.header
            let definition = try Self.definition(header)
            if let first {
                try Self.require(header, definition, sameAs: first, path)
            } else {
                first = (path, header, definition)
            }
            let share =
                header.components.isEmpty ? 0 : header.componentWeights.reduce(0, +) / header.groups.populationWeight
            if let twin = found.first(where: { $0.count == header.components.count }) {
                throw SmoothnessError(
                    .data, "was measured on as many components as another", file: path, object: "/components",
                    found: "\(twin.count) in both", remedy: "Estimate with another --subset.")
            }
            found.append((share, header.components.count, Self.rows(try reader.rows(), share, header.components.count)))
        }
        rows = found.sorted { $0.count < $1.count }.map(\.rows)
        let summary = first.flatMap { try? ObjectiveDescription(json: $0.header.objective).summary }
        title = [first?.header.runFile, summary].compactMap(\.self).joined(separator: ": ")
    }

    private static func rows(_ rows: [EstimateRow], _ share: Double, _ count: Int) -> SubsetRows {
        SubsetRows(
            name: String(format: "%.3g %% of the data (%d)", 100 * share, count), iteration: rows.map(\.iteration),
            smoothness: rows.map(\.smoothness),
            intervals: rows.map { (low: $0["smoothness_low"], high: $0["smoothness_high"]) })
    }

    /// Without the subset.
    private static func definition(_ header: EstimatesHeader) throws -> [String: String] {
        try EstimatesOrigin.definition(of: header.configuration.json()).filter {
            !$0.key.hasPrefix("subset") && $0.key != "groups"
        }
    }

    private static func require(
        _ header: EstimatesHeader, _ definition: [String: String],
        sameAs first: (path: String, header: EstimatesHeader, definition: [String: String]), _ path: String
    ) throws {
        guard header.runID == first.header.runID else {
            throw SmoothnessError(
                .data, "is of another run than \(first.path)", file: path, object: "/@run_id",
                expected: first.header.runID, found: header.runID)
        }
        let differing = Set(definition.keys).union(first.definition.keys)
            .filter { definition[$0] != first.definition[$0] }.sorted()
        guard differing.isEmpty else {
            throw SmoothnessError(
                .data, "was measured by a definition that differs in more than the subset from \(first.path)",
                file: path,
                object: "/configuration", found: differing.joined(separator: ", "))
        }
    }
}
