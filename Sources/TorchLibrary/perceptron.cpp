#include "CTorchPerceptron.h"

#include "lstm/kernels.h"
#include "lstm/products.h"
#include "lstm/workspace.h"
#include "support.h"

#include <algorithm>
#include <vector>

using namespace ctorch;

namespace {

/// Multiplications from which on a product is LibTorch's: to call it takes some microseconds.
constexpr size_t large_product = 1 << 22;

struct Layer {
    size_t inputs, outputs;
    size_t weight, bias; // places in the flat vector
};

template <class Scalar> class Perceptron {
  public:
    Perceptron(const std::vector<Layer> &layers, ctorch_activation activation, size_t samples, const Scalar *point)
        : kernel_(kernels(Scalar())), panel_(panel_vectors * kernel_.lanes), layers_(layers), activation_(activation),
          samples_(samples), point_(point), activations_(layers.size()) {
        size_t widest = samples;
        for (const Layer &layer : layers) widest = std::max({widest, layer.inputs, layer.outputs});
        workspace_.lay_out([&] {
            for (size_t l = 0; l < layers_.size(); l++)
                activations_[l] = workspace_.take<Scalar>(samples_ * layers_[l].outputs);
            for (Scalar *&delta : deltas_) delta = workspace_.take<Scalar>(samples_ * widest);
            turned_ = workspace_.take<Scalar>(samples_ * widest);
            packed_ = workspace_.take<Scalar>((widest + 1) * panel_);
            tile_ = workspace_.take<Scalar>(most_rows * panel_);
        });
    }

    double run(const Scalar *inputs, const int64_t *labels, Scalar *gradient) {
        forward(inputs);
        const Layer &last = layers_.back();
        Scalar *logits = activations_.back();
        double loss = 0;
        for (size_t sample = 0; sample < samples_; sample++)
            loss += kernel_.softmax_row(last.outputs, logits + sample * last.outputs, point_ + last.bias,
                                        (size_t)labels[sample], gradient ? 1.0 / (double)samples_ : 0.0);
        if (gradient) backward(inputs, gradient);
        return loss / (double)samples_;
    }

  private:
    void forward(const Scalar *inputs) {
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer &layer = layers_[l];
            Scalar *out = activations_[l];
            multiply({l ? activations_[l - 1] : inputs, samples_, layer.inputs},
                     {point_ + layer.weight, layer.inputs, layer.outputs, true}, out);
            // The last bias is added with the softmax.
            if (l + 1 == layers_.size()) break;
            const Scalar *bias = point_ + layer.bias;
            for (size_t sample = 0; sample < samples_; sample++)
                for (size_t i = 0; i < layer.outputs; i++) out[sample * layer.outputs + i] += bias[i];
            activate(samples_ * layer.outputs, out);
        }
    }

    void activate(size_t count, Scalar *values) {
        if (activation_ == ctorch_hyperbolic_tangent) return kernel_.hyperbolic_tangents(count, values);
        for (size_t i = 0; i < count; i++) values[i] = values[i] < 0 ? 0 : values[i]; // NaN stays
    }

    /// Multiplies with the derivative of the activation, which its value tells.
    void through_activation(size_t count, const Scalar *values, Scalar *flow) {
        if (activation_ == ctorch_hyperbolic_tangent)
            for (size_t i = 0; i < count; i++) flow[i] *= 1 - values[i] * values[i];
        else
            for (size_t i = 0; i < count; i++)
                if (values[i] <= 0) flow[i] = 0;
    }

    /// The last activations hold the gradient with respect to the logits.
    void backward(const Scalar *inputs, Scalar *gradient) {
        const Scalar *delta = activations_.back();
        for (size_t l = layers_.size(); l-- > 0;) {
            const Layer &layer = layers_[l];
            const Scalar *before = l ? activations_[l - 1] : inputs;
            multiply({delta, layer.outputs, samples_, true}, {before, samples_, layer.inputs}, gradient + layer.weight);
            kernel_.column_sums(samples_, layer.outputs, delta, layer.outputs, gradient + layer.bias, false);
            if (l == 0) break;
            Scalar *next = deltas_[l % 2];
            multiply({delta, samples_, layer.outputs}, {point_ + layer.weight, layer.outputs, layer.inputs}, next);
            through_activation(samples_ * layer.inputs, before, next);
            delta = next;
        }
    }

    /// result = a·b. Every element of a small product is one chain of sums.
    void multiply(Matrix<Scalar> a, const Matrix<Scalar> &b, Scalar *result) {
        if (a.rows * a.columns * b.columns >= large_product) return product(a, b, result);
        if (a.transposed) {
            for (size_t row = 0; row < a.rows; row++)
                for (size_t k = 0; k < a.columns; k++) turned_[row * a.columns + k] = a.memory[k * a.rows + row];
            a.memory = turned_;
        }
        for (size_t first = 0; first < b.columns; first += panel_) {
            size_t width = std::min(panel_, b.columns - first);
            pack(b, first, width);
            for (size_t row = 0; row < a.rows; row += most_rows) {
                size_t rows = std::min(most_rows, a.rows - row);
                kernel_.panel_product(rows, a.columns, a.memory + row * a.columns, a.columns, packed_, tile_);
                for (size_t r = 0; r < rows; r++)
                    std::copy_n(tile_ + r * panel_, width, result + (row + r) * b.columns + first);
            }
        }
    }

    /// Columns first ..< first + width of b, the rest of the panel zero.
    void pack(const Matrix<Scalar> &b, size_t first, size_t width) {
        for (size_t k = 0; k < b.rows; k++) {
            Scalar *to = packed_ + k * panel_;
            if (b.transposed)
                for (size_t i = 0; i < width; i++) to[i] = b.memory[(first + i) * b.rows + k];
            else
                std::copy_n(b.memory + k * b.columns + first, width, to);
            std::fill(to + width, to + panel_, Scalar(0));
        }
    }

    const Kernels<Scalar> &kernel_;
    const size_t panel_;
    const std::vector<Layer> &layers_;
    const ctorch_activation activation_;
    const size_t samples_;
    const Scalar *point_;
    Workspace workspace_;
    std::vector<Scalar *> activations_;
    Scalar *deltas_[2], *turned_, *packed_, *tile_;
};

template <class Scalar>
double run(const std::vector<Layer> &layers, ctorch_activation activation, size_t samples, const void *inputs,
           const int64_t *labels, const void *point, void *gradient) {
    return Perceptron<Scalar>(layers, activation, samples, (const Scalar *)point)
        .run((const Scalar *)inputs, labels, (Scalar *)gradient);
}

} // namespace

ctorch_status ctorch_perceptron_gradient(const int64_t *sizes, size_t size_count, ctorch_activation activation,
                                         const void *inputs, const int64_t *labels, size_t samples,
                                         ctorch_scalar_type type, const void *point, void *gradient, size_t count,
                                         double *loss) {
    return fenced([&] {
        if (size_count < 2 || samples < 1) throw Failure{ctorch_bad_argument, "a layer and a sample are needed"};
        std::vector<Layer> layers;
        size_t place = 0;
        for (size_t l = 0; l + 1 < size_count; l++) {
            if (sizes[l] < 1 || sizes[l + 1] < 1) throw Failure{ctorch_bad_argument, "a layer has no size"};
            size_t from = (size_t)sizes[l], to = (size_t)sizes[l + 1];
            layers.push_back({from, to, place, place + from * to});
            place += from * to + to;
        }
        if (place != count)
            throw Failure{ctorch_bad_argument, "the point has " + std::to_string(count) + " elements, the network " +
                                                   std::to_string(place)};
        for (size_t sample = 0; sample < samples; sample++)
            if (labels[sample] < 0 || labels[sample] >= sizes[size_count - 1])
                throw Failure{ctorch_bad_argument, "label " + std::to_string(labels[sample]) + " is out of range"};
        *loss = type == ctorch_float32   ? run<float>(layers, activation, samples, inputs, labels, point, gradient)
                : type == ctorch_float64 ? run<double>(layers, activation, samples, inputs, labels, point, gradient)
                                         : throw Failure{ctorch_bad_argument, "the point is float32 or float64"};
    });
}
