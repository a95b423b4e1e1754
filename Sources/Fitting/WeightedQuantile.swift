/// The smallest value v whose share of the weight, Σ w over values ≤ v, reaches `target`, by repeated partition in expected linear
/// time. `below` is weight that lies under all values. Reorders both arrays.
///
/// The pivot is the median of three, so that ascending and descending input are fast; the order of the result does not matter.
func weightedSelect(
    _ values: inout [Double], _ weights: inout [Double], reaching target: Double, below: Double = 0
) -> Double {
    var (low, high) = (0, values.count - 1)
    var under = below
    while low < high {
        let pivot = medianOfThree(values[low], values[(low + high) / 2], values[high])
        // Three parts: below the pivot, equal to it, above.
        var (less, place, greater) = (low, low, high)
        var (lessWeight, equalWeight) = (0.0, 0.0)
        while place <= greater {
            let value = values[place]
            if value < pivot {
                lessWeight += weights[place]
                values.swapAt(less, place)
                weights.swapAt(less, place)
                less += 1
                place += 1
            } else if value > pivot {
                values.swapAt(place, greater)
                weights.swapAt(place, greater)
                greater -= 1
            } else {
                equalWeight += weights[place]
                place += 1
            }
        }
        if under + lessWeight >= target, less > low {
            high = less - 1
        } else if under + lessWeight + equalWeight >= target || greater == high {
            return pivot
        } else {
            under += lessWeight + equalWeight
            low = greater + 1
        }
    }
    return values[low]
}

@inline(__always)
private func medianOfThree(_ a: Double, _ b: Double, _ c: Double) -> Double {
    max(min(a, b), min(max(a, b), c))
}

/// The value at position `rank` of the ascending order, from 0. Reorders the array.
func select(_ values: inout [Double], rank: Int) -> Double {
    var (low, high) = (0, values.count - 1)
    while low < high {
        let pivot = medianOfThree(values[low], values[(low + high) / 2], values[high])
        var (left, right) = (low, high)
        while left <= right {
            while values[left] < pivot { left += 1 }
            while values[right] > pivot { right -= 1 }
            if left <= right {
                values.swapAt(left, right)
                left += 1
                right -= 1
            }
        }
        if rank <= right { high = right } else if rank >= left { low = left } else { return pivot }
    }
    return values[rank]
}

/// The median: the mean of the two middle values for an even number. Reorders the array.
func medianInPlace(_ values: inout [Double]) -> Double {
    let count = values.count
    let upper = select(&values, rank: count / 2)
    guard count % 2 == 0 else { return upper }
    // What lies left of the selected place is not larger than it.
    let lower = values[..<(count / 2)].max() ?? upper
    return lower + (upper - lower) / 2
}
