// C functions over LibTorch's C++.
//
// Contract of every function that returns `ctorch_status`:
//   - no C++ exception crosses: what LibTorch throws becomes a status, and `ctorch_message()` is its text, kept per thread
//     until the next failure on that thread;
//   - on failure `*result` is untouched;
//   - a `ctorch_tensor *` that is handed out belongs to the caller and is given back with `ctorch_release`. Arguments are
//     borrowed for the call. A handle is a counted reference: views share memory with what they were taken from.
// A handle may be used by one thread at a time; different handles may be used at once.
#ifndef SMOOTHNESS_CTORCH_H
#define SMOOTHNESS_CTORCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctorch_tensor ctorch_tensor;

typedef enum ctorch_status {
    ctorch_ok = 0,
    // LibTorch refused: shapes, types, indices, a bad graph.
    ctorch_refused = 1,
    ctorch_out_of_memory = 2,
    // This LibTorch or this machine has no such device.
    ctorch_no_device = 3,
    // An argument was refused before LibTorch saw it.
    ctorch_bad_argument = 4,
    // LibTorch has no second derivative of one of the operations.
    ctorch_no_derivative = 5,
} ctorch_status;

typedef enum ctorch_scalar_type {
    ctorch_float32 = 0,
    ctorch_float64 = 1,
    ctorch_int64 = 2,
    ctorch_bool = 3,
    // Any other type that LibTorch has; only ever an answer.
    ctorch_other_type = -1,
} ctorch_scalar_type;

/// The text of the last failure on this thread. Valid until the next failure on it.
const char *ctorch_message(void);

// The process: version, threads, devices, memory (runtime.cpp)

/// "1.13.0", "2.13.0+cpu", …
const char *ctorch_version(void);
int ctorch_thread_count(void);
/// Threads of LibTorch's operations and of its matrix library, for the whole process. `count` ≥ 1.
ctorch_status ctorch_set_thread_count(int count);
bool ctorch_cuda_is_available(void);
int ctorch_cuda_device_count(void);
/// Whether `device` ("cpu", "cuda", "cuda:1") can be used; the message says why not.
ctorch_status ctorch_check_device(const char *device);
/// Blocks until what was started on `device` is done.
ctorch_status ctorch_synchronize(const char *device);
/// Keeps freed memory in the process and asks for huge pages. See Torch.tuneAllocator. A bit mask of what took effect:
/// 1 thresholds, 2 transparent huge pages.
int ctorch_tune_allocator(void);
/// Threads that wait for others go to sleep soon. See Torch.letThreadsSleep.
void ctorch_let_threads_sleep(void);
/// OpenBLAS uses the processor's vector instructions. See Torch.chooseMatrixKernels.
void ctorch_choose_matrix_kernels(void);
/// Whether that has set a variable of the environment that the user had not.
bool ctorch_has_chosen_matrix_kernels(void);

// Making tensors and looking at them (tensors.cpp)

ctorch_status ctorch_zeros(const int64_t *shape, size_t rank, ctorch_scalar_type type, const char *device,
                           ctorch_tensor **result);
ctorch_status ctorch_full(const int64_t *shape, size_t rank, ctorch_scalar_type type, double value, const char *device,
                          ctorch_tensor **result);
/// Copies `count` = Π shape elements from `values`.
ctorch_status ctorch_from_values(const void *values, size_t count, const int64_t *shape, size_t rank,
                                 ctorch_scalar_type type, const char *device, ctorch_tensor **result);
/// A tensor on the CPU over the caller's memory, without a copy. The memory must stay where it is until
/// `ctorch_end_loan`, which also releases the handle: whatever still shares the memory then (a view, a saved operand of
/// an autograd graph) is given a copy of its own, so that nothing is left pointing at it.
ctorch_status ctorch_begin_loan(const void *memory, size_t count, const int64_t *shape, size_t rank,
                                ctorch_scalar_type type, ctorch_tensor **result);
ctorch_status ctorch_end_loan(ctorch_tensor *tensor);
/// A second handle on the same tensor.
ctorch_status ctorch_share(const ctorch_tensor *tensor, ctorch_tensor **result);
void ctorch_release(ctorch_tensor *tensor);

size_t ctorch_rank(const ctorch_tensor *tensor);
/// Writes `ctorch_rank` extents.
void ctorch_shape(const ctorch_tensor *tensor, int64_t *shape);
int64_t ctorch_element_count(const ctorch_tensor *tensor);
ctorch_scalar_type ctorch_type(const ctorch_tensor *tensor);
/// Writes the device's name with a terminating zero, cut to `capacity` bytes.
void ctorch_device(const ctorch_tensor *tensor, char *name, size_t capacity);
/// Copies all elements, row-major, from any device; `type` and `count` must be the tensor's.
ctorch_status ctorch_copy_values(const ctorch_tensor *tensor, void *values, size_t count, ctorch_scalar_type type);

// Views and movement (tensors.cpp)

ctorch_status ctorch_reshape(const ctorch_tensor *tensor, const int64_t *shape, size_t rank, ctorch_tensor **result);
ctorch_status ctorch_transpose(const ctorch_tensor *tensor, int64_t first, int64_t second, ctorch_tensor **result);
/// Elements start ..< end of one dimension.
ctorch_status ctorch_slice(const ctorch_tensor *tensor, int64_t dimension, int64_t start, int64_t end,
                           ctorch_tensor **result);
/// One index of one dimension, which disappears.
ctorch_status ctorch_select(const ctorch_tensor *tensor, int64_t dimension, int64_t index, ctorch_tensor **result);
/// Cuts a dimension, whose extent `count` divides, into `count` equal views.
ctorch_status ctorch_chunk(const ctorch_tensor *tensor, int64_t count, int64_t dimension, ctorch_tensor **results);
ctorch_status ctorch_cat(const ctorch_tensor *const *tensors, size_t count, int64_t dimension, ctorch_tensor **result);
ctorch_status ctorch_stack(const ctorch_tensor *const *tensors, size_t count, int64_t dimension,
                           ctorch_tensor **result);
ctorch_status ctorch_to_device(const ctorch_tensor *tensor, const char *device, ctorch_tensor **result);
ctorch_status ctorch_to_type(const ctorch_tensor *tensor, ctorch_scalar_type type, ctorch_tensor **result);
ctorch_status ctorch_contiguous(const ctorch_tensor *tensor, ctorch_tensor **result);

// Arithmetic (operations.cpp). Binary operations broadcast as NumPy's do.

ctorch_status ctorch_add(const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result);
ctorch_status ctorch_subtract(const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result);
ctorch_status ctorch_multiply(const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result);
ctorch_status ctorch_divide(const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result);
ctorch_status ctorch_add_scalar(const ctorch_tensor *a, double b, ctorch_tensor **result);
ctorch_status ctorch_multiply_scalar(const ctorch_tensor *a, double b, ctorch_tensor **result);
ctorch_status ctorch_power(const ctorch_tensor *a, double exponent, ctorch_tensor **result);
ctorch_status ctorch_sigmoid(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_tanh(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_relu(const ctorch_tensor *a, ctorch_tensor **result);
/// x·Φ(x), Φ the normal distribution function.
ctorch_status ctorch_gelu(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_exp(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_log(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_sum(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_mean(const ctorch_tensor *a, ctorch_tensor **result);
ctorch_status ctorch_sum_dimension(const ctorch_tensor *a, int64_t dimension, bool keep, ctorch_tensor **result);
ctorch_status ctorch_mean_dimension(const ctorch_tensor *a, int64_t dimension, bool keep, ctorch_tensor **result);
ctorch_status ctorch_matmul(const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result);
/// x·Wᵀ + b; `bias` may be NULL.
ctorch_status ctorch_linear(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                            ctorch_tensor **result);
/// Rows of `weight` [V, E] at int64 `indices` of any shape. An index outside 0 ..< V is refused.
ctorch_status ctorch_embedding(const ctorch_tensor *weight, const ctorch_tensor *indices, ctorch_tensor **result);
ctorch_status ctorch_softmax(const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result);
/// (a − mean)/√(variance + epsilon)·weight + bias over the last dimensions, whose extents are those of `weight`.
ctorch_status ctorch_layer_norm(const ctorch_tensor *a, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                double epsilon, ctorch_tensor **result);
/// softmax(q·kᵀ/√D)·v of [B, heads, T, D], where position t sees positions 0 … t. `fused`: LibTorch's own attention from
/// 2.0 on, which has no second derivative; otherwise, and before, the operations of the formula.
ctorch_status ctorch_causal_attention(const ctorch_tensor *queries, const ctorch_tensor *keys,
                                      const ctorch_tensor *values, bool fused, ctorch_tensor **result);
ctorch_status ctorch_log_softmax(const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result);
/// −mean or −sum of log probabilities [N, C] at int64 `targets` [N].
ctorch_status ctorch_nll_loss(const ctorch_tensor *log_probabilities, const ctorch_tensor *targets, bool mean,
                              ctorch_tensor **result);
ctorch_status ctorch_cross_entropy(const ctorch_tensor *logits, const ctorch_tensor *targets, bool mean,
                                   ctorch_tensor **result);

// Automatic differentiation (autograd.cpp)

bool ctorch_requires_gradient(const ctorch_tensor *tensor);
/// Marks a leaf. Only floating-point leaves can be marked.
ctorch_status ctorch_set_requires_gradient(ctorch_tensor *tensor, bool required);
/// A tensor on the same memory outside the graph.
ctorch_status ctorch_detach(const ctorch_tensor *tensor, ctorch_tensor **result);
/// Adds ∂tensor/∂leaf to the gradient of every leaf of the graph, which is then freed. `tensor` has one element.
ctorch_status ctorch_backward(const ctorch_tensor *tensor);
/// `*result` becomes NULL where there is none.
ctorch_status ctorch_gradient(const ctorch_tensor *tensor, ctorch_tensor **result);
/// ∂²loss/∂leaves² · vectors: `count` products, of the leaves' shapes. No leaf's gradient is touched, and the graph of
/// `loss` is freed. `ctorch_no_derivative` where an operation can be differentiated only once.
ctorch_status ctorch_hessian_product(const ctorch_tensor *loss, const ctorch_tensor *const *leaves,
                                     const ctorch_tensor *const *vectors, size_t count, ctorch_tensor **results);
/// Whether operations on this thread are recorded; returns what was before.
bool ctorch_set_gradient_recording(bool recorded);

#ifdef __cplusplus
}
#endif
#include "CTorchLSTM.h"
#include "CTorchPerceptron.h"
#include "CTorchScript.h"
#include "CTorchVision.h"
#endif
