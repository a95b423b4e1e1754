import Essentials
import Fitting
import Foundation

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

    /// Every number of the report under its stable name, with what pages call the law and the number.
    var numbers: [ReportNumber] {
        var rows = Law.ofGradientNorm.flatMap(numbers(of:))
        typealias Entry = (column: String, label: String?, estimate: Estimate?)
        func add(_ model: String, label: String? = nil, _ values: [Entry]) {
            rows += values.map { column, name, estimate in
                ReportNumber(
                    model: model, quantity: column, estimate: estimate,
                    modelLabel: label ?? model.replacing("_", with: " "),
                    quantityLabel: name ?? column.replacing("_", with: " "))
            }
        }
        func plain(_ value: Double?) -> Estimate? { value.map { Estimate(value: $0) } }
        if let point = summary.decisivePoint {
            add(
                "least_squares_without_decisive_point",
                [
                    ("iteration", nil, plain(Double(point.iteration))), ("L0", nil, point.intercept),
                    ("L1", nil, point.slope),
                ])
        }
        rows += Law.rivals.flatMap(numbers(of:))
        let found = summary.correlations.values
        var correlations = Correlation.all.map { kind -> Entry in (kind.column, kind.label, found.estimate(kind.key)) }
        for kind in Correlation.all {
            guard let stem = kind.stem, let key = kind.probabilityKey else { continue }
            let label = "p of \(stem.capitalized), if points were independent"
            correlations.append(("\(stem)_probability", label, found.estimate(key)))
        }
        for kind in Correlation.all {
            guard let stem = kind.stem, let key = kind.permutationKey else { continue }
            let label = "p of \(stem.capitalized), by permuted blocks"
            correlations.append(("\(stem)_permutation_probability", label, found.estimate(key)))
        }
        add("correlation", label: "correlation of L and g", correlations)
        for score in summary.comparison.scores {
            add(
                "comparison_" + score.model.rawValue,
                [
                    ("parameters", nil, plain(Double(score.parameters))),
                    ("bic_difference", nil, plain(score.bicDifference)),
                    ("prediction_error", nil, plain(score.predictionError)),
                    ("relative_error", nil, plain(score.relativeError)),
                    ("relative_difference_error", nil, plain(score.relativeDifferenceError)),
                ])
        }
        add(
            "step_size", label: "against the step size",
            [
                ("median_ratio", "median of L̂·η_eff/2", plain(summary.stepSize?.medianRatio)),
                ("explained_share", "share of Var log L̂ that 2/η_eff has", plain(summary.stepSize?.explainedShare)),
                (
                    "hovering_share", "share of points within a factor 1.25 of 2/η_eff",
                    plain(summary.stepSize?.hoveringShare)
                ),
            ])
        add(
            "neighbourhood", label: "neighbourhood, L1·‖d‖",
            [
                ("largest_product", "largest", plain(summary.neighbourhood?.largestProduct)),
                ("share_above_one", "share of points above 1", plain(summary.neighbourhood?.shareAboveOne)),
            ])
        add(
            "points",
            [("given", nil, plain(Double(summary.points.given))), ("used", nil, plain(Double(summary.points.used)))])
        return rows
    }

    private func numbers(of law: Law) -> [ReportNumber] {
        let fit = self[law]
        return law.quantities.map { quantity in
            ReportNumber(
                model: law.name, quantity: quantity.column, estimate: fit?.estimate(quantity.key),
                modelLabel: fit.map(law.label) ?? law.name, quantityLabel: quantity.label)
        }
    }

    /// The whole report as JSON with sorted keys; what is undefined is left out.
    public func json() throws -> String { try jsonDocument(self) }
}

/// One number of a report under its stable name; without an estimate where it is undefined.
struct ReportNumber {
    let model: String
    let quantity: String
    let estimate: Estimate?
    /// What pages call the two.
    let modelLabel: String
    let quantityLabel: String
}
