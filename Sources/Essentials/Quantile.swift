/// Returns the quantile of an ascending sample at a probability, interpolated linearly between order statistics (Hyndman and Fan's
/// type 7, the default of R and NumPy); NaN of none.
public func quantile(ofSorted sorted: [Double], at probability: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let position = min(max(probability, 0), 1) * Double(sorted.count - 1)
    let lower = Int(position)
    guard lower + 1 < sorted.count else { return last }
    return sorted[lower] + (position - Double(lower)) * (sorted[lower + 1] - sorted[lower])
}

/// Returns the median: the mean of the two middle values where their number is even.
public func median(_ values: [Double]) -> Double { quantile(ofSorted: values.sorted(), at: 0.5) }
