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

/// sums[row] = Σ of `values` over the tokens that share the row, in order.
template <class Scalar>
void add_shared(const SharedRows &shared, size_t width, const Scalar *values, Scalar *sums) {
    parallel(shared.count, [=, &shared](size_t row) {
        Scalar *to = sums + row * width;
        const size_t first = shared.first[row], end = shared.first[row + 1];
        std::memcpy(to, values + shared.tokens[first] * width, width * sizeof(Scalar));
        for (size_t index = first + 1; index < end; index++) {
            const Scalar *from = values + shared.tokens[index] * width;
            for (size_t i = 0; i < width; i++) to[i] += from[i];
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
                   const LayerCall<Scalar> *calls, size_t count) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const size_t hidden = sizes.hidden, streams = sizes.streams, lanes = kernel.lanes, one_step = streams * hidden;
    bool continues = false;
    for (const LayerCall<Scalar> *call = calls; call < calls + count; call++) {
        const SharedRows *shared = call->state.shared;
        product<Scalar>({call->state.input, shared ? shared->count : sizes.tokens(), sizes.input},
                        Matrix<Scalar>{parameters.input_weight, 4 * hidden, sizes.input}.t(),
                        shared ? call->scratch.shared : call->state.gates);
        continues = continues || call->state.continues;
    }
    // The same for all of them.
    Scalar *bias = calls->scratch.bias, *packed = calls->scratch.packed;
    for (size_t i = 0; i < 4 * hidden; i++) bias[i] = parameters.input_bias[i] + parameters.recurrent_bias[i];
    if (sizes.steps > 1 || continues) pack_forward(hidden, parameters.recurrent_weight, packed);

    for (size_t step = 0; step < sizes.steps; step++) {
        parallel(ceiling(hidden, lanes), [=, &kernel](size_t panel) {
            alignas(64) Scalar sums[most_rows * most_panel_bytes / sizeof(Scalar)];
            const size_t unit = panel * lanes;
            for (const LayerCall<Scalar> *call = calls; call < calls + count; call++) {
                const LayerState<Scalar> &state = call->state;
                Scalar *gates = state.gates + 4 * step * one_step;
                Scalar *cells = state.cells + step * one_step, *outputs = state.outputs + step * one_step;
                const bool has_before = step > 0 || state.continues;
                for (size_t row = 0; row < streams; row += most_rows) {
                    const size_t rows = std::min(most_rows, streams - row), here = row * hidden;
                    if (has_before)
                        kernel.panel_product(rows, hidden, outputs - one_step + here, hidden,
                                             packed + panel * hidden * 4 * lanes, sums);
                    kernel.forward_cell({rows, hidden, unit, std::min(lanes, hidden - unit), gates + 4 * here,
                                         state.shared ? call->scratch.shared : nullptr,
                                         state.shared ? state.shared->row + step * streams + row : nullptr, bias,
                                         has_before ? sums : nullptr, has_before ? cells - one_step + here : nullptr,
                                         cells + here, outputs + here});
                }
            }
        });
    }
}

namespace {

/// From the gradient of the gates' arguments to that of the weights and of the input.
template <class Scalar>
void layer_weights(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                   const LayerCall<Scalar> &call) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const LayerState<Scalar> &state = call.state;
    const size_t hidden = sizes.hidden, streams = sizes.streams, tokens = sizes.tokens();
    // Every weight in one product over all steps. A state of zero before the first step adds nothing.
    const Matrix<Scalar> all{state.gates, tokens, 4 * hidden};
    Matrix<Scalar> to_input = all;
    if (state.shared) {
        add_shared(*state.shared, 4 * hidden, state.gates, call.scratch.shared);
        to_input = {call.scratch.shared, state.shared->count, 4 * hidden};
    }
    product(to_input.t(), {state.input, to_input.rows, sizes.input}, call.gradient.input_weight);
    if (state.continues) {
        product(all.t(), {state.outputs - streams * hidden, tokens, hidden}, call.gradient.recurrent_weight);
    } else if (sizes.steps > 1) {
        const Matrix<Scalar> later{state.gates + streams * 4 * hidden, tokens - streams, 4 * hidden};
        product(later.t(), {state.outputs, tokens - streams, hidden}, call.gradient.recurrent_weight);
    } else {
        std::memset(call.gradient.recurrent_weight, 0, 4 * hidden * hidden * sizeof(Scalar));
    }
    constexpr size_t piece = 256;
    parallel(ceiling(4 * hidden, piece), [=, &kernel](size_t index) {
        const size_t first = index * piece, count = std::min(piece, 4 * hidden - first);
        kernel.column_sums(tokens, count, state.gates + first, 4 * hidden, call.gradient.input_bias + first, false);
        std::memcpy(call.gradient.recurrent_bias + first, call.gradient.input_bias + first, count * sizeof(Scalar));
    });
    product(to_input, {parameters.input_weight, 4 * hidden, sizes.input}, call.input_gradient);
}

} // namespace

template <class Scalar>
void layer_backward(const LayerSizes &sizes, const LayerParameters<const Scalar> &parameters,
                    const LayerCall<Scalar> *calls, size_t count) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const size_t hidden = sizes.hidden, streams = sizes.streams, lanes = kernel.lanes;
    const size_t width = panel_vectors * lanes, one_step = streams * hidden;
    Scalar *packed = calls->scratch.packed;
    if (sizes.steps > 1) pack_backward(hidden, parameters.recurrent_weight, packed);

    for (size_t step = sizes.steps; step-- > 0;) {
        const bool last = step == sizes.steps - 1;
        parallel(ceiling(hidden, width), [=, &kernel](size_t panel) {
            alignas(64) Scalar sums[most_rows * most_panel_bytes / sizeof(Scalar)];
            for (const LayerCall<Scalar> *call = calls; call < calls + count; call++) {
                const LayerState<Scalar> &state = call->state;
                Scalar *gates = state.gates + 4 * step * one_step;
                const Scalar *cells = state.cells + step * one_step;
                const Scalar *outputs = call->output_gradient + step * one_step;
                const bool has_before = step > 0 || state.continues;
                for (size_t row = 0; row < streams; row += most_rows) {
                    const size_t rows = std::min(most_rows, streams - row), here = row * hidden;
                    if (!last)
                        kernel.panel_product(rows, 4 * hidden, gates + 4 * (one_step + here), 4 * hidden,
                                             packed + panel * 4 * hidden * width, sums);
                    for (size_t v = 0; v < panel_vectors; v++) {
                        const size_t unit = panel * width + v * lanes;
                        if (unit >= hidden) break;
                        kernel.backward_cell({rows, hidden, unit, std::min(lanes, hidden - unit), gates + 4 * here,
                                              last ? nullptr : sums + v * lanes, width, outputs + here,
                                              has_before ? cells - one_step + here : nullptr, cells + here,
                                              call->scratch.carried + here});
                    }
                }
            }
        });
    }
    for (const LayerCall<Scalar> *call = calls; call < calls + count; call++) layer_weights(sizes, parameters, *call);
}

#define INSTANTIATE(Scalar)                                                                                            \
    template size_t packed_count<Scalar>(size_t);                                                                      \
    template void layer_forward(const LayerSizes &, const LayerParameters<const Scalar> &, const LayerCall<Scalar> *,  \
                                size_t);                                                                               \
    template void layer_backward(const LayerSizes &, const LayerParameters<const Scalar> &, const LayerCall<Scalar> *, \
                                 size_t);
INSTANTIATE(float)
INSTANTIATE(double)

} // namespace ctorch
