import CTorch

// Arithmetic. Binary operations broadcast as NumPy's do.
extension Tensor {
    public static func + (left: Tensor, right: Tensor) throws(TorchError) -> Tensor {
        try making("add") { ctorch_add(left.handle, right.handle, $0) }
    }

    public static func - (left: Tensor, right: Tensor) throws(TorchError) -> Tensor {
        try making("subtract") { ctorch_subtract(left.handle, right.handle, $0) }
    }

    /// Element by element; with a mask of zeros and 1/(1 − p) this is inverted dropout.
    public static func * (left: Tensor, right: Tensor) throws(TorchError) -> Tensor {
        try making("multiply") { ctorch_multiply(left.handle, right.handle, $0) }
    }

    public static func / (left: Tensor, right: Tensor) throws(TorchError) -> Tensor {
        try making("divide") { ctorch_divide(left.handle, right.handle, $0) }
    }

    public static func + (left: Tensor, right: Double) throws(TorchError) -> Tensor {
        try making("add") { ctorch_add_scalar(left.handle, right, $0) }
    }

    public static func * (left: Tensor, right: Double) throws(TorchError) -> Tensor {
        try making("multiply") { ctorch_multiply_scalar(left.handle, right, $0) }
    }

    public func power(_ exponent: Double) throws(TorchError) -> Tensor {
        try .making("power") { ctorch_power(handle, exponent, $0) }
    }

    public func sigmoid() throws(TorchError) -> Tensor { try .making("sigmoid") { ctorch_sigmoid(handle, $0) } }
    public func tanh() throws(TorchError) -> Tensor { try .making("tanh") { ctorch_tanh(handle, $0) } }
    public func relu() throws(TorchError) -> Tensor { try .making("relu") { ctorch_relu(handle, $0) } }
    /// x·Φ(x), Φ the normal distribution function.
    public func gelu() throws(TorchError) -> Tensor { try .making("gelu") { ctorch_gelu(handle, $0) } }
    public func exp() throws(TorchError) -> Tensor { try .making("exp") { ctorch_exp(handle, $0) } }
    public func log() throws(TorchError) -> Tensor { try .making("log") { ctorch_log(handle, $0) } }

    /// Σ over all elements, rank 0.
    public func sum() throws(TorchError) -> Tensor { try .making("sum") { ctorch_sum(handle, $0) } }
    /// The mean of all elements, rank 0.
    public func mean() throws(TorchError) -> Tensor { try .making("mean") { ctorch_mean(handle, $0) } }

    public func sum(dimension: Int, keepingDimension keep: Bool = false) throws(TorchError) -> Tensor {
        try .making("sum") { ctorch_sum_dimension(handle, Int64(dimension), keep, $0) }
    }

    public func mean(dimension: Int, keepingDimension keep: Bool = false) throws(TorchError) -> Tensor {
        try .making("mean") { ctorch_mean_dimension(handle, Int64(dimension), keep, $0) }
    }

    /// The matrix product, batched where the rank is above 2.
    public func matmul(_ right: Tensor) throws(TorchError) -> Tensor {
        try .making("matmul") { ctorch_matmul(handle, right.handle, $0) }
    }

    /// x·Wᵀ + b, with x […, I], `weight` W [O, I] and `bias` b [O].
    public func linear(_ weight: Tensor, _ bias: Tensor? = nil) throws(TorchError) -> Tensor {
        try .making("linear") { ctorch_linear(handle, weight.handle, bias?.handle, $0) }
    }

    /// The rows of this matrix [V, E] at int64 `indices` of any shape: shape of indices × E.
    /// - Throws: `.badArgument` for an index outside 0 ..< V.
    public func embedding(_ indices: Tensor) throws(TorchError) -> Tensor {
        try .making("embedding") { ctorch_embedding(handle, indices.handle, $0) }
    }

    public func softmax(dimension: Int) throws(TorchError) -> Tensor {
        try .making("softmax") { ctorch_softmax(handle, Int64(dimension), $0) }
    }

    /// (x − mean)/√(variance + ε)·weight + bias over the last dimensions, whose extents are those of `weight` and `bias`.
    public func layerNormalized(weight: Tensor, bias: Tensor, epsilon: Double) throws(TorchError) -> Tensor {
        try .making("layerNormalized") { ctorch_layer_norm(handle, weight.handle, bias.handle, epsilon, $0) }
    }

    /// softmax(q·kᵀ/√D)·v for [B, heads, T, D], where position t sees positions 0 … t.
    /// - Parameter fused: from LibTorch 2.0 on its own attention, which can be differentiated once; otherwise, and before,
    ///   the operations of the formula, which can be differentiated again.
    public static func causalAttention(
        queries: Tensor, keys: Tensor, values: Tensor, fused: Bool = true
    ) throws(TorchError) -> Tensor {
        try making("causalAttention") {
            ctorch_causal_attention(queries.handle, keys.handle, values.handle, fused, $0)
        }
    }

    public func logSoftmax(dimension: Int) throws(TorchError) -> Tensor {
        try .making("logSoftmax") { ctorch_log_softmax(handle, Int64(dimension), $0) }
    }

    /// How losses of examples become one.
    public enum Reduction: Sendable { case mean, sum }

    /// The negative of the log probabilities [N, C] at int64 `targets` [N].
    public func negativeLogLikelihood(
        _ targets: Tensor, reduction: Reduction = .mean
    ) throws(TorchError) -> Tensor {
        try .making("negativeLogLikelihood") { ctorch_nll_loss(handle, targets.handle, reduction == .mean, $0) }
    }

    /// The cross-entropy, in nats, of softmax(this [N, C]) at int64 `targets` [N].
    public func crossEntropy(_ targets: Tensor, reduction: Reduction = .mean) throws(TorchError) -> Tensor {
        try .making("crossEntropy") { ctorch_cross_entropy(handle, targets.handle, reduction == .mean, $0) }
    }
}
