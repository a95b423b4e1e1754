// What networks over images need.
#include "batch_norm.h"
#include "support.h"

#include "CTorchVision.h"

using namespace ctorch;

namespace {

void check_image(const at::Tensor &x) {
    if (x.dim() != 4) throw Failure{ctorch_bad_argument, "images have four dimensions: [N, C, H, W]"};
}

/// What a convolution of single pixels reads of `x`; it then needs no stride.
///
/// oneDNN's AVX2 gradient of such a weight copies these pixels into a buffer of C channels a pixel and begins row r of them at 8·r: with 2 to 7 channels
/// side by side and sizes that the stride divides it writes behind the buffer, in 2.6.3 (Debian's LibTorch 1.13) as in 3.12 (PyTorch 2.13), which
/// corrupts the heap. Tests/ModelsTests/NarrowNetworkTests.swift fails of it. In Python, with a page without access behind every
/// buffer or under valgrind, of all the kernels that residual networks use only this one leaves its tensors:
///
///     ONEDNN_MAX_CPU_ISA=AVX2 python3 -c 'import torch; x = torch.randn(4, 4, 16, 16).to(memory_format=torch.channels_last)
///     torch.conv2d(x, torch.randn(8, 4, 1, 1, requires_grad=True), stride=2).sum().backward()'
///
/// Pooling over one pixel picks them out exactly, keeps the order in memory and can be differentiated twice.
at::Tensor pixels_read(const at::Tensor &x, const at::Tensor &weight, int64_t stride, int64_t padding) {
    const bool reads_single_pixels = weight.dim() == 4 && weight.size(2) == 1 && weight.size(3) == 1 && padding == 0;
    return reads_single_pixels && stride > 1 && x.device().is_cpu() ? at::avg_pool2d(x, {1, 1}, {stride, stride}) : x;
}

} // namespace

ctorch_status ctorch_convolution(const ctorch_tensor *x, const ctorch_tensor *weight, int64_t stride, int64_t padding,
                                 ctorch_tensor **result) {
    return making(result, [&] {
        check_image(x->value);
        const at::Tensor pixels = pixels_read(x->value, weight->value, stride, padding);
        // Where all that is read has been picked out.
        const int64_t step = pixels.is_same(x->value) ? stride : 1;
        return at::conv2d(pixels, weight->value, {}, {step, step}, at::IntArrayRef{padding, padding});
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
