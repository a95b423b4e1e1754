// One LSTM layer over all steps: forward, and backward to its weights and its input.
#ifndef SMOOTHNESS_CTORCH_LAYER_H
#define SMOOTHNESS_CTORCH_LAYER_H
#include "kernels.h"

namespace ctorch {

/// The layer's sizes and where its parameters lie; the same struct points into the gradient.
struct LayerSizes {
    size_t steps, streams; // T, B
    size_t input, hidden;  // I, H
    size_t tokens() const { return steps * streams; }
};

template <class Scalar> struct LayerParameters {
    Scalar *input_weight;     // W_ih [4H, I]
    Scalar *recurrent_weight; // W_hh [4H, H]
    Scalar *input_bias;       // b_ih [4H]
    Scalar *recurrent_bias;   // b_hh [4H]
};

/// An input that has a row for every distinct token: what is linear in it is worked out once a row instead of once a token.
struct SharedRows {
    size_t count;           // R
    const uint32_t *row;    // [T·B], the row that a token reads
    const uint32_t *first;  // [R + 1], where the tokens of a row begin in
    const uint32_t *tokens; // [T·B], the tokens of row 0, of row 1, …, each in order
};

/// What forward leaves for backward.
template <class Scalar> struct LayerState {
    const Scalar *input; // [T·B, I], or [R, I] where rows are shared
    const SharedRows *shared; // null: every token has a row of its own
    Scalar *gates;       // [T·B, 4H]
    Scalar *cells;       // [T·B, H]
    Scalar *outputs;     // [T·B, H]
    bool continues;      // whether the state before the first step lies before `cells` and `outputs`, [B, H] each; else it is 0
};

/// Scratch that layers share.
template <class Scalar> struct LayerScratch {
    Scalar *packed;  // packed_count elements
    Scalar *bias;    // [4H]
    Scalar *carried; // [B, H]
    Scalar *shared;  // [R, 4H] where rows are shared
};

/// Elements of the packed recurrent weights, the larger of both directions.
template <class Scalar> size_t packed_count(size_t hidden);

/// One of the batches that go through the layer at the same point.
template <class Scalar> struct LayerCall {
    LayerState<Scalar> state;
    LayerScratch<Scalar> scratch;
    // For backward: ∂/∂outputs [T·B, H]; what is overwritten with the gradient, and with ∂/∂input, of the input's shape.
    const Scalar *output_gradient = nullptr;
    LayerParameters<Scalar> gradient{};
    Scalar *input_gradient = nullptr;
};

/// Every step takes all batches, so that the recurrent weights, which come from far away in memory, are read once a step for all of them. What
/// comes out for a batch does not depend on the others.
template <class Scalar>
void layer_forward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                   const LayerCall<Scalar> *calls, size_t count);

/// Overwrites the states' gates.
template <class Scalar>
void layer_backward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                    const LayerCall<Scalar> *calls, size_t count);

} // namespace ctorch
#endif
