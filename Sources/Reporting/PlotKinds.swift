import Essentials
import Fitting
import Foundation

/// Pictures of one estimate besides the scatter.
extension LinePlot {
    /// L̂, ‖∇f‖ and 2/η_eff against the iteration, on a logarithmic axis.
    public static func iterations(_ points: SmoothnessPoints, title: String) throws -> LinePlot {
        let usable = try points.usable().points
        func curve(_ name: String, _ values: [Double], group: Int, isReference: Bool = false) -> Curve {
            Curve(
                name: name, points: zip(usable.iteration, values).map { (x: Double($0), y: $1) },
                isReference: isReference, group: group)
        }
        var curves = [
            curve("local smoothness L̂(xₖ)", usable.smoothness, group: 1),
            curve("gradient norm ‖∇f(xₖ)‖", usable.gradientNorm, group: 0),
        ]
        if let steps = usable.effectiveLearningRate {
            curves.append(curve("2/η_eff", steps.map { 2 / $0 }, group: 7, isReference: true))
        }
        var plot = LinePlot(
            title: title, horizontal: ("iteration", "iteration k"), vertical: ("value", "L̂, ‖∇f‖ and 2/η_eff"),
            curves: curves)
        plot.isLogarithmic = true
        return plot
    }

    /// L̂ less the fitted lines, divided by them, against the gradient norm.
    public static func residuals(_ points: SmoothnessPoints, _ report: FitReport, title: String) throws -> LinePlot {
        let usable = try points.usable().points
        func curve(_ name: String, group: Int, _ value: (Double) -> Double) -> Curve {
            var curve = Curve(
                name: name,
                points: zip(usable.gradientNorm, usable.smoothness).map { g, l in (x: g, y: l / value(g) - 1) },
                group: group)
            curve.isScattered = true
            return curve
        }
        let zero = Curve(
            name: "0", points: [report.gradientNorm.minimum, report.gradientNorm.maximum].map { (x: $0, y: 0) },
            isReference: true, group: 7)
        return LinePlot(
            title: title, horizontal: ("gradient_norm", "gradient norm ‖∇f(xₖ)‖"),
            vertical: ("relative_residual", "L̂ / fitted − 1"),
            curves: [
                curve("least squares", group: 1, report.leastSquares.line.callAsFunction),
                curve("power law", group: 3, report.powerLaw.law.callAsFunction), zero,
            ])
    }

    /// L̂(γ)/L̂ over γ: the median over all iterates and the band between quantiles.
    /// - Parameter values: [K][G], NaN where there is no value.
    public static func band(gammas: [Double], _ values: [[Double]], title: String) throws -> LinePlot {
        let relative = values.filter { $0.contains { $0.isFinite && $0 > 0 } }.map { row in
            let largest = row.filter(\.isFinite).max() ?? 1
            return row.map { $0 / largest }
        }
        let levels = [(0.05, "5 %"), (0.25, "25 %"), (0.5, "median"), (0.75, "75 %"), (0.95, "95 %")]
        let curves = levels.map { level, name in
            Curve(
                name: name,
                points: gammas.indices.map { place in
                    let column = relative.map { $0[place] }.filter(\.isFinite).sorted()
                    guard !column.isEmpty else { return (x: gammas[place], y: Double.nan) }
                    let position = level * Double(column.count - 1)
                    let (low, high) = (Int(position), min(Int(position) + 1, column.count - 1))
                    return (x: gammas[place], y: column[low] + (position - Double(low)) * (column[high] - column[low]))
                }, isReference: level != 0.5, group: level == 0.5 ? 1 : 0)
        }
        return LinePlot(
            title: title, horizontal: ("gamma", "γ"),
            vertical: ("relative_smoothness", "L̂(γ) / max L̂(γ), quantiles over \(relative.count) iterates"),
            curves: curves)
    }

    /// L̂ of every block of the parameters against the iteration, on a logarithmic axis.
    public static func blocks(_ names: [String], _ points: [SmoothnessPoints], title: String) throws -> LinePlot {
        let curves = zip(names, points).enumerated().map { place, block in
            Curve(
                name: block.0,
                points: zip(block.1.iteration, block.1.smoothness).map { (x: Double($0), y: $1) }, group: place)
        }
        var plot = LinePlot(
            title: title, horizontal: ("iteration", "iteration k"),
            vertical: ("smoothness", "local smoothness of the block"), curves: curves)
        plot.isLogarithmic = true
        return plot
    }
}
