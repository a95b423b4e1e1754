import Essentials
import Fitting
import Foundation

extension FitReport {
    /// The report for people: every estimate with its definition and interval, the warnings last.
    public func text(significantDigits digits: Int = 4) -> String {
        FitText(report: self, digits: digits).text()
    }
}

struct FitText {
    let report: FitReport
    let digits: Int

    private var style: NumberStyle { NumberStyle(digits: digits, hasIntervals: report.bootstrap.replicates > 0) }

    func text() -> String {
        var lines = heading
        // A robust line leads where one point decides that of least squares.
        lines += report.decisivePoint.map(without) ?? []
        let leading = report.decisivePoint == nil ? [] : Law.all.filter(\.isRobust)
        for law in leading + Law.all.filter({ law in !leading.contains { $0.key == law.key } }) {
            if let fit = report[law] { lines += law.text(fit, report, style) }
        }
        lines += comparison + correlations + checks
        if let notes = report.notes {
            lines += ["", "Several runs together"] + notes.map { "  ! " + Escaping.terminal($0) }
        }
        lines += ["", "Intervals"] + intervals.map { "  " + $0 }
        if report.warnings.isEmpty {
            lines += ["", "No warnings."]
        } else {
            lines += ["", report.warnings.count == 1 ? "1 WARNING" : "\(report.warnings.count) WARNINGS"]
            lines += report.warnings.map { "  ! " + Escaping.terminal($0.message) }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: [String] {
        [
            "Smoothness against gradient norm: \(report.points.used) of \(report.points.given) points, iterations "
                + "\(report.firstIteration) to \(report.lastIteration)",
            "  gradient norm     g = ‖∇f(x_k)‖                          "
                + "\(number(report.gradientNorm.minimum)) to \(number(report.gradientNorm.maximum)), "
                + "\(significant(report.gradientNormDecades, digits: 3)) decades",
            "  local smoothness  L = \(report.smoothnessFormula ?? "max_γ ‖∇f(x_k+γd) − ∇f(x_k)‖/‖γd‖")  "
                + "\(number(report.smoothness.minimum)) to \(number(report.smoothness.maximum))",
            "  weights           \(report.weights)",
        ]
    }

    private func without(_ point: DecisivePoint) -> [String] {
        [
            "",
            "Least squares without iteration \(point.iteration) (g = \(number(point.gradientNorm)), L = \(number(point.smoothness))), which alone "
                + "decides the line of all points",
            "  L0 = \(estimate(point.intercept))", "  L1 = \(estimate(point.slope))",
        ]
    }

    private var comparison: [String] {
        let comparison = report.comparison
        let rows = comparison.scores.map { score in
            let formula = score.formula.padding(toLength: 34, withPad: " ", startingAt: 0)
            let bic = (score.bicDifference.map { String(format: "%.1f", $0) } ?? "undefined")
            let error = score.relativeError.map { relative in
                number(relative)
                    + (score.relativeDifferenceError.map { $0 > 0 ? " ± \(short($0))" : "  (least)" } ?? "")
            }
            return "  " + formula + String(repeating: " ", count: max(9 - bic.count, 1)) + bic + "    "
                + (error ?? "undefined")
        }
        return [
            "",
            "Comparison on the scale of L: BIC less the least, and prediction error in blocks left out (constant = 1)",
        ] + rows + [
            "  \(comparison.folds) folds of consecutive points, \(comparison.gap) on both sides left out; BIC takes the points as independent"
        ]
    }

    private var correlations: [String] {
        let found = report.correlations
        var lines = ["", "Correlation of L and g"]
        for kind in Correlation.all {
            guard let value = found.values.estimate(kind.key) else {
                if !kind.isOptional { lines.append("  \(kind.title)undefined: L is constant") }
                continue
            }
            let p = [
                kind.probabilityKey.flatMap(found.values.number).map { "p = \(short($0)) if independent" },
                kind.permutationKey.flatMap(found.values.number).map { "p = \(short($0)) by permuted blocks" },
            ].compactMap(\.self)
            lines.append(
                "  " + kind.title + estimate(value) + (p.isEmpty ? "" : "  (" + p.joined(separator: ", ") + ")"))
        }
        if found.permutations > 0 {
            lines.append(
                "  \(found.permutations) permutations of "
                    + (found.permutationBlockLength == 1
                        ? "single points" : "blocks of \(found.permutationBlockLength) points"))
        }
        return lines
    }

    private var checks: [String] {
        var lines: [String] = []
        if let step = report.stepSize {
            lines += [
                "", "Against the step size, η_eff = ‖d‖/‖∇f(x_k)‖, \(step.points) points",
                "  L η_eff / 2: median \(number(step.medianRatio)), spread of its log \(number(step.ratioLogSpread)) "
                    + "(of log L: \(number(step.smoothnessLogSpread)))",
            ]
        }
        if let near = report.neighbourhood {
            lines += [
                "", "Against the neighbourhood 1/L1, L1‖d‖ with L1 of least squares, \(near.points) points",
                "  median \(number(near.medianProduct)), largest \(number(near.largestProduct))",
            ]
        }
        return lines
    }

    private var intervals: [String] {
        let bootstrap = report.bootstrap
        guard bootstrap.replicates > 0 else { return ["none: no bootstrap replicates were asked for"] }
        return [
            "\(significant(100 * bootstrap.confidence, digits: 3)) %, \(bootstrap.intervalMethod)",
            bootstrap.caveat, "\(bootstrap.replicates) resamples, \(bootstrap.scheme), seed \(bootstrap.seed)",
            "block length \(bootstrap.blockLength) point\(bootstrap.blockLength == 1 ? "" : "s"), \(bootstrap.blockLengthRule)",
        ]
    }

    private func estimate(_ estimate: Estimate) -> String { style.estimate(estimate) }
    private func number(_ value: Double?) -> String { style.number(value) }
    private func short(_ value: Double) -> String { style.short(value) }
}
