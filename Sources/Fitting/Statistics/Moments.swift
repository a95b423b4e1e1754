/// Pearson's product-moment correlation of two samples of n values; `nil` where one of them is constant or n < 2.
public func pearsonCorrelation(_ x: [Double], _ y: [Double]) -> Double? {
    precondition(x.count == y.count, "a correlation needs samples of one length")
    guard x.count >= 2 else { return nil }
    let (xMean, yMean) = (mean(x), mean(y))
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for index in x.indices {
        let (dx, dy) = (x[index] - xMean, y[index] - yMean)
        xx += dx * dx
        yy += dy * dy
        xy += dx * dy
    }
    // A sample that varies by its rounding only is constant.
    let floor = 1e-26 * Double(x.count)
    guard xx > floor * xMean * xMean, yy > floor * yMean * yMean, xx > 0, yy > 0 else { return nil }
    // One root where the product allows it: then equal columns of ranks give 1 and not 1 less a rounding.
    let product = xx * yy
    return clampedCorrelation(
        xy / (product.isNormal ? product.squareRoot() : xx.squareRoot() * yy.squareRoot()))
}

/// Spearman's rank correlation: Pearson's of the mid-ranks.
public func spearmanCorrelation(_ x: [Double], _ y: [Double]) -> Double? {
    pearsonCorrelation(midRanks(x), midRanks(y))
}

/// Ranks from 1; equal values share the mean of the ranks that they cover.
public func midRanks(_ values: [Double]) -> [Double] {
    let order = denseOrder(values)
    var counts = [Int](repeating: 0, count: (order.max() ?? -1) + 1)
    for place in order { counts[place] += 1 }
    let ranks = midRanks(ofCounts: counts)
    return order.map { ranks[$0] }
}

/// The position of every value among the distinct values in ascending order, from 0.
func denseOrder(_ values: [Double]) -> [Int] {
    var order = InversionSort(keys: values)
    _ = order.sort()
    var places = [Int](repeating: 0, count: values.count)
    var place = 0
    for position in values.indices {
        if position > 0, order.keys[position] > order.keys[position - 1] { place += 1 }
        places[Int(order.items[position])] = place
    }
    return places
}

/// The mid-rank of every distinct value of which `counts` occur.
func midRanks(ofCounts counts: [Int]) -> [Double] {
    var below = 0
    return counts.map { count in
        defer { below += count }
        return Double(below) + Double(count + 1) / 2
    }
}

/// The correlation of x and y that is left when both are freed from their linear dependence on z, from the three plain
/// correlations; `nil` where z determines x or y.
func partialCorrelation(_ xy: Double, givenCorrelations xz: Double, _ yz: Double) -> Double? {
    let (freeX, freeY) = (1 - xz * xz, 1 - yz * yz)
    guard freeX > 1e-10, freeY > 1e-10 else { return nil }
    return clampedCorrelation((xy - xz * yz) / (freeX * freeY).squareRoot())
}

func clampedCorrelation(_ value: Double) -> Double { min(max(value, -1), 1) }

func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

/// The standard deviation with divisor n − 1; 0 for fewer than two values.
func standardDeviation(_ values: [Double]) -> Double {
    guard values.count >= 2 else { return 0 }
    let scale = values.reduce(0) { max($0, abs($1)) }
    guard scale > 0, scale.isFinite else { return 0 }
    let unit = scale.binade
    let center = values.reduce(0) { $0 + $1 / unit } / Double(values.count)
    return unit
        * (values.reduce(0) { $0 + ($1 / unit - center) * ($1 / unit - center) } / Double(values.count - 1))
        .squareRoot()
}
