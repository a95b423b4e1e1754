import Analysis
import ArgumentParser
import Essentials
import Estimation
import Fitting
import Foundation
import Reporting
import RunFiles

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write points and curves as CSV, JSON lines, NumPy archive or TensorBoard event file.",
        discussion: """
            The format follows from the end of the name: .csv, .jsonl, .npz, or a name that holds tfevents, as \
            logs/smoothness/events.out.tfevents.0, which TensorBoard shows beside other runs of logs/. NumPy archives hold \
            points and curves over γ; the others hold the points, or with --curves the curves (event files both).
            """)

    @Argument(help: "An estimates file, a run file or a CSV of points.", completion: .file())
    var input: String
    @Option(name: .shortAndLong, help: "Where to, once per file.", completion: .file())
    var output: [String]
    @OptionGroup var replace: ReplaceOption
    @Flag(help: "Also, or in tables instead of the points, the curves over γ.")
    var curves = false

    func run() throws {
        try replace.check(output, inputs: [input]) { [try PointsExport.Format(path: $0).kind] }
        let points = try PointsInput(path: input)
        let export: PointsExport
        if let origin = points.origin {
            for path in output { try refuseInput(as: path, inputs: [origin.path]) }
            export = try PointsExport(EstimatesFileReader(origin.path))
        } else {
            export = PointsExport(points.points)
        }
        for path in output {
            try export.write(to: path, showsCurves: curves, wallTime: Date().timeIntervalSince1970)
            Console.error("wrote \(Console.absolute(path))")
        }
    }
}

extension PointsExport.Format {
    /// What an export of this format is as a file.
    fileprivate var kind: OutputKind {
        switch self {
        case .csv: .table
        case .jsonl: .lines
        case .npz: .archive
        case .tfevents: .events
        }
    }
}

extension PointsExport {
    /// All columns of the table of estimates, and of every γ the smoothness, the loss and the gradient norm.
    init(_ reader: consuming EstimatesFileReader) throws {
        let estimates = try (0..<reader.committedRows).map { try reader.estimate(row: $0) }
        let rows = estimates.map(EstimateRow.init)
        let segment = SmoothnessPoints(estimates).segmentGradientNorm.map { [("segment_gradient_norm", $0)] } ?? []
        func curve(_ name: String, _ value: (CurvePoint) -> Double) -> Curve {
            Curve(name: name, values: estimates.map { $0.curve.map(value) })
        }
        self.init(
            iteration: rows.map(\.iteration),
            columns: EstimateRow.numericColumns.map { column in (column.name, estimates.map(column.value)) } + segment,
            texts: [
                ("safe", rows.map { "\($0.isSafe)" }), ("below_floor", rows.map { "\($0.isBelowFloor)" }),
                ("status", rows.map { $0.status.name }),
            ], gammas: reader.header.gammas,
            curves: [
                curve("smoothness") { $0.smoothness }, curve("loss") { $0.loss },
                curve("gradient_norm") { $0.gradientNorm },
            ])
    }

    /// The columns that a CSV of points has.
    init(_ points: SmoothnessPoints) {
        let optional: [(String, [Double]?)] = [
            ("loss", points.loss), ("step_norm", points.stepNorm),
            ("effective_learning_rate", points.effectiveLearningRate),
            ("segment_gradient_norm", points.segmentGradientNorm),
            ("gradient_norm_error", points.gradientNormError), ("smoothness_error", points.smoothnessError),
        ]
        self.init(
            iteration: points.iteration,
            columns: [("gradient_norm", points.gradientNorm), ("smoothness", points.smoothness)]
                + optional.compactMap { name, values in values.map { (name, $0) } })
    }
}
