import Essentials
import Foundation

/// Kendall's rank correlation τ_b with its p-value for independent points (Kendall 1945, Biometrika 33, 239–251), in O(n log n)
/// after Knight (1966).
public struct KendallCorrelation: Sendable, Equatable {
    /// (concordant − discordant)/√((pairs − ties of x)(pairs − ties of y)).
    public var value: Double
    /// Two-sided, for no association of independent points: exact without ties for n ≤ 33 or at most one pair out of order, else
    /// by the normal distribution with the variance for ties.
    public var probability: Double
}

/// - Returns: `nil` where one sample is constant or n < 2.
public func kendallCorrelation(_ x: [Double], _ y: [Double]) -> KendallCorrelation? {
    precondition(x.count == y.count, "a correlation needs samples of one length")
    let count = x.count
    guard count >= 2 else { return nil }
    var order = InversionSort(keys: y)
    _ = order.sort()
    let yTies = Ties(sorted: order.keys)
    order.setKeys { x[$0] }
    _ = order.sort()
    let xTies = Ties(sorted: order.keys)
    var both = 0.0
    var run = 1.0
    for place in 1..<count {
        let (here, before) = (Int(order.items[place]), Int(order.items[place - 1]))
        run = x[here] == x[before] && y[here] == y[before] ? run + 1 : 1
        both += run - 1
    }
    order.setKeys { y[$0] }
    let discordant = Double(order.sort())
    let n = Double(count)
    let total = n * (n - 1) / 2
    guard xTies.pairs < total, yTies.pairs < total else { return nil }
    let difference = total - xTies.pairs - yTies.pairs + both - 2 * discordant
    let value = clampedCorrelation(
        difference / (total - xTies.pairs).squareRoot() / (total - yTies.pairs).squareRoot())
    let fewest = min(discordant, total - discordant)
    if xTies.pairs == 0, yTies.pairs == 0, count <= 33 || fewest <= 1 {
        return KendallCorrelation(value: value, probability: exactProbability(count, fewest: Int(fewest)))
    }
    let m = n * (n - 1)
    let variance =
        (m * (2 * n + 5) - xTies.variance - yTies.variance) / 18 + 2 * xTies.pairs * yTies.pairs / m
        + (n > 2 ? xTies.triples * yTies.triples / (9 * m * (n - 2)) : 0)
    return KendallCorrelation(
        value: value, probability: min(1, 2 * normalProbability(-abs(difference) / variance.squareRoot())))
}

/// Sums over groups of t equal values.
private struct Ties {
    /// Σ t(t − 1)/2
    var pairs = 0.0
    /// Σ t(t − 1)(t − 2)
    var triples = 0.0
    /// Σ t(t − 1)(2t + 5)
    var variance = 0.0

    init(sorted values: [Double]) {
        var run = 1.0
        for place in 1...values.count {
            if place < values.count, values[place] == values[place - 1] {
                run += 1
                continue
            }
            pairs += run * (run - 1) / 2
            triples += run * (run - 1) * (run - 2)
            variance += run * (run - 1) * (2 * run + 5)
            run = 1
        }
    }
}

/// Twice the share of the n! orders with at most so many inversions.
private func exactProbability(_ count: Int, fewest: Int) -> Double {
    if 4 * fewest == count * (count - 1) { return 1 }
    if fewest == 0 { return min(1, 2 * exp(-lgamma(Double(count) + 1))) }
    if fewest == 1 { return min(1, 2 * exp(-lgamma(Double(count)))) }
    // The number of inversions is a sum of independent uniform numbers on {0, …, j − 1}, j = 1 … n.
    var share = [Double](repeating: 0, count: fewest + 1)
    share[0] = 1
    for size in 1...count {
        var next = [Double](repeating: 0, count: fewest + 1)
        var window = 0.0
        for inversions in 0...fewest {
            window += share[inversions]
            if inversions >= size { window -= share[inversions - size] }
            next[inversions] = window / Double(size)
        }
        share = next
    }
    return min(1, 2 * share.reduce(0, +))
}

/// The two-sided p-value of Pearson's or Spearman's correlation r of n independent points, by Student's t with n − 2 degrees of
/// freedom: exact for normal points, close for ranks.
public func correlationProbability(_ r: Double, count: Int) -> Double? {
    guard count >= 3 else { return nil }
    return regularizedBeta((1 - r) * (1 + r), Double(count - 2) / 2, 0.5)
}

/// For every point the share of concordant less that of discordant pairs with it, in O(n log n): the projections of Kendall's τ_a
/// (Hoeffding 1948), whose mean is τ_a.
func kendallProjections(_ x: [Double], _ y: [Double]) -> [Double] {
    let count = x.count
    var order = InversionSort(keys: x)
    _ = order.sort()
    let places = denseOrder(y)
    let top = (places.max() ?? 0) + 1
    var sums = [Double](repeating: 0, count: count)
    // Twice over the points by x, forwards and backwards, with a Fenwick tree over the order of y; equal x count for nothing.
    for sign in [1.0, -1.0] {
        var tree = [Int32](repeating: 0, count: top + 1)
        var inserted = 0
        var position = 0
        while position < count {
            var end = position
            func item(_ place: Int) -> Int { Int(order.items[sign > 0 ? place : count - 1 - place]) }
            while end < count, x[item(end)] == x[item(position)] { end += 1 }
            for place in position..<end {
                let index = item(place)
                let less = prefix(tree, places[index])
                let more = inserted - prefix(tree, places[index] + 1)
                sums[index] += sign * Double(less - more)
            }
            for place in position..<end {
                var node = places[item(place)] + 1
                while node <= top {
                    tree[node] += 1
                    node += node & -node
                }
            }
            inserted += end - position
            position = end
        }
    }
    return sums.map { $0 / Double(max(count - 1, 1)) }
}

/// How many were inserted at places below `end`.
private func prefix(_ tree: [Int32], _ end: Int) -> Int {
    var (node, sum) = (end, 0)
    while node > 0 {
        sum += Int(tree[node])
        node -= node & -node
    }
    return sum
}
