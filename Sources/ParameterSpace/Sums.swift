import CVectorKernels

/// What one pass over a block gives at one probe p along the step d = x_{k+1} − x_k. All sums are over the block's
/// elements, in Double; Δ = g − g₀ is the difference of the subset gradients at the probe and at the iterate, and
/// p − x is the displacement that was *applied*, fl(x + γd) − x.
public struct ProbeSums: Sendable, Hashable {
    /// ‖g‖²
    public var gradientSquared = 0.0
    /// ‖Δ‖²
    public var differenceSquared = 0.0
    /// ⟨Δ, p − x⟩
    public var differenceAlongStep = 0.0
    /// ⟨g₀, p − x⟩
    public var baseAlongStep = 0.0
    /// ‖p − x‖²
    public var displacementSquared = 0.0

    public init() {}

    init(_ sums: smoothness_probe_sums) {
        gradientSquared = sums.gradient_squared
        differenceSquared = sums.difference_squared
        differenceAlongStep = sums.difference_step
        baseAlongStep = sums.base_step
        displacementSquared = sums.displacement_squared
    }

    public static func + (left: ProbeSums, right: ProbeSums) -> ProbeSums {
        var sum = left
        sum.gradientSquared += right.gradientSquared
        sum.differenceSquared += right.differenceSquared
        sum.differenceAlongStep += right.differenceAlongStep
        sum.baseAlongStep += right.baseAlongStep
        sum.displacementSquared += right.displacementSquared
        return sum
    }
}

/// What the mean gradient (or gradient difference) of one group of components gives against the mean over all groups: enough to
/// leave the group out of the norm of the mean.
public struct GroupSums: Sendable, Hashable {
    /// ‖g_b‖²
    public var squared = 0.0
    /// ⟨g_b, g⟩
    public var product = 0.0

    public init(squared: Double = 0, product: Double = 0) {
        self.squared = squared
        self.product = product
    }

    init(_ sums: smoothness_group_sums) {
        self.init(squared: sums.squared, product: sums.product)
    }

    public static func + (left: GroupSums, right: GroupSums) -> GroupSums {
        GroupSums(squared: left.squared + right.squared, product: left.product + right.product)
    }
}

/// The sums of a block that comes slice by slice, from its first element to its last: those of `ProbeSums` and two more, the same in every
/// bit wherever it is cut, and as those of a block that is there in one piece.
public struct SliceSums: Sendable {
    var lanes = smoothness_slice_lanes()
    /// Elements added so far.
    public internal(set) var count = 0

    public init() {}

    /// ‖g₀‖², ⟨g₀, g⟩ and what a probe gives.
    public var result: (baseSquared: Double, product: Double, probe: ProbeSums) {
        let sums = smoothness_sum_slices(lanes)
        var probe = ProbeSums()
        probe.gradientSquared = sums.gradient_squared
        probe.differenceSquared = sums.difference_squared
        probe.differenceAlongStep = sums.difference_step
        probe.baseAlongStep = sums.base_step
        probe.displacementSquared = sums.displacement_squared
        return (sums.base_squared, sums.product, probe)
    }
}
