// What networks over images need.
#include "batch_norm.h"
#include "support.h"

#include "CTorchVision.h"

using namespace ctorch;

namespace {

void check_image(const at::Tensor &x) {
    if (x.dim() != 4) throw Failure{ctorch_bad_argument, "images have four dimensions: [N, C, H, W]"};
}

} // namespace

ctorch_status ctorch_convolution(const ctorch_tensor *x, const ctorch_tensor *weight, int64_t stride, int64_t padding,
                                 ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        return at::conv2d(x->value, weight->value, {}, {stride, stride}, at::IntArrayRef{padding, padding});
    });
}

ctorch_status ctorch_batch_norm(const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
                                ctorch_tensor *mean, ctorch_tensor *variance, bool from_batch, double momentum,
                                double epsilon, ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        int64_t channels = x->value.size(1);
        for (const ctorch_tensor *vector : {weight, bias, (const ctorch_tensor *)mean, (const ctorch_tensor *)variance})
            if (vector && vector->value.numel() != channels)
                throw Failure{ctorch_bad_argument, "batch normalisation of " + std::to_string(channels) +
                                                       " channels needs vectors of as many elements, found " +
                                                       std::to_string(vector->value.numel())};
        if ((mean == nullptr) != (variance == nullptr) || (!from_batch && !mean))
            throw Failure{ctorch_bad_argument, "batch normalisation needs both mean and variance"};
        if (from_batch && !mean && sums_in_double(x->value))
            return batch_norm(x->value, weight->value, bias->value, epsilon);
        return at::batch_norm(x->value, weight->value, bias->value, mean ? mean->value : at::Tensor(),
                              variance ? variance->value : at::Tensor(), from_batch, momentum, epsilon, false);
    });
}

ctorch_status ctorch_max_pool(const ctorch_tensor *x, int64_t kernel, int64_t stride, int64_t padding,
                              ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        return at::max_pool2d(x->value, {kernel, kernel}, {stride, stride}, {padding, padding});
    });
}

ctorch_status ctorch_global_average_pool(const ctorch_tensor *x, ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        return x->value.mean({2, 3});
    });
}

ctorch_status ctorch_subsample_and_pad(const ctorch_tensor *x, int64_t stride, int64_t before, int64_t after,
                                       ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        if (stride < 1 || before < 0 || after < 0)
            throw Failure{ctorch_bad_argument, "the stride is at least 1 and the padding at least 0"};
        at::Tensor kept = x->value.slice(2, 0, x->value.size(2), stride).slice(3, 0, x->value.size(3), stride);
        return at::constant_pad_nd(kept, {0, 0, 0, 0, before, after}, 0);
    });
}

ctorch_status ctorch_channels_last(const ctorch_tensor *x, ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        return x->value.contiguous(at::MemoryFormat::ChannelsLast);
    });
}

ctorch_status ctorch_smoothed_cross_entropy(const ctorch_tensor *logits, const ctorch_tensor *targets, bool mean,
                                            double smoothing, ctorch_tensor **result) {
    return making(result, [&] {
        const at::Tensor &input = logits->value;
        if (input.dim() != 2) throw Failure{ctorch_bad_argument, "logits have two dimensions"};
        if (!(smoothing >= 0 && smoothing <= 1))
            throw Failure{ctorch_bad_argument, "label smoothing lies between 0 and 1"};
        check_indices(targets->value, input.size(1), "targets");
        return at::cross_entropy_loss(input, targets->value, {}, mean ? at::Reduction::Mean : at::Reduction::Sum,
                                      -100, smoothing);
    });
}
