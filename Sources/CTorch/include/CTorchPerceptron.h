// The loss and the gradient of a multilayer perceptron in one call, on the processor: for small networks most of
// the time of automatic differentiation goes into making and finding operations.
#ifndef SMOOTHNESS_CTORCH_PERCEPTRON_H
#define SMOOTHNESS_CTORCH_PERCEPTRON_H
#include "CTorch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { ctorch_rectifier, ctorch_hyperbolic_tangent } ctorch_activation;

/// The mean cross-entropy per sample, in nats; with `gradient`, which may be NULL, also its gradient.
///
/// `sizes` are those of the input, of every hidden layer and of the output, `size_count` ≥ 2 of them; `activation` follows
/// every layer but the last. The flat vectors `point` and
/// `gradient`, `count` elements of `type` (float32 or float64), hold for every layer the weight [O, I], row-major, and the bias [O].
/// `inputs` [samples, sizes[0]] are of `type` too; `labels` [samples] lie in 0 ..< the last size.
///
/// Sums run in one fixed order in kernels of its own; only products of millions of multiplications are LibTorch's.
ctorch_status ctorch_perceptron_gradient(const int64_t *sizes, size_t size_count, ctorch_activation activation,
                                         const void *inputs, const int64_t *labels, size_t samples,
                                         ctorch_scalar_type type, const void *point, void *gradient, size_t count,
                                         double *loss);

#ifdef __cplusplus
}
#endif
#endif
