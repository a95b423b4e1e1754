/// The upper envelope: the line L0 + L1 g ≥ L_k above all points, L0, L1 ≥ 0, with the least mean excess
/// (1/n) Σ (L0 + L1 g_k − L_k); the limit τ → 1 of quantile regression.
///
/// Exact: the mean excess is L0 + L1 ḡ − L̄, so among lines above all points the best is the upper hull's edge over ḡ. L0 ≥ 0
/// is the demand to lie above one more point, (0, 0); where the edge falls, L1 = 0 and L0 = max L by convexity.
/// - Returns: `nil` where all gradient norms are equal (or n < 2).
public func upperEnvelope(gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    precondition(gradientNorm.count == smoothness.count, "a line needs as many gradient norms as values of smoothness")
    var order = InversionSort(keys: smoothness)
    _ = order.sort()
    order.setKeys { gradientNorm[$0] }
    _ = order.sort()
    return upperEnvelope(inOrder: order.items.map(Int.init), gradientNorm: gradientNorm, smoothness: smoothness)
}

/// The upper envelope of the points named by `order`, ascending in the gradient norm.
func upperEnvelope(inOrder order: [Int], gradientNorm: [Double], smoothness: [Double]) -> SmoothnessLine? {
    guard order.count >= 2, let first = order.first, let last = order.last,
        gradientNorm[first] < gradientNorm[last]
    else { return nil }
    let lScale = order.reduce(0) { max($0, smoothness[$1]) }
    let gScale = gradientNorm[last]
    guard lScale > 0, gScale > 0 else { return nil }

    typealias Point = (g: Double, l: Double)
    var hull: [Point] = [(0, 0)]
    var sum = 0.0
    for index in order {
        let point: Point = (gradientNorm[index] / gScale, smoothness[index] / lScale)
        sum += point.g
        while hull.count >= 2 {
            let (a, b) = (hull[hull.count - 2], hull[hull.count - 1])
            // b stays only where it is strictly above the chord from a to the new point.
            if (b.g - a.g) * (point.l - a.l) - (b.l - a.l) * (point.g - a.g) < 0 { break }
            hull.removeLast()
        }
        hull.append(point)
    }
    let mean = sum / Double(order.count)
    let right = hull.firstIndex { $0.g >= mean } ?? hull.count - 1
    let (a, b) = (hull[max(right - 1, 0)], hull[max(right, 1)])
    let slope = max((b.l - a.l) / (b.g - a.g), 0)
    // The smallest intercept that covers every point, rounding of the edge included.
    let intercept = order.reduce(0) { max($0, smoothness[$1] / lScale - slope * (gradientNorm[$1] / gScale)) }
    // An edge that starts at (0, 0) has no intercept; what is left there is rounding.
    let covers = a.g == 0 && intercept <= 0x1p-50
    return SmoothnessLine(intercept: covers ? 0 : intercept * lScale, slope: slope * (lScale / gScale))
}
