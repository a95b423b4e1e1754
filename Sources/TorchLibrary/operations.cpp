// Arithmetic: one line an operation.
#include "support.h"

#include <cmath>
#include <limits>
#include <torch/version.h>

using namespace ctorch;

#define UNARY(name, expression)                                                                                        \
    ctorch_status ctorch_##name(const ctorch_tensor *a_handle, ctorch_tensor **result) {                              \
        return making(result, [&] {                                                                                    \
            const at::Tensor &a = a_handle->value;                                                                     \
            return expression;                                                                                         \
        });                                                                                                            \
    }

#define BINARY(name, expression)                                                                                       \
    ctorch_status ctorch_##name(const ctorch_tensor *a_handle, const ctorch_tensor *b_handle, ctorch_tensor **result) { \
        return making(result, [&] {                                                                                    \
            const at::Tensor &a = a_handle->value, &b = b_handle->value;                                               \
            return expression;                                                                                         \
        });                                                                                                            \
    }

#define WITH_SCALAR(name, expression)                                                                                  \
    ctorch_status ctorch_##name(const ctorch_tensor *a_handle, double b, ctorch_tensor **result) {                    \
        return making(result, [&] {                                                                                    \
            const at::Tensor &a = a_handle->value;                                                                     \
            return expression;                                                                                         \
        });                                                                                                            \
    }

#define OVER_DIMENSION(name, expression)                                                                               \
    ctorch_status ctorch_##name(const ctorch_tensor *a_handle, int64_t dimension, bool keep, ctorch_tensor **result) { \
        return making(result, [&] {                                                                                    \
            const at::Tensor &a = a_handle->value;                                                                     \
            return expression;                                                                                         \
        });                                                                                                            \
    }

BINARY(add, a.add(b))
BINARY(subtract, a.sub(b))
BINARY(multiply, a.mul(b))
BINARY(divide, a.div(b))
BINARY(matmul, a.matmul(b))
WITH_SCALAR(add_scalar, a.add(b))
WITH_SCALAR(multiply_scalar, a.mul(b))
WITH_SCALAR(power, a.pow(b))
UNARY(sigmoid, a.sigmoid())
UNARY(tanh, a.tanh())
UNARY(relu, a.relu())
UNARY(gelu, at::gelu(a))
UNARY(exp, a.exp())
UNARY(log, a.log())
UNARY(sum, a.sum())
UNARY(mean, a.mean())
OVER_DIMENSION(sum_dimension, a.sum(at::IntArrayRef(dimension), keep))
OVER_DIMENSION(mean_dimension, a.mean(at::IntArrayRef(dimension), keep))

namespace ctorch {

void check_indices(const at::Tensor &indices, int64_t count, const char *what) {
    if (indices.scalar_type() != at::kLong) throw Failure{ctorch_bad_argument, std::string(what) + " must be int64"};
    if (indices.numel() == 0) return;
    int64_t lowest = indices.min().item<int64_t>(), highest = indices.max().item<int64_t>();
    if (lowest < 0 || highest >= count)
        throw Failure{ctorch_bad_argument, std::string(what) + " must lie in 0..<" + std::to_string(count) +
                                               ", found " + std::to_string(lowest < 0 ? lowest : highest)};
}

} // namespace ctorch

namespace {

int64_t reduction(bool mean) { return mean ? at::Reduction::Mean : at::Reduction::Sum; }

} // namespace

ctorch_status ctorch_linear(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                            ctorch_tensor **result) {
    return making(result, [&] { return at::linear(x->value, weight->value, bias ? bias->value : at::Tensor()); });
}

ctorch_status ctorch_embedding(const ctorch_tensor *weight, const ctorch_tensor *indices, ctorch_tensor **result) {
    return making(result, [&] {
        if (weight->value.dim() != 2) throw Failure{ctorch_bad_argument, "an embedding's weight has two dimensions"};
        check_indices(indices->value, weight->value.size(0), "indices");
        return at::embedding(weight->value, indices->value);
    });
}

ctorch_status ctorch_log_softmax(const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result) {
    return making(result, [&] { return a->value.log_softmax(dimension); });
}

ctorch_status ctorch_nll_loss(const ctorch_tensor *log_probabilities, const ctorch_tensor *targets, bool mean,
                              ctorch_tensor **result) {
    return making(result, [&] {
        const at::Tensor &input = log_probabilities->value;
        if (input.dim() != 2) throw Failure{ctorch_bad_argument, "log probabilities have two dimensions"};
        check_indices(targets->value, input.size(1), "targets");
        return at::nll_loss(input, targets->value, {}, reduction(mean));
    });
}

ctorch_status ctorch_cross_entropy(const ctorch_tensor *logits, const ctorch_tensor *targets, bool mean,
                                   ctorch_tensor **result) {
    return making(result, [&] {
        const at::Tensor &input = logits->value;
        if (input.dim() != 2) throw Failure{ctorch_bad_argument, "logits have two dimensions"};
        check_indices(targets->value, input.size(1), "targets");
        return at::nll_loss(input.log_softmax(1), targets->value, {}, reduction(mean));
    });
}

ctorch_status ctorch_softmax(const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result) {
    return making(result, [&] { return a->value.softmax(dimension); });
}

ctorch_status ctorch_layer_norm(const ctorch_tensor *a, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                double epsilon, ctorch_tensor **result) {
    return making(result, [&] {
        return at::layer_norm(a->value, weight->value.sizes(), weight->value, bias->value, epsilon);
    });
}

ctorch_status ctorch_causal_attention(const ctorch_tensor *queries, const ctorch_tensor *keys,
                                      const ctorch_tensor *values, bool fused, ctorch_tensor **result) {
    return making(result, [&] {
        const at::Tensor &q = queries->value, &k = keys->value, &v = values->value;
        if (q.dim() != 4 || k.dim() != 4 || v.dim() != 4 || q.size(2) != k.size(2))
            throw Failure{ctorch_bad_argument, "queries, keys and values are [B, heads, T, D] with one T"};
#if TORCH_VERSION_MAJOR >= 2
        if (fused) return at::scaled_dot_product_attention(q, k, v, {}, 0.0, true);
#else
        (void)fused;
#endif
        at::Tensor scores = q.matmul(k.transpose(2, 3)) * (1 / std::sqrt((double)q.size(3)));
        at::Tensor later = at::ones({q.size(2), k.size(2)}, q.options().dtype(at::kBool)).triu(1);
        return scores.masked_fill(later, -std::numeric_limits<double>::infinity()).softmax(3).matmul(v);
    });
}
