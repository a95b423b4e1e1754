import ArgumentParser
import Fitting

/// What `fit` fits, besides how its intervals are made.
struct FitLawOptions: ParsableArguments {
    @Option(help: "Bootstrap: moving-block, stationary, or points (as if independent, for comparison).")
    var scheme = BootstrapScheme.movingBlocks
    @Option(parsing: .unconditional, help: "Level τ of the expectile line.")
    var expectile = 6.0 / 7
    @Option(parsing: .unconditional, help: "Level τ of the quantile line.")
    var quantile = 0.95
    @Flag(help: "Weigh points by their standard errors.")
    var weighted = false
    @Option(
        parsing: .unconditional,
        help: "Power law with errors in both variables: the error of log L over that of log g.")
    var errorRatio = 1.0
    @Option(parsing: .unconditional, help: "f* of L = H0 + H1 (f − f*) (default: fitted).")
    var minimumLoss: Double?
    @Option(parsing: .unconditional, help: "ρ of L = L0 + Lρ g^ρ (default: fitted).")
    var order: Double?
    @Option(parsing: .unconditional, help: "α of L = L0 + L1 max ‖∇f‖^α over the segment.")
    var alpha = 1.0

    func validate() throws {
        for (name, level) in [("--expectile", expectile), ("--quantile", quantile)]
        where !(level > 0 && level < 1) {
            throw ValidationError("\(name) must lie between 0 and 1, not \(level)")
        }
        guard errorRatio > 0, errorRatio.isFinite else {
            throw ValidationError("--error-ratio must be a positive number, not \(errorRatio)")
        }
        guard alpha > 0, alpha <= 2 else {
            throw ValidationError("--alpha must lie above 0 and at most at 2, not \(alpha)")
        }
        if let order, !orderRange.contains(order) {
            throw ValidationError("--order must lie between 0 and 4, not \(order)")
        }
        if let minimumLoss, !minimumLoss.isFinite {
            throw ValidationError("--minimum-loss must be a number, not \(minimumLoss)")
        }
    }

    /// Those that were changed.
    var arguments: [String] {
        func option(_ name: String, _ value: Double?, _ usual: Double?) -> [String] {
            value == usual ? [] : ["--" + name, "\(value ?? .nan)"]
        }
        return (scheme == .movingBlocks ? [] : ["--scheme", scheme.rawValue]) + option("expectile", expectile, 6.0 / 7)
            + option("quantile", quantile, 0.95) + (weighted ? ["--weighted"] : [])
            + option("error-ratio", errorRatio, 1) + option("minimum-loss", minimumLoss, nil)
            + option("order", order, nil) + option("alpha", alpha, 1)
    }

    func apply(to options: inout FitOptions) {
        options.scheme = scheme
        options.expectile = expectile
        options.quantile = quantile
        options.isWeighted = weighted
        options.errorRatio = errorRatio
        options.minimumLoss = minimumLoss
        options.order = order
        options.alpha = alpha
    }
}

extension BootstrapScheme: ExpressibleByArgument {}
