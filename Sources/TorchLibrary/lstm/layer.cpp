#include "layer.h"

#include "parallel.h"
#include "products.h"

#include <algorithm>
#include <cstring>

namespace ctorch {

namespace {

size_t ceiling(size_t count, size_t piece) { return (count + piece - 1) / piece; }

/// Forward panels: `lanes` hidden units each with their four gates side by side, so that a panel's product is all that the
/// cells of these units need. packed[panel][k][gate][lane] = W_hh[gate·H + unit][k], zero beyond the last unit.
template <class Scalar> void pack_forward(size_t hidden, const Scalar *weight, Scalar *packed) {
    const size_t lanes = kernels(Scalar()).lanes, width = 4 * lanes;
    parallel(ceiling(hidden, lanes), [=](size_t panel) {
        Scalar *to = packed + panel * hidden * width;
        const size_t first = panel * lanes, units = std::min(lanes, hidden - first);
        constexpr size_t block = 16;
        for (size_t start = 0; start < hidden; start += block) {
            const size_t end = std::min(start + block, hidden);
            for (size_t gate = 0; gate < 4; gate++)
                for (size_t lane = 0; lane < lanes; lane++) {
                    Scalar *column = to + gate * lanes + lane;
                    if (lane < units) {
                        const Scalar *row = weight + (gate * hidden + first + lane) * hidden;
                        for (size_t k = start; k < end; k++) column[k * width] = row[k];
                    } else {
                        for (size_t k = start; k < end; k++) column[k * width] = 0;
                    }
                }
        }
    });
}

/// Backward panels: columns of W_hh. packed[panel][k][unit] = W_hh[k][unit], k over the 4H gates.
template <class Scalar> void pack_backward(size_t hidden, const Scalar *weight, Scalar *packed) {
    const size_t width = panel_vectors * kernels(Scalar()).lanes;
    parallel(ceiling(hidden, width), [=](size_t panel) {
        Scalar *to = packed + panel * 4 * hidden * width;
        const size_t first = panel * width, units = std::min(width, hidden - first);
        for (size_t k = 0; k < 4 * hidden; k++, to += width) {
            std::memcpy(to, weight + k * hidden + first, units * sizeof(Scalar));
            std::memset(to + units, 0, (width - units) * sizeof(Scalar));
        }
    });
}

/// The widest panel of any kernel, in bytes, for the stack.
constexpr size_t most_panel_bytes = panel_vectors * 64;

} // namespace

template <class Scalar> size_t packed_count(size_t hidden) {
    const size_t lanes = kernels(Scalar()).lanes, width = panel_vectors * lanes;
    return std::max(ceiling(hidden, lanes) * hidden * 4 * lanes, ceiling(hidden, width) * 4 * hidden * width);
}

template <class Scalar>
void layer_forward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                   const LayerState<Scalar> &state, const LayerScratch<Scalar> &scratch) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const size_t hidden = sizes.hidden, streams = sizes.streams, lanes = kernel.lanes;
    product<Scalar>({state.input, sizes.tokens(), sizes.input},
                    Matrix<Scalar>{parameters.input_weight, 4 * hidden, sizes.input}.t(), state.gates);
    for (size_t i = 0; i < 4 * hidden; i++) scratch.bias[i] = parameters.input_bias[i] + parameters.recurrent_bias[i];
    if (sizes.steps > 1 || state.continues) pack_forward(hidden, parameters.recurrent_weight, scratch.packed);

    for (size_t step = 0; step < sizes.steps; step++) {
        Scalar *gates = state.gates + step * streams * 4 * hidden;
        Scalar *cells = state.cells + step * streams * hidden, *outputs = state.outputs + step * streams * hidden;
        const bool has_before = step > 0 || state.continues;
        parallel(ceiling(hidden, lanes), [=, &kernel](size_t panel) {
            alignas(64) Scalar sums[most_rows * most_panel_bytes / sizeof(Scalar)];
            const size_t unit = panel * lanes;
            for (size_t row = 0; row < streams; row += most_rows) {
                const size_t rows = std::min(most_rows, streams - row), here = row * hidden;
                if (has_before)
                    kernel.panel_product(rows, hidden, outputs - streams * hidden + here, hidden,
                                         scratch.packed + panel * hidden * 4 * lanes, sums);
                kernel.forward_cell({rows, hidden, unit, std::min(lanes, hidden - unit), gates + 4 * here,
                                     scratch.bias, has_before ? sums : nullptr,
                                     has_before ? cells - streams * hidden + here : nullptr, cells + here,
                                     outputs + here});
            }
        });
    }
}

template <class Scalar>
void layer_backward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                    const LayerState<Scalar> &state, const Scalar *output_gradient,
                    const LayerParameters<Scalar> &gradient, Scalar *input_gradient,
                    const LayerScratch<Scalar> &scratch) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const size_t hidden = sizes.hidden, streams = sizes.streams, lanes = kernel.lanes;
    const size_t width = panel_vectors * lanes, one_step = streams * hidden;
    if (sizes.steps > 1) pack_backward(hidden, parameters.recurrent_weight, scratch.packed);

    for (size_t step = sizes.steps; step-- > 0;) {
        Scalar *gates = state.gates + step * streams * 4 * hidden;
        const Scalar *cells = state.cells + step * one_step, *outputs = output_gradient + step * one_step;
        const bool last = step == sizes.steps - 1, has_before = step > 0 || state.continues;
        parallel(ceiling(hidden, width), [=, &kernel](size_t panel) {
            alignas(64) Scalar sums[most_rows * most_panel_bytes / sizeof(Scalar)];
            for (size_t row = 0; row < streams; row += most_rows) {
                const size_t rows = std::min(most_rows, streams - row), here = row * hidden;
                if (!last)
                    kernel.panel_product(rows, 4 * hidden, gates + 4 * (one_step + here), 4 * hidden,
                                         scratch.packed + panel * 4 * hidden * width, sums);
                for (size_t v = 0; v < panel_vectors; v++) {
                    const size_t unit = panel * width + v * lanes;
                    if (unit >= hidden) break;
                    kernel.backward_cell({rows, hidden, unit, std::min(lanes, hidden - unit), gates + 4 * here,
                                          last ? nullptr : sums + v * lanes, width, outputs + here,
                                          has_before ? cells - one_step + here : nullptr, cells + here,
                                          scratch.carried + here});
                }
            }
        });
    }

    // Every weight in one product over all steps. A state of zero before the first step adds nothing.
    const size_t tokens = sizes.tokens();
    const Matrix<Scalar> all{state.gates, tokens, 4 * hidden};
    product(all.t(), {state.input, tokens, sizes.input}, gradient.input_weight);
    if (state.continues) {
        product(all.t(), {state.outputs - one_step, tokens, hidden}, gradient.recurrent_weight);
    } else if (sizes.steps > 1) {
        const Matrix<Scalar> later{state.gates + streams * 4 * hidden, tokens - streams, 4 * hidden};
        product(later.t(), {state.outputs, tokens - streams, hidden}, gradient.recurrent_weight);
    } else {
        std::memset(gradient.recurrent_weight, 0, 4 * hidden * hidden * sizeof(Scalar));
    }
    constexpr size_t piece = 256;
    parallel(ceiling(4 * hidden, piece), [=, &kernel](size_t index) {
        const size_t first = index * piece, count = std::min(piece, 4 * hidden - first);
        kernel.column_sums(tokens, count, state.gates + first, 4 * hidden, gradient.input_bias + first, false);
        std::memcpy(gradient.recurrent_bias + first, gradient.input_bias + first, count * sizeof(Scalar));
    });
    product(all, {parameters.input_weight, 4 * hidden, sizes.input}, input_gradient);
}

#define INSTANTIATE(Scalar)                                                                                            \
    template size_t packed_count<Scalar>(size_t);                                                                      \
    template void layer_forward(const LayerSizes &, const LayerParameters<const Scalar> &, const LayerState<Scalar> &, \
                                const LayerScratch<Scalar> &);                                                         \
    template void layer_backward(const LayerSizes &, const LayerParameters<const Scalar> &,                            \
                                 const LayerState<Scalar> &, const Scalar *, const LayerParameters<Scalar> &,          \
                                 Scalar *, const LayerScratch<Scalar> &);
INSTANTIATE(float)
INSTANTIATE(double)

} // namespace ctorch
