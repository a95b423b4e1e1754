/// What rounding and an evaluation that does not repeat itself do to L̂(γ).
///
/// The gradient difference is Δ + e with an error e whose norm is known: ε_rep for the repeatability, r·max‖g‖ for rounding, where r has
/// been measured by evaluating the same gradients in Double (or is the machine epsilon). With q = ‖e‖/‖Δ‖ and the part ρ of e that
/// lies along Δ,
///
///     ‖Δ + e‖ = ‖Δ‖ (1 + ρq + (1 − ρ²) q²/2 + …)
///
/// so that an error across the difference, as rounding mostly is, does little until it is as long as the difference itself.
public struct Floors: Sendable, Equatable {
    /// ε_rep
    public var repeatability: Double
    /// r
    public var relativeRounding: Double
    /// ρ of rounding, in [0, 1].
    public var roundingProjection: Double

    public init(repeatability: Double, relativeRounding: Double, roundingProjection: Double = 1) {
        self.repeatability = repeatability
        self.relativeRounding = relativeRounding
        self.roundingProjection = roundingProjection
    }

    /// Above which every value lies.
    package static let none = Floors(repeatability: 0, relativeRounding: 0)

    /// Fills the floors of a point whose smoothness and norms are known, and its status.
    package func judge(_ point: inout CurvePoint, baseNorm: Double) {
        let displacement = point.displacementNorm
        point.noiseFloor = repeatability / displacement
        point.roundingFloor = relativeRounding * max(baseNorm, point.gradientNorm) / displacement
        // Recorded gradients are not evaluated again: nothing is known of their repeatability.
        let knownNoise = point.noiseFloor.isNaN ? 0 : point.noiseFloor
        let (noise, rounding) = (knownNoise / point.smoothness, point.roundingFloor / point.smoothness)
        // Nothing is known of where an evaluation's noise points to.
        // A projection that was small once by chance may be larger at this γ: it is taken twice, and a twentieth more.
        let projection = min(1, 2 * roundingProjection + 0.05)
        point.floorError = noise + noise * noise / 2 + projection * rounding + rounding * rounding / 2
        let floor = max(knownNoise, point.roundingFloor)
        point.status = point.smoothness > EstimateStatus.floorFactor * floor ? .ok : .belowFloor
    }
}
