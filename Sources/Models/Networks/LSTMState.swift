import ParameterSpace

/// What an LSTM remembers between two steps of `count` streams: for every layer h [B][H], then c [B][H].
public struct LSTMState<Scalar: ParameterScalar>: Sendable, Hashable {
    /// H of every layer.
    public let hidden: [Int]
    /// B
    public let count: Int
    /// 2·B·ΣH elements.
    public let values: [Scalar]

    init(hidden: [Int], count: Int, values: [Scalar]) {
        self.hidden = hidden
        self.count = count
        self.values = values
    }

    /// h and c of one layer, [B][H] each.
    func layer(_ layer: Int) -> (hidden: [Scalar], cell: [Scalar]) {
        let size = count * hidden[layer]
        let start = 2 * count * hidden[..<layer].reduce(0, +)
        return (Array(values[start..<(start + size)]), Array(values[(start + size)..<(start + 2 * size)]))
    }
}
