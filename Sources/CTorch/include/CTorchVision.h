// What networks over images need besides the arithmetic of CTorch.h. Images are [N, C, H, W].
#ifndef SMOOTHNESS_CTORCH_VISION_H
#define SMOOTHNESS_CTORCH_VISION_H
#include "CTorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Cross-correlation of x [N, C, H, W] with weight [O, C, K, K], without bias; the same stride and zero padding both ways.
ctorch_status ctorch_convolution(const ctorch_tensor *x, const ctorch_tensor *weight, int64_t stride, int64_t padding,
                                 ctorch_tensor **result);
/// Batch normalisation of every channel: (x − μ)/√(σ² + epsilon) · weight + bias.
///
/// `from_batch`: μ and σ² are those of x over N, H, W. Where `mean` and `variance` [C] are given as well, they are changed
/// in place to (1 − momentum)·old + momentum·(mean, unbiased variance of the batch). Otherwise μ and σ² are `mean` and
/// `variance`.
ctorch_status ctorch_batch_norm(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                ctorch_tensor *mean, ctorch_tensor *variance, bool from_batch, double momentum,
                                double epsilon, ctorch_tensor **result);
ctorch_status ctorch_max_pool(const ctorch_tensor *x, int64_t kernel, int64_t stride, int64_t padding,
                              ctorch_tensor **result);
/// [N, C, H, W] to [N, C]: the mean over H and W.
ctorch_status ctorch_global_average_pool(const ctorch_tensor *x, ctorch_tensor **result);
/// Every `stride`-th row and column, from the first, with `before` and `after` channels of zeros around the channels.
ctorch_status ctorch_subsample_and_pad(const ctorch_tensor *x, int64_t stride, int64_t before, int64_t after,
                                       ctorch_tensor **result);
/// The same elements with the channels of a pixel beside one another in memory, which convolutions on processors like.
ctorch_status ctorch_channels_last(const ctorch_tensor *x, ctorch_tensor **result);
/// (1 − smoothing)·cross-entropy + smoothing·(mean over the classes of −log p): label smoothing of Szegedy et al. 2016.
ctorch_status ctorch_smoothed_cross_entropy(const ctorch_tensor *logits, const ctorch_tensor *targets, bool mean,
                                            double smoothing, ctorch_tensor **result);

#ifdef __cplusplus
}
#endif
#endif
