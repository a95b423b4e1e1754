import Analysis
import ArgumentParser
import Essentials
import Fitting
import Reporting

/// How several inputs of `fit` are taken.
enum FitGrouping: String, ExpressibleByArgument, CaseIterable {
    /// Each by itself, and compared.
    case run
    /// Together: one law for all.
    case joint
    /// Every block of the parameters by itself.
    case block
}

struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Fit (L0, L1)-smoothness and its rivals, with intervals, a comparison and warnings.",
        discussion: """
            Reads an estimates file, a run file (and finds its estimates), or a CSV of points with the columns gradient_norm and \
            smoothness and, if there, iteration, step_norm, effective_learning_rate, loss, segment_gradient_norm, \
            smoothness_error and gradient_norm_error.

            Several inputs are fitted side by side with --by run, which tests whether L0 and L1 differ between them and whether \
            the smoothness follows the step size, or together with --by joint. --by block fits every block of the parameters of \
            one estimates file.

            The laws, g the gradient norm, s the largest on the segment to the next iterate, f the loss:
            \(Law.all.map { "  \($0.formula)" + ($0.source.map { "  (\($0))" } ?? "") }.joined(separator: "\n"))
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case text, csv, json, latex }

    @Argument(help: "Estimates files, run files or CSVs of points.", completion: .file())
    var inputs: [String]
    @Option(help: "How the result is written: text, csv, json or latex.")
    var format = Format.text
    @Option(help: "Several inputs: run (each by itself, compared) or joint (one law for all). One input: block.")
    var by: FitGrouping?
    @Flag(help: "Take estimates together that were measured by different definitions.")
    var allowOtherDefinitions = false
    @OptionGroup(title: "What is fitted") var laws: FitLawOptions
    @OptionGroup(title: "Intervals") var fitting: FitOptionGroup
    @Option(name: .shortAndLong, help: "Write here instead of stdout.", completion: .file())
    var output: String?
    @OptionGroup var replace: ReplaceOption

    func validate() throws {
        switch by {
        case nil where inputs.count > 1:
            throw ValidationError("several inputs: say --by run to compare them or --by joint to take them together")
        case .run, .joint:
            if inputs.count < 2 { throw ValidationError("--by \(by?.rawValue ?? "") needs two inputs or more") }
        case .block where inputs.count > 1: throw ValidationError("--by block takes one input")
        default: break
        }
    }

    private var options: FitOptions {
        var options = fitting.options
        laws.apply(to: &options)
        return options
    }

    func run() throws {
        try replace.check([output].compactMap(\.self), inputs: inputs) { _ in OutputKind.results }
        let several = try SeveralInputs(paths: inputs, allowsOtherDefinitions: allowOtherDefinitions)
        if let output { try refuseInput(as: output, inputs: several.inputs.map(\.estimatesPath)) }
        for note in several.notes { Console.error("note: \(note)") }
        let count = several.inputs.reduce(0) { $0 + $1.points.count }
        if count * options.replicates >= 200_000_000 {
            Console.error(
                "note: \(options.replicates) resamples of \(count) points may take minutes; --replicates 200 gives rougher intervals, 0 none"
            )
        }
        switch by {
        case .run:
            let runs = zip(several.names, several.inputs).map { (name: $0, points: $1.points) }
            var comparison = try compareRuns(runs, options: options)
            for (index, input) in several.inputs.enumerated() {
                comparison.runs[index].report.warn(ofMeasurement: input.warnings, formula: input.formula)
            }
            comparison.notes += several.notes
            try deliver(rendered(comparison, heading: several.definition), to: output)
        case .joint:
            let points = SmoothnessPoints(joining: several.inputs.map(\.points))
            let heading =
                "\(inputs.count) runs together: \(several.names.map(Escaping.label).joined(separator: ", "))\n"
                + several.definition
            var report = try fit(points, options: options)
            report.notes = several.notes.isEmpty ? nil : several.notes
            report.warn(
                ofMeasurement: Array(Set(several.inputs.flatMap(\.warnings))).sorted(),
                formula: several.inputs.first?.formula)
            try deliver(rendered(report, heading: heading), to: output)
        case .block: try deliver(blocks(of: several.inputs[0]), to: output)
        case nil:
            let input = several.inputs[0]
            var report = try naming(inputs[0]) { try fit(input.points, options: options) }
            report.warn(ofMeasurement: input.warnings, formula: input.formula)
            try deliver(rendered(report, heading: input.heading), to: output)
        }
    }

    private func rendered(_ report: FitReport, heading: String) throws -> String {
        switch format {
        case .text: heading + report.text()
        case .csv: report.table().csv()
        case .json: try report.json()
        case .latex: report.latex()
        }
    }

    private func rendered(_ comparison: RunComparison, heading: String) throws -> String {
        switch format {
        case .text: heading + comparison.text()
        case .csv: comparison.table().csv()
        case .json: try comparison.json()
        case .latex: comparison.latex()
        }
    }

    private func blocks(of input: PointsInput) throws -> String {
        guard let origin = input.origin else {
            throw SmoothnessError(
                .data, "a CSV of points has no blocks", file: inputs[0], expected: "an estimates file or a run file")
        }
        for warning in input.warnings { Console.error("note: \(warning)") }
        let fits = BlockFits(names: origin.blockNames, points: origin.blocks, options: options)
        switch format {
        case .text: return input.heading + fits.text()
        case .csv: return fits.table().csv()
        case .json: return try fits.json()
        case .latex: return fits.latex()
        }
    }
}
