import Analysis
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
        let curves = LawCurve.drawn(report).filter(\.look.showsResiduals).map { law in
            var curve = Curve(
                name: law.name,
                points: zip(usable.gradientNorm, usable.smoothness).map { g, l in
                    (x: g, y: l / (law.value(g) ?? .nan) - 1)
                },
                group: colors.firstIndex(of: law.look.colour) ?? 1)
            curve.isScattered = true
            return curve
        }
        let zero = Curve(
            name: "L̂ = fitted",
            points: [report.gradientNorm.minimum, report.gradientNorm.maximum].map { (x: $0, y: 0) },
            isReference: true, group: 7)
        var plot = LinePlot(
            title: title, horizontal: ("gradient_norm", "gradient norm ‖∇f(xₖ)‖"),
            vertical: ("relative_residual", "L̂ / fitted − 1"),
            curves: curves + [zero])
        // As in the scatter; most norms lie far below the largest one.
        plot.panels[0].isHorizontalLogarithmic = true
        return plot
    }

    /// L̂(γ)/L̂ over γ: the median over all iterates, the band of its middle half and that of nine tenths, with the median standard
    /// error of L̂(γ) over the data as bars.
    /// - Parameters: `values`, `errors`: L̂(γ) and its standard error, [K][G], NaN where there is none.
    public static func band(
        gammas: [Double], _ values: [[Double]], errors: [[Double]] = [], title: String
    ) throws -> LinePlot {
        let kept = values.indices.filter { values[$0].contains { $0.isFinite && $0 > 0 } }
        let scales = kept.map { row in values[row].filter(\.isFinite).max() ?? 1 }
        func columns(_ table: [[Double]]) -> [[Double]] {
            gammas.indices.map { place in
                zip(kept, scales).map { table[$0][place] / $1 }.filter(\.isFinite).sorted()
            }
        }
        let relative = columns(values)
        let medians = relative.enumerated().map { (x: gammas[$0.offset], y: quantile(ofSorted: $0.element, at: 0.5)) }
        func band(_ name: String, _ low: Double, _ high: Double, group: Int) -> Curve {
            var curve = Curve(
                name: name, points: medians,
                intervals: relative.map {
                    (low: quantile(ofSorted: $0, at: low), high: quantile(ofSorted: $0, at: high))
                },
                isReference: true, group: group)
            curve.intervalMark = .band
            return curve
        }
        let spreads = errors.isEmpty ? [] : columns(errors).map { quantile(ofSorted: $0, at: 0.5) }
        let hasErrors = spreads.contains(where: \.isFinite)
        let median = Curve(
            name: hasErrors ? "median; bars: ± its standard error over the data (median)" : "median", points: medians,
            intervals: hasErrors
                ? zip(medians, spreads).map { (low: $0.y - $1, high: $0.y + $1) } : [], group: 1)
        return LinePlot(
            title: title, horizontal: ("gamma", "γ"),
            vertical: ("relative_smoothness", "L̂(γ) / max L̂(γ), over \(kept.count) iterates"),
            curves: [
                band("5 % to 95 %", 0.05, 0.95, group: 0), band("25 % to 75 %", 0.25, 0.75, group: 0), median,
            ])
    }

    /// L̂ against the gradient norm for every block of the parameters, a panel each, with its least-squares line where there is one.
    public static func blocks(
        _ names: [String], _ points: [SmoothnessPoints], options: FitOptions, title: String
    ) throws -> LinePlot {
        var withoutIntervals = options
        withoutIntervals.replicates = 0
        let panels = try zip(names, points).map { name, points -> Panel in
            let usable = try points.usable().points
            var scatter = Curve(
                name: "iterates", points: zip(usable.gradientNorm, usable.smoothness).map { (x: $0, y: $1) }, group: 0)
            scatter.isScattered = true
            // A block that cannot be fitted is drawn without its line.
            let line = try? fit(usable, options: withoutIntervals).leastSquares.line
            let (low, high) = (usable.gradientNorm.min() ?? 1, usable.gradientNorm.max() ?? 1)
            let drawn = (0...40).map { low * pow(high / low, Double($0) / 40) }
            let fitted = line.map { line in
                Curve(
                    name: "least squares, L₀ + L₁‖∇ᵢf‖", points: drawn.map { (x: $0, y: line($0)) }, isReference: true,
                    group: 1)
            }
            var panel = Panel(
                name: name, horizontal: ("gradient_norm", "gradient norm of the block ‖∇ᵢf(xₖ)‖"),
                vertical: ("smoothness", "local smoothness of the block L̂ᵢ(xₖ)"),
                curves: [scatter] + (fitted.map { [$0] } ?? []))
            (panel.isHorizontalLogarithmic, panel.isLogarithmic) = (true, true)
            return panel
        }
        return LinePlot(title: title, panels: panels)
    }

    /// L̂ on several shares of the data: against the iteration with intervals (figure 6 of Zhang, He, Sra, Jadbabaie 2020), and against
    /// that on the largest share, which comes last.
    public static func subsets(_ subsets: [SubsetRows], title: String) -> LinePlot {
        let overIterations = Panel(
            name: "against the iteration", horizontal: ("iteration", "iteration k"),
            vertical: ("smoothness", "local smoothness L̂(xₖ), 95 % intervals"),
            curves: subsets.enumerated().map { group, subset in
                Curve(
                    name: subset.name, points: zip(subset.iteration, subset.smoothness).map { (x: Double($0), y: $1) },
                    intervals: subset.intervals, group: group)
            })
        guard let largest = subsets.last, subsets.count > 1 else {
            return LinePlot(title: title, panels: [overIterations])
        }
        let known = Dictionary(zip(largest.iteration, largest.smoothness), uniquingKeysWith: { first, _ in first })
        var curves = subsets.dropLast().enumerated().map { group, subset in
            let rows = subset.iteration.indices.filter { known[subset.iteration[$0]] != nil }
            var curve = Curve(
                name: subset.name,
                points: rows.map { (x: known[subset.iteration[$0]] ?? .nan, y: subset.smoothness[$0]) },
                intervals: rows.map { subset.intervals[$0] }, group: group)
            curve.isScattered = true
            return curve
        }
        let values = largest.smoothness.filter { $0.isFinite && $0 > 0 }
        if let low = values.min(), let high = values.max() {
            curves.append(
                Curve(name: "equal", points: [low, high].map { (x: $0, y: $0) }, isReference: true, group: 7))
        }
        var against = Panel(
            name: "against the largest share", horizontal: ("smoothness_largest", "L̂(xₖ) on \(largest.name)"),
            vertical: ("smoothness", "L̂(xₖ) on smaller shares"), curves: curves)
        (against.isHorizontalLogarithmic, against.isLogarithmic) = (true, true)
        return LinePlot(title: title, panels: [overIterations, against], columns: 2)
    }
}
