import Essentials
import Foundation

/// Curves over a common axis, as one number against epochs, as data and as a picture.
public struct LinePlot: Sendable {
    public struct Curve: Sendable {
        /// Shown in the legend as it is.
        public var name: String
        /// Points that are not finite are kept in the data and left out of pictures.
        public var points: [(x: Double, y: Double)]
        /// The interval of every point; empty for none. One that is not finite is not drawn.
        public var intervals: [(low: Double, high: Double)]
        /// A reference: dashed and thin, in the colour of the curve of the same group.
        public var isReference: Bool
        /// Curves of one group have one colour.
        public var group: Int
        /// Points that no line joins.
        public var isScattered = false

        public init(
            name: String, points: [(x: Double, y: Double)], intervals: [(low: Double, high: Double)] = [],
            isReference: Bool = false, group: Int
        ) {
            precondition(
                intervals.isEmpty || intervals.count == points.count, "every point has an interval or none has")
            self.name = name
            self.points = points
            self.intervals = intervals
            self.isReference = isReference
            self.group = group
        }

        /// As cells of a table.
        func interval(_ index: Int) -> [TableValue] {
            intervals.isEmpty ? [.missing, .missing] : [.number(intervals[index].low), .number(intervals[index].high)]
        }

        /// What is drawn; a point without an interval has one of length zero.
        var finite: [(x: Double, y: Double, low: Double, high: Double)] {
            points.enumerated().filter { $0.element.x.isFinite && $0.element.y.isFinite }.map { index, point in
                let (low, high) = intervals.isEmpty ? (point.y, point.y) : intervals[index]
                return low.isFinite && high.isFinite
                    ? (point.x, point.y, low, high) : (point.x, point.y, point.y, point.y)
            }
        }
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

    var hasIntervals: Bool { curves.contains { !$0.intervals.isEmpty } }

    /// One row a point.
    public func data() -> Table {
        Table(
            columns: ["curve", horizontal.name, vertical.name] + (hasIntervals ? ["low", "high"] : []),
            rows: curves.flatMap { curve in
                curve.points.enumerated().map { index, point -> [TableValue] in
                    let interval = hasIntervals ? curve.interval(index) : []
                    return [.string(curve.name), .number(point.x), .number(point.y)] + interval
                }
            })
    }

    /// The curves that have something to draw.
    func drawn() throws -> [Curve] {
        let drawn = curves.map { curve in
            guard isLogarithmic else { return curve }
            let kept = curve.points.indices.filter { curve.points[$0].y > 0 }
            var positive = curve
            positive.points = kept.map { curve.points[$0] }
            positive.intervals = curve.intervals.isEmpty ? [] : kept.map { curve.intervals[$0] }
            return positive
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
                let interval: [(String, JSONValue)] = [
                    ("low", .number(point.low)), ("high", .number(point.high)),
                ]
                return .object(
                    [
                        ("curve", .string(curve.name)), (horizontal.name, .number(point.x)),
                        (vertical.name, .number(point.y)),
                    ] + (hasIntervals ? interval : []))
            }
        }
        let domain = JSONValue.array(drawn.map { .string($0.name) })
        func scale(_ range: [JSONValue]) -> JSONValue {
            ["field": "curve", "type": "nominal", "title": "", "scale": ["domain": domain, "range": .array(range)]]
        }
        let line: JSONValue = ["type": "line", "point": true, "clip": true, "tooltip": ["content": "data"]]
        let bars: JSONValue = [
            "mark": ["type": "rule", "clip": true],
            "encoding": [
                "y": ["field": "low", "type": "quantitative", "title": .string(vertical.label)],
                "y2": ["field": "high"],
            ],
        ]
        let marks: [(String, JSONValue)] =
            hasIntervals ? [("layer", [["mark": line], bars])] : [("mark", line)]
        let head: [(String, JSONValue)] = [
            ("$schema", "https://vega.github.io/schema/vega-lite/v5.json"), ("title", .string(title)),
            ("width", 640), ("height", 440), ("background", "white"),
            ("data", ["name": "points", "values": .array(values)]),
        ]
        let tail: [(String, JSONValue)] = [
            (
                "encoding",
                [
                    "x": [
                        "field": .string(horizontal.name), "type": "quantitative", "title": .string(horizontal.label),
                    ],
                    "y": [
                        "field": .string(vertical.name), "type": "quantitative", "title": .string(vertical.label),
                        "scale": ["zero": false, "type": isLogarithmic ? "log" : "linear"],
                    ],
                    "color": scale(drawn.map { .string(Self.color(ofGroup: $0.group)) }),
                    "strokeDash": scale(drawn.map { $0.isReference ? [5, 4] : [1, 0] }),
                ]
            ),
            ("config", ["legend": ["labelLimit": 400], "axis": ["gridColor": "#e6e6e6"]]),
        ]
        return JSONValue.object(head + marks + tail).text(expandedDepth: 4) + "\n"
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
                + curve.finite.map { "\($0.x) \($0.y)" + (plot.hasIntervals ? " \($0.low) \($0.high)\n" : "\n") }
                .joined()
        }.joined(separator: "\n\n")
    }

    func script(dataFile: String, outputFile: String) -> String {
        let series = curves.enumerated().flatMap { index, curve in
            let color = "linecolor rgb '\(LinePlot.color(ofGroup: curve.group))'"
            let style =
                curve.isScattered
                ? "with points pointtype 7 pointsize \(0.5 * terminal.pointScale) \(color)"
                : curve.isReference
                    ? "with lines dashtype (6,6) linewidth 1.2 \(color)"
                    : "with linespoints pointtype 7 pointsize \(0.5 * terminal.pointScale) linewidth 1.8 \(color)"
            let source = "\(Gnuplot.quoted(dataFile)) index \(index) using"
            let bars =
                curve.intervals.isEmpty
                ? [] : ["\(source) 1:2:3:4 with yerrorbars pointtype 0 linewidth 1 \(color) notitle"]
            return bars + ["\(source) 1:2 \(style) title \(Gnuplot.quoted(curve.name))"]
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
