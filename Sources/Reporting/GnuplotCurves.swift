import Foundation

/// The curves as a gnuplot script and its data: one panel for every quantity, side by side.
struct GnuplotCurves: GnuplotDrawing {
    private let plot: CurvesPlot
    private let quantities: [CurveQuantity]
    private let terminal: GnuplotScatter.Terminal

    init(_ plot: CurvesPlot, terminal: GnuplotScatter.Terminal) {
        self.plot = plot
        quantities = plot.quantities
        self.terminal = terminal
    }

    /// Blocks in the order of quantities and within them of groups: place, mean, low and high end of the band. A group without
    /// a number has a block of one undefined point, so that the numbering stays.
    func data() -> String {
        quantities.flatMap { quantity in
            plot.groups.map { group in
                let drawn = plot.drawn(group, quantity)
                return "# \(quantity.rawValue), \(group.label.filter { !$0.isNewline }): place mean low high\n"
                    + (drawn.isEmpty ? "NaN NaN NaN NaN\n" : "")
                    + drawn.map { "\($0.place) \($0.mean) \($0.low) \($0.high)\n" }.joined()
            }
        }.joined(separator: "\n\n")
    }

    /// Pixels of the SVG; the others have the same proportions.
    private var width: Int { 30 + pitch * quantities.count }
    /// From one panel to the next; one alone is wider, so that its legend has room.
    private var pitch: Int { quantities.count == 1 ? 720 : 400 }
    private var legendRows: Int { plot.groups.count }
    private var legendHeight: Int { 26 * legendRows + (plot.spreadText == nil ? 4 : 26) }
    private var height: Int { 430 + legendHeight }

    private var setting: String {
        let font = "noenhanced font 'DejaVu Sans,\(terminal.fontSize)'"
        return switch terminal {
        case .svg: "svg size \(width),\(height) dynamic \(font) background 'white'"
        case .png:
            "pngcairo size \(2 * width),\(2 * height) \(font) fontscale 2 linewidth 2 pointscale 2 background 'white'"
        case .pdf: "pdfcairo size \(Double(width) / 120)in,\(Double(height) / 120)in \(font) background 'white'"
        }
    }

    func script(dataFile: String, outputFile: String) -> String {
        let top = 1 - 48 / Double(height)
        let bottom = Double(legendHeight + 66) / Double(height)
        var lines = [
            "# Loss and metric curves of runs; drawn by gnuplot 5.4 or later.", "set encoding utf8",
            "set terminal \(setting)", "set output \(Gnuplot.quoted(outputFile))", "set multiplot",
            "set tmargin at screen \(top)", "set bmargin at screen \(bottom)",
            "set border 3 linecolor rgb '#404040' linewidth 0.8",
            "set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.6",
            "set tics nomirror out scale 0.6, 0.35", "set xlabel \(Gnuplot.quoted(plot.axis)) offset 0,0.3",
            "set label 1 \(Gnuplot.quoted(fittedTitle.text)) at screen 0.5, screen \(1 - 20 / Double(height)) center font ',\(fittedTitle.fontSize)'",
        ]
        if let text = plot.spreadText {
            lines.append(
                "set label 2 \(Gnuplot.quoted(text)) at screen \(80 / Double(width)), screen \(14 / Double(height)) left "
                    + "textcolor rgb '#606060' font ',\(terminal.fontSize * 0.85)'")
        }
        for (index, quantity) in quantities.enumerated() { lines += panel(index, quantity, dataFile) }
        return (lines + ["unset multiplot", ""]).joined(separator: "\n")
    }

    private func panel(_ index: Int, _ quantity: CurveQuantity, _ dataFile: String) -> [String] {
        let left = Double(80 + pitch * index) / Double(width)
        let right = Double(80 + pitch * index + pitch - 90) / Double(width)
        var lines = [
            "set lmargin at screen \(left)", "set rmargin at screen \(right)",
            "set ylabel \(Gnuplot.quoted(plot.label(quantity))) offset 1,0",
        ]
        if index == 0 {
            let place = Double(legendHeight) / Double(height)
            lines.append(
                "set key at screen \(60 / Double(width)), screen \(place) left top vertical maxrows \(legendRows) reverse Left "
                    + "samplen 2.6 spacing 1.15 font ',\(terminal.fontSize * 0.92)'")
        } else {
            lines += ["unset key", "unset label 1", "unset label 2"]
        }
        lines += axis(quantity)
        lines.append("plot \\\n" + series(index, quantity, Gnuplot.quoted(dataFile)).joined(separator: ", \\\n"))
        return lines
    }

    private func axis(_ quantity: CurveQuantity) -> [String] {
        guard plot.isLogarithmic(quantity) else {
            return ["unset logscale y", "set yrange [*:*]", "set ytics autofreq"]
        }
        let values = plot.groups.flatMap { plot.drawn($0, quantity).flatMap { [$0.mean, $0.low, $0.high] } }
        let range = LogAxis(covering: values)
        return [
            "set logscale y", "set yrange [\(range.minimum):\(range.maximum)]", GnuplotScatter.ticks("y", range),
        ]
    }

    private func series(_ panel: Int, _ quantity: CurveQuantity, _ data: String) -> [String] {
        let first = panel * plot.groups.count
        let bands = plot.groups.indices.filter { plot.groups[$0].runs.count > 1 }.map { index in
            "\(data) index \(first + index) using 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder "
                + "linecolor rgb '\(CurvesPlot.color(index))' notitle"
        }
        let lines = plot.groups.indices.map { index in
            let count = plot.drawn(plot.groups[index], quantity).count
            let kind = count > 40 ? "lines" : "linespoints pointtype 7 pointsize \(0.35 * terminal.pointScale / 0.75)"
            let dash = ["1", "(12,6)", "(3,5)", "(12,5,3,5)"][index / CurvesPlot.colors.count % 4]
            return "\(data) index \(first + index) using 1:2 with \(kind) linewidth 2 dashtype \(dash) "
                + "linecolor rgb '\(CurvesPlot.color(index))' title \(Gnuplot.quoted(plot.legend(plot.groups[index])))"
        }
        return bands + lines
    }

    private var fittedTitle: (text: String, fontSize: Double) {
        Gnuplot.fitted(title: plot.title, characters: Double(width) / 10, fontSize: terminal.fontSize)
    }
}
