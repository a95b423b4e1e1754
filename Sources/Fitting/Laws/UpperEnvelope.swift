/// The upper envelope: the line L0 + L1 g ≥ L_k above all points, L0, L1 ≥ 0, with the least mean excess
/// (1/n) Σ (L0 + L1 g_k − L_k); the limit τ → 1 of quantile regression.
///
/// Exact: the mean excess is L0 + L1 ḡ − L̄, so among lines above all points the best is the upper hull's edge over ḡ. L0 ≥ 0
/// is the demand to lie above one more point, (0, 0); where the edge falls, L1 = 0 and L0 = max L by convexity.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func upperEnvelope(gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    precondition(gradientNorm.count == smoothness.count, "a line needs as many gradient norms as values of smoothness")
    let order = ascending(gradientNorm, smoothness)
    guard order.count >= 2, let first = order.first, let last = order.last,
        gradientNorm[first] < gradientNorm[last],
        let hull = UpperHull(order, gradientNorm: gradientNorm, smoothness: smoothness)
    else { return nil }
    let sum = order.reduce(0) { $0 + gradientNorm[$1] / hull.gScale }
    // Every point is covered, rounding of the edge included.
    return hull.line(over: sum / Double(order.count), covering: order)
}

/// The envelopes of the points without ℓ consecutive ones, for windows that overlap as far as 400 of them allow.
///
/// Without a window that holds no vertex of the hull only the mean changes. For the others the hulls of about √n stretches of the
/// points stand for all that the window does not touch.
func envelopesWithoutOneBlock(_ blockLength: Int, gradientNorm: [Double], smoothness: [Double]) -> [SmoothnessLine] {
    let count = gradientNorm.count
    guard count - blockLength >= 2,
        let windows = EnvelopeWindows(gradientNorm: gradientNorm, smoothness: smoothness)
    else { return [] }
    let last = count - blockLength
    var starts = Array(stride(from: 0, to: last, by: min(blockLength, max(1, count / 400))))
    starts.append(last)
    return starts.compactMap { windows.envelope(without: $0..<$0 + blockLength) }
}

/// The places of the points, ascending in the gradient norm, then in the smoothness.
private func ascending(_ gradientNorm: [Double], _ smoothness: [Double]) -> [Int] {
    var order = InversionSort(keys: smoothness)
    _ = order.sort()
    order.setKeys { gradientNorm[$0] }
    _ = order.sort()
    return order.items.map(Int.init)
}

/// The upper hull of (0, 0) and points.
private struct UpperHull {
    let gradientNorm: [Double]
    let smoothness: [Double]
    let gScale: Double
    let lScale: Double
    /// The places of the points on the hull, ascending in the gradient norm; (0, 0) is left out.
    private(set) var vertices: [Int] = []

    /// - Parameter order: places of points, ascending in the gradient norm.
    /// - Returns: `nil` without points above (0, 0).
    init?(_ order: [Int], gradientNorm: [Double], smoothness: [Double]) {
        (self.gradientNorm, self.smoothness) = (gradientNorm, smoothness)
        lScale = order.reduce(0) { max($0, smoothness[$1]) }
        gScale = order.last.map { gradientNorm[$0] } ?? 0
        guard lScale > 0, gScale > 0 else { return nil }
        var hull: [(g: Double, l: Double)] = [(0, 0)]
        for index in order {
            let point = (g: gradientNorm[index] / gScale, l: smoothness[index] / lScale)
            while hull.count >= 2 {
                let (a, b) = (hull[hull.count - 2], hull[hull.count - 1])
                // b stays only where it is strictly above the chord from a to the new point.
                if (b.g - a.g) * (point.l - a.l) - (b.l - a.l) * (point.g - a.g) < 0 { break }
                hull.removeLast()
                vertices.removeLast()
            }
            hull.append(point)
            vertices.append(index)
        }
    }

    private func scaled(_ index: Int) -> (g: Double, l: Double) {
        (gradientNorm[index] / gScale, smoothness[index] / lScale)
    }

    /// The edge over `mean`, a gradient norm in units of `gScale`, lifted above the points of `covering`.
    func line(over mean: Double, covering: [Int]) -> SmoothnessLine {
        let right = vertices.firstIndex { scaled($0).g >= mean } ?? vertices.count - 1
        let a = right > 0 ? scaled(vertices[right - 1]) : (g: 0, l: 0)
        let b = scaled(vertices[right])
        let slope = max((b.l - a.l) / (b.g - a.g), 0)
        let intercept = covering.reduce(0) { max($0, smoothness[$1] / lScale - slope * (gradientNorm[$1] / gScale)) }
        // An edge that starts at (0, 0) has no intercept; what is left there is rounding.
        let covers = a.g == 0 && intercept <= 0x1p-50
        return SmoothnessLine(intercept: covers ? 0 : intercept * lScale, slope: slope * (lScale / gScale))
    }
}

/// Envelopes of all points but a window of them.
private struct EnvelopeWindows {
    private let gradientNorm: [Double]
    private let smoothness: [Double]
    private let hull: UpperHull
    /// Points to a stretch.
    private let length: Int
    /// The vertices of the hulls of all stretches.
    private let candidates: [Int]
    /// Of the points before a place, and of those from it on: the sum of the gradient norms in units of the largest, the least, the
    /// largest.
    private let before, after: [(sum: Double, least: Double, largest: Double)]

    init?(gradientNorm: [Double], smoothness: [Double]) {
        (self.gradientNorm, self.smoothness) = (gradientNorm, smoothness)
        let count = gradientNorm.count
        let length = max(Int(Double(count).squareRoot()), 1)
        self.length = length
        candidates = stride(from: 0, to: count, by: length).flatMap { start in
            let part = (start..<min(start + length, count)).sorted {
                (gradientNorm[$0], smoothness[$0]) < (gradientNorm[$1], smoothness[$1])
            }
            return UpperHull(part, gradientNorm: gradientNorm, smoothness: smoothness)?.vertices ?? []
        }
        guard let hull = Self.hull(candidates, gradientNorm, smoothness) else { return nil }
        self.hull = hull
        func accumulate(_ values: some Sequence<Double>) -> [(sum: Double, least: Double, largest: Double)] {
            var result = [(sum: 0.0, least: Double.infinity, largest: 0.0)]
            result.reserveCapacity(count + 1)
            for value in values {
                let (sum, least, largest) = result[result.count - 1]
                result.append((sum + value / hull.gScale, min(least, value), max(largest, value)))
            }
            return result
        }
        before = accumulate(gradientNorm)
        after = accumulate(gradientNorm.reversed()).reversed()
    }

    private static func hull(_ points: [Int], _ gradientNorm: [Double], _ smoothness: [Double]) -> UpperHull? {
        let order = points.sorted { (gradientNorm[$0], smoothness[$0]) < (gradientNorm[$1], smoothness[$1]) }
        return UpperHull(order, gradientNorm: gradientNorm, smoothness: smoothness)
    }

    /// - Returns: `nil` where the points left have one gradient norm.
    func envelope(without window: Range<Int>) -> SmoothnessLine? {
        let (left, right) = (before[window.lowerBound], after[window.upperBound])
        guard min(left.least, right.least) < max(left.largest, right.largest) else { return nil }
        let mean = (left.sum + right.sum) / Double(gradientNorm.count - window.count)
        guard hull.vertices.contains(where: window.contains) else {
            return hull.line(over: mean, covering: hull.vertices)
        }
        let touched = window.lowerBound / length...(window.upperBound - 1) / length
        let stretches = touched.lowerBound * length..<min((touched.upperBound + 1) * length, gradientNorm.count)
        let kept =
            candidates.filter { !stretches.contains($0) } + (stretches.lowerBound..<window.lowerBound)
            + (window.upperBound..<stretches.upperBound)
        guard let rest = Self.hull(kept, gradientNorm, smoothness) else { return nil }
        return rest.line(over: mean * (hull.gScale / rest.gScale), covering: rest.vertices)
    }
}

extension Law {
    /// The upper envelope.
    public static let upperEnvelope: Law = {
        var law = Law(
            "upperEnvelope", "upper_envelope", formula: "L = L0 + L1 g above all points, with the least mean excess")
        law.title = "the upper envelope"
        law.quantities = [.intercept, .slope, LawQuantity("meanExcess", "mean_excess")]
        law.isRequired = true
        law.isForAdvice = true
        law.solve = { work in
            let (g, l) = (work.points.gradientNorm, work.points.smoothness)
            guard let line = Fitting.upperEnvelope(gradientNorm: g, smoothness: l) else { return nil }
            return LawSolution(mustBeFinite: [line.intercept, line.slope]) { intervals in
                let reason =
                    "the bootstrap is not consistent for an extreme of the sample; see the range without one block"
                let without = envelopesWithoutOneBlock(intervals.blockLength, gradientNorm: g, smoothness: l)
                return [
                    "intercept": Estimate(value: line.intercept, reasonWithoutInterval: reason),
                    "slope": Estimate(value: line.slope, reasonWithoutInterval: reason),
                    "interceptOnBound": line.intercept == 0, "slopeOnBound": line.slope == 0,
                    "meanExcess": max(mean(g.indices.map { line(g[$0]) - l[$0] }), 0),
                    "interceptWithoutOneBlock": without.isEmpty ? nil : Extent(of: without.map(\.intercept)),
                    "slopeWithoutOneBlock": without.isEmpty ? nil : Extent(of: without.map(\.slope)),
                ]
            }
        }
        law.text = { fit, report, style in
            func line(_ name: String, _ value: Double, _ extent: Extent?, _ isOnBound: Bool) -> String {
                let range = extent.map {
                    "  (leaving out one block: \(style.number($0.minimum)) to \(style.number($0.maximum)))"
                }
                return "  \(name) = \(style.number(value))\(range ?? "")\(style.bound(isOnBound))"
            }
            return [
                "", "Upper envelope, the line above all points with the least mean excess, L0, L1 ≥ 0",
                line("L0", fit.intercept.value, fit.interceptWithoutOneBlock, fit.interceptOnBound),
                line("L1", fit.slope.value, fit.slopeWithoutOneBlock, fit.slopeOnBound),
                "  mean excess \(style.number(fit.meanExcess)), n = \(report.points.used)",
            ]
        }
        law.curve = .line(1, "#000000", dash: [12, 6]) { _ in "upper envelope" }
        return law
    }()
}

extension FittedValues {
    /// (1/n) Σ (L0 + L1 g_k − L_k) ≥ 0, in units of smoothness.
    public var meanExcess: Double { number("meanExcess") ?? .nan }
    /// The range of a coefficient when each run of one block length of points is left out in turn: how much the envelope
    /// hangs on single stretches of the run. Not a confidence interval.
    public var interceptWithoutOneBlock: Extent? { extent("interceptWithoutOneBlock") }
    public var slopeWithoutOneBlock: Extent? { extent("slopeWithoutOneBlock") }
}

extension FitReport {
    public var upperEnvelope: FittedValues { required(.upperEnvelope) }
}
