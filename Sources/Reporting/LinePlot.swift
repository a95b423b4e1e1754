import Essentials
import Foundation

/// Curves over a common axis, as one number against epochs, as data and as a picture.
public struct LinePlot: Sendable {
    public struct Curve: Sendable {
        /// Shown in the legend as it is.
        public var name: String
        /// Points that are not finite are kept in the data and left out of pictures.
        public var points: [(x: Double, y: Double)]
        /// A reference: dashed and thin, in the colour of the curve of the same group.
        public var isReference: Bool
        /// Curves of one group have one colour.
        public var group: Int
        /// Points that no line joins.
        public var isScattered = false

        public init(name: String, points: [(x: Double, y: Double)], isReference: Bool = false, group: Int) {
            self.name = name
            self.points = points
            self.isReference = isReference
            self.group = group
        }

        var finite: [(x: Double, y: Double)] { points.filter { $0.x.isFinite && $0.y.isFinite } }
    }

    /// One line above the picture; shown as it is, never interpreted.
    public var title: String
    /// Column name and label of each axis.
    public var horizontal: (name: String, label: String)
    public var vertical: (name: String, label: String)
    public var curves: [Curve]
    /// Whether the vertical axis is logarithmic; what is not positive is then left out of pictures.
    public var isLogarithmic = false

    public init(
        title: String, horizontal: (name: String, label: String), vertical: (name: String, label: String),
        curves: [Curve]
    ) {
        self.title = title
        self.horizontal = horizontal
        self.vertical = vertical
        self.curves = curves
    }

    /// Writes the plot, whole or not at all, in the format that the path ends in.
    /// - Parameter gnuplot: the program; `nil` for the first `gnuplot` on the search path.
    /// - Throws: `SmoothnessError` with kind `.usage` (ending), `.data` (no point to draw), `.cannotCreate` or `.inputOutput`.
    public func write(to path: String, gnuplot: String? = nil) throws {
        switch try ScatterPlot.Format(path: path) {
        case .csv: try writeAtomically(data().csv(), to: path)
        case .vegaLite: try writeAtomically(vegaLite(), to: path)
        case .svg: try Gnuplot(program: gnuplot).draw(GnuplotLines(self, terminal: .svg), to: path)
        case .png: try Gnuplot(program: gnuplot).draw(GnuplotLines(self, terminal: .png), to: path)
        case .pdf: try Gnuplot(program: gnuplot).draw(GnuplotLines(self, terminal: .pdf), to: path)
        }
    }

    /// One row a point.
    public func data() -> Table {
        Table(
            columns: ["curve", horizontal.name, vertical.name],
            rows: curves.flatMap { curve in
                curve.points.map { [.string(curve.name), .number($0.x), .number($0.y)] }
            })
    }

    /// The curves that have something to draw.
    func drawn() throws -> [Curve] {
        let drawn = curves.map { curve in
            var curve = curve
            if isLogarithmic { curve.points.removeAll { !($0.y > 0) } }
            return curve
        }.filter { !$0.finite.isEmpty }
        guard !drawn.isEmpty else {
            throw SmoothnessError(
                .data, "there is no point to draw", expected: "finite numbers",
                found: "\(curves.count) curves without any")
        }
        return drawn
    }

    /// Told apart without colour vision (Okabe and Ito).
    static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c8c8c"]

    static func color(ofGroup group: Int) -> String { colors[group % colors.count] }

    /// The curves as a Vega-Lite 5 specification with its data inside.
    /// - Throws: `SmoothnessError(.data)` where no point can be drawn.
    public func vegaLite() throws -> String {
        let drawn = try drawn()
        let values = drawn.flatMap { curve in
            curve.finite.map { point -> JSONValue in
                .object([
                    ("curve", .string(curve.name)), (horizontal.name, .number(point.x)),
                    (vertical.name, .number(point.y)),
                ])
            }
        }
        let domain = JSONValue.array(drawn.map { .string($0.name) })
        func scale(_ range: [JSONValue]) -> JSONValue {
            ["field": "curve", "type": "nominal", "title": "", "scale": ["domain": domain, "range": .array(range)]]
        }
        let specification: JSONValue = [
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "title": .string(title),
            "width": 640,
            "height": 440,
            "background": "white",
            "data": ["name": "points", "values": .array(values)],
            "mark": ["type": "line", "point": true, "clip": true, "tooltip": ["content": "data"]],
            "encoding": [
                "x": ["field": .string(horizontal.name), "type": "quantitative", "title": .string(horizontal.label)],
                "y": [
                    "field": .string(vertical.name), "type": "quantitative", "title": .string(vertical.label),
                    "scale": ["zero": false, "type": isLogarithmic ? "log" : "linear"],
                ],
                "color": scale(drawn.map { .string(Self.color(ofGroup: $0.group)) }),
                "strokeDash": scale(drawn.map { $0.isReference ? [5, 4] : [1, 0] }),
            ],
            "config": ["legend": ["labelLimit": 400], "axis": ["gridColor": "#e6e6e6"]],
        ]
        return specification.text(expandedDepth: 4) + "\n"
    }
}

/// The curves as a gnuplot script and its data.
struct GnuplotLines: GnuplotDrawing {
    private let plot: LinePlot
    private let curves: [LinePlot.Curve]
    private let terminal: GnuplotScatter.Terminal

    init(_ plot: LinePlot, terminal: GnuplotScatter.Terminal) throws {
        self.plot = plot
        curves = try plot.drawn()
        self.terminal = terminal
    }

    /// One block a curve.
    func data() -> String {
        curves.map { curve in
            "# \(curve.name): \(plot.horizontal.name) \(plot.vertical.name)\n"
                + curve.finite.map { "\($0.x) \($0.y)\n" }.joined()
        }.joined(separator: "\n\n")
    }

    func script(dataFile: String, outputFile: String) -> String {
        let series = curves.enumerated().map { index, curve in
            let color = "linecolor rgb '\(LinePlot.color(ofGroup: curve.group))'"
            let style =
                curve.isScattered
                ? "with points pointtype 7 pointsize \(0.5 * terminal.pointScale) \(color)"
                : curve.isReference
                    ? "with lines dashtype (6,6) linewidth 1.2 \(color)"
                    : "with linespoints pointtype 7 pointsize \(0.5 * terminal.pointScale) linewidth 1.8 \(color)"
            return "\(Gnuplot.quoted(dataFile)) index \(index) using 1:2 \(style) title \(Gnuplot.quoted(curve.name))"
        }
        let title = Gnuplot.fitted(title: plot.title, characters: 96, fontSize: terminal.fontSize)
        return """
            # Curves; drawn by gnuplot 5.4 or later.
            set encoding utf8
            set terminal \(terminal.setting)
            set output \(Gnuplot.quoted(outputFile))
            set title \(Gnuplot.quoted(title.text)) offset 0,-0.3 font ',\(title.fontSize)'
            set xlabel \(Gnuplot.quoted(plot.horizontal.label)) offset 0,0.7
            set ylabel \(Gnuplot.quoted(plot.vertical.label))
            set offsets 0, 0, graph 0.04, graph 0.04
            \(plot.isLogarithmic ? "set logscale y" : "unset logscale")
            set autoscale xfix
            set grid xtics ytics linetype 1 linecolor rgb '#e6e6e6' linewidth 0.6
            set border 3 linecolor rgb '#404040' linewidth 0.8
            set tics nomirror out scale 0.6, 0.35
            set key outside below maxrows 4 reverse Left samplen 2.6 spacing 1.15 font ',\(terminal.fontSize * 0.92)'
            plot \\
            \(series.joined(separator: ", \\\n"))

            """
    }
}
