import Essentials
import Evaluation
import ParameterSpace

/// The state from which a component of a recurrent language model starts.
public enum InitialState: Sendable, Hashable {
    /// Zero, so that a component's gradient is the gradient of its loss.
    case zero
    /// The state in which the segments before it leave the network *at the same point*: the last `segments` of them (fewer at
    /// the beginning of the stream) are run forward one after the other from zero, each under its own masks. It counts as a constant:
    /// truncated back-propagation, as language models are trained.
    case carried(segments: Int)

    /// How many segments are run before.
    var segments: Int {
        if case .carried(let segments) = self { segments } else { 0 }
    }
}

/// The mean cross-entropy per token, in nats, of an LSTM language model over a text, with AWD-LSTM's activation terms where
/// the network has them.
///
/// Component t is segment t of all streams and weighs its tokens. Its dropout masks are a function of (seed, draw, t). It
/// starts from a zero state, so that its gradient is the gradient of a function of the parameters.
///
/// With a *carried* state s_t(x), see `InitialState`, fₜ(x) = ℓₜ(x, s_t(x)) is still a function of x alone, but what is
/// given as its gradient is ∂ℓₜ/∂x at fixed s: a deterministic vector field that is not the gradient of fₜ. Two evaluations at
/// one point agree; the identity f(x + d) ≈ f(x) + ⟨∇f, d⟩ does not hold to first order.
public struct LanguageModelObjective<Scalar: ParameterScalar>: Objective {
    public let model: LSTMLanguageModel<Scalar>
    public private(set) var streams: TokenStreams
    /// Of the dropout masks and the cuts.
    public let seed: UInt64
    public private(set) var draw: UInt64 = 0
    public let masks: EvaluationOptions.Masks
    public let microBatch: Int?
    public let state: InitialState
    public let segmentLengths: SegmentLengths

    /// - Parameter microBatch: evaluate a component in pieces of at most this many streams; the value is the same.
    public init(
        model: LSTMLanguageModel<Scalar>, streams: TokenStreams, seed: UInt64 = 0,
        masks: EvaluationOptions.Masks = .fixed, microBatch: Int? = nil, state: InitialState = .zero,
        segmentLengths: SegmentLengths = .fixed
    ) {
        precondition((microBatch ?? 1) > 0, "a piece holds at least one stream")
        self.model = model
        self.streams = segmentLengths == .random ? streams.recut(seed: seed, draw: 0) : streams
        self.seed = seed
        self.masks = masks
        self.microBatch = microBatch
        self.state = state
        self.segmentLengths = segmentLengths
    }

    public var layout: ParameterLayout { model.layout }
    public var componentCount: Int { streams.segmentCount }

    public func weight(ofComponent component: Int) -> Double {
        Double(streams.length(ofSegment: component) * streams.count)
    }

    public func initialPoint(seed: UInt64) -> [Scalar] { model.initialPoint(seed: seed) }

    public func redrawn(_ draw: UInt64) -> any Objective<Scalar> {
        guard draw != self.draw else { return self }
        var other = self
        other.draw = draw
        if segmentLengths == .random { other.streams = streams.recut(seed: seed, draw: draw) }
        return other
    }

    public func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        let segments = segments(for: component)
        return try pieces.mean { range in
            let (before, last) = try run(segments, of: range, at: point)
            return try model.loss(last.batch, masks: last.masks, from: before, at: point)
        }
    }

    public func gradient(
        ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        let segments = segments(for: component)
        return try pieces.mean(into: &gradient) { range, gradient in
            let (before, last) = try run(segments, of: range, at: point)
            return try model.gradient(last.batch, masks: last.masks, from: before, at: point, into: &gradient)
        }
    }

    /// The recurrent weights are read once for both, where they are the same for both, as are the lengths.
    public var prefersPairs: Bool {
        let dropsWeights = masks != .off && (model.configuration.regularization?.weightDropout ?? 0) > 0
        return model.isFused && microBatch == nil && segmentLengths == .fixed && !dropsWeights
    }

    public func gradients(
        ofComponents first: Int, _ second: Int, at point: [Scalar], into firstGradient: inout [Scalar],
        _ secondGradient: inout [Scalar]
    ) throws -> (Double, Double) {
        guard prefersPairs, streams.length(ofSegment: first) == streams.length(ofSegment: second) else {
            return (
                try gradient(ofComponent: first, at: point, into: &firstGradient),
                try gradient(ofComponent: second, at: point, into: &secondGradient)
            )
        }
        let runs = try [first, second].map { try run(segments(for: $0), of: 0..<streams.count, at: point) }
        let parts = runs.map { ($0.last.batch, $0.last.masks, $0.state) }
        return try model.gradients(parts[0], parts[1], at: point, into: &firstGradient, &secondGradient)
    }

    typealias Segment = (batch: TokenBatch, masks: DropoutMasks?)

    var pieces: StreamPieces { StreamPieces(streamCount: streams.count, most: microBatch) }

    /// The component's own segment and, before it, those that make its state.
    func segments(for component: Int) -> [Segment] {
        (max(0, component - state.segments)...component).map { index in
            let batch = streams.segment(index)
            let masks =
                self.masks == .off
                ? nil
                : DropoutMasks(
                    model.configuration, seed: seed, draw: draw, component: index, length: batch.length,
                    count: batch.count)
            return (batch, masks)
        }
    }

    /// Runs all but the last segment over the streams `range`.
    /// - Returns: the state that they leave, `nil` for zero, and the last one.
    func run(
        _ segments: [Segment], of range: Range<Int>, at point: [Scalar]
    ) throws -> (state: LSTMState<Scalar>?, last: Segment) {
        let isWhole = range.count == streams.count
        let columns = isWhole ? segments : segments.map { ($0.batch.columns(range), $0.masks?.columns(range)) }
        var state: LSTMState<Scalar>?
        for segment in columns.dropLast() {
            state = try model.state(after: segment.batch, masks: segment.masks, from: state, at: point)
        }
        return (state, columns[columns.count - 1])
    }
}
