import Essentials
import Foundation

/// Training loss, validation loss and metric of several runs against the epoch: runs with equal settings are one line, their
/// mean, with a band for their spread (as figure 2 of Zhang, Jin, Fang, Wang 2020 and figure 4 of Zhang, He, Sra, Jadbabaie
/// 2020).
public struct CurvesPlot: Sendable {
    /// What the band shows.
    public enum Spread: String, Sendable, CaseIterable {
        /// The smallest and the largest run.
        case range
        /// The mean ± one standard deviation of the runs.
        case deviation
    }

    public var groups: [CurveGroup]
    /// `epoch` or `iteration`
    public var axis: String
    public var metricName: String?
    public var spread: Spread
    /// Whether losses have a logarithmic axis.
    public var isLogarithmic: Bool
    public var title: String

    /// - Throws: `SmoothnessError(.data)` where there is nothing to draw.
    public init(
        runs: [RunCurve], axis: String, metricName: String?, spread: Spread = .range, isLogarithmic: Bool = false,
        title: String
    ) throws {
        groups = CurveGroup.groups(of: runs)
        self.axis = axis
        self.metricName = metricName
        self.spread = spread
        self.isLogarithmic = isLogarithmic
        self.title = title
        guard !quantities.isEmpty else {
            throw SmoothnessError(
                .data, "there is nothing to draw", expected: "a finite loss",
                found: "\(runs.count) runs without one")
        }
    }

    /// Those of which there is a finite number, in order.
    public var quantities: [CurveQuantity] {
        CurveQuantity.allCases.filter { quantity in
            (quantity != .metric || metricName != nil) && groups.contains { !$0.statistics(of: quantity).isEmpty }
        }
    }

    /// Writes the plot, whole or not at all, in the format that the path ends in; see `ScatterPlot.write`.
    public func write(to path: String, gnuplot: String? = nil) throws {
        switch try ScatterPlot.Format(path: path) {
        case .csv: try writeAtomically(data().csv(), to: path)
        case .vegaLite: try writeAtomically(vegaLite(), to: path)
        case .svg: try Gnuplot(program: gnuplot).draw(GnuplotCurves(self, terminal: .svg), to: path)
        case .png: try Gnuplot(program: gnuplot).draw(GnuplotCurves(self, terminal: .png), to: path)
        case .pdf: try Gnuplot(program: gnuplot).draw(GnuplotCurves(self, terminal: .pdf), to: path)
        }
    }

    /// One row for every group, quantity and place.
    public func data() -> Table {
        var table = Table(columns: [
            "group", "quantity", axis, "runs", "not_finite", "mean", "minimum", "maximum", "standard_deviation",
        ])
        for group in groups {
            for quantity in quantities {
                let name = quantity == .metric ? metricName ?? quantity.rawValue : quantity.rawValue
                for place in group.statistics(of: quantity) {
                    table.append([
                        .string(group.label), .string(name), .number(place.place), .integer(place.count),
                        .integer(place.notFinite), .number(place.mean), .number(place.minimum),
                        .number(place.maximum), .optional(place.deviation),
                    ])
                }
            }
        }
        return table
    }

    /// The ends of the band at a place.
    func band(_ statistics: CurveGroup.Statistics) -> (low: Double, high: Double) {
        switch spread {
        case .range: return (statistics.minimum, statistics.maximum)
        case .deviation:
            let deviation = statistics.deviation ?? 0
            return (statistics.mean - deviation, statistics.mean + deviation)
        }
    }

    /// What is drawn of a group: positive numbers alone where the axis is logarithmic, the band cut off with them.
    func drawn(_ group: CurveGroup, _ quantity: CurveQuantity) -> [(
        place: Double, mean: Double, low: Double, high: Double
    )] {
        group.statistics(of: quantity).compactMap { statistics in
            let (low, high) = band(statistics)
            guard isLogarithmic(quantity) else { return (statistics.place, statistics.mean, low, high) }
            guard statistics.mean > 0 else { return nil }
            return (statistics.place, statistics.mean, low > 0 ? low : min(statistics.mean, high) / 10, high)
        }
    }

    func isLogarithmic(_ quantity: CurveQuantity) -> Bool { isLogarithmic && quantity != .metric }

    /// The text at the axis of a quantity.
    func label(_ quantity: CurveQuantity) -> String {
        switch quantity {
        case .trainingLoss: "training loss"
        case .validationLoss: "validation loss"
        case .metric: metricName ?? "metric"
        }
    }

    /// The text of a group in the legend.
    func legend(_ group: CurveGroup) -> String {
        group.runs.count == 1 ? group.label : "\(group.label) (\(group.runs.count) runs)"
    }

    /// What the band is, where there is one.
    var spreadText: String? {
        guard groups.contains(where: { $0.runs.count > 1 }) else { return nil }
        return switch spread {
        case .range: "line: mean of the runs; band: from the smallest to the largest run"
        case .deviation: "line: mean of the runs; band: ± one standard deviation of the runs"
        }
    }

    /// Colours of Okabe and Ito, readable by all eyes; told apart by dashes where they come again.
    static let colors = [
        "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933",
    ]
    static func color(_ index: Int) -> String { colors[index % colors.count] }
}
