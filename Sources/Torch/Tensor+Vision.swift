import CTorch

// Networks over images [N, C, H, W].
extension Tensor {
    /// Cross-correlation with `weight` [O, C, K, K], without bias; the same stride and zero padding both ways.
    public func convolved(
        with weight: Tensor, stride: Int = 1, padding: Int = 0
    ) throws(TorchError) -> Tensor {
        try .making("convolved") { ctorch_convolution(handle, weight.handle, Int64(stride), Int64(padding), $0) }
    }

    /// Where batch normalisation takes mean μ and variance σ² of a channel from.
    public enum NormalizationStatistics {
        /// The batch itself: over N, H and W.
        case batch
        /// The batch itself; `mean` and `variance` [C] become (1 − momentum)·old + momentum·(mean, unbiased variance of
        /// the batch), in place.
        case accumulating(mean: Tensor, variance: Tensor, momentum: Double)
        /// What is given, [C] each.
        case given(mean: Tensor, variance: Tensor)
    }

    /// (x − μ)/√(σ² + ε) · weight + bias, channel by channel (Ioffe and Szegedy 2015).
    public func batchNormalized(
        weight: Tensor, bias: Tensor, statistics: NormalizationStatistics = .batch, epsilon: Double = 1e-5
    ) throws(TorchError) -> Tensor {
        switch statistics {
        case .batch:
            try .making("batchNormalized") {
                ctorch_batch_norm(handle, weight.handle, bias.handle, nil, nil, true, 0, epsilon, $0)
            }
        case .accumulating(let mean, let variance, let momentum):
            try .making("batchNormalized") {
                ctorch_batch_norm(
                    handle, weight.handle, bias.handle, mean.handle, variance.handle, true, momentum, epsilon, $0)
            }
        case .given(let mean, let variance):
            try .making("batchNormalized") {
                ctorch_batch_norm(
                    handle, weight.handle, bias.handle, mean.handle, variance.handle, false, 0, epsilon, $0)
            }
        }
    }

    /// The largest value in every window of `kernel` × `kernel`.
    public func maxPooled(kernel: Int, stride: Int, padding: Int = 0) throws(TorchError) -> Tensor {
        try .making("maxPooled") { ctorch_max_pool(handle, Int64(kernel), Int64(stride), Int64(padding), $0) }
    }

    /// The mean over H and W: [N, C].
    public func globallyAveraged() throws(TorchError) -> Tensor {
        try .making("globallyAveraged") { ctorch_global_average_pool(handle, $0) }
    }

    /// Every `stride`-th row and column, from the first, with channels of zeros before and after the channels.
    public func subsampled(
        stride: Int, zeroChannelsBefore before: Int, after: Int
    ) throws(TorchError) -> Tensor {
        try .making("subsampled") {
            ctorch_subsample_and_pad(handle, Int64(stride), Int64(before), Int64(after), $0)
        }
    }

    /// The same elements with the channels of a pixel beside one another in memory, which convolutions on processors like.
    /// What follows from it keeps that order; values do not depend on it beyond rounding.
    public func channelsLast() throws(TorchError) -> Tensor {
        try .making("channelsLast") { ctorch_channels_last(handle, $0) }
    }

    /// The cross-entropy, in nats, of softmax(this [N, C]) at int64 `targets` [N], with label smoothing s (Szegedy et al.
    /// 2016): (1 − s)·(−log p_target) + s·(mean over the classes of −log p).
    public func crossEntropy(
        _ targets: Tensor, labelSmoothing: Double, reduction: Reduction = .mean
    ) throws(TorchError) -> Tensor {
        try .making("crossEntropy") {
            ctorch_smoothed_cross_entropy(handle, targets.handle, reduction == .mean, labelSmoothing, $0)
        }
    }
}
