import ArgumentParser
import Essentials
import Fitting
import Reporting

struct PlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draw the log–log scatter of gradient norm against local smoothness.",
        discussion: """
            The kind of plot follows from the end of the name: .csv (the data, logarithms included), .svg, .png, .pdf (by \
            gnuplot) or .vl.json (Vega-Lite). Several --output make several. Colour is the iteration; the fitted lines and the \
            reference 2/η_eff, near which smoothness hovers at the edge of stability, are drawn along.
            """)

    @Argument(help: "An estimates file, a run file or a CSV of points.", completion: .file())
    var input: String
    @Option(name: .shortAndLong, help: "Where to, once per plot (default: INPUT with .svg).", completion: .file())
    var output: [String] = []
    @Option(help: "The line above the picture (default: what was measured).")
    var title: String?
    @Flag(inversion: .prefixedNo, help: "Draw the fitted lines.")
    var fit = true
    @OptionGroup var fitting: FitOptionGroup

    func run() throws {
        let input = try PointsInput(path: input)
        let outputs = output.isEmpty ? [input.defaultPlotPath] : output
        for path in outputs {
            _ = try ScatterPlot.Format(path: path)
            try refuseInput(as: path, inputs: [self.input, input.estimatesPath])
        }
        let plot = try ScatterPlot(points: input.points, report: report(input.points), title: title ?? input.title)
        for path in outputs {
            try plot.write(to: path)
            Console.error("wrote \(Console.absolute(path))")
        }
    }

    /// The lines; points that cannot be fitted are still worth a picture, and the reason is said.
    private func report(_ points: SmoothnessPoints) throws -> FitReport? {
        guard fit else { return nil }
        do {
            return try Fitting.fit(points, options: fitting.options)
        } catch let error as SmoothnessError where error.kind == .data {
            Console.error("no lines are drawn: \(error)")
            return nil
        }
    }
}
