import Essentials
import Foundation

/// Curves over an axis, in one panel or several, as data and as a picture.
public struct LinePlot: Sendable {
    public struct Curve: Sendable {
        /// What an interval is drawn as.
        public enum IntervalMark: Sendable { case bars, band }

        /// Shown in the legend as it is.
        public var name: String
        /// Points that are not finite are kept in the data and left out of pictures.
        public var points: [(x: Double, y: Double)]
        /// The interval of every point; empty for none. One that is not finite is not drawn.
        public var intervals: [(low: Double, high: Double)]
        public var intervalMark = IntervalMark.bars
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

        /// What is drawn; a point without an interval has one of length zero. On a logarithmic axis positive numbers alone, and an
        /// interval that reaches 0 is cut off a decade below.
        func drawn(isLogarithmicX: Bool, isLogarithmicY: Bool) -> [(x: Double, y: Double, low: Double, high: Double)] {
            points.indices.compactMap { index in
                let (x, y) = points[index]
                guard x.isFinite, y.isFinite, x > 0 || !isLogarithmicX, y > 0 || !isLogarithmicY else { return nil }
                var (low, high) = intervals.isEmpty ? (y, y) : intervals[index]
                if !(low.isFinite && high.isFinite) { (low, high) = (y, y) }
                if isLogarithmicY, low <= 0 { low = min(y, high) / 10 }
                return (x, y, low, high)
            }
        }
    }

    /// One frame with its axes.
    public struct Panel: Sendable {
        /// Above the frame, and in the data where there are several panels.
        public var name: String
        /// Column name and label of each axis.
        public var horizontal: (name: String, label: String)
        public var vertical: (name: String, label: String)
        public var curves: [Curve]
        /// What is not positive is left out of pictures.
        public var isHorizontalLogarithmic = false
        public var isLogarithmic = false

        public init(
            name: String, horizontal: (name: String, label: String), vertical: (name: String, label: String),
            curves: [Curve]
        ) {
            (self.name, self.horizontal, self.vertical, self.curves) = (name, horizontal, vertical, curves)
        }

        func drawn(_ curve: Curve) -> [(x: Double, y: Double, low: Double, high: Double)] {
            curve.drawn(isLogarithmicX: isHorizontalLogarithmic, isLogarithmicY: isLogarithmic)
        }

        var hasIntervals: Bool { curves.contains { !$0.intervals.isEmpty } }
    }

    /// One line above the picture; shown as it is, never interpreted.
    public var title: String
    /// One line below it.
    public var note: String?
    public var panels: [Panel]
    /// Panels beside one another; `nil` for about as many as below one another.
    public var columns: Int?
    /// Whether the name of a panel stands above it.
    public var namesPanels = true

    /// - Parameter panels: one or more; the names of their columns are alike where they are in one table.
    public init(title: String, panels: [Panel], columns: Int? = nil) {
        precondition(!panels.isEmpty, "a picture has a panel")
        (self.title, self.panels, self.columns) = (title, panels, columns)
    }

    public init(
        title: String, horizontal: (name: String, label: String), vertical: (name: String, label: String),
        curves: [Curve]
    ) {
        self.init(
            title: title,
            panels: [Panel(name: "", horizontal: horizontal, vertical: vertical, curves: curves)])
    }

    /// Whether the vertical axes are logarithmic.
    public var isLogarithmic: Bool {
        get { panels.allSatisfy(\.isLogarithmic) }
        set { for place in panels.indices { panels[place].isLogarithmic = newValue } }
    }

    /// Writes the plot, whole or not at all, in the format that the path ends in.
    /// - Parameter gnuplot: the program; `nil` for the first `gnuplot` on the search path.
    /// - Throws: `SmoothnessError` with kind `.usage` (ending), `.data` (no point to draw), `.cannotCreate` or `.inputOutput`.
    public func write(to path: String, size: PictureSize = .automatic, gnuplot: String? = nil) throws {
        let format = try ScatterPlot.Format(path: path)
        if let picture = format.picture {
            return try Gnuplot(program: gnuplot).draw(GnuplotLines(self, picture, size), to: path)
        }
        try writeAtomically(format == .csv ? data().csv() : vegaLite(size: size), to: path)
    }

    /// One row a point. A panel leaves the columns of other panels' axes empty.
    public func data() -> Table {
        let hasIntervals = panels.contains(where: \.hasIntervals)
        let isSeveral = panels.count > 1
        var axes: [String] = []
        for name in panels.flatMap({ [$0.horizontal.name, $0.vertical.name] }) where !axes.contains(name) {
            axes.append(name)
        }
        return Table(
            columns: (isSeveral ? ["panel"] : []) + ["curve"] + axes + (hasIntervals ? ["low", "high"] : []),
            rows: panels.flatMap { panel in
                panel.curves.flatMap { curve in
                    curve.points.enumerated().map { index, point -> [TableValue] in
                        let numbers = axes.map { name -> TableValue in
                            name == panel.horizontal.name
                                ? .number(point.x) : name == panel.vertical.name ? .number(point.y) : .missing
                        }
                        return (isSeveral ? [.string(panel.name)] : []) + [.string(curve.name)] + numbers
                            + (hasIntervals ? curve.interval(index) : [])
                    }
                }
            })
    }

    /// The panels with the curves that have something to draw.
    func drawn() throws -> [Panel] {
        let drawn = panels.map { panel in
            var panel = panel
            let kept = panel.curves.filter { !panel.drawn($0).isEmpty }
            panel.curves = kept
            return panel
        }
        guard drawn.contains(where: { !$0.curves.isEmpty }) else {
            throw SmoothnessError(
                .data, "there is no point to draw", expected: "finite numbers",
                found: "\(panels.flatMap(\.curves).count) curves without any")
        }
        return drawn
    }

    /// Every name of the legend once, with the curve that shows how it looks.
    static func legend(_ panels: [Panel]) -> [Curve] {
        var seen: Set<String> = []
        return panels.flatMap(\.curves).filter { seen.insert($0.name).inserted }
    }

    /// Told apart without colour vision (Okabe and Ito).
    static let colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c8c8c"]

    static func color(ofGroup group: Int) -> String { colors[group % colors.count] }
}
