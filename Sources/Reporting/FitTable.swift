import Essentials
import Fitting

extension FitReport {
    /// One row a number: `model, quantity, value, lower, upper, standard_error`; stable names for programs.
    public func table() -> Table {
        var table = Table(columns: ["model", "quantity", "value", "lower", "upper", "standard_error"])
        for row in numbers {
            table.append([
                .string(row.model), .string(row.quantity), .optional(row.estimate?.value),
                .optional(row.estimate?.lower), .optional(row.estimate?.upper), .optional(row.estimate?.standardError),
            ])
        }
        return table
    }

    /// Every number of the report under its stable name.
    var numbers: [(model: String, quantity: String, estimate: Estimate?)] {
        var rows: [(model: String, quantity: String, estimate: Estimate?)] = []
        func add(_ model: String, _ values: [(String, Estimate?)]) {
            rows += values.map { (model, $0.0, $0.1) }
        }
        func plain(_ value: Double?) -> Estimate? { value.map { Estimate(value: $0) } }
        add(
            "least_squares",
            [
                ("L0", leastSquares.intercept), ("L1", leastSquares.slope),
                ("determination", plain(leastSquares.determination)),
                ("residual_standard_deviation", plain(leastSquares.residualStandardDeviation)),
            ])
        for (name, line) in [("theil_sen", theilSen), ("expectile", expectile), ("quantile", quantile)] {
            add(
                name,
                [
                    ("L0", line.intercept), ("L1", line.slope), ("level", plain(line.level)),
                    ("share_above", plain(line.shareAbove)),
                ])
        }
        add(
            "upper_envelope",
            [
                ("L0", upperEnvelope.intercept), ("L1", upperEnvelope.slope),
                ("mean_excess", plain(upperEnvelope.meanExcess)),
            ])
        add(
            "power_law",
            [
                ("log_intercept", powerLaw.logIntercept), ("exponent", powerLaw.exponent),
                ("determination", plain(powerLaw.determination)),
                ("residual_standard_deviation_of_logs", plain(powerLaw.residualStandardDeviationOfLogs)),
            ])
        add(
            "power_law_errors_in_both",
            [
                ("log_intercept", powerLawWithErrors?.logIntercept), ("exponent", powerLawWithErrors?.exponent),
                ("error_ratio", plain(powerLawWithErrors?.errorRatio)),
            ])
        if let point = decisivePoint {
            add(
                "least_squares_without_decisive_point",
                [
                    ("iteration", plain(Double(point.iteration))), ("L0", point.intercept), ("L1", point.slope),
                ])
        }
        add("constant", [("L0", constant)])
        add(
            "order",
            [
                ("L0", order?.intercept), ("L_rho", order?.coefficient), ("rho", order?.order),
                ("determination", plain(order?.determination)),
            ])
        add(
            "loss_gap",
            [
                ("H0", gap?.intercept), ("H1", gap?.slope), ("minimum_loss", plain(gap?.minimum)),
                ("determination", plain(gap?.determination)),
            ])
        add(
            "alpha_symmetric",
            [
                ("L0", segment?.intercept), ("L1", segment?.slope), ("alpha", plain(segment?.alpha)),
                ("determination", plain(segment?.determination)),
            ])
        add(
            "correlation",
            [
                ("pearson_of_logs", correlations.pearsonOfLogs), ("spearman", correlations.spearman),
                ("kendall", correlations.kendall),
                ("pearson_of_logs_given_step_size", correlations.pearsonOfLogsGivenStepSize),
                ("pearson_probability", plain(correlations.pearsonProbability)),
                ("spearman_probability", plain(correlations.spearmanProbability)),
                ("kendall_probability", plain(correlations.kendallProbability)),
                ("pearson_permutation_probability", plain(correlations.pearsonPermutationProbability)),
                ("spearman_permutation_probability", plain(correlations.spearmanPermutationProbability)),
            ])
        for score in comparison.scores {
            add(
                "comparison_" + score.model.rawValue,
                [
                    ("parameters", plain(Double(score.parameters))), ("bic_difference", plain(score.bicDifference)),
                    ("prediction_error", plain(score.predictionError)),
                    ("relative_error", plain(score.relativeError)),
                    ("relative_difference_error", plain(score.relativeDifferenceError)),
                ])
        }
        add(
            "step_size",
            [
                ("median_ratio", plain(stepSize?.medianRatio)), ("explained_share", plain(stepSize?.explainedShare)),
                ("hovering_share", plain(stepSize?.hoveringShare)),
            ])
        add(
            "neighbourhood",
            [
                ("largest_product", plain(neighbourhood?.largestProduct)),
                ("share_above_one", plain(neighbourhood?.shareAboveOne)),
            ])
        add("points", [("given", plain(Double(points.given))), ("used", plain(Double(points.used)))])
        return rows
    }

    /// The whole report as JSON with sorted keys; what is undefined is left out.
    public func json() throws -> String { try jsonDocument(self) }
}
