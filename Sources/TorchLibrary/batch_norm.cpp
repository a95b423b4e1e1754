#include "batch_norm.h"

#include "lstm/kernels.h"
#include "lstm/parallel.h"

#include <algorithm>
#include <cmath>
#include <torch/csrc/autograd/custom_function.h>
#include <vector>

namespace ctorch {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Pixels whose sums are taken together; the parts are added in order, so that no result depends on the number of threads.
constexpr size_t piece = 2048;

struct Pixels {
    size_t rows, channels;

    explicit Pixels(const at::Tensor &x)
        : rows((size_t)(x.size(0) * x.size(2) * x.size(3))), channels((size_t)x.size(1)) {}

    template <class Body> void each(Body body) const {
        const size_t all = rows;
        parallel((all + piece - 1) / piece, [=](size_t index) {
            const size_t first = index * piece;
            body(index, first, std::min(piece, all - first));
        });
    }

    /// `width` sums, of which `body` makes those of one piece.
    template <class Body> std::vector<double> sums(size_t width, Body body) const {
        std::vector<double> parts((rows + piece - 1) / piece * width), total(width);
        double *to = parts.data();
        each([=](size_t index, size_t first, size_t count) { body(first, count, to + index * width); });
        for (size_t part = 0; part < parts.size(); part += width)
            for (size_t i = 0; i < width; i++) total[i] += parts[part + i];
        return total;
    }
};

at::Tensor aligned(const at::Tensor &x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

/// Dense, whatever the strides of a gradient that comes from a view.
std::vector<float> values(const at::Tensor &vector) {
    at::Tensor dense = vector.contiguous();
    return std::vector<float>(dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel());
}

at::Tensor doubles(const std::vector<double> &numbers) {
    return at::tensor(numbers, at::TensorOptions().dtype(at::kDouble));
}

at::Tensor floats(const double *numbers, size_t count) {
    at::Tensor result = at::empty({(int64_t)count}, at::TensorOptions().dtype(at::kFloat));
    std::copy_n(numbers, count, result.data_ptr<float>());
    return result;
}

/// The same by LibTorch's own operations, for a gradient of the gradient.
variable_list differentiable_backward(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &flow,
                                      double epsilon) {
    const std::vector<int64_t> places{0, 2, 3};
    at::Tensor away = x - x.mean(places, true);
    at::Tensor inverse = ((away * away).mean(places, true) + epsilon).rsqrt();
    at::Tensor normal = away * inverse;
    at::Tensor own = flow * weight.view({1, -1, 1, 1});
    at::Tensor back = inverse * (own - own.mean(places, true) - normal * (own * normal).mean(places, true));
    return {back, (flow * normal).sum(places), flow.sum(places), at::Tensor()};
}

struct BatchNorm : torch::autograd::Function<BatchNorm> {
    static at::Tensor forward(AutogradContext *context, const at::Tensor &input, const at::Tensor &weight,
                              const at::Tensor &bias, double epsilon) {
        const Kernels<float> &kernel = kernels(float());
        const at::Tensor x = aligned(input);
        const Pixels pixels(x);
        const size_t channels = pixels.channels;
        const float *from = x.data_ptr<float>();
        std::vector<double> mean = pixels.sums(channels, [=, &kernel](size_t first, size_t count, double *sums) {
            kernel.moments(count, channels, from + first * channels, nullptr, sums);
        });
        for (double &value : mean) value /= (double)pixels.rows;
        const double *center = mean.data();
        std::vector<double> inverse = pixels.sums(channels, [=, &kernel](size_t first, size_t count, double *sums) {
            kernel.moments(count, channels, from + first * channels, center, sums);
        });
        for (double &value : inverse) value = 1 / std::sqrt(value / (double)pixels.rows + epsilon);

        const std::vector<float> scales = values(weight), shifts = values(bias);
        std::vector<float> means(mean.begin(), mean.end()), factors(channels), biases(channels);
        for (size_t c = 0; c < channels; c++) {
            factors[c] = (float)(inverse[c] * scales[c]);
            // What rounding has taken from the mean.
            biases[c] = (float)(shifts[c] + (means[c] - mean[c]) * inverse[c] * scales[c]);
        }
        at::Tensor result = at::empty_like(x);
        float *to = result.data_ptr<float>();
        pixels.each([=, &kernel, &means, &factors, &biases](size_t, size_t first, size_t count) {
            kernel.normalize(count, channels, from + first * channels, means.data(), factors.data(), biases.data(),
                             to + first * channels);
        });
        context->save_for_backward({input, weight, doubles(mean), doubles(inverse)});
        context->saved_data["epsilon"] = epsilon;
        return result;
    }

    static variable_list backward(AutogradContext *context, variable_list flows) {
        const variable_list saved = context->get_saved_variables();
        if (at::GradMode::is_enabled())
            return differentiable_backward(saved[0], saved[1], flows[0], context->saved_data["epsilon"].toDouble());
        const Kernels<float> &kernel = kernels(float());
        const at::Tensor x = aligned(saved[0]), flow = aligned(flows[0]);
        const Pixels pixels(x);
        const size_t channels = pixels.channels;
        const double *mean = saved[2].data_ptr<double>(), *inverse = saved[3].data_ptr<double>();
        const float *from = x.data_ptr<float>(), *down = flow.data_ptr<float>();
        std::vector<double> sums =
            pixels.sums(2 * channels, [=, &kernel](size_t first, size_t count, double *into) {
                kernel.flow_moments(count, channels, from + first * channels, down + first * channels, mean, into);
            });
        const std::vector<float> scales = values(saved[1]);
        std::vector<double> weights(channels);
        std::vector<float> means(mean, mean + channels), constants(channels), slopes(channels), factors(channels);
        for (size_t c = 0; c < channels; c++) {
            const double slope = sums[channels + c] * inverse[c] * inverse[c] / (double)pixels.rows;
            weights[c] = sums[channels + c] * inverse[c];
            constants[c] = (float)(sums[c] / (double)pixels.rows + (means[c] - mean[c]) * slope);
            slopes[c] = (float)slope;
            factors[c] = (float)(inverse[c] * scales[c]);
        }
        at::Tensor back = at::empty_like(x);
        float *to = back.data_ptr<float>();
        pixels.each([=, &kernel, &means, &constants, &slopes, &factors](size_t, size_t first, size_t count) {
            kernel.flow_back(count, channels, from + first * channels, down + first * channels, means.data(),
                             constants.data(), slopes.data(), factors.data(), to + first * channels);
        });
        return {back, floats(weights.data(), channels), floats(sums.data(), channels), at::Tensor()};
    }
};

} // namespace

bool sums_in_double(const at::Tensor &x) {
    return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.numel() > 0 &&
           x.is_contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor batch_norm(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, double epsilon) {
    return BatchNorm::apply(x, weight, bias, epsilon);
}

} // namespace ctorch
