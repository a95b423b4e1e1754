import Essentials

/// The dropout masks of one component: which elements are kept at every place of the network.
///
/// They are a function of (seed, component) alone, so that two gradients of a component are gradients of one function. The
/// mask of a place comes from `SeededGenerator(seed:, purpose: "dropout-<place>", index: component)`, one draw an element
/// in the order [t][b][h] over the *whole* component: element kept ⇔ uniform() ≥ p. A micro-batch takes columns b of it
/// and sees the same masks. Kept elements are scaled by 1/(1 − p) (inverted dropout).
public struct DropoutMasks: Sendable, Hashable {
    /// One place: `embedding`, `layer-0` … between layer 0 and 1 and so on, `output` after the last layer.
    public struct Place: Sendable, Hashable {
        public var name: String
        /// Elements of one token there.
        public var width: Int
        /// [T][B][width]
        public var keep: [Bool]
    }

    /// p
    public let probability: Double
    /// T
    public let length: Int
    /// B
    public let count: Int
    /// In the order of the forward pass: `embedding`, `layer-0`, …, `output`.
    public let places: [Place]

    /// 1/(1 − p), by which kept elements are multiplied.
    public var scale: Double { 1 / (1 - probability) }

    /// The masks of a component of `length` steps and `count` streams.
    /// - Returns: `nil` where the configuration has no dropout.
    public init?(_ configuration: LSTMConfiguration, seed: UInt64, component: Int, length: Int, count: Int) {
        guard configuration.dropout > 0 else { return nil }
        let probability = configuration.dropout
        let sizes =
            [("embedding", configuration.embeddingSize)]
            + (0..<(configuration.layerCount - 1)).map { ("layer-\($0)", configuration.hiddenSize(ofLayer: $0)) }
            + [("output", configuration.outputSize)]
        places = sizes.map { name, width in
            var generator = SeededGenerator(seed: seed, purpose: "dropout-\(name)", index: component)
            let keep = (0..<(length * count * width)).map { _ in generator.uniform() >= probability }
            return Place(name: name, width: width, keep: keep)
        }
        self.probability = probability
        self.length = length
        self.count = count
    }

    private init(probability: Double, length: Int, count: Int, places: [Place]) {
        self.probability = probability
        self.length = length
        self.count = count
        self.places = places
    }

    /// The masks of the streams `range`: what a micro-batch takes.
    public func columns(_ range: Range<Int>) -> DropoutMasks {
        DropoutMasks(
            probability: probability, length: length, count: range.count,
            places: places.map { place in
                Place(
                    name: place.name, width: place.width,
                    keep: TokenBatch.columns(
                        range, of: place.keep, length: length, count: count, width: place.width))
            })
    }
}
