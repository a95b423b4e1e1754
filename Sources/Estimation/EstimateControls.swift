import Foundation

/// What the reference lines say of all rows of an estimate: whether its numbers are curvature or something else.
public struct EstimateControls: Sendable, Codable, Equatable {
    /// The middle of several numbers with the smallest and the largest.
    public struct Spread: Sendable, Codable, Equatable {
        public var smallest: Double
        public var median: Double
        public var largest: Double

        init?(_ values: [Double]) {
            let sorted = values.filter(\.isFinite).sorted()
            guard let first = sorted.first, let last = sorted.last else { return nil }
            smallest = first
            median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
            largest = last
        }
    }

    /// Rows with a local smoothness.
    public var rowCount: Int
    /// Those whose floors are known: the norm of a Hessian has none.
    public var floorRows: Int
    /// Those whose floors are expected to change it by at most 1 %.
    public var safeRows: Int
    /// Probes that a coarse-to-fine search left out, and all there might have been.
    public var skippedProbes: Int
    public var probes: Int
    /// Rows with a norm of the Hessian, and those of them where Lanczos' method has not come to its tolerance.
    public var hessianRows: Int
    public var unconvergedRows: Int
    /// Those whose losses contradict their gradients, docs/method.md.
    public var identityViolations: Int
    /// Rows whose losses are known, so that this could be seen.
    public var identityRows: Int
    /// The standard error of L̂ as a share of it; `nil` where no error is known.
    public var relativeError: Spread?
    /// L̂·η_eff/2: constant near 1, L̂ is what the step size makes it.
    public var edgeRatio: Spread?
    /// The share of the triangle cap.
    public var triangleRatio: Spread?
    /// cos(∇f_S(x_k), ∇f_S(x_{k+1}))
    public var cosine: Spread?

    public init(_ estimates: [StepEstimate]) {
        let rows = estimates.filter(\.status.hasValue)
        rowCount = rows.count
        floorRows = rows.count { $0.maximum?.floorError.isNaN == false }
        safeRows = rows.count { EstimateRow($0).isSafe }
        skippedProbes = rows.reduce(0) { $0 + $1.curve.count { $0.status == .skipped } }
        probes = rows.reduce(0) { $0 + $1.curve.count }
        hessianRows = rows.count { !$0.hessian.converged.isNaN }
        unconvergedRows = rows.count { $0.hessian.converged == 0 }
        identityRows = rows.count { !$0.identity.isNaN }
        identityViolations = rows.count { !$0.identityHolds }
        relativeError = Spread(rows.map { $0.smoothnessError / $0.smoothness })
        edgeRatio = Spread(rows.map(\.edgeRatio))
        triangleRatio = Spread(rows.map(\.triangleRatio))
        cosine = Spread(rows.map(\.cosine))
    }

    /// One line a control, for a person.
    public var lines: [String] {
        guard rowCount > 0 else { return [] }
        func text(_ spread: Spread, _ scale: Double = 1, _ unit: String = "") -> String {
            String(
                format: "%.3g%@ (%.3g … %.3g)", scale * spread.median, unit, scale * spread.smallest,
                scale * spread.largest)
        }
        return [
            relativeError.map { "standard error of the smoothness: \(text($0, 100, " %"))" },
            edgeRatio.map {
                "smoothness × step size / 2: \(text($0)); near 1 throughout, it is the step size that is measured"
            },
            triangleRatio.map { "share of the triangle cap: \(text($0))" },
            cosine.map { "cosine of consecutive gradients: \(text($0))" },
            identityRows == 0
                ? nil
                : "identity of losses and gradients: \(rowCount - identityViolations) of \(rowCount) rows keep it",
            floorRows == 0 ? nil : "floors: \(safeRows) of \(floorRows) rows are safe to 1 %",
            skippedProbes == 0
                ? nil : "search: \(skippedProbes) of \(probes) probes were skipped, the largest value not being there",
            hessianRows == 0
                ? nil
                : "norm of the Hessian: converged in \(hessianRows - unconvergedRows) of \(hessianRows) rows",
        ].compactMap { $0 }
    }

    /// What is to be said wherever the numbers are used; `nil` for nothing.
    public var warning: String? {
        guard unconvergedRows > 0 else { return nil }
        return
            "Lanczos' method has not come to its tolerance in \(unconvergedRows) of \(hessianRows) rows: their norm of the Hessian is a lower "
            + "bound (more --hessian-iterations)"
    }
}
