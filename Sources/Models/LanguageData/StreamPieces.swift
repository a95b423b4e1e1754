import ParameterSpace

/// A component in pieces of fewer streams, weighted by their tokens: the same value, less memory.
struct StreamPieces {
    /// B
    let streamCount: Int
    /// The most streams of a piece; `nil`: all at once.
    let most: Int?

    /// The streams of every piece, the last one ragged.
    var ranges: [Range<Int>] {
        let most = most ?? streamCount
        return stride(from: 0, to: streamCount, by: most).map { $0..<min($0 + most, streamCount) }
    }

    /// Σ over pieces of (their streams / all streams) · value.
    func mean(_ value: (Range<Int>) throws -> Double) rethrows -> Double {
        let ranges = ranges
        if ranges.count == 1 { return try value(ranges[0]) }
        return try ranges.reduce(0) { try $0 + Double($1.count) * value($1) } / Double(streamCount)
    }

    /// The same for a loss with its gradient, added in Double.
    func mean<Scalar: ParameterScalar>(
        into gradient: inout [Scalar], _ value: (Range<Int>, inout [Scalar]) throws -> Double
    ) rethrows -> Double {
        let ranges = ranges
        if ranges.count == 1 { return try value(ranges[0], &gradient) }
        var loss = 0.0
        var sum = [Double](repeating: 0, count: gradient.count)
        for range in ranges {
            let weight = Double(range.count) / Double(streamCount)
            loss += weight * (try value(range, &gradient))
            Scalar.accumulate(into: &sum, scale: weight, gradient)
        }
        for index in gradient.indices { gradient[index] = Scalar(sum[index]) }
        return loss
    }
}
