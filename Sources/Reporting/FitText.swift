import Fitting
import Foundation

extension FitReport {
    /// The report for people: every estimate with its definition and interval, the warnings last.
    public func text(significantDigits digits: Int = 4) -> String {
        let writer = FitText(report: self, digits: digits)
        return writer.text()
    }

    /// One row a number: `model, quantity, value, lower, upper, standard_error`; stable names for programs.
    public func table() -> Table {
        var table = Table(columns: ["model", "quantity", "value", "lower", "upper", "standard_error"])
        func add(_ model: String, _ quantity: String, _ estimate: Estimate?) {
            table.append([
                .string(model), .string(quantity), .optional(estimate?.value), .optional(estimate?.lower),
                .optional(estimate?.upper), .optional(estimate?.standardError),
            ])
        }
        func add(_ model: String, _ quantity: String, _ value: Double?) {
            add(model, quantity, value.map { Estimate(value: $0) })
        }
        add("least_squares", "L0", leastSquares.intercept)
        add("least_squares", "L1", leastSquares.slope)
        add("least_squares", "determination", leastSquares.determination)
        add("least_squares", "residual_standard_deviation", leastSquares.residualStandardDeviation)
        add("upper_envelope", "L0", upperEnvelope.intercept)
        add("upper_envelope", "L1", upperEnvelope.slope)
        add("upper_envelope", "mean_excess", upperEnvelope.meanExcess)
        add("power_law", "log_intercept", powerLaw.logIntercept)
        add("power_law", "exponent", powerLaw.exponent)
        add("power_law", "determination", powerLaw.determination)
        add("power_law", "residual_standard_deviation_of_logs", powerLaw.residualStandardDeviationOfLogs)
        add("correlation", "pearson_of_logs", correlations.pearsonOfLogs)
        add("correlation", "spearman", correlations.spearman)
        add("correlation", "pearson_of_logs_given_step_size", correlations.pearsonOfLogsGivenStepSize)
        add("step_size", "median_ratio", stepSize?.medianRatio)
        add("step_size", "explained_share", stepSize?.explainedShare)
        add("step_size", "hovering_share", stepSize?.hoveringShare)
        add("neighbourhood", "largest_product", neighbourhood?.largestProduct)
        add("neighbourhood", "share_above_one", neighbourhood?.shareAboveOne)
        add("points", "given", Double(points.given))
        add("points", "used", Double(points.used))
        return table
    }

    /// The whole report as JSON with sorted keys; what is undefined is left out, and no number is non-finite.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }
}

private struct FitText {
    let report: FitReport
    let digits: Int

    func text() -> String {
        var lines = heading
        lines += leastSquares + upperEnvelope + powerLaw + correlations + checks
        lines += ["", "Intervals"] + intervals.map { "  " + $0 }
        if report.warnings.isEmpty {
            lines += ["", "No warnings."]
        } else {
            lines += ["", report.warnings.count == 1 ? "1 WARNING" : "\(report.warnings.count) WARNINGS"]
            lines += report.warnings.map { "  ! \($0.message)" }
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
            "  local smoothness  L = max_γ ‖∇f(x_k+γd) − ∇f(x_k)‖/‖γd‖  "
                + "\(number(report.smoothness.minimum)) to \(number(report.smoothness.maximum))",
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
        return [
            "", "Power law, log L = a + ρ log g (natural logarithms)",
            "  ρ = \(estimate(fit.exponent))", "  a = \(estimate(fit.logIntercept))",
            "  R² = \(number(fit.determination)), residual spread of the logs "
                + "\(number(fit.residualStandardDeviationOfLogs)), n = \(report.points.used)",
        ]
    }

    private var correlations: [String] {
        let found = report.correlations
        var lines = [
            "", "Correlation of L and g",
            "  Pearson, of the logs  \(found.pearsonOfLogs.map(estimate) ?? "undefined: L is constant")",
            "  Spearman, of ranks    \(found.spearman.map(estimate) ?? "undefined: L is constant")",
        ]
        if let partial = found.pearsonOfLogsGivenStepSize {
            lines.append("  Pearson, of the logs, given log η_eff  \(estimate(partial))")
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
            "\(bootstrap.replicates) resamples, \(bootstrap.scheme), seed \(bootstrap.seed)",
            "block length \(bootstrap.blockLength) points, \(bootstrap.blockLengthRule)",
        ]
    }

    private func estimate(_ estimate: Estimate) -> String {
        guard let lower = estimate.lower, let upper = estimate.upper else {
            // Where no interval was asked for, that is said once.
            if report.bootstrap.replicates == 0 { return number(estimate.value) }
            return number(estimate.value) + (estimate.reasonWithoutInterval.map { "  (no interval: \($0))" } ?? "")
        }
        return "\(number(estimate.value))  [\(number(lower)), \(number(upper))]"
    }

    private func bound(_ isOnBound: Bool) -> String { isOnBound ? "  on its bound" : "" }

    private func number(_ value: Double?) -> String {
        value.map { significant($0, digits: digits) } ?? "undefined"
    }
}
