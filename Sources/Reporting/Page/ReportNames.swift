import Fitting

/// What the stable names of a report are called on a page.
enum ReportNames {
    static func law(_ model: String, _ fit: FitReport) -> String {
        func level(_ line: LineFit) -> String { significant(line.level ?? .nan, digits: 3) }
        return switch model {
        case "theil_sen": "Theil–Sen"
        case "expectile": "expectile, τ = \(level(fit.expectile))"
        case "quantile": "quantile, τ = \(level(fit.quantile))"
        case "power_law": "power law, log L = a + ρ log g"
        case "power_law_errors_in_both": "power law, errors in both"
        case "order": "order ρ, L0 + Lρ g^ρ"
        case "loss_gap": "loss gap, H0 + H1 (f − f*)"
        case "alpha_symmetric": "α-symmetric, L0 + L1 max ‖∇f‖^α"
        case "correlation": "correlation of L and g"
        case "step_size": "against the step size"
        case "neighbourhood": "neighbourhood, L1·‖d‖"
        default: model.replacing("_", with: " ")
        }
    }

    static func quantity(_ name: String) -> String { quantities[name] ?? name.replacing("_", with: " ") }

    private static let quantities = [
        "determination": "R²", "residual_standard_deviation": "residual spread",
        "residual_standard_deviation_of_logs": "residual spread of the logs", "share_above": "share of points above",
        "log_intercept": "a", "exponent": "ρ", "error_ratio": "error of log L over that of log g", "L_rho": "Lρ",
        "rho": "ρ", "minimum_loss": "f*", "alpha": "α", "pearson_of_logs": "Pearson, of the logs",
        "spearman": "Spearman", "kendall": "Kendall",
        "pearson_of_logs_given_step_size": "Pearson, of the logs, given log η_eff",
        "pearson_probability": "p of Pearson, if points were independent",
        "spearman_probability": "p of Spearman, if points were independent",
        "kendall_probability": "p of Kendall, if points were independent",
        "pearson_permutation_probability": "p of Pearson, by permuted blocks",
        "spearman_permutation_probability": "p of Spearman, by permuted blocks",
        "median_ratio": "median of L̂·η_eff/2", "explained_share": "share of Var log L̂ that 2/η_eff has",
        "hovering_share": "share of points within a factor 1.25 of 2/η_eff", "largest_product": "largest",
        "share_above_one": "share of points above 1",
    ]
}
