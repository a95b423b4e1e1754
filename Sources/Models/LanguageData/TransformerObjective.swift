import Essentials
import Evaluation
import ParameterSpace

/// The mean cross-entropy per token, in nats, of a Transformer language model over a text.
///
/// Component t is segment t of all streams and weighs its tokens; every stream of it is a sequence of its own. Its dropout
/// masks are a function of (seed, draw, t).
public struct TransformerObjective<Scalar: ParameterScalar>: Objective {
    public let model: TransformerLanguageModel<Scalar>
    public let streams: TokenStreams
    /// Of the dropout masks.
    public let seed: UInt64
    public private(set) var draw: UInt64 = 0
    public let masks: EvaluationOptions.Masks
    public let microBatch: Int?

    /// - Parameter microBatch: evaluate a component in pieces of at most this many streams; the value is the same.
    public init(
        model: TransformerLanguageModel<Scalar>, streams: TokenStreams, seed: UInt64 = 0,
        masks: EvaluationOptions.Masks = .fixed, microBatch: Int? = nil
    ) {
        precondition((microBatch ?? 1) > 0, "a piece holds at least one stream")
        self.model = model
        self.streams = streams
        self.seed = seed
        self.masks = masks
        self.microBatch = microBatch
    }

    public var layout: ParameterLayout { model.layout }
    public var componentCount: Int { streams.segmentCount }

    public func weight(ofComponent component: Int) -> Double {
        Double(streams.length(ofSegment: component) * streams.count)
    }

    public func initialPoint(seed: UInt64) -> [Scalar] { model.initialPoint(seed: seed) }

    public func redrawn(_ draw: UInt64) -> any Objective<Scalar> {
        var other = self
        other.draw = draw
        return other
    }

    public func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        let (batch, masks) = segment(component)
        return try pieces.mean { range in
            try model.loss(batch.columns(range), masks: masks?.columns(range), at: point)
        }
    }

    public func gradient(
        ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        let (batch, masks) = segment(component)
        return try pieces.mean(into: &gradient) { range, gradient in
            try model.gradient(batch.columns(range), masks: masks?.columns(range), at: point, into: &gradient)
        }
    }

    var pieces: StreamPieces { StreamPieces(streamCount: streams.count, most: microBatch) }

    func segment(_ component: Int) -> (batch: TokenBatch, masks: DropoutMasks?) {
        let batch = streams.segment(component)
        guard masks != .off else { return (batch, nil) }
        let masks = DropoutMasks(
            model.configuration, seed: seed, draw: draw, component: component, length: batch.length, count: batch.count)
        return (batch, masks)
    }
}
