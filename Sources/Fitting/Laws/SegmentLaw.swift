import Foundation

extension Law {
    /// α-symmetric smoothness: L grows with the largest gradient norm between two iterates.
    public static let segment: Law = {
        var law = line(
            "segment", "alpha_symmetric", formula: "L = L0 + L1 max ‖∇f‖^α over the segment",
            heading: { fit, style in
                "α-symmetric, L = L0 + L1 s^α, s the largest gradient norm between x_k and x_{k+1}, α = "
                    + style.short(fit.number("alpha") ?? .nan)
            },
            model: { "L = L0 + L1 max ‖∇f‖" + ($0.alpha == 1 ? "" : "^\(significant($0.alpha, digits: 3))") },
            constants: { ["alpha": $0.alpha] }
        ) { points, options in
            points.segmentGradientNorm.flatMap { norms in
                norms.allSatisfy { $0.isFinite && $0 > 0 } ? norms.map { pow($0, options.alpha) } : nil
            }
        }
        law.label = { _ in "α-symmetric, L0 + L1 max ‖∇f‖^α" }
        law.latex = { _ in "$\\alpha$-symmetric" }
        law.quantities.insert(LawQuantity("alpha", "alpha", label: "α"), at: 2)
        return law
    }()
}

extension ModelScore.Model {
    /// L = L0 + L1 max ‖∇f‖^α over the segment
    public static let segment = Self(rawValue: "segment")
}

extension FitReport {
    /// L = L0 + L1 s^α with s the largest gradient norm on the segment; `nil` for points without the gradients of the segment.
    public var segment: FittedValues? { self[.segment] }
}
