// The vectorised loops of the LSTM gradient, compiled once for every instruction set and chosen at run time.
#ifndef SMOOTHNESS_CTORCH_KERNELS_H
#define SMOOTHNESS_CTORCH_KERNELS_H
#include <cstddef>
#include <cstdint>

namespace ctorch {

/// Vectors of a packed panel: the product's tile is this many vectors wide.
constexpr size_t panel_vectors = 4;
/// Rows that one call of `panel_product` takes at most.
constexpr size_t most_rows = 64;

template <class Scalar> struct ForwardCell {
    size_t rows, hidden;
    size_t unit, width;        // units unit ..< unit + width, width ≤ lanes
    Scalar *gates;             // [rows][4·hidden]; in: from the input; out: σ(i), σ(f), tanh(g), σ(o)
    const Scalar *input;       // null, or what comes from the input [..][4·hidden], of which row r reads input_rows[r]
    const uint32_t *input_rows;
    const Scalar *bias;        // [4·hidden]
    const Scalar *recurrent;   // [rows][4][lanes], or null at the first step
    const Scalar *before;      // c_{t−1} [rows][hidden], or null
    Scalar *cell, *output;     // c_t and h_t [rows][hidden]
};

template <class Scalar> struct BackwardCell {
    size_t rows, hidden;
    size_t unit, width;
    Scalar *gates;             // in: as ForwardCell left them; out: ∂/∂(their arguments)
    const Scalar *recurrent;   // [rows][stride], ∂/∂h_t through step t + 1, or null at the last step
    size_t recurrent_stride;
    const Scalar *output;      // ∂/∂h_t from above [rows][hidden]
    const Scalar *before;      // c_{t−1} or null
    const Scalar *cell;        // c_t
    Scalar *carried;           // ∂/∂c_t through step t + 1 in, ∂/∂c_{t−1} out [rows][hidden]
};

template <class Scalar> struct Kernels {
    const char *name;
    size_t lanes;
    /// out[rows][panel] = A[rows][depth] (row stride `stride`) · packed[depth][panel], panel = panel_vectors·lanes. Every
    /// element is one chain of sums over the depth in increasing order, whatever the number of rows. rows ≤ most_rows.
    void (*panel_product)(size_t rows, size_t depth, const Scalar *a, size_t stride, const Scalar *packed, Scalar *out);
    void (*forward_cell)(const ForwardCell<Scalar> &);
    void (*backward_cell)(const BackwardCell<Scalar> &);
    /// Adds `bias` to one row of logits and returns log Σ exp − logit[target] in double. With `scale` ≠ 0 the row becomes
    /// scale·(softmax − one-hot).
    double (*softmax_row)(size_t count, Scalar *logits, const Scalar *bias, size_t target, double scale);
    /// sums[0 ..< width] = Σ over rows, in double.
    void (*column_sums)(size_t rows, size_t width, const Scalar *matrix, size_t stride, Scalar *sums, bool add);
    /// Batch normalisation of rows of pixels, each of `channels` values. sums[c] = Σ x, or with `mean` Σ (x − mean)², in double.
    void (*moments)(size_t rows, size_t channels, const Scalar *x, const double *mean, double *sums);
    /// out = (x − mean)·factor + bias
    void (*normalize)(size_t rows, size_t channels, const Scalar *x, const Scalar *mean, const Scalar *factor,
                      const Scalar *bias, Scalar *out);
    /// sums[c] = Σ flow and sums[channels + c] = Σ flow·(x − mean), in double.
    void (*flow_moments)(size_t rows, size_t channels, const Scalar *x, const Scalar *flow, const double *mean,
                         double *sums);
    /// out = (flow − constant − (x − mean)·slope)·factor
    void (*flow_back)(size_t rows, size_t channels, const Scalar *x, const Scalar *flow, const Scalar *mean,
                      const Scalar *constant, const Scalar *slope, const Scalar *factor, Scalar *out);
    /// Every value becomes its hyperbolic tangent.
    void (*hyperbolic_tangents)(size_t count, Scalar *values);
};

const Kernels<float> &avx512_kernels(float);
const Kernels<double> &avx512_kernels(double);
const Kernels<float> &avx2_kernels(float);
const Kernels<double> &avx2_kernels(double);
const Kernels<float> &portable_kernels(float);
const Kernels<double> &portable_kernels(double);

/// The best of them that this processor can run and `limit_kernels` allows; the argument only says which scalar.
template <class Scalar> const Kernels<Scalar> &kernels(Scalar);

/// Holds the choice down to "avx512", "avx2" or "portable"; false for another name.
bool limit_kernels(const char *name);

} // namespace ctorch
#endif
