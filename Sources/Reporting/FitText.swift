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

    /// `0 to 4`
    private var searched: String { String(format: "%g to %g", orderRange.lowerBound, orderRange.upperBound) }

    func text() -> String {
        var lines = heading
        // A robust line leads where one point decides that of least squares.
        lines += report.decisivePoint.map(without) ?? []
        lines += report.decisivePoint == nil ? leastSquares + theilSen : theilSen + leastSquares
        lines += upperLines + upperEnvelope + powerLaw + rivals + comparison + correlations + checks
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

    private var leastSquares: [String] {
        let fit = report.leastSquares
        return [
            "", "Least squares, L = L0 + L1 g with L0, L1 ≥ 0",
            "  L0 = \(estimate(fit.intercept))\(bound(fit.interceptOnBound))",
            "  L1 = \(estimate(fit.slope))\(bound(fit.slopeOnBound))",
            "  R² = \(number(fit.determination)), residual spread \(number(fit.residualStandardDeviation)), "
                + "n = \(report.points.used)",
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

    private func line(_ title: String, _ fit: LineFit) -> [String] {
        [
            "", title, "  L0 = \(estimate(fit.intercept))\(bound(fit.interceptOnBound))",
            "  L1 = \(estimate(fit.slope))\(bound(fit.slopeOnBound))",
            "  points above \(short(100 * fit.shareAbove)) %",
        ]
    }

    private var theilSen: [String] {
        line("Theil and Sen's line, the median slope of all pairs; knows no bounds and no weights", report.theilSen)
    }

    private var upperLines: [String] {
        let expectile = report.expectile.level ?? 0
        let undershoot = expectile / (1 - expectile) - 1
        return line(
            "Expectile τ = \(short(expectile)): squared error + \(short(undershoot)) × squared undershoot, L0, L1 ≥ 0",
            report.expectile)
            + line(
                "Quantile τ = \(short(report.quantile.level ?? 0)): \(short(100 * (report.quantile.level ?? 0))) % of the "
                    + "points below the line, L0, L1 ≥ 0", report.quantile)
    }

    private var upperEnvelope: [String] {
        let fit = report.upperEnvelope
        func range(_ extent: Extent?) -> String {
            extent.map { "  (leaving out one block: \(number($0.minimum)) to \(number($0.maximum)))" } ?? ""
        }
        return [
            "", "Upper envelope, the line above all points with the least mean excess, L0, L1 ≥ 0",
            "  L0 = \(number(fit.intercept.value))\(range(fit.interceptWithoutOneBlock))\(bound(fit.interceptOnBound))",
            "  L1 = \(number(fit.slope.value))\(range(fit.slopeWithoutOneBlock))\(bound(fit.slopeOnBound))",
            "  mean excess \(number(fit.meanExcess)), n = \(report.points.used)",
        ]
    }

    private var powerLaw: [String] {
        let fit = report.powerLaw
        var lines = [
            "", "Power law, log L = a + ρ log g (natural logarithms)",
            "  ρ = \(estimate(fit.exponent))", "  a = \(estimate(fit.logIntercept))",
            "  R² = \(number(fit.determination)), residual spread of the logs "
                + "\(number(fit.residualStandardDeviationOfLogs)), n = \(report.points.used)",
        ]
        if let both = report.powerLawWithErrors {
            let errors =
                both.errorRatio.map { "errors of log L \(short($0)) × those of log g" }
                ?? "by the points' standard errors"
            lines += [
                "  with errors in both variables, \(errors)", "  ρ = \(estimate(both.exponent))",
                "  a = \(estimate(both.logIntercept))",
            ]
        }
        return lines
    }

    /// The laws besides L0 + L1 g.
    private var rivals: [String] {
        var lines = ["", "Constant, L = L0", "  L0 = \(estimate(report.constant))"]
        if let order = report.order {
            lines += [
                "", "Order ρ, L = L0 + Lρ g^ρ with L0, Lρ ≥ 0", "  L0 = \(estimate(order.intercept))",
                "  Lρ = \(estimate(order.coefficient))",
                order.isOrderFitted
                    ? "  ρ  = \(estimate(order.order))"
                        + (order.orderOnBound ? "  an end of the orders searched, \(searched)" : "")
                    : "  ρ  = \(number(order.order.value))  (given)",
                "  R² = \(number(order.determination))",
            ]
        }
        if let gap = report.gap {
            lines += [
                "", "Loss instead of gradient norm, L = H0 + H1 (f − f*) with H0, H1 ≥ 0",
                "  H0 = \(estimate(gap.intercept))\(bound(gap.interceptOnBound))",
                "  H1 = \(estimate(gap.slope))\(bound(gap.slopeOnBound))",
                "  f* = \(number(gap.minimum))  (\(gap.isMinimumFitted ? "fitted" : "given"))",
                "  R² = \(number(gap.determination))",
            ]
        }
        if let segment = report.segment {
            lines += [
                "",
                "α-symmetric, L = L0 + L1 s^α, s the largest gradient norm between x_k and x_{k+1}, α = \(short(segment.alpha))",
                "  L0 = \(estimate(segment.intercept))\(bound(segment.interceptOnBound))",
                "  L1 = \(estimate(segment.slope))\(bound(segment.slopeOnBound))",
                "  R² = \(number(segment.determination))",
            ]
        }
        return lines
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
        func line(_ name: String, _ estimate: Estimate?, _ probability: Double?, _ permuted: Double?) -> String {
            guard let estimate else { return "  \(name)undefined: L is constant" }
            let p = [
                probability.map { "p = \(short($0)) if independent" },
                permuted.map { "p = \(short($0)) by permuted blocks" },
            ].compactMap(\.self)
            return "  " + name + self.estimate(estimate) + (p.isEmpty ? "" : "  (" + p.joined(separator: ", ") + ")")
        }
        var lines = [
            "", "Correlation of L and g",
            line(
                "Pearson, of the logs  ", found.pearsonOfLogs, found.pearsonProbability,
                found.pearsonPermutationProbability),
            line(
                "Spearman, of ranks    ", found.spearman, found.spearmanProbability,
                found.spearmanPermutationProbability),
            line("Kendall, of pairs     ", found.kendall, found.kendallProbability, nil),
        ]
        if let partial = found.pearsonOfLogsGivenStepSize {
            lines.append("  Pearson, of the logs, given log η_eff  \(estimate(partial))")
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

    func estimate(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower, let upper = estimate.upper else {
            // Where no interval was asked for, that is said once.
            if report.bootstrap.replicates == 0 { return number(estimate.value) }
            return number(estimate.value) + (estimate.reasonWithoutInterval.map { "  (no interval: \($0))" } ?? "")
        }
        let method = estimate.intervalMethod == .profile ? "  (profile at the bound)" : ""
        return "\(number(estimate.value))  [\(number(lower)), \(number(upper))]\(method)"
    }

    private func bound(_ isOnBound: Bool) -> String { isOnBound ? "  on its bound" : "" }

    private func number(_ value: Double?) -> String {
        value.map { significant($0, digits: digits) } ?? "undefined"
    }

    private func short(_ value: Double) -> String { significant(value, digits: 3) }
}
