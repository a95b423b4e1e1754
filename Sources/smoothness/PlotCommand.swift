import Analysis
import ArgumentParser
import Essentials
import Estimation
import Fitting
import Foundation
import Reporting

struct PlotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plot",
        abstract: "Draw the log–log scatter of gradient norm against local smoothness, loss curves or alignments.",
        discussion: """
            The kind of plot follows from the end of the name: .csv (the data, logarithms included), .svg, .png, .pdf (by \
            gnuplot) or .vl.json (Vega-Lite). Several --output make several. Colour is the iteration; the fitted lines and the \
            reference 2/η_eff, near which smoothness hovers at the edge of stability, are drawn along.

            Of an alignment file one --quantity is drawn against epochs, a curve for every batch size, the mean cosine with what \
            pure noise would give.

            --kind draws other pictures of an estimate: iterations (L̂ and ‖∇f‖ against k), residuals, gamma (the curve over γ as a \
            band), blocks (a scatter for every block of the parameters) and subsets (several estimates of one run on different \
            shares of its data, as estimate --compare-subsets makes them, against one another).

            With --curves: training loss, validation loss and metric of run files against the epoch. Runs that differ in \
            nothing but their seed (and in threads, device and what they save) are one line, their mean, with a band for \
            their spread. Runs without evaluations are drawn by their minibatch losses against the iteration.
            """)

    @Argument(
        help:
            "An estimates file, a run file, a CSV of points or an alignment file; with --curves run files, with --kind subsets estimates files.",
        completion: .file())
    var inputs: [String]
    @Flag(help: "Draw loss and metric curves of run files.")
    var curves = false
    @Option(help: "--curves: what the band shows: range (smallest to largest run) or deviation (standard deviation).")
    var spread: CurvesPlot.Spread?
    @Flag(help: "--curves: losses on a logarithmic axis.")
    var log = false
    @Option(
        name: .shortAndLong,
        help: "Where to, once per plot (default: INPUT with .svg, for --curves the first with .curves.svg).",
        completion: .file())
    var output: [String] = []
    @OptionGroup var replace: ReplaceOption
    @Option(help: "The line above the picture (default: what was measured).")
    var title: String?
    @Flag(inversion: .prefixedNo, help: "Draw the fitted lines.")
    var fit = true
    @Option(
        help: """
            Of an alignment file: \(AlignmentQuantity.allCases.map(\.rawValue).joined(separator: ", ")). (default: mean_cosine)
            """)
    var quantity: AlignmentQuantity?
    @Option(help: "Of an estimate: scatter, iterations, residuals, gamma, blocks or subsets. (default: scatter)")
    var kind: EstimatePlotKind?
    @Flag(help: "The scatter on even axes from 0.")
    var linear = false
    @OptionGroup(title: "Size") var picture: PictureOptions
    @OptionGroup(title: "Fit") var fitting: FitOptionGroup

    func validate() throws {
        if linear, curves || (kind ?? .scatter) != .scatter {
            throw ValidationError("--linear belongs to the scatter")
        }
        if curves, kind != nil { throw ValidationError("--kind belongs to estimates") }
        guard curves else {
            if inputs.count != 1, kind != .subsets {
                throw ValidationError(
                    "give one input, or --curves for the curves of several runs, or --kind subsets for several estimates"
                )
            }
            if inputs.count < 2, kind == .subsets {
                throw ValidationError("--kind subsets compares two estimates of one run, or more")
            }
            if spread != nil || log { throw ValidationError("--spread and --log belong to --curves") }
            return
        }
        if quantity != nil { throw ValidationError("--quantity belongs to alignment files") }
        if !fit || !fitting.isDefault {
            throw ValidationError("curves are not fitted: leave out the options of the fit")
        }
    }

    func run() throws {
        if curves { return try drawCurves() }
        if kind != .subsets, try FileKind(of: inputs[0]) == .alignment { return try drawAlignment(of: inputs[0]) }
        guard quantity == nil else { throw ValidationError("--quantity belongs to alignment files") }
        switch kind ?? .scatter {
        case .scatter: try drawScatter(of: inputs[0])
        case .subsets:
            let outputs = try outputs("subsets.svg", reads: inputs)
            let subsets = try SubsetsInput(paths: inputs)
            try write(LinePlot.subsets(subsets.rows, title: title ?? subsets.title).write, to: outputs)
        case let kind:
            let input = try PointsInput(path: inputs[0])
            let outputs = try outputs("\(kind.rawValue).svg", reads: inputs + [input.estimatesPath])
            let plot = try kind.plot(of: input, file: inputs[0], options: fitting.options, title: title ?? input.title)
            try write(plot.write, to: outputs)
        }
    }

    /// Where to, checked before anything is read or made.
    private func outputs(_ ending: String, reads: [String?]) throws -> [String] {
        let outputs = output.isEmpty ? [URL(filePath: inputs[0]).deletingPathExtension().path + "." + ending] : output
        try replace.check(outputs, inputs: reads) { [try ScatterPlot.Format(path: $0).kind] }
        return outputs
    }

    /// One that cannot be made, as a picture without gnuplot, does not keep the others back.
    private func write(_ draw: (String, PictureSize, String?) throws -> Void, to outputs: [String]) throws {
        let size = try picture.size()
        var failure: (any Error)?
        for path in outputs {
            do {
                try draw(path, size, nil)
                Console.error("wrote \(Console.absolute(path))")
            } catch {
                if let failure { Console.error("error: \(failure)") }
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func drawAlignment(of name: String) throws {
        let outputs = try outputs("svg", reads: [name])
        let reader = try AlignmentFileReader(name)
        guard reader.committedRows > 0 else {
            throw SmoothnessError(
                .data, "has no row yet", file: name, object: "/alignment",
                expected: "1 to \(reader.header.rowCount) rows",
                found: "0",
                remedy: "Go on with it: smoothness inspect --config \(Escaping.shell(path: name)) prints the command"
            )
        }
        try write((quantity ?? .meanCosine).plot(of: reader, title: title).write, to: outputs)
    }

    private func drawCurves() throws {
        let outputs = try outputs("curves.svg", reads: inputs)
        let input = try CurvesInput(paths: inputs)
        let plot = try CurvesPlot(
            runs: input.runs, axis: input.axis, metricName: input.metricName, spread: spread ?? .range,
            isLogarithmic: log, title: title ?? input.title)
        try write(plot.write, to: outputs)
    }

    private func drawScatter(of name: String) throws {
        let input = try PointsInput(path: name)
        let outputs = try outputs("svg", reads: [name, input.estimatesPath])
        var plot = try ScatterPlot(points: input.points, report: report(input.points), title: title ?? input.title)
        plot.isLinear = linear
        try write(plot.write, to: outputs)
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

extension CurvesPlot.Spread: ExpressibleByArgument {}
