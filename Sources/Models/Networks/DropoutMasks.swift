import Essentials

/// The dropout masks of one component: which elements are kept at every place of the network.
///
/// They are a function of (seed, draw, component) alone, so that two gradients of a component are gradients of one function.
/// Every mask comes from a generator of its own, `SeededGenerator(seed:, purpose:, index: component)`, one draw an element in
/// row-major order: element kept ⇔ uniform() ≥ p, and what is kept is multiplied by 1/(1 − p) (inverted dropout). Purposes:
///
/// - `dropout-<place>` at the places `embedding`, `layer-0` (between layers 0 and 1) and so on, `output` after the last
///   layer: [T][B][width] over the *whole* component; with `LSTMRegularization` [B][width], the same at every step
///   (variational dropout, Gal and Ghahramani 2016);
/// - `dropout-words`: [V], whole rows of the embedding as the input reads it;
/// - `dropout-recurrent-<l>`: [4H_l][H_l], elements of W_hh of layer l.
///
/// Draw n > 0 has `-draw-<n>` behind the purpose. A micro-batch takes columns b of it and sees the same masks.
public struct DropoutMasks: Sendable, Hashable {
    /// One place: `embedding`, `layer-0` … between layer 0 and 1 and so on, `output` after the last layer.
    public struct Place: Sendable, Hashable {
        public var name: String
        /// Elements of one token there.
        public var width: Int
        /// p
        public var probability: Double

        /// 1/(1 − p), by which kept elements are multiplied.
        public var scale: Double { 1 / (1 - probability) }
    }

    /// T
    public let length: Int
    /// B
    public let count: Int
    /// Whether the masks of the places are the same at every step.
    public let isLocked: Bool
    /// In the order of the forward pass: `embedding`, `layer-0`, …, `output`.
    public let places: [Place]
    /// Whether an element is kept: [T][B][width], or [B][width] where locked, of every place, one after the other.
    public let keep: [Bool]
    /// [V]; `nil` where no words are dropped.
    public let words: [Bool]?
    public let wordScale: Double
    /// [4H][H] of every layer, one after the other; `nil` where no weights are dropped.
    public let recurrent: [Bool]?
    public let recurrentScale: Double

    /// The masks of a component of `length` steps and `count` streams.
    /// - Returns: `nil` where the configuration has no dropout.
    public init?(
        _ configuration: LSTMConfiguration, seed: UInt64, draw: UInt64 = 0, component: Int, length: Int, count: Int
    ) {
        guard configuration.drops else { return nil }
        func mask(_ name: String, _ count: Int, _ probability: Double) -> [Bool] {
            Self.mask(name, count, probability, seed: seed, draw: draw, component: component)
        }
        let regularization = configuration.regularization
        isLocked = regularization != nil
        places = Self.places(of: configuration)
        let rows = isLocked ? count : length * count
        keep = places.flatMap { mask($0.name, rows * $0.width, $0.probability) }
        let (word, weight) = (regularization?.wordDropout ?? 0, regularization?.weightDropout ?? 0)
        words = word > 0 ? mask("words", configuration.vocabularySize, word) : nil
        wordScale = 1 / (1 - word)
        let hidden = (0..<configuration.layerCount).map(configuration.hiddenSize(ofLayer:))
        recurrent =
            weight > 0
            ? hidden.enumerated().flatMap { mask("recurrent-\($0.offset)", 4 * $0.element * $0.element, weight) } : nil
        recurrentScale = 1 / (1 - weight)
        self.length = length
        self.count = count
    }

    /// The masks of a component of a Transformer: places `embedding`, then `attention-<l>` and `feedforward-<l>` of every
    /// block, [T][B][C] each.
    /// - Returns: `nil` where the configuration has no dropout.
    public init?(
        _ configuration: TransformerConfiguration, seed: UInt64, draw: UInt64 = 0, component: Int, length: Int,
        count: Int
    ) {
        guard configuration.dropout > 0 else { return nil }
        isLocked = false
        places = Self.places(of: configuration)
        keep = places.flatMap {
            Self.mask(
                $0.name, length * count * $0.width, $0.probability, seed: seed, draw: draw, component: component)
        }
        (words, wordScale, recurrent, recurrentScale) = (nil, 1, nil, 1)
        self.length = length
        self.count = count
    }

    private static func mask(
        _ name: String, _ count: Int, _ probability: Double, seed: UInt64, draw: UInt64, component: Int
    ) -> [Bool] {
        let purpose = "dropout-\(name)" + (draw == 0 ? "" : "-draw-\(draw)")
        var generator = SeededGenerator(seed: seed, purpose: purpose, index: component)
        return (0..<count).map { _ in generator.uniform() >= probability }
    }

    static func places(of configuration: TransformerConfiguration) -> [Place] {
        let names =
            ["embedding"] + (0..<configuration.layerCount).flatMap { ["attention-\($0)", "feedforward-\($0)"] }
        return names.map { Place(name: $0, width: configuration.width, probability: configuration.dropout) }
    }

    private init(_ whole: DropoutMasks, columns: Range<Int>) {
        length = whole.length
        count = columns.count
        isLocked = whole.isLocked
        places = whole.places
        keep = whole.places.indices.flatMap { place in
            TokenBatch.columns(
                columns, of: whole.keep(at: place), length: whole.isLocked ? 1 : whole.length, count: whole.count,
                width: whole.places[place].width)
        }
        words = whole.words
        wordScale = whole.wordScale
        recurrent = whole.recurrent
        recurrentScale = whole.recurrentScale
    }

    static func places(of configuration: LSTMConfiguration) -> [Place] {
        let regularization = configuration.regularization
        let dropout = configuration.dropout
        var places = [
            Place(
                name: "embedding", width: configuration.embeddingSize,
                probability: regularization?.inputDropout ?? dropout)
        ]
        for layer in 0..<configuration.layerCount {
            let isLast = layer == configuration.layerCount - 1
            places.append(
                Place(
                    name: isLast ? "output" : "layer-\(layer)", width: configuration.hiddenSize(ofLayer: layer),
                    probability: (isLast ? regularization?.outputDropout : regularization?.hiddenDropout) ?? dropout))
        }
        return places
    }

    /// The elements of one place, [T][B][width], or [B][width] where locked.
    public func keep(at place: Int) -> ArraySlice<Bool> {
        let rows = isLocked ? count : length * count
        let start = places[..<place].reduce(0) { $0 + rows * $1.width }
        return keep[start..<(start + rows * places[place].width)]
    }

    /// The masks of the streams `range`: what a micro-batch takes.
    public func columns(_ range: Range<Int>) -> DropoutMasks { DropoutMasks(self, columns: range) }
}
