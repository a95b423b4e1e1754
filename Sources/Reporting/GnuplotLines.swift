import Essentials
import Foundation

/// The panels of curves as a gnuplot script and its data.
struct GnuplotLines: GnuplotDrawing {
    private let plot: LinePlot
    private let panels: [LinePlot.Panel]
    private let terminal: PictureTerminal
    private let columns: Int
    private let rows: Int

    init(_ plot: LinePlot, _ format: PictureTerminal.Format, _ size: PictureSize) throws {
        self.plot = plot.shown
        panels = try plot.shown.drawn()
        let count = panels.count
        columns = min(count, plot.columns ?? (count == 1 ? 1 : Int(Double(count).squareRoot().rounded(.up))))
        rows = (count + columns - 1) / columns
        let width = count == 1 ? 960.0 : max(720, min(400 * Double(columns), 1400))
        let entries = LinePlot.legend(panels).map(\.name)
        let usual = count == 1 ? 540.0 : rows == 1 ? 380 : 250
        // As wide, so high: a column of a journal is no tall picture.
        let asked = PictureTerminal(format, size, width: width, height: 680)
        let frame = max(min(usual, usual * asked.width / width), 10 * asked.em)
        // The height follows from the width: the legend takes what it needs.
        let legendRows = asked.legend(entries).rows
        let height = Double(rows) * frame + (7 + 1.5 * Double(legendRows)) * size.fontSize / 72 * 120
        terminal = PictureTerminal(format, size, width: width, height: height)
    }

    /// One block a curve, panel by panel.
    func data() -> String {
        panels.flatMap { panel in
            panel.curves.map { curve in
                "# \(panel.name) \(curve.name): \(panel.horizontal.name) \(panel.vertical.name) low high\n"
                    + panel.drawn(curve).map { "\($0.x) \($0.y) \($0.low) \($0.high)\n" }.joined()
            }
        }.joined(separator: "\n\n")
    }

    // MARK: - Where everything lies, in units

    private var em: Double { terminal.em }
    private var entries: [LinePlot.Curve] { LinePlot.legend(panels) }
    private var legend: (columns: Int, rows: Int) { terminal.legend(entries.map(\.name)) }
    private var sharesVertical: Bool { Set(panels.map(\.vertical.label)).count == 1 }
    private var sharesHorizontal: Bool { Set(panels.map(\.horizontal.label)).count == 1 }
    private var hasNames: Bool { panels.count > 1 && plot.namesPanels }
    private var noteHeight: Double { plot.note == nil ? 0 : 1.6 * em }
    /// Below the frames: ticks, label, legend, note.
    private var bottom: Double {
        (sharesHorizontal ? 2.4 : 0.6) * em + 1.5 * em * Double(legend.rows) + noteHeight + 0.6 * em
    }
    private var top: Double { 2.8 * em }
    private var left: Double { sharesVertical ? 2.4 * em : 0 }

    /// Of the frame of a panel.
    private func frame(_ place: Int) -> (left: Double, right: Double, bottom: Double, top: Double) {
        let width = (terminal.width - left) / Double(columns)
        let height = (terminal.height - top - bottom) / Double(rows)
        let (column, row) = (Double(place % columns), Double(place / columns))
        let start = left + column * width
        let floor = terminal.height - top - (row + 1) * height
        return (
            start + (sharesVertical ? 5 : 7.4) * em, start + width - 1.2 * em,
            floor + (sharesHorizontal ? 2.1 : 4.1) * em, floor + height - (hasNames ? 2.2 : 0.6) * em
        )
    }

    func script(_ texts: inout GnuplotTexts) -> String {
        let title = Gnuplot.fitted(
            title: plot.title, characters: terminal.letters(in: terminal.width) * 0.82, fontSize: terminal.fontSize)
        var lines = [
            "# Curves.", "set terminal \(terminal.setting)", "set output name", "set multiplot",
            "set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.6",
            "set border 3 linecolor rgb '#404040' linewidth 0.8", "set tics nomirror out scale 0.6, 0.35",
            label(
                1, texts.add(title.text), terminal.width / 2, terminal.height - 1.4 * em,
                "center font ',\(title.fontSize)'"),
        ]
        if sharesVertical {
            let middle = (terminal.height - top + bottom) / 2
            lines.append(label(2, texts.add(panels[0].vertical.label), 1.4 * em, middle, "center rotate"))
        }
        if sharesHorizontal {
            lines.append(
                label(
                    3, texts.add(panels[0].horizontal.label), (left + 5 * em + terminal.width) / 2, bottom - 0.9 * em,
                    "center"))
        }
        if let note = plot.note {
            lines.append(
                label(
                    4, texts.add(note), 2 * em, 0.9 * em,
                    "left textcolor rgb '#606060' font ',\(terminal.fontSize * 0.85)'"))
        }
        var block = 1
        for (place, panel) in panels.enumerated() {
            lines += self.panel(place, panel, firstBlock: block, &texts)
            block += panel.curves.count
        }
        return (lines + ["unset multiplot", ""]).joined(separator: "\n")
    }

    private func label(_ number: Int, _ text: String, _ x: Double, _ y: Double, _ style: String) -> String {
        "set label \(number) \(text) at screen \(terminal.across(x)), screen \(terminal.up(y)) \(style)"
    }

    private func panel(
        _ place: Int, _ panel: LinePlot.Panel, firstBlock: Int, _ texts: inout GnuplotTexts
    ) -> [String] {
        let frame = frame(place)
        var lines = [
            "set lmargin at screen \(terminal.across(frame.left))",
            "set rmargin at screen \(terminal.across(frame.right))",
            "set bmargin at screen \(terminal.up(frame.bottom))", "set tmargin at screen \(terminal.up(frame.top))",
        ]
        if place == 1 { lines += (1...4).map { "unset label \($0)" } }
        if hasNames {
            let room = terminal.letters(in: frame.right - frame.left)
            let name = Gnuplot.fitted(title: panel.name, characters: room, fontSize: terminal.fontSize)
            lines.append("set title \(texts.add(name.text)) offset 0,-0.4 font ',\(name.fontSize)'")
        }
        if !sharesHorizontal { lines.append("set xlabel \(texts.add(panel.horizontal.label)) offset 0,0.5") }
        if !sharesVertical { lines.append("set ylabel \(texts.add(panel.vertical.label)) offset 0.5,0") }
        lines += axes(panel, across: (frame.right - frame.left) / em / 3.4, up: (frame.top - frame.bottom) / em / 1.7)
        let keys = place == 0 ? key() : ["unset key"]
        let series = panel.curves.enumerated().flatMap { offset, curve in
            self.series(panel, curve, "data index \(firstBlock + offset) using")
        }
        let shown =
            place == 0 ? series + entries.map { "keyentry \(style($0)) title \(texts.add($0.name))" } : series
        // A panel without a point keeps its frame.
        return lines + keys + ["plot \\\n" + (shown.isEmpty ? ["NaN notitle"] : shown).joined(separator: ", \\\n")]
    }

    private func key() -> [String] {
        let y = noteHeight + 1.5 * em * Double(legend.rows) + 0.5 * em
        return [
            "set key at screen \(terminal.across(3 * em)), screen \(terminal.up(y)) left top vertical maxrows \(legend.rows) reverse Left "
                + "samplen 2.6 spacing 1.15 font ',\(terminal.fontSize * 0.95)'"
        ]
    }

    private func axes(_ panel: LinePlot.Panel, across: Double, up: Double) -> [String] {
        let drawn = panel.curves.flatMap { panel.drawn($0) }
        guard !drawn.isEmpty else {
            return ["unset logscale", "set xrange [0:1]", "set yrange [0:1]", "unset xtics", "unset ytics"]
        }
        var lines: [String] = []
        if panel.isHorizontalLogarithmic {
            let range = LogAxis(covering: drawn.map(\.x))
            lines += [
                "set logscale x", "set xrange [\(range.minimum):\(range.maximum)]",
                GnuplotScatter.ticks("x", range, room: across),
            ]
        } else {
            lines += ["unset logscale x", "set xrange [*:*]", "set autoscale xfix", "set xtics autofreq"]
        }
        if panel.isLogarithmic {
            let range = LogAxis(covering: drawn.flatMap { [$0.y, $0.low, $0.high] })
            lines += [
                "set offsets 0, 0, 0, 0", "set logscale y", "set yrange [\(range.minimum):\(range.maximum)]",
                GnuplotScatter.ticks("y", range, room: up),
            ]
        } else {
            lines += [
                "unset logscale y", "set yrange [*:*]", "set ytics autofreq",
                "set offsets 0, 0, graph 0.04, graph 0.04",
            ]
        }
        return lines
    }

    private func series(_ panel: LinePlot.Panel, _ curve: LinePlot.Curve, _ source: String) -> [String] {
        let color = "linecolor rgb '\(LinePlot.color(ofGroup: curve.group))'"
        let line = "\(source) 1:2 \(style(curve, isDense: panel.drawn(curve).count > 60)) notitle"
        guard !curve.intervals.isEmpty else { return [line] }
        switch curve.intervalMark {
        case .bars: return ["\(source) 1:2:3:4 with yerrorbars pointtype 0 linewidth 1 \(color) notitle", line]
        case .band:
            let band = "\(source) 1:3:4 with filledcurves fillstyle transparent solid 0.2 noborder \(color) notitle"
            return curve.isReference ? [band] : [band, line]
        }
    }

    /// Told apart by the shape of the points and the dash as well as by colour, for grey prints.
    private func style(_ curve: LinePlot.Curve, isDense: Bool = false) -> String {
        let color = "linecolor rgb '\(LinePlot.color(ofGroup: curve.group))'"
        if curve.isReference, curve.intervalMark == .band, !curve.intervals.isEmpty {
            // As dark as the bands that lie over one another there.
            let bands = entries.filter { $0.isReference && $0.intervalMark == .band }
            let depth = (bands.firstIndex { $0.name == curve.name } ?? 0) + 1
            return "with boxes fillstyle solid \(1 - pow(0.8, Double(depth))) noborder \(color)"
        }
        if curve.isReference {
            let dash = ["(6,6)", "(2,4)", "(10,3,2,3)", "(6,3,2,3,2,3)"][curve.group % 4]
            return "with lines dashtype \(dash) linewidth 1.2 \(color)"
        }
        let shape =
            "pointtype \([7, 5, 9, 13, 11, 4, 6, 8][curve.group % 8]) pointsize \((panels.count > 1 ? 0.4 : 0.5) * terminal.pointScale)"
        if curve.isScattered { return "with points \(shape) \(color)" }
        let dash =
            "dashtype \(["1", "(12,6)", "(3,5)", "(12,5,3,5)"][(curve.group + curve.group / LinePlot.colors.count) % 4])"
        return "with \(isDense ? "lines" : "linespoints \(shape)") \(dash) linewidth 1.8 \(color)"
    }
}

extension LinePlot {
    /// With its texts as people see them: no text of a file decides how large a picture is.
    fileprivate var shown: LinePlot {
        var plot = self
        plot.note = note.map(Escaping.label)
        plot.panels = panels.map { panel in
            var panel = panel
            panel.name = Escaping.label(panel.name)
            panel.horizontal = (Escaping.label(panel.horizontal.name), Escaping.label(panel.horizontal.label))
            panel.vertical = (Escaping.label(panel.vertical.name), Escaping.label(panel.vertical.label))
            for place in panel.curves.indices { panel.curves[place].name = Escaping.label(panel.curves[place].name) }
            return panel
        }
        return plot
    }
}
