/// A text as `count` parallel streams, cut into segments of `sequenceLength`: the usual arrangement for the Penn
/// Treebank (Zaremba, Sutskever, Vinyals 2014).
///
/// Stream b holds the tokens b·L ..< (b+1)·L of the text, L = ⌊N/B⌋; the N − B·L tokens at the end are dropped. Segment
/// t reads positions t·T ..< t·T + T of every stream and predicts the token after each, so a stream has ⌈(L − 1)/T⌉
/// segments, the last one ragged.
public struct TokenStreams: Sendable, Hashable {
    public let tokens: [Int32]
    /// B
    public let count: Int
    /// T
    public let sequenceLength: Int

    /// `nil` where the text does not fill a segment of even one token: B streams of two tokens.
    public init?(tokens: [Int32], count: Int, sequenceLength: Int) {
        precondition(count > 0 && sequenceLength > 0, "streams and segments hold something")
        guard tokens.count / count >= 2 else { return nil }
        self.tokens = tokens
        self.count = count
        self.sequenceLength = sequenceLength
    }

    /// L
    public var streamLength: Int { tokens.count / count }
    /// How many tokens at the end of the text are in no stream.
    public var droppedCount: Int { tokens.count - count * streamLength }
    public var segmentCount: Int { (streamLength - 1 + sequenceLength - 1) / sequenceLength }

    /// How many steps segment t has.
    public func length(ofSegment segment: Int) -> Int {
        min(sequenceLength, streamLength - 1 - segment * sequenceLength)
    }

    /// What all streams read in segment t, and what follows each token.
    public func segment(_ segment: Int) -> TokenBatch {
        precondition((0..<segmentCount).contains(segment), "there is no segment \(segment) of \(segmentCount)")
        let length = length(ofSegment: segment)
        var inputs: [Int64] = []
        var targets: [Int64] = []
        inputs.reserveCapacity(length * count)
        targets.reserveCapacity(length * count)
        for step in 0..<length {
            for stream in 0..<count {
                let place = stream * streamLength + segment * sequenceLength + step
                inputs.append(Int64(tokens[place]))
                targets.append(Int64(tokens[place + 1]))
            }
        }
        return TokenBatch(length: length, count: count, inputs: inputs, targets: targets)
    }
}
