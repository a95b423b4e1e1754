import Fitting
import Foundation

/// The scatter as a gnuplot script and its data.
struct GnuplotScatter: GnuplotDrawing {
    enum Terminal: String {
        case svg, png, pdf

        var setting: String {
            switch self {
            case .svg: "svg size 960,680 dynamic noenhanced font 'DejaVu Sans,\(fontSize)' background 'white'"
            case .png:
                "pngcairo size 1920,1360 noenhanced font 'DejaVu Sans,\(fontSize)' fontscale 2 linewidth 2 pointscale 2 "
                    + "background 'white'"
            case .pdf: "pdfcairo size 8in,5.667in noenhanced font 'DejaVu Sans,\(fontSize)' background 'white'"
            }
        }

        var fontSize: Double {
            switch self {
            case .svg: 13
            case .png: 10.5
            case .pdf: 11
            }
        }

        /// The terminals' unit points differ; this makes them look alike.
        var pointScale: Double {
            switch self {
            case .svg: 0.75
            case .png: 1.1
            case .pdf: 0.7
            }
        }
    }

    private let drawing: ScatterDrawing
    private let title: String
    private let terminal: Terminal

    init(_ plot: ScatterPlot, terminal: Terminal) throws {
        drawing = try plot.drawing()
        title = plot.title
        self.terminal = terminal
    }

    /// Blocks in the order points, reference, curves; each `gradient_norm smoothness [iteration]`.
    func data() -> String {
        let points = drawing.points
        var blocks = [
            "# points: gradient_norm smoothness iteration\n"
                + (0..<points.count).map {
                    "\(points.gradientNorm[$0]) \(points.smoothness[$0]) \(points.iteration[$0])\n"
                }.joined()
        ]
        if !drawing.reference.isEmpty { blocks.append(Self.block("2/eta_eff", drawing.reference)) }
        blocks += drawing.curves.map { Self.block($0.name, $0.points) }
        return blocks.joined(separator: "\n\n")
    }

    private static func block(_ name: String, _ points: [(gradientNorm: Double, smoothness: Double)]) -> String {
        "# \(name): gradient_norm smoothness\n"
            + points.map { "\($0.gradientNorm) \($0.smoothness)\n" }.joined()
    }

    /// The script reads `dataFile` and writes `outputFile`, both named as they are.
    func script(dataFile: String, outputFile: String) -> String {
        let data = Gnuplot.quoted(dataFile)
        return """
            # Local smoothness against gradient norm; drawn by gnuplot 5.4 or later.
            set encoding utf8
            set terminal \(terminal.setting)
            set output \(Gnuplot.quoted(outputFile))
            set title \(Gnuplot.quoted(fittedTitle.text)) offset 0,-0.3 font ',\(fittedTitle.fontSize)'
            \(axes)
            set xlabel \(Gnuplot.quoted(ScatterText.gradientNorm)) offset 0,0.2
            # Frame, labels and legend at fixed places, whatever the widths of the texts.
            set tmargin at screen 0.925
            set bmargin at screen 0.215
            set lmargin at screen 0.115
            set rmargin at screen 0.86
            set label 1 \(Gnuplot.quoted(ScatterText.smoothness)) at screen 0.028, graph 0.5 center rotate
            set label 2 \(Gnuplot.quoted(ScatterText.iteration)) at screen 0.975, graph 0.5 center rotate
            set cbrange [\(drawing.iterations.first):\(drawing.iterations.last)]
            set format cb '%.0f'
            set colorbox user origin graph 1.025, graph 0 size graph 0.028, graph 1 noborder
            set palette defined (\(Self.viridis))
            set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.6
            set border 3 linecolor rgb '#404040' linewidth 0.8
            set tics nomirror out scale 0.6, 0.35
            set key at screen 0.09, screen 0.125 left top vertical maxrows 3 reverse Left samplen 2.6 width 1 spacing 1.15 font ',\(terminal.fontSize * 0.92)'
            plot \\
            \(series(data).joined(separator: ", \\\n"))

            """
    }

    private var axes: String {
        if drawing.isLinear {
            let ends = drawing.linearEnds
            return "set xrange [0:\(ends.gradientNorm)]\nset yrange [0:\(ends.smoothness)]"
        }
        return """
            set logscale xy
            set xrange [\(drawing.horizontal.minimum):\(drawing.horizontal.maximum)]
            set yrange [\(drawing.vertical.minimum):\(drawing.vertical.maximum)]
            \(Self.ticks("x", drawing.horizontal))
            \(Self.ticks("y", drawing.vertical))
            """
    }

    private func series(_ data: String) -> [String] {
        var series: [String] = []
        let size = pointSize * terminal.pointScale
        let curvesStart = drawing.reference.isEmpty ? 1 : 2
        if !drawing.reference.isEmpty {
            let label = ScatterText.reference(hidden: drawing.hiddenReferenceCount)
            series.append(
                "\(data) index 1 using 1:2 with points pointtype 1 pointsize \(size) linewidth 0.8 "
                    + "linecolor rgb '#a8a8a8' title \(Gnuplot.quoted(label))")
        }
        // A dark rim keeps the light end of the palette visible on white.
        series.append(
            "\(data) index 0 using 1:2 with points pointtype 7 pointsize \(size * 1.3) linecolor rgb '#303030' notitle")
        series.append(
            "\(data) index 0 using 1:2:3 with points pointtype 7 pointsize \(size) linecolor palette notitle")
        let leftOut = drawing.leftOut > 0 ? " (\(drawing.leftOut) left out)" : ""
        series.append(
            "keyentry with points pointtype 7 pointsize \(size * 1.3) linecolor rgb '#21918c' "
                + "title 'iterates, n = \(drawing.points.count)\(leftOut)'")
        for (index, curve) in drawing.curves.enumerated() where !curve.points.isEmpty {
            series.append(
                "\(data) index \(curvesStart + index) using 1:2 with lines \(Self.styles[index]) "
                    + "title \(Gnuplot.quoted(curve.label.replacing("-", with: "−")))")
        }
        return series
    }

    private var fittedTitle: (text: String, fontSize: Double) {
        Gnuplot.fitted(title: title, characters: 96, fontSize: terminal.fontSize)
    }

    /// Smaller points where there are many.
    private var pointSize: Double { drawing.points.count > 2000 ? 0.3 : drawing.points.count > 400 ? 0.45 : 0.65 }

    /// Told apart by dash as well as by colour, so that grey prints and all eyes can read them (Okabe and Ito's colours).
    private static let styles = [
        "linewidth 2.4 linecolor rgb '#d55e00' dashtype 1",
        "linewidth 2.0 linecolor rgb '#000000' dashtype (12,6)",
        "linewidth 2.0 linecolor rgb '#cc79a7' dashtype (3,5)",
    ]

    /// gnuplot's own ticks would have no label on a log axis shorter than a decade.
    static func ticks(_ axis: String, _ range: LogAxis) -> String {
        let major = range.majorTicks.map { "'\($0.label)' \($0.position)" }
        let minor = range.minorTicks.map { "'' \($0) 1" }
        return "set \(axis)tics (\((major + minor).joined(separator: ", ")))"
    }

    /// The colour map viridis (S. van der Walt and N. Smith, CC0) at nine places.
    private static let viridis = [
        "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
    ].enumerated().map { "\($0) '\($1)'" }.joined(separator: ", ")
}
