import CVectorKernels

/// The element of a parameter vector: Float or Double. Every operation takes whole arrays or a range of them, computes
/// in Double and rounds once at the end; reductions have a fixed order (see CVectorKernels).
public protocol ParameterScalar: BinaryFloatingPoint, BitwiseCopyable, Sendable, Codable {
    /// `float32` or `float64`, as in run files.
    static var scalarName: String { get }
    /// Σ x[i]·y[i] over `range`.
    static func dot(_ x: [Self], _ y: [Self], in range: Range<Int>) -> Double
    /// Σ (y[i] − x[i])² over `range`.
    static func squaredDistance(_ x: [Self], _ y: [Self], in range: Range<Int>) -> Double
    /// How many elements of `range` are NaN or infinite.
    static func nonfiniteCount(_ x: [Self], in range: Range<Int>) -> Int
    /// Whether all elements have the same bits: zeros the same sign, and NaN is itself.
    static func isSame(_ x: [Self], _ y: [Self]) -> Bool
    /// A vector of `count` zeros: a millisecond for millions, where `Array(repeating:count:)` in generic code calls a function an element.
    static func zeros(_ count: Int) -> [Self]
    /// sum[i] += scale·x[i] over `range`.
    static func accumulate(into sum: inout [Double], scale: Double, _ x: [Self], in range: Range<Int>)
    /// point[i] = fl(from[i] + fraction·(to[i] − from[i])).
    static func pointAlong(into point: inout [Self], from: [Self], to: [Self], fraction: Double)
    /// y[i] = fl(a·x[i] + b·y[i]) over `range`.
    static func axpby(_ a: Double, _ x: [Self], _ b: Double, into y: inout [Self], in range: Range<Int>)
    /// sum[i] = fl(a·x[i] + b·y[i]) over `range`.
    static func combine(
        into sum: inout [Self], _ a: Double, _ x: [Self], _ b: Double, _ y: [Self], in range: Range<Int>)
    /// next[i] = fl(k·x[i] − a·m[i] − b·g[i]) over `range`, from left to right; m and g may be the same array.
    static func step(
        into next: inout [Self], keeping k: Double, of x: [Self], _ a: Double, _ m: [Self], _ b: Double, _ g: [Self],
        in range: Range<Int>)
    /// One step of Adam over `range`, see `AdamNumbers`.
    static func adam(
        into next: inout [Self], keeping k: Double, of x: [Self], firstMoment m: inout [Self],
        secondMoment v: inout [Self], gradient g: [Self], _ numbers: AdamNumbers, in range: Range<Int>)
    /// The sums of one probe over `range`; `gradient` and `base` are the Double subset gradients g and g₀.
    static func probeSums(
        gradient: [Double], base: [Double], probe: [Self], iterate: [Self], in range: Range<Int>
    ) -> ProbeSums
    /// rounded[i] = fl(factor·x[i]).
    static func round(into rounded: inout [Self], factor: Double, _ x: [Double])
    /// ‖g‖² and ⟨g, m⟩ over `range`, of the mean gradient g of a group and m of all.
    static func groupSums(_ group: [Self], mean: [Double], in range: Range<Int>) -> GroupSums
    /// The same of g − g₀ and m − m₀.
    static func groupSums(
        _ group: [Self], from groupBase: [Self], mean: [Double], from base: [Double], in range: Range<Int>
    ) -> GroupSums
    /// Adds a slice of a block to its running sums: x, p, g₀ and g of the elements `range` of the arrays.
    static func add(
        to sums: inout SliceSums, iterate: [Self], probe: [Self], base: [Self], gradient: [Self], in range: Range<Int>)
}

extension ParameterScalar {
    /// Σ x[i]² over `range`.
    public static func squaredNorm(_ x: [Self], in range: Range<Int>) -> Double { dot(x, x, in: range) }

    /// sum[i] += scale·x[i].
    public static func accumulate(into sum: inout [Double], scale: Double, _ x: [Self]) {
        checkSameCount(sum.count, x.count)
        accumulate(into: &sum, scale: scale, x, in: 0..<x.count)
    }

    /// y[i] = fl(a·x[i] + b·y[i]).
    public static func axpby(_ a: Double, _ x: [Self], _ b: Double, into y: inout [Self]) {
        checkSameCount(x.count, y.count)
        axpby(a, x, b, into: &y, in: 0..<x.count)
    }

    /// next[i] = fl(x[i] − a·m[i] − b·g[i]), from left to right; m and g may be the same array.
    public static func step(
        into next: inout [Self], from x: [Self], _ a: Double, _ m: [Self], _ b: Double, _ g: [Self]
    ) {
        checkSameCount(next.count, x.count)
        step(into: &next, keeping: 1, of: x, a, m, b, g, in: 0..<x.count)
    }
}

private func check(_ range: Range<Int>, within counts: Int...) {
    for count in counts {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "range \(range) reaches outside \(count) elements")
    }
}

private func checkSameCount(_ first: Int, _ second: Int) {
    precondition(first == second, "vectors of \(first) and \(second) elements cannot be combined")
}

extension Float: ParameterScalar {
    public static var scalarName: String { "float32" }

    public static func dot(_ x: [Float], _ y: [Float], in range: Range<Int>) -> Double {
        check(range, within: x.count, y.count)
        return smoothness_dot_f32(x, y, range.lowerBound, range.count)
    }

    public static func squaredDistance(_ x: [Float], _ y: [Float], in range: Range<Int>) -> Double {
        check(range, within: x.count, y.count)
        return smoothness_squared_distance_f32(x, y, range.lowerBound, range.count)
    }

    public static func nonfiniteCount(_ x: [Float], in range: Range<Int>) -> Int {
        check(range, within: x.count)
        return smoothness_nonfinite_f32(x, range.lowerBound, range.count)
    }

    public static func isSame(_ x: [Float], _ y: [Float]) -> Bool {
        x.count == y.count && smoothness_same_f32(x, y, x.count) != 0
    }

    public static func zeros(_ count: Int) -> [Float] { [Float](repeating: 0, count: count) }

    public static func accumulate(into sum: inout [Double], scale: Double, _ x: [Float], in range: Range<Int>) {
        check(range, within: sum.count, x.count)
        smoothness_accumulate_f32(&sum, scale, x, range.lowerBound, range.count)
    }

    public static func pointAlong(into point: inout [Float], from: [Float], to: [Float], fraction: Double) {
        checkSameCount(from.count, to.count)
        checkSameCount(point.count, to.count)
        smoothness_point_along_f32(&point, from, to, fraction, to.count)
    }

    public static func axpby(_ a: Double, _ x: [Float], _ b: Double, into y: inout [Float], in range: Range<Int>) {
        check(range, within: x.count, y.count)
        smoothness_axpby_f32(&y, a, x, b, range.lowerBound, range.count)
    }

    public static func combine(
        into sum: inout [Float], _ a: Double, _ x: [Float], _ b: Double, _ y: [Float], in range: Range<Int>
    ) {
        check(range, within: sum.count, x.count, y.count)
        smoothness_combine_f32(&sum, a, x, b, y, range.lowerBound, range.count)
    }

    public static func step(
        into next: inout [Float], keeping k: Double, of x: [Float], _ a: Double, _ m: [Float], _ b: Double,
        _ g: [Float],
        in range: Range<Int>
    ) {
        check(range, within: next.count, x.count, m.count, g.count)
        smoothness_step_f32(&next, k, x, a, m, b, g, range.lowerBound, range.count)
    }

    public static func adam(
        into next: inout [Float], keeping k: Double, of x: [Float], firstMoment m: inout [Float],
        secondMoment v: inout [Float], gradient g: [Float], _ numbers: AdamNumbers, in range: Range<Int>
    ) {
        check(range, within: next.count, x.count, m.count, v.count, g.count)
        smoothness_adam_f32(&next, k, x, &m, &v, g, numbers.kernel, range.lowerBound, range.count)
    }

    public static func probeSums(
        gradient: [Double], base: [Double], probe: [Float], iterate: [Float], in range: Range<Int>
    ) -> ProbeSums {
        check(range, within: gradient.count, base.count, probe.count, iterate.count)
        return ProbeSums(smoothness_probe_f32(gradient, base, probe, iterate, range.lowerBound, range.count))
    }

    public static func round(into rounded: inout [Float], factor: Double, _ x: [Double]) {
        checkSameCount(rounded.count, x.count)
        smoothness_round_f32(&rounded, factor, x, x.count)
    }

    public static func groupSums(_ group: [Float], mean: [Double], in range: Range<Int>) -> GroupSums {
        check(range, within: group.count, mean.count)
        return GroupSums(smoothness_group_f32(group, mean, range.lowerBound, range.count))
    }

    public static func groupSums(
        _ group: [Float], from groupBase: [Float], mean: [Double], from base: [Double], in range: Range<Int>
    ) -> GroupSums {
        check(range, within: group.count, groupBase.count, mean.count, base.count)
        return GroupSums(
            smoothness_group_difference_f32(group, groupBase, mean, base, range.lowerBound, range.count))
    }

    public static func add(
        to sums: inout SliceSums, iterate: [Float], probe: [Float], base: [Float], gradient: [Float],
        in range: Range<Int>
    ) {
        check(range, within: iterate.count, probe.count, base.count, gradient.count)
        smoothness_add_slice_f32(
            &sums.lanes, sums.count, iterate, probe, base, gradient, range.lowerBound, range.count)
        sums.count += range.count
    }
}

extension Double: ParameterScalar {
    public static var scalarName: String { "float64" }

    public static func dot(_ x: [Double], _ y: [Double], in range: Range<Int>) -> Double {
        check(range, within: x.count, y.count)
        return smoothness_dot_f64(x, y, range.lowerBound, range.count)
    }

    public static func squaredDistance(_ x: [Double], _ y: [Double], in range: Range<Int>) -> Double {
        check(range, within: x.count, y.count)
        return smoothness_squared_distance_f64(x, y, range.lowerBound, range.count)
    }

    public static func nonfiniteCount(_ x: [Double], in range: Range<Int>) -> Int {
        check(range, within: x.count)
        return smoothness_nonfinite_f64(x, range.lowerBound, range.count)
    }

    public static func isSame(_ x: [Double], _ y: [Double]) -> Bool {
        x.count == y.count && smoothness_same_f64(x, y, x.count) != 0
    }

    public static func zeros(_ count: Int) -> [Double] { [Double](repeating: 0, count: count) }

    public static func accumulate(into sum: inout [Double], scale: Double, _ x: [Double], in range: Range<Int>) {
        check(range, within: sum.count, x.count)
        smoothness_accumulate_f64(&sum, scale, x, range.lowerBound, range.count)
    }

    public static func pointAlong(into point: inout [Double], from: [Double], to: [Double], fraction: Double) {
        checkSameCount(from.count, to.count)
        checkSameCount(point.count, to.count)
        smoothness_point_along_f64(&point, from, to, fraction, to.count)
    }

    public static func axpby(_ a: Double, _ x: [Double], _ b: Double, into y: inout [Double], in range: Range<Int>) {
        check(range, within: x.count, y.count)
        smoothness_axpby_f64(&y, a, x, b, range.lowerBound, range.count)
    }

    public static func combine(
        into sum: inout [Double], _ a: Double, _ x: [Double], _ b: Double, _ y: [Double], in range: Range<Int>
    ) {
        check(range, within: sum.count, x.count, y.count)
        smoothness_combine_f64(&sum, a, x, b, y, range.lowerBound, range.count)
    }

    public static func step(
        into next: inout [Double], keeping k: Double, of x: [Double], _ a: Double, _ m: [Double], _ b: Double,
        _ g: [Double],
        in range: Range<Int>
    ) {
        check(range, within: next.count, x.count, m.count, g.count)
        smoothness_step_f64(&next, k, x, a, m, b, g, range.lowerBound, range.count)
    }

    public static func adam(
        into next: inout [Double], keeping k: Double, of x: [Double], firstMoment m: inout [Double],
        secondMoment v: inout [Double], gradient g: [Double], _ numbers: AdamNumbers, in range: Range<Int>
    ) {
        check(range, within: next.count, x.count, m.count, v.count, g.count)
        smoothness_adam_f64(&next, k, x, &m, &v, g, numbers.kernel, range.lowerBound, range.count)
    }

    public static func probeSums(
        gradient: [Double], base: [Double], probe: [Double], iterate: [Double], in range: Range<Int>
    ) -> ProbeSums {
        check(range, within: gradient.count, base.count, probe.count, iterate.count)
        return ProbeSums(smoothness_probe_f64(gradient, base, probe, iterate, range.lowerBound, range.count))
    }

    public static func round(into rounded: inout [Double], factor: Double, _ x: [Double]) {
        checkSameCount(rounded.count, x.count)
        smoothness_round_f64(&rounded, factor, x, x.count)
    }

    public static func groupSums(_ group: [Double], mean: [Double], in range: Range<Int>) -> GroupSums {
        check(range, within: group.count, mean.count)
        return GroupSums(smoothness_group_f64(group, mean, range.lowerBound, range.count))
    }

    public static func groupSums(
        _ group: [Double], from groupBase: [Double], mean: [Double], from base: [Double], in range: Range<Int>
    ) -> GroupSums {
        check(range, within: group.count, groupBase.count, mean.count, base.count)
        return GroupSums(
            smoothness_group_difference_f64(group, groupBase, mean, base, range.lowerBound, range.count))
    }

    public static func add(
        to sums: inout SliceSums, iterate: [Double], probe: [Double], base: [Double], gradient: [Double],
        in range: Range<Int>
    ) {
        check(range, within: iterate.count, probe.count, base.count, gradient.count)
        smoothness_add_slice_f64(
            &sums.lanes, sums.count, iterate, probe, base, gradient, range.lowerBound, range.count)
        sums.count += range.count
    }
}

/// x[i] *= factor.
public func scale(_ x: inout [Double], by factor: Double) {
    smoothness_scale_f64(&x, factor, x.count)
}
