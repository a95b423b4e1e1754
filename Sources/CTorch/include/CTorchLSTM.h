// The loss and the gradient of an LSTM language model in one call, on the processor.
//
// The flat vector `point` holds, one after the other and row-major: embedding [V, E]; for each layer W_ih [4H, I],
// W_hh [4H, H], b_ih [4H], b_hh [4H] with the gates in the order i, f, g, o; the decoder's weight [V, H_last] unless tied;
// the decoder's bias [V]. `gradient` has the same layout.
#ifndef SMOOTHNESS_CTORCH_LSTM_H
#define SMOOTHNESS_CTORCH_LSTM_H
#include "CTorch.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctorch_lstm_sizes {
    int64_t vocabulary;    // V
    int64_t embedding;     // E
    int64_t layers;
    const int64_t *hidden; // H of every layer
    bool tied;             // the decoder's weight is the embedding; needs H_last = E
    int64_t steps;         // T
    int64_t streams;       // B
} ctorch_lstm_sizes;

typedef struct ctorch_lstm_batch {
    const int64_t *inputs;  // [T][B]
    const int64_t *targets; // [T][B]
    // Which elements dropout keeps, NULL for all: [T][B][E], then [T][B][H] for every layer, one after the other.
    const bool *keep;
    size_t keep_count;
    double keep_scale; // by which kept elements are multiplied
} ctorch_lstm_batch;

/// The mean cross-entropy per token, in nats, from a zero state; with `gradient`, which may be NULL, also its gradient.
/// `type` is float32 or float64 and says what `point` and `gradient` hold; `count` is their number of elements.
///
/// The recurrence runs in kernels of its own, each element summed in one fixed order; the large products are LibTorch's.
ctorch_status ctorch_lstm_gradient(const ctorch_lstm_sizes *sizes, const ctorch_lstm_batch *batch,
                                   ctorch_scalar_type type, const void *point, void *gradient, size_t count,
                                   double *loss);

/// Gives the memory that finished calls have left for the next ones back to the system.
void ctorch_lstm_release_memory(void);

/// The instruction set of the kernels: "avx512", "avx2", "portable".
const char *ctorch_lstm_kernels(void);
/// Holds the choice down, for tests; not while a call runs.
ctorch_status ctorch_lstm_limit_kernels(const char *name);

#ifdef __cplusplus
}
#endif
#endif
