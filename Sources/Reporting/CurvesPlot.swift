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
    public func write(to path: String, size: PictureSize = .automatic, gnuplot: String? = nil) throws {
        guard try ScatterPlot.Format(path: path) != .csv else { return try writeAtomically(data().csv(), to: path) }
        try picture().write(to: path, size: size, gnuplot: gnuplot)
    }

    /// The curves as a Vega-Lite 5 specification: one view for every quantity, side by side.
    public func vegaLite() throws -> String { try picture().vegaLite() }

    /// One panel for every quantity, side by side.
    func picture() -> LinePlot {
        let panels = quantities.map { quantity in
            let curves = groups.enumerated().map { number, group in
                let statistics = group.statistics(of: quantity)
                var curve = LinePlot.Curve(
                    name: legend(group), points: statistics.map { (x: $0.place, y: $0.mean) },
                    intervals: group.runs.count > 1 ? statistics.map(band) : [], group: number)
                curve.intervalMark = .band
                return curve
            }
            var panel = LinePlot.Panel(
                name: quantity.rawValue, horizontal: (axis, axis), vertical: ("mean", label(quantity)), curves: curves)
            panel.isLogarithmic = isLogarithmic && quantity != .metric
            return panel
        }
        var plot = LinePlot(title: title, panels: panels, columns: panels.count)
        plot.namesPanels = false
        plot.note = spreadText
        return plot
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
}
