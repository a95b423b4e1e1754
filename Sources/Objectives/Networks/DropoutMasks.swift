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
    }

    /// p
    public let probability: Double
    /// T
    public let length: Int
    /// B
    public let count: Int
    /// In the order of the forward pass: `embedding`, `layer-0`, …, `output`.
    public let places: [Place]
    /// Whether an element is kept: [T][B][width] of every place, one after the other.
    public let keep: [Bool]

    /// 1/(1 − p), by which kept elements are multiplied.
    public var scale: Double { 1 / (1 - probability) }

    /// The masks of a component of `length` steps and `count` streams.
    /// - Returns: `nil` where the configuration has no dropout.
    public init?(_ configuration: LSTMConfiguration, seed: UInt64, component: Int, length: Int, count: Int) {
        guard configuration.dropout > 0 else { return nil }
        let places = Self.places(of: configuration)
        var keep: [Bool] = []
        keep.reserveCapacity(length * count * places.reduce(0) { $0 + $1.width })
        for place in places {
            var generator = SeededGenerator(seed: seed, purpose: "dropout-\(place.name)", index: component)
            for _ in 0..<(length * count * place.width) {
                keep.append(generator.uniform() >= configuration.dropout)
            }
        }
        self.init(
            probability: configuration.dropout, length: length, count: count, places: places, keep: keep)
    }

    private init(probability: Double, length: Int, count: Int, places: [Place], keep: [Bool]) {
        self.probability = probability
        self.length = length
        self.count = count
        self.places = places
        self.keep = keep
    }

    static func places(of configuration: LSTMConfiguration) -> [Place] {
        var places = [Place(name: "embedding", width: configuration.embeddingSize)]
        for layer in 0..<configuration.layerCount {
            let name = layer == configuration.layerCount - 1 ? "output" : "layer-\(layer)"
            places.append(Place(name: name, width: configuration.hiddenSize(ofLayer: layer)))
        }
        return places
    }

    /// The elements of one place, [T][B][width].
    public func keep(at place: Int) -> ArraySlice<Bool> {
        let start = places[..<place].reduce(0) { $0 + length * count * $1.width }
        return keep[start..<(start + length * count * places[place].width)]
    }

    /// The masks of the streams `range`: what a micro-batch takes.
    public func columns(_ range: Range<Int>) -> DropoutMasks {
        DropoutMasks(
            probability: probability, length: length, count: range.count, places: places,
            keep: places.indices.flatMap { place in
                TokenBatch.columns(
                    range, of: keep(at: place), length: length, count: count, width: places[place].width)
            })
    }
}
