import CTorch

/// The sizes of an LSTM language model and of a batch, for `lstmLanguageModelGradient`.
public struct LSTMSizes: Sendable, Hashable {
    /// V
    public var vocabulary: Int
    /// E
    public var embedding: Int
    /// H of every layer, first to last.
    public var hidden: [Int]
    /// Whether the decoder's weight is the embedding; the last hidden size must then be E.
    public var tied: Bool
    /// T
    public var steps: Int
    /// B
    public var streams: Int

    public init(vocabulary: Int, embedding: Int, hidden: [Int], tied: Bool, steps: Int, streams: Int) {
        self.vocabulary = vocabulary
        self.embedding = embedding
        self.hidden = hidden
        self.tied = tied
        self.steps = steps
        self.streams = streams
    }
}

/// What dropout keeps, and by what it multiplies that. What is `nil` drops nothing.
public struct LSTMDropout: Sendable {
    /// [T][B][E], then [T][B][H] for every layer, one after the other; [B][E] and [B][H], the same at every step, where
    /// `isLocked`.
    public var keep: [Bool]?
    /// One a place: the embedding, then every layer.
    public var scales: [Double]
    public var isLocked: Bool
    /// Whole rows of the embedding [V] as the input reads them; the decoder reads them whole.
    public var words: [Bool]?
    public var wordScale: Double
    /// Elements of W_hh [4H][H] of every layer, one after the other.
    public var recurrent: [Bool]?
    public var recurrentScale: Double

    public init(
        keep: [Bool]? = nil, scales: [Double] = [], isLocked: Bool = false, words: [Bool]? = nil, wordScale: Double = 1,
        recurrent: [Bool]? = nil, recurrentScale: Double = 1
    ) {
        self.keep = keep
        self.scales = scales
        self.isLocked = isLocked
        self.words = words
        self.wordScale = wordScale
        self.recurrent = recurrent
        self.recurrentScale = recurrentScale
    }
}

/// Terms that are added to the cross-entropy: α·mean(y²) + β·mean((h_{t+1} − h_t)²), h what the last layer puts out and y the
/// same after dropout; means over all elements.
public struct LSTMActivationTerms: Sendable, Hashable {
    /// α
    public var activation: Double
    /// β
    public var temporal: Double

    public init(activation: Double = 0, temporal: Double = 0) {
        self.activation = activation
        self.temporal = temporal
    }
}

/// The mean cross-entropy per token of an LSTM language model, with the activation terms, and its gradient, in one fused C++
/// call on the processor; no tensors, no graph.
///
/// `point` and `gradient` (overwritten) are flat vectors of Float or Double: embedding [V, E]; for each layer W_ih [4H, I],
/// W_hh [4H, H], b_ih [4H], b_hh [4H], gates in the order i, f, g, o; decoder weight [V, H_last] unless tied; decoder bias
/// [V]. `inputs` and `targets` are [T][B].
///
/// `state` is the state before the first step: for every layer h [B][H], then c [B][H]; `nil` is zero. It counts as a constant.
///
/// Reduction order: the recurrent products, softmax, bias sums and the loss do not depend on the number of threads; the
/// large products are LibTorch's matrix library's, which may split them otherwise for another number of threads.
/// - Throws: `.badArgument` for tokens outside the vocabulary or arrays of the wrong size; `.outOfMemory`.
/// - Returns: the loss in nats.
public func lstmLanguageModelGradient<Element>(
    _ sizes: LSTMSizes, inputs: [Int64], targets: [Int64], dropout: LSTMDropout?,
    terms: LSTMActivationTerms = LSTMActivationTerms(), from state: [Element]? = nil, at point: [Element],
    into gradient: inout [Element]
) throws(TorchError) -> Double {
    try requireCount(gradient.count, point.count, "gradient")
    let call = FusedCall(
        sizes: sizes, inputs: inputs, targets: targets, dropout: dropout, terms: terms, state: state, point: point)
    let result = gradient.withUnsafeMutableBytes { memory in call.run(gradient: memory.baseAddress) }
    return try result.get()
}

/// A batch as `lstmLanguageModelGradient` takes it.
public struct LSTMBatch<Element> {
    public var inputs: [Int64]
    public var targets: [Int64]
    public var dropout: LSTMDropout?
    public var terms: LSTMActivationTerms
    public var state: [Element]?

    public init(
        inputs: [Int64], targets: [Int64], dropout: LSTMDropout?, terms: LSTMActivationTerms = LSTMActivationTerms(),
        from state: [Element]? = nil
    ) {
        self.inputs = inputs
        self.targets = targets
        self.dropout = dropout
        self.terms = terms
        self.state = state
    }
}

/// The losses and the gradients of two batches of the same sizes at one point: the numbers of `lstmLanguageModelGradient`, bit for bit. The recurrent
/// weights, which are too large for a core's own cache, are read once a step for both, unless they are masked, which makes them each batch's own.
/// - Throws: as `lstmLanguageModelGradient`; `.badArgument` where only one batch masks the recurrent weights.
public func lstmLanguageModelGradients<Element>(
    _ sizes: LSTMSizes, _ first: LSTMBatch<Element>, _ second: LSTMBatch<Element>, at point: [Element],
    into firstGradient: inout [Element], _ secondGradient: inout [Element]
) throws(TorchError) -> (Double, Double) {
    try requireCount(firstGradient.count, point.count, "gradient")
    try requireCount(secondGradient.count, point.count, "gradient")
    let calls = [first, second].map {
        FusedCall(
            sizes: sizes, inputs: $0.inputs, targets: $0.targets, dropout: $0.dropout, terms: $0.terms, state: $0.state,
            point: point)
    }
    let result = firstGradient.withUnsafeMutableBytes { firstMemory in
        secondGradient.withUnsafeMutableBytes { secondMemory in
            FusedCall.run(calls, gradients: [firstMemory.baseAddress, secondMemory.baseAddress])
        }
    }
    let losses = try result.get()
    return (losses[0], losses[1])
}

/// The loss alone: forward without backward. The same number as the gradient's.
public func lstmLanguageModelLoss<Element>(
    _ sizes: LSTMSizes, inputs: [Int64], targets: [Int64], dropout: LSTMDropout?,
    terms: LSTMActivationTerms = LSTMActivationTerms(), from state: [Element]? = nil, at point: [Element]
) throws(TorchError) -> Double {
    try FusedCall(
        sizes: sizes, inputs: inputs, targets: targets, dropout: dropout, terms: terms, state: state, point: point
    ).run().get()
}

/// The state after the last step, in the form of `state` of `lstmLanguageModelGradient`.
public func lstmLanguageModelState<Element: ExpressibleByIntegerLiteral>(
    _ sizes: LSTMSizes, after inputs: [Int64], dropout: LSTMDropout?, from state: [Element]? = nil, at point: [Element]
) throws(TorchError) -> [Element] {
    var final = [Element](repeating: 0, count: sizes.stateCount)
    let call = FusedCall(
        sizes: sizes, inputs: inputs, targets: nil, dropout: dropout, terms: LSTMActivationTerms(), state: state,
        point: point)
    let result = final.withUnsafeMutableBytes { memory in call.run(final: memory.baseAddress) }
    _ = try result.get()
    return final
}

extension LSTMSizes {
    /// Elements of a state: h and c of every layer.
    public var stateCount: Int { 2 * streams * hidden.reduce(0, +) }
}

/// Gives memory that fused gradients keep between calls (about the size of one call's activations) back to the system.
public func releaseFusedMemory() { ctorch_lstm_release_memory() }

/// The instruction set that the fused gradients run on, the best that the processor has: `avx512`, `avx2` or `portable`.
public var fusedKernels: String { String(cString: ctorch_lstm_kernels()) }

/// Holds `fusedKernels` down to what an older processor would use, so that a test can compare them. Not while a fused
/// gradient runs.
/// - Throws: `.badArgument` for an unknown name.
public func limitFusedKernels(to name: String) throws(TorchError) {
    try check(ctorch_lstm_limit_kernels(name), "limitFusedKernels")
}

private func requireCount(_ found: Int, _ expected: Int, _ what: String) throws(TorchError) {
    guard found == expected else {
        throw TorchError(
            .badArgument, operation: "lstmLanguageModelGradient",
            message: "\(what) has \(found) elements, expected \(expected)")
    }
}

/// The arguments of one call of the C function.
private struct FusedCall<Element> {
    var sizes: LSTMSizes
    var inputs: [Int64]
    /// `nil`: only the state is wanted.
    var targets: [Int64]?
    var dropout: LSTMDropout?
    var terms: LSTMActivationTerms
    var state: [Element]?
    var point: [Element]

    func run(
        gradient: UnsafeMutableRawPointer? = nil, final: UnsafeMutableRawPointer? = nil
    ) -> Result<Double, TorchError> {
        Self.run([self], gradients: [gradient], final: final).map { $0[0] }
    }

    /// Calls of the same sizes at the same point, evaluated together.
    static func run(
        _ calls: [FusedCall], gradients: [UnsafeMutableRawPointer?], final: UnsafeMutableRawPointer? = nil
    ) -> Result<[Double], TorchError> {
        Result { () throws(TorchError) in
            let type = try ScalarType.required(of: Element.self, "lstmLanguageModelGradient")
            for call in calls { try call.checkCounts() }
            var losses = [Double](repeating: 0, count: calls.count)
            let status = calls[0].withSizes { rawSizes in
                withBatches(of: calls[...], []) { batches in
                    var (rawSizes, batches) = (rawSizes, batches)
                    batches[0].final = final
                    return calls[0].point.withUnsafeBytes { point in
                        ctorch_lstm_gradient(
                            &rawSizes, &batches, calls.count, type.raw, point.baseAddress, gradients,
                            calls[0].point.count, &losses)
                    }
                }
            }
            try check(status, "lstmLanguageModelGradient")
            return losses
        }
    }

    private func checkCounts() throws(TorchError) {
        try requireCount(inputs.count, sizes.steps * sizes.streams, "inputs")
        if let targets { try requireCount(targets.count, inputs.count, "targets") }
        if let state { try requireCount(state.count, sizes.stateCount, "state") }
        if dropout?.keep != nil { try requireCount(dropout?.scales.count ?? 0, sizes.hidden.count + 1, "scales") }
    }

    /// The memory of all calls' arrays for the duration of `body`.
    private static func withBatches(
        of calls: ArraySlice<FusedCall>, _ batches: [ctorch_lstm_batch], _ body: ([ctorch_lstm_batch]) -> ctorch_status
    ) -> ctorch_status {
        guard let call = calls.first else { return body(batches) }
        return call.withBatch { withBatches(of: calls.dropFirst(), batches + [$0], body) }
    }

    private func withSizes(_ body: (ctorch_lstm_sizes) -> ctorch_status) -> ctorch_status {
        withPointer(to: sizes.hidden.map(Int64.init)) { hidden in
            body(
                ctorch_lstm_sizes(
                    vocabulary: Int64(sizes.vocabulary), embedding: Int64(sizes.embedding),
                    layers: Int64(sizes.hidden.count), hidden: hidden, tied: sizes.tied, steps: Int64(sizes.steps),
                    streams: Int64(sizes.streams)))
        }
    }

    private func withBatch(_ body: (ctorch_lstm_batch) -> ctorch_status) -> ctorch_status {
        withPointer(to: inputs) { inputs in
            withPointer(to: targets) { targets in
                withPointer(to: state) { state in
                    withMasks { masks in
                        body(
                            ctorch_lstm_batch(
                                inputs: inputs, targets: targets, masks: masks, initial: state, final: nil,
                                activation: terms.activation, temporal_activation: terms.temporal))
                    }
                }
            }
        }
    }

    private func withMasks(_ body: (ctorch_lstm_masks) -> ctorch_status) -> ctorch_status {
        withPointer(to: dropout?.keep) { keep in
            withPointer(to: dropout?.scales) { scales in
                withPointer(to: dropout?.words) { words in
                    withPointer(to: dropout?.recurrent) { recurrent in
                        body(
                            ctorch_lstm_masks(
                                keep: keep, keep_count: dropout?.keep?.count ?? 0, keep_scales: scales,
                                locked: dropout?.isLocked ?? false, words: words,
                                word_count: dropout?.words?.count ?? 0, word_scale: dropout?.wordScale ?? 1,
                                recurrent: recurrent, recurrent_count: dropout?.recurrent?.count ?? 0,
                                recurrent_scale: dropout?.recurrentScale ?? 1))
                    }
                }
            }
        }
    }
}

/// The array's memory for the duration of `body`; NULL for `nil`.
private func withPointer<Element, Result>(
    to array: [Element]?, _ body: (UnsafePointer<Element>?) -> Result
) -> Result {
    guard let array else { return body(nil) }
    return array.withUnsafeBufferPointer { body($0.baseAddress) }
}
