/// Tokens of `count` streams over `length` steps, with the token that follows each.
public struct TokenBatch: Sendable, Hashable {
    /// T, steps.
    public var length: Int
    /// B, streams.
    public var count: Int
    /// [T][B], time-major: token of stream b at step t at index t·B + b.
    public var inputs: [Int64]
    /// [T][B], what the model is to predict.
    public var targets: [Int64]

    public init(length: Int, count: Int, inputs: [Int64], targets: [Int64]) {
        self.length = length
        self.count = count
        self.inputs = inputs
        self.targets = targets
    }

    /// T·B
    public var tokenCount: Int { length * count }

    /// The streams `range` alone: a micro-batch.
    public func columns(_ range: Range<Int>) -> TokenBatch {
        TokenBatch(
            length: length, count: range.count,
            inputs: Self.columns(range, of: inputs[...], length: length, count: count, width: 1),
            targets: Self.columns(range, of: targets[...], length: length, count: count, width: 1))
    }

    /// Columns `range` of an array [length][count][width].
    static func columns<Element>(
        _ range: Range<Int>, of array: ArraySlice<Element>, length: Int, count: Int, width: Int
    ) -> [Element] {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= count, "streams \(range) reach outside 0..<\(count)")
        var columns: [Element] = []
        columns.reserveCapacity(length * range.count * width)
        for step in 0..<length {
            let start = array.startIndex + (step * count + range.lowerBound) * width
            columns += array[start..<(start + range.count * width)]
        }
        return columns
    }
}
