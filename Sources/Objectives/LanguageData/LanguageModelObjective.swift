import Essentials
import ParameterSpace

/// The mean cross-entropy per token, in nats, of an LSTM language model over a text.
///
/// Component t is segment t of all streams and weighs its tokens. It starts from a zero state, so that its gradient is
/// the gradient of a function of the parameters, and its dropout masks are a function of (seed, t).
public struct LanguageModelObjective<Scalar: ParameterScalar>: Objective {
    public let model: LSTMLanguageModel<Scalar>
    public let streams: TokenStreams
    /// Of the dropout masks.
    public let seed: UInt64
    public let masks: EvaluationOptions.Masks
    public let microBatch: Int?

    /// - Parameter microBatch: evaluate a component in pieces of at most this many streams; the value is the same.
    public init(
        model: LSTMLanguageModel<Scalar>, streams: TokenStreams, seed: UInt64 = 0,
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

    public func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        let pieces = pieces(ofComponent: component)
        return try pieces.reduce(0) { sum, piece in
            sum + Double(piece.batch.tokenCount) * (try model.loss(piece.batch, masks: piece.masks, at: point))
        } / weight(ofComponent: component)
    }

    public func gradient(
        ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        let pieces = pieces(ofComponent: component)
        if pieces.count == 1 {
            return try model.gradient(pieces[0].batch, masks: pieces[0].masks, at: point, into: &gradient)
        }
        var loss = 0.0
        var sum = [Double](repeating: 0, count: layout.count)
        for piece in pieces {
            let weight = Double(piece.batch.tokenCount) / weight(ofComponent: component)
            loss += weight * (try model.gradient(piece.batch, masks: piece.masks, at: point, into: &gradient))
            Scalar.accumulate(into: &sum, scale: weight, gradient)
        }
        for index in gradient.indices { gradient[index] = Scalar(sum[index]) }
        return loss
    }

    /// The component's streams, in pieces of at most `microBatch`, the last one ragged; each with its columns of the
    /// component's masks.
    private func pieces(ofComponent component: Int) -> [(batch: TokenBatch, masks: DropoutMasks?)] {
        let batch = streams.segment(component)
        let masks =
            self.masks == .off
            ? nil
            : DropoutMasks(
                model.configuration, seed: seed, component: component, length: batch.length, count: batch.count)
        guard let microBatch, microBatch < batch.count else { return [(batch, masks)] }
        return stride(from: 0, to: batch.count, by: microBatch).map { first in
            let columns = first..<min(first + microBatch, batch.count)
            return (batch.columns(columns), masks?.columns(columns))
        }
    }
}
