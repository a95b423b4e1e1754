import Fitting
import Foundation

/// The scatter as a gnuplot script and its data.
struct GnuplotScatter: GnuplotDrawing {
    private let drawing: ScatterDrawing
    private let title: String
    private let terminal: PictureTerminal

    init(_ plot: ScatterPlot, _ format: PictureTerminal.Format, _ size: PictureSize) throws {
        drawing = try plot.drawing()
        title = plot.title
        // A narrow picture gets a frame that is narrower than high at most by its letters, not the height of a wide one.
        let wide = PictureTerminal(format, size, width: 960, height: 680)
        let frame = wide.width - 16.9 * wide.em
        let rows = Self.legend(drawing, wide).rows
        let height = max(0.7 * frame, min(frame, 20 * wide.em)) + (7.8 + 1.5 * Double(rows)) * wide.em
        terminal = size.width == nil ? wide : PictureTerminal(format, size, width: 960, height: height.rounded())
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

    func script(_ texts: inout GnuplotTexts) -> String {
        let em = terminal.em
        return """
            # Local smoothness against gradient norm.
            set terminal \(terminal.setting)
            set output name
            set title \(texts.add(fittedTitle.text)) offset 0,-0.3 font ',\(fittedTitle.fontSize)'
            \(axes)
            set xlabel \(texts.add(ScatterText.gradientNorm)) offset 0,0.2
            # Frame, labels and legend at fixed places, whatever the widths of the texts.
            set tmargin at screen \(1 - terminal.up(3 * em))
            set bmargin at screen \(terminal.up(bottom))
            set lmargin at screen \(terminal.across(8.3 * em))
            set rmargin at screen \(1 - terminal.across(8.6 * em))
            set label 1 \(texts.add(verticalLabel)) at screen \(terminal.across(2 * em)), graph 0.5 center rotate
            set label 2 \(texts.add(ScatterText.iteration)) at screen \(1 - terminal.across(1.8 * em)), graph 0.5 center rotate
            set cbrange [\(drawing.iterations.first):\(drawing.iterations.last)]
            set format cb '%.0f'
            set colorbox user origin graph 1.025, graph 0 size graph 0.028, graph 1 noborder
            set palette defined (\(Self.viridis))
            set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.6
            set border 3 linecolor rgb '#404040' linewidth 0.8
            set tics nomirror out scale 0.6, 0.35
            set key at screen \(terminal.across(6 * em)), screen \(terminal.up(bottom - 4.2 * em)) left top vertical maxrows \(legend.rows) reverse Left samplen 2.6 width 1 spacing 1.15 font ',\(terminal.fontSize * 0.92)'
            plot \\
            \(series(&texts).joined(separator: ", \\\n"))

            """
    }

    private var pointLabel: String { Self.pointLabel(drawing) }
    private var referenceLabel: String { ScatterText.reference(hidden: drawing.hiddenReferences) }
    private static func pointLabel(_ drawing: ScatterDrawing) -> String {
        "iterates, n = \(drawing.points.count)" + (drawing.leftOut > 0 ? " (\(drawing.leftOut) left out)" : "")
    }
    private static func label(_ curve: ScatterDrawing.Curve) -> String { curve.label.replacing("-", with: "−") }

    private var legend: (columns: Int, rows: Int) { Self.legend(drawing, terminal) }

    private static func legend(_ drawing: ScatterDrawing, _ terminal: PictureTerminal) -> (columns: Int, rows: Int) {
        terminal.legend(
            (drawing.reference.isEmpty ? [] : [ScatterText.reference(hidden: drawing.hiddenReferences)])
                + [pointLabel(drawing)] + drawing.curves.filter { !$0.points.isEmpty }.map(label))
    }

    /// Units below the axis: its texts and the legend.
    private var bottom: Double { (4.8 + 1.5 * Double(legend.rows)) * terminal.em }

    private var verticalLabel: String {
        let room = terminal.height - bottom - 3 * terminal.em
        return Double(ScatterText.smoothness.count) * 0.9 <= terminal.letters(in: room)
            ? ScatterText.smoothness : ScatterText.shortSmoothness
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
            \(Self.ticks("x", drawing.horizontal, room: (terminal.width / terminal.em - 18) / 3.2))
            \(Self.ticks("y", drawing.vertical, room: (terminal.height - bottom) / terminal.em / 1.6 - 2))
            """
    }

    private func series(_ texts: inout GnuplotTexts) -> [String] {
        var series: [String] = []
        let size = pointSize * terminal.pointScale
        let curvesStart = drawing.reference.isEmpty ? 2 : 3
        if !drawing.reference.isEmpty {
            series.append(
                "data index 2 using 1:2 with points pointtype 1 pointsize \(size) linewidth 0.8 "
                    + "linecolor rgb '#a8a8a8' title \(texts.add(referenceLabel))")
        }
        // A dark rim keeps the light end of the palette visible on white.
        series.append(
            "data index 1 using 1:2 with points pointtype 7 pointsize \(size * 1.3) linecolor rgb '#303030' notitle")
        series.append(
            "data index 1 using 1:2:3 with points pointtype 7 pointsize \(size) linecolor palette notitle")
        series.append(
            "keyentry with points pointtype 7 pointsize \(size * 1.3) linecolor rgb '#21918c' "
                + "title \(texts.add(pointLabel))")
        for (index, curve) in drawing.curves.enumerated() where !curve.points.isEmpty {
            series.append(
                "data index \(curvesStart + index) using 1:2 with lines \(Self.style(curve.look)) "
                    + "title \(texts.add(Self.label(curve)))")
        }
        return series
    }

    private var fittedTitle: (text: String, fontSize: Double) {
        Gnuplot.fitted(
            title: title, characters: terminal.letters(in: terminal.width) * 0.82, fontSize: terminal.fontSize)
    }

    /// Smaller points where there are many.
    private var pointSize: Double { drawing.points.count > 2000 ? 0.3 : drawing.points.count > 400 ? 0.45 : 0.65 }

    private static func style(_ look: LawCurve) -> String {
        let dash = look.dash.isEmpty ? "1" : "(\(look.dash.map { "\($0)" }.joined(separator: ",")))"
        return "linewidth \(look.width) linecolor rgb '\(look.colour)' dashtype \(dash)"
    }

    /// gnuplot's own ticks would have no label on a log axis shorter than a decade.
    /// - Parameter room: how many labels have room beside one another.
    static func ticks(_ axis: String, _ range: LogAxis, room: Double = .infinity) -> String {
        let labelled = range.ticks(atMost: room)
        let major = labelled.map { "'\($0.label)' \($0.position)" }
        let others = Set(range.majorTicks.map(\.position)).subtracting(labelled.map(\.position)).sorted()
        let minor = (range.minorTicks + others).map { "'' \($0) 1" }
        return "set \(axis)tics (\((major + minor).joined(separator: ", ")))"
    }

    /// The colour map viridis (S. van der Walt and N. Smith, CC0) at nine places.
    private static let viridis = [
        "#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725",
    ].enumerated().map { "\($0) '\($1)'" }.joined(separator: ", ")
}
