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

/// Which elements dropout keeps: [T][B][E], then [T][B][H] for every layer, one after the other; kept elements are
/// multiplied by `scale`.
public struct LSTMDropout: Sendable {
    public var keep: [Bool]
    public var scale: Double

    public init(keep: [Bool], scale: Double) {
        self.keep = keep
        self.scale = scale
    }
}

/// The mean cross-entropy per token of an LSTM language model from a zero state, and its gradient, in one fused C++ call on
/// the processor; no tensors, no graph.
///
/// `point` and `gradient` (overwritten) are flat vectors of Float or Double: embedding [V, E]; for each layer W_ih [4H, I],
/// W_hh [4H, H], b_ih [4H], b_hh [4H], gates in the order i, f, g, o; decoder weight [V, H_last] unless tied; decoder bias
/// [V]. `inputs` and `targets` are [T][B].
///
/// Reduction order: the recurrent products, softmax, bias sums and the loss do not depend on the number of threads; the
/// large products are LibTorch's matrix library's, which may split them otherwise for another number of threads.
/// - Throws: `.badArgument` for tokens outside the vocabulary or arrays of the wrong size; `.outOfMemory`.
/// - Returns: the loss in nats.
public func lstmLanguageModelGradient<Element>(
    _ sizes: LSTMSizes, inputs: [Int64], targets: [Int64], dropout: LSTMDropout?, at point: [Element],
    into gradient: inout [Element]
) throws(TorchError) -> Double {
    try requireCount(gradient.count, point.count, "gradient")
    let status = gradient.withUnsafeMutableBytes { memory in
        callFused(sizes, inputs, targets, dropout, point, memory.baseAddress)
    }
    return try status.get()
}

/// The loss alone: forward without backward. The same number as the gradient's.
public func lstmLanguageModelLoss<Element>(
    _ sizes: LSTMSizes, inputs: [Int64], targets: [Int64], dropout: LSTMDropout?, at point: [Element]
) throws(TorchError) -> Double {
    try callFused(sizes, inputs, targets, dropout, point, nil).get()
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

private func callFused<Element>(
    _ sizes: LSTMSizes, _ inputs: [Int64], _ targets: [Int64], _ dropout: LSTMDropout?, _ point: [Element],
    _ gradient: UnsafeMutableRawPointer?
) -> Result<Double, TorchError> {
    Result { () throws(TorchError) in
        let type = try ScalarType.required(of: Element.self, "lstmLanguageModelGradient")
        try requireCount(inputs.count, sizes.steps * sizes.streams, "inputs")
        try requireCount(targets.count, sizes.steps * sizes.streams, "targets")
        let hidden = sizes.hidden.map(Int64.init)
        var loss = 0.0
        let status = hidden.withUnsafeBufferPointer { hidden in
            var rawSizes = ctorch_lstm_sizes(
                vocabulary: Int64(sizes.vocabulary), embedding: Int64(sizes.embedding), layers: Int64(hidden.count),
                hidden: hidden.baseAddress, tied: sizes.tied, steps: Int64(sizes.steps), streams: Int64(sizes.streams))
            return inputs.withUnsafeBufferPointer { inputs in
                targets.withUnsafeBufferPointer { targets in
                    (dropout?.keep ?? []).withUnsafeBufferPointer { keep in
                        var batch = ctorch_lstm_batch(
                            inputs: inputs.baseAddress, targets: targets.baseAddress,
                            keep: dropout == nil ? nil : keep.baseAddress, keep_count: keep.count,
                            keep_scale: dropout?.scale ?? 1)
                        return point.withUnsafeBytes { point in
                            ctorch_lstm_gradient(
                                &rawSizes, &batch, type.raw, point.baseAddress, gradient,
                                point.count / MemoryLayout<Element>.stride, &loss)
                        }
                    }
                }
            }
        }
        try check(status, "lstmLanguageModelGradient")
        return loss
    }
}
