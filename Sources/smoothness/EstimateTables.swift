import ArgumentParser
import Essentials
import Estimation
import Foundation
import Reporting
import RunFiles

extension EstimateRow {
    /// `3 of 20 rows are not ok: 2 zeroStep, 1 nonFiniteIterate`; `nil` where all are.
    static func remark(on rows: [EstimateRow]) -> String? {
        var counts: [EstimateStatus: Int] = [:]
        for row in rows where row.status != .ok { counts[row.status, default: 0] += 1 }
        guard !counts.isEmpty else { return nil }
        let parts = counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.name)" }
        return "\(counts.values.reduce(0, +)) of \(rows.count) rows are not ok: " + parts.joined(separator: ", ")
    }

    /// What a target error took, and at how many rows it was not reached.
    static func cost(of rows: [EstimateRow], target: Double) -> String {
        let measured = rows.filter { !$0.smoothness.isNaN }
        let missed = measured.count { !($0.smoothnessError <= target * $0.smoothness) }
        let sizes = measured.map(\.subsetSize)
        let gradients = rows.reduce(0) { $0 + Int($1["component_gradients"]) }
        let text =
            "target error: \(gradients) component gradients, subsets of \(sizes.min() ?? 0) to \(sizes.max() ?? 0) components"
        return missed == 0
            ? text : text + "; warning: \(missed) of \(measured.count) rows have used them all up and are above it"
    }

    /// Why there are no errors, or errors and no intervals; `nil` where there are both, or nothing was measured.
    static func missingIntervals(_ rows: [EstimateRow]) -> String? {
        let finite = rows.filter(\.smoothness.isFinite)
        if !finite.isEmpty, finite.allSatisfy({ $0.subsetSize == 1 && $0.smoothnessError.isNaN }) {
            return
                "no error bars: they come from the spread of components, and the subset has one; take more of the data (--subset)"
        }
        let measured = rows.filter { $0.smoothnessError.isFinite && $0.smoothnessError > 0 }
        guard !measured.isEmpty, measured.allSatisfy({ $0["smoothness_low"].isNaN }) else { return nil }
        return "no intervals: the error of an error needs three groups of components or more"
    }

    /// Returns the table for stdout, one row an iterate.
    /// - Parameter isForPeople: a number that was not measured or recorded is missing instead of NaN.
    static func table(_ rows: [EstimateRow], _ columns: EstimateColumns, isForPeople: Bool) -> Table {
        Table(
            columns: columnNames,
            rows: rows.map { row in
                let isMissing = isForPeople && row.status == .ok
                return [.integer(row.iteration)]
                    + row.numericValues.map { isMissing && $0.isNaN ? .missing : .number($0) }
                    + [.bool(row.isSafe), .bool(row.isBelowFloor), .string(row.status.name)]
            }
        ).selecting(columns.names)
    }
}

/// Which columns of the table of estimates are printed.
struct EstimateColumns: ExpressibleByArgument {
    let names: [String]

    static let all = EstimateColumns(names: EstimateRow.columnNames)
    /// What fits on a screen: the two quantities with their errors, where they were found, and what tells curvature from artefact.
    static let main = EstimateColumns(names: [
        "iteration", "loss", "gradient_norm", "gradient_norm_error", "smoothness", "smoothness_low", "smoothness_high",
        "gamma", "step_norm", "edge_ratio", "cosine", "floor_error", "status",
    ])

    /// The same with what Lanczos' method says of itself.
    static let hessian = EstimateColumns(
        names: main.names.dropLast() + ["step_smoothness", "hessian_residual", "hessian_converged", "status"])

    private init(names: [String]) { self.names = names }

    /// `all`, or names with commas between them.
    init?(argument: String) {
        guard argument != "all" else {
            self = .all
            return
        }
        names = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard Set(names).count == names.count, Set(names).isSubset(of: EstimateRow.columnNames) else { return nil }
    }
}

extension EstimationPlan {
    /// One row for stdout: what an estimate would do. `memory_bytes` is the largest resident memory of the process.
    func table(_ forecast: EstimationForecast) -> Table {
        Table(
            columns: [
                "disposition", "parameters", "subset", "components", "gammas", "rows", "rows_done", "gradients",
                "component_gradients", "bytes", "memory_bytes", "seconds",
            ],
            rows: [
                [
                    .string(disposition.rawValue), .integer(parameterCount), .integer(subsetSize),
                    .integer(componentCount), .integer(gammas.count), .integer(rowCount), .integer(committedRows),
                    .integer(subsetGradientCount), .integer(componentGradientCount), .integer(outputBytes),
                    .integer(forecast.peakBytes), .number(forecast.seconds),
                ]
            ])
    }
}

/// The blocks whose names match a pattern of the shell.
struct BlockSelection {
    private let pattern: String
    private let selected: [(index: Int, name: String)]

    /// - Throws: `SmoothnessError(.usage)` where no block of the run matches.
    init(_ pattern: String, inRun path: String) throws {
        let names = try RunFileReader(path).header.layout.blocks.map(\.name)
        self.pattern = pattern
        selected = names.enumerated().filter { fnmatch(pattern, $0.element, 0) == 0 }.map { ($0.offset, $0.element) }
        guard selected.isEmpty else { return }
        throw SmoothnessError(
            .usage, "no block has such a name", file: path, object: "--blocks",
            expected: "a pattern that matches one of " + names.joined(separator: ", "), found: pattern)
    }

    /// One row for every iterate and block. Norms are those that were asked for.
    func table(of reader: borrowing EstimatesFileReader) throws -> Table {
        var table = Table(columns: [
            "iteration", "block", "gradient_norm", "gradient_norm_error", "smoothness", "smoothness_error", "gamma",
            "step_norm", "status",
        ])
        for row in 0..<reader.committedRows {
            let estimate = try reader.estimate(row: row)
            for (index, name) in selected {
                let block = estimate.blocks[index]
                let isNormed = estimate.isNormed
                table.append([
                    .integer(estimate.iteration), .string(name),
                    .number(block.gradientNormAsked.value), .number(block.gradientNormAsked.error),
                    .number(block.smoothness),
                    .number(block.smoothnessError), .number(block.gamma),
                    .number(isNormed ? block.normed.stepNorm : block.stepNorm), .string(estimate.status.name),
                ])
            }
        }
        return table
    }
}
