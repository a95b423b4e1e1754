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

/// What forward leaves for backward.
template <class Scalar> struct LayerState {
    const Scalar *input; // [T·B, I]
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
};

/// Elements of the packed recurrent weights, the larger of both directions.
template <class Scalar> size_t packed_count(size_t hidden);

template <class Scalar>
void layer_forward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                   const LayerState<Scalar> &state, const LayerScratch<Scalar> &scratch);

/// `output_gradient` [T·B, H] is ∂/∂outputs. Overwrites `gradient`, `input_gradient` [T·B, I] and the state's gates.
template <class Scalar>
void layer_backward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                    const LayerState<Scalar> &state, const Scalar *output_gradient,
                    const LayerParameters<Scalar> &gradient, Scalar *input_gradient,
                    const LayerScratch<Scalar> &scratch);

} // namespace ctorch
#endif
