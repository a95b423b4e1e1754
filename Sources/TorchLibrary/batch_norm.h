// Batch normalisation with the statistics of the batch, its sums in double.
#ifndef SMOOTHNESS_CTORCH_BATCH_NORM_H
#define SMOOTHNESS_CTORCH_BATCH_NORM_H
#include <ATen/ATen.h>

namespace ctorch {

/// Whether `batch_norm` below takes this tensor: Float on the processor with the channels of a pixel side by side.
bool sums_in_double(const at::Tensor &x);

/// (x − μ)/√(σ² + ε)·weight + bias over [N, C, H, W]. LibTorch adds Float up plainly in this order of memory, which costs a gradient of a
/// residual network three of its digits. Differentiable twice.
at::Tensor batch_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, double epsilon);

} // namespace ctorch
#endif
