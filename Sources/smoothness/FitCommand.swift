import ArgumentParser
import Fitting
import Reporting

struct FitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fit",
        abstract: "Fit (L0, L1)-smoothness and its rivals, with intervals and warnings.",
        discussion: """
            Reads an estimates file, a run file (and finds its estimates), or a CSV of points with the columns gradient_norm and \
            smoothness and, if there, iteration, step_norm and effective_learning_rate.
            """)

    @Argument(help: "An estimates file, a run file or a CSV of points.", completion: .file())
    var input: String
    @OptionGroup var format: FormatOption
    @OptionGroup var fitting: FitOptionGroup
    @Option(name: .shortAndLong, help: "Write here instead of stdout.", completion: .file())
    var output: String?

    func run() throws {
        if let output { try refuseInput(as: output, inputs: [input]) }
        let input = try PointsInput(path: input)
        if let output { try refuseInput(as: output, inputs: [input.estimatesPath]) }
        let report = try fit(input.points, options: fitting.options)
        switch format.format {
        case .text: try deliver(input.heading + report.text(), to: output)
        case .csv: try deliver(report.table().csv(), to: output)
        case .json: try deliver(report.json(), to: output)
        }
    }
}
