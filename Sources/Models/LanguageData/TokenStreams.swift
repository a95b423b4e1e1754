import Essentials

/// Where a stream is cut into segments.
public enum SegmentLengths: String, Sendable, Hashable, Codable, CaseIterable {
    /// T tokens each, the last segment ragged.
    case fixed
    /// About T tokens each, as AWD-LSTM's training cuts them; see `TokenStreams.recut`.
    case random
}

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
    /// Where segments begin, and L − 1, where the last one ends.
    public private(set) var cuts: [Int]

    /// `nil` where the text does not fill a segment of even one token: B streams of two tokens.
    public init?(tokens: [Int32], count: Int, sequenceLength: Int) {
        precondition(count > 0 && sequenceLength > 0, "streams and segments hold something")
        guard tokens.count / count >= 2 else { return nil }
        self.tokens = tokens
        self.count = count
        self.sequenceLength = sequenceLength
        let places = tokens.count / count - 1
        cuts = Array(stride(from: 0, to: places, by: sequenceLength)) + [places]
    }

    /// L
    public var streamLength: Int { tokens.count / count }
    /// How many tokens at the end of the text are in no stream.
    public var droppedCount: Int { tokens.count - count * streamLength }
    public var segmentCount: Int { cuts.count - 1 }

    /// How many steps segment t has.
    public func length(ofSegment segment: Int) -> Int { cuts[segment + 1] - cuts[segment] }

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
                let place = stream * streamLength + cuts[segment] + step
                inputs.append(Int64(tokens[place]))
                targets.append(Int64(tokens[place + 1]))
            }
        }
        return TokenBatch(length: length, count: count, inputs: inputs, targets: targets)
    }

    /// The same streams in as many segments of random lengths, a function of (seed, draw).
    ///
    /// Segment j first gets a weight as AWD-LSTM draws its lengths (Merity, Keskar, Socher 2018, section 4.1): from
    /// `SeededGenerator(seed, "segment lengths", draw)`, a base T with probability 0.95 and T/2 otherwise, then
    /// lⱼ = max(5, ⌊base + 5·normal()⌋). Their code lets the number of segments follow from the lengths; here it is that of
    /// the fixed cuts, so that m and Σ wᵢ do not depend on the draw: with P = L − 1 places and S_j = l₀ + … + l_{j−1},
    /// segment j begins at j + ⌊(P − m)·S_j/S_m⌋, so that every segment has at least one step.
    public func recut(seed: UInt64, draw: UInt64) -> TokenStreams {
        var generator = SeededGenerator(seed: seed, purpose: "segment lengths", index: Int(truncatingIfNeeded: draw))
        let count = segmentCount
        var sums = [0]
        for _ in 0..<count {
            let base = generator.uniform() < 0.95 ? Double(sequenceLength) : Double(sequenceLength) / 2
            sums.append(sums[sums.count - 1] + max(5, Int((base + 5 * generator.normal()).rounded(.down))))
        }
        let free = streamLength - 1 - count
        var streams = self
        streams.cuts = (0...count).map { $0 + free * sums[$0] / sums[count] }
        return streams
    }
}
