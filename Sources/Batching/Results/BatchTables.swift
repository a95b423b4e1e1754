import Essentials
import Fitting
import Foundation
import HDF5
import Reporting
import RunFiles

extension BatchResults {
    /// One row a run that is measured.
    public var table: Table {
        Table(
            columns: [
                "run", "run_id", "rows", "rows_ok", "L0", "L0_lower", "L0_upper", "L1", "L1_lower", "L1_upper",
                "exponent", "exponent_lower", "exponent_upper", "spearman", "warnings", "without_fit", "estimates",
            ],
            rows: results.map { result in
                let line = result.fit?.leastSquares
                let exponent = result.fit?.powerLaw.exponent
                return [
                    .string(result.entry.name), .string(result.entry.runID), .integer(result.rows),
                    .integer(result.soundRows), .optional(line?.intercept.value), .optional(line?.intercept.lower),
                    .optional(line?.intercept.upper), .optional(line?.slope.value), .optional(line?.slope.lower),
                    .optional(line?.slope.upper), .optional(exponent?.value), .optional(exponent?.lower),
                    .optional(exponent?.upper), .optional(result.fit?.correlations.spearman?.value),
                    .optional(result.fit?.warnings.count), .optional(result.reasonWithoutFit),
                    .string(result.shownEstimates),
                ]
            })
    }

    /// Writes `runs.csv`, `runs.h5` and `report.html` into the results of a plan.
    /// - Returns: their paths.
    public func save(in folder: PlanFolder, configuration: BatchConfiguration) throws -> [String] {
        let table = table
        let paths = ["runs.csv", "runs.h5", "report.html"].map { "\(folder.results)/\($0)" }
        try writeAtomically(table.csv(), to: paths[0])
        try save(table, as: paths[1], configuration: configuration)
        try writeAtomically(try page(configuration).html(), to: paths[2])
        return paths
    }

    /// A dataset a column: numbers are float64, NaN where there is none, the others text.
    private func save(_ table: Table, as path: String, configuration: BatchConfiguration) throws {
        do {
            try StagedFile.make(path, byteCount: 1024 * (table.rows.count + 64)) { path in
                let file = try HDF5.File.create(path)
                try file.setAttribute("format", to: "smoothness-runs")
                try file.setAttribute("format_version", to: "1.0")
                try file.setAttribute("software", to: Software.name)
                try file.setAttribute("software_version", to: Software.version)
                try file.writeString("/configuration", try configuration.estimation.json())
                try file.createGroup("/runs").close()
                for (index, column) in table.columns.enumerated() {
                    let values = table.rows.map { $0[index] }
                    if ["run", "run_id", "without_fit", "estimates"].contains(column) {
                        try file.writeStrings("/runs/\(column)", values.map(\.text))
                    } else {
                        try file.createDataset("/runs/\(column)", of: Double.self, shape: [values.count])
                            .write(all: values.map(\.number))
                    }
                }
                try file.flush()
                try file.close()
            }
        } catch let error as HDF5Error {
            throw SmoothnessError(
                .inputOutput, "cannot be written: \(error.operation) failed: \(error.message)", file: path)
        }
    }

    private func page(_ configuration: BatchConfiguration) throws -> BatchPage {
        let fitted = results.compactMap { result in result.fit.map { (result, $0) } }
        let compared = fitted.map { (name: $0.0.entry.name, points: $0.0.points, report: $0.1) }
        let comparison =
            compared.count > 1 ? try compareFittedRuns(compared, options: configuration.fit) : nil
        return BatchPage(
            title: "\(results.count) runs",
            summary: "\(results.count) runs measured, \(failures.count) failed, \(unfinished.count) not finished.",
            table: table.dropping(["run_id", "estimates"]),
            runs: fitted.map { BatchPage.Run(name: $0.0.entry.name, fit: $0.1) },
            comparison: comparison?.verdicts(), failures: failures.map { ($0.path, $0.reason) },
            definition: try configuration.estimation.json(),
            command: Escaping.shell(
                ["smoothness", "batch"] + configuration.paths.map(Escaping.argument)
                    + configuration.estimation.arguments))
    }
}

extension TableValue {
    fileprivate var text: String { if case .string(let text) = self { text } else { "" } }

    fileprivate var number: Double {
        switch self {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: .nan
        }
    }
}
