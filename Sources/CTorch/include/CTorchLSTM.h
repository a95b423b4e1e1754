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

/// What dropout keeps, and by how much what it keeps is multiplied. A NULL array drops nothing.
typedef struct ctorch_lstm_masks {
    // Place 0 is the embedded input [.., E], place l + 1 what layer l puts out [.., H], one place after the other: [T][B][width]
    // each, or [B][width], the same at every step, where `locked`.
    const bool *keep;
    size_t keep_count;
    const double *keep_scales; // one a place
    bool locked;
    // Whole rows of the embedding [V] as the input reads them; the decoder reads them whole.
    const bool *words;
    size_t word_count;
    double word_scale;
    // Single elements of W_hh [4H][H] of every layer, one layer after the other (DropConnect).
    const bool *recurrent;
    size_t recurrent_count;
    double recurrent_scale;
} ctorch_lstm_masks;

typedef struct ctorch_lstm_batch {
    const int64_t *inputs;  // [T][B]
    const int64_t *targets; // [T][B]; NULL: only the state after the last step is wanted, and there is no loss
    ctorch_lstm_masks masks;
    // The state before the first step, and room for the one after the last: for every layer h [B][H], then c [B][H], of the
    // same scalar as the point. NULL: zero, and none. A given state is a constant: no gradient flows into it.
    const void *initial;
    void *final;
    // α·mean(y²) and β·mean((h_{t+1} − h_t)²) are added to the loss, h what the last layer puts out, y the same with its mask.
    double activation;          // α
    double temporal_activation; // β
} ctorch_lstm_batch;

/// The mean cross-entropy per token, in nats, with the activation terms; with a gradient, which may be NULL, also its gradient.
/// `type` is float32 or float64 and says what `point` and the gradients hold; `count` is their number of elements.
///
/// Several batches of the same sizes may be evaluated at the same point together, each into a loss and a gradient of its own: the numbers
/// are those of one after the other, the recurrent weights are read once. `gradients` are as many pointers as batches, all NULL or none, and either all
/// batches have masks of the recurrent weights or none.
///
/// The recurrence runs in kernels of its own, each element summed in one fixed order; the large products are LibTorch's.
ctorch_status ctorch_lstm_gradient(const ctorch_lstm_sizes *sizes, const ctorch_lstm_batch *batches,
                                   size_t batch_count, ctorch_scalar_type type, const void *point,
                                   void *const *gradients, size_t count, double *losses);

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
