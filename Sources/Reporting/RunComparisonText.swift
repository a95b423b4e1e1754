import Essentials
import Fitting
import Foundation

extension RunComparison {
    /// The runs side by side, the tests, and the warnings of every run.
    public func text(significantDigits digits: Int = 4) -> String {
        func number(_ value: Double) -> String { significant(value, digits: digits) }
        func estimate(_ estimate: Estimate) -> String { Self.text(estimate, digits) }
        let columns: [(String, (FitReport) -> String)] = [
            ("points", { "\($0.points.used)" }),
            ("g", { "\(number($0.gradientNorm.minimum)) to \(number($0.gradientNorm.maximum))" }),
            ("L0", { estimate($0.leastSquares.intercept) }), ("L1", { estimate($0.leastSquares.slope) }),
            ("ρ", { estimate($0.powerLaw.exponent) }),
            ("Spearman", { $0.correlations.spearman.map(estimate) ?? "undefined" }),
            ("L η_eff/2", { $0.stepSize.map { number($0.medianRatio) } ?? "" }),
        ]
        var cells = [["run"] + columns.map(\.0)]
        cells += runs.map { run in [Escaping.label(run.name)] + columns.map { $0.1(run.report) } }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        var lines = ["Least squares L = L0 + L1 g, run by run"]
        lines += cells.map { row in
            "  "
                + zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
                .joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }
        lines += ["", verdicts(significantDigits: digits).trimmingCharacters(in: .newlines)]
        for run in runs where !run.report.warnings.isEmpty {
            lines += ["", "\(Escaping.label(run.name)): \(run.report.warnings.count) warnings"]
            lines += run.report.warnings.map { "  ! " + Escaping.terminal($0.message) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The tests alone: whether the runs are alike, and whether L follows the step size.
    public func verdicts(significantDigits digits: Int = 4) -> String {
        func number(_ value: Double) -> String { significant(value, digits: digits) }
        var lines = [
            "Are the coefficients the same in all runs? (Wald test, covariances by the block bootstrap of every run)"
        ]
        lines += tests.map { test in
            let freedom =
                "F(\(significant(test.numeratorDegreesOfFreedom, digits: 3)), "
                + "\(significant(test.denominatorDegreesOfFreedom, digits: 3)))"
            return "  \(test.coefficients.padding(toLength: 10, withPad: " ", startingAt: 0)) \(freedom) = "
                + "\(number(test.statistic)), p = \(significant(test.probability, digits: 3))"
        }
        if tests.isEmpty {
            lines.append("  not tested: no bootstrap replicates were asked for, or a covariance is singular")
        }
        lines += ["", "Does L follow the step size? κ: 0 where it belongs to the function, 1 where it is 1/step"]
        lines.append("  " + controlText { Self.text($0, digits) })
        if !notes.isEmpty { lines += [""] + notes.map { "  ! " + Escaping.terminal($0) } }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(_ estimate: Estimate, _ digits: Int) -> String {
        func number(_ value: Double) -> String { significant(value, digits: digits) }
        guard let lower = estimate.lower, let upper = estimate.upper else { return number(estimate.value) }
        return "\(number(estimate.value)) [\(number(lower)), \(number(upper))]"
    }

    private func controlText(_ estimate: (Estimate) -> String) -> String {
        guard let control = stepSizeControl else { return "not compared: some run has no step sizes" }
        let ratio = significant(control.stepSizeRatio, digits: 3)
        let kappa =
            control.sensitivity.map { "κ = \(estimate($0)), steps differ by a factor \(ratio) at equal g: " } ?? ""
        switch control.verdict {
        case .followsGradientNorm: return kappa + "L does not follow the step size"
        case .followsStepSize: return kappa + "L follows the inverse of the step: the fits return the step size"
        case .between: return kappa + "L follows the step size in part"
        case .undecided: return kappa + "undecided"
        case .stepSizesAlike:
            return
                "not compared: at equal g the steps differ by a factor \(ratio) only; use runs whose steps differ by 2"
        case .rangesApart: return "not compared: the runs' gradient norms do not overlap"
        }
    }

    /// One row a number and run.
    public func table() -> Table {
        var table = Table(columns: ["run", "model", "quantity", "value", "lower", "upper", "standard_error"])
        for run in runs {
            for row in run.report.table().rows { table.append([.string(run.name)] + row) }
        }
        func add(_ model: String, _ quantity: String, _ estimate: Estimate) {
            table.append([
                .string("all"), .string(model), .string(quantity), .number(estimate.value), .optional(estimate.lower),
                .optional(estimate.upper), .optional(estimate.standardError),
            ])
        }
        for test in tests {
            let model = "homogeneity_of_" + test.coefficients.replacing(" ", with: "_")
            add(model, "statistic", Estimate(value: test.statistic))
            add(model, "probability", Estimate(value: test.probability))
        }
        if let control = stepSizeControl {
            add("step_size_control", "step_size_ratio", Estimate(value: control.stepSizeRatio))
            if let sensitivity = control.sensitivity { add("step_size_control", "sensitivity", sensitivity) }
        }
        return table
    }

    public func json() throws -> String { try jsonDocument(self) }

    /// The lines of all runs in one LaTeX table.
    public func latex() -> String { LatexTable.lines(of: runs.map { ($0.name, $0.report) }) }
}
