// Gradients of networks of every odd size, through the functions that the program calls: one of each kind in Float and Double with every set of kernels.
#include "sanitize.h"

#include "CTorch.h"

#include <string>

namespace {

void must(ctorch_status status, const std::string &what) {
    if (status != ctorch_ok) fail(what + ": " + ctorch_message());
}

/// A handle that is given back.
class Tensor {
    ctorch_tensor *handle_ = nullptr;

  public:
    Tensor() = default;
    Tensor(Tensor &&other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
    Tensor &operator=(Tensor &&other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Tensor() { ctorch_release(handle_); }
    operator const ctorch_tensor *() const { return handle_; }
    ctorch_tensor *get() const { return handle_; }
    ctorch_tensor **out() { return &handle_; }
};

template <class Call> Tensor make(const std::string &what, Call call) {
    Tensor result;
    must(call(result.out()), what);
    return result;
}

template <class Scalar> constexpr ctorch_scalar_type type_of();
template <> constexpr ctorch_scalar_type type_of<float>() { return ctorch_float32; }
template <> constexpr ctorch_scalar_type type_of<double>() { return ctorch_float64; }

template <class Scalar> Tensor random_tensor(const std::vector<int64_t> &shape, bool is_leaf = false) {
    size_t count = 1;
    for (int64_t extent : shape) count *= (size_t)extent;
    const Buffer<Scalar> values(count);
    Tensor result = make("from_values", [&](ctorch_tensor **out) {
        return ctorch_from_values(values.data(), count, shape.data(), shape.size(), type_of<Scalar>(), "cpu", out);
    });
    if (is_leaf) must(ctorch_set_requires_gradient(result.get(), true), "set_requires_gradient");
    return result;
}

Tensor indices(size_t count, size_t classes) {
    Buffer<int64_t> values(count);
    for (size_t i = 0; i < count; i++) values[i] = (int64_t)(random_number() % classes);
    const auto extent = (int64_t)count;
    return make("from_values", [&](ctorch_tensor **out) {
        return ctorch_from_values(values.data(), count, &extent, 1, ctorch_int64, "cpu", out);
    });
}

/// A product with the Hessian of the sum of squares of `result`.
template <class Scalar>
void differentiate(const std::string &what, const Tensor &result, const std::vector<const Tensor *> &leaves) {
    const Tensor squares =
        make(what, [&](ctorch_tensor **out) { return ctorch_multiply(result, result, out); });
    const Tensor sum = make(what, [&](ctorch_tensor **out) { return ctorch_sum(squares, out); });
    std::vector<const ctorch_tensor *> points, vectors;
    std::vector<Tensor> directions;
    for (const Tensor *leaf : leaves) {
        std::vector<int64_t> shape(ctorch_rank(*leaf));
        ctorch_shape(*leaf, shape.data());
        directions.push_back(random_tensor<Scalar>(shape));
        points.push_back(*leaf);
    }
    for (const Tensor &direction : directions) vectors.push_back(direction);
    std::vector<ctorch_tensor *> products(leaves.size(), nullptr);
    must(ctorch_hessian_product(sum, points.data(), vectors.data(), leaves.size(), products.data()), what + ", Hessian");
    for (ctorch_tensor *product : products) ctorch_release(product);
}

template <class Scalar> void backward(const std::string &what, const Tensor &result) {
    const Tensor sum = make(what, [&](ctorch_tensor **out) { return ctorch_mean(result, out); });
    must(ctorch_backward(sum), what + ", backward");
}

/// A convolution, its normalisation, ReLU and the mean: a residual network's layer.
template <class Scalar> void convolutions(int64_t channels) {
    const std::string what = "convolution of " + std::to_string(channels) + " channels";
    for (int64_t batch : {1, 3})
        for (int64_t size : {1, 2, 5, 8})
            for (int64_t kernel : {1, 3})
                for (int64_t stride : {1, 2}) {
                    const Tensor plain = random_tensor<Scalar>({batch, channels, size, size}, true);
                    const Tensor x =
                        make(what, [&](ctorch_tensor **out) { return ctorch_channels_last(plain, out); });
                    const Tensor weight = random_tensor<Scalar>({channels + 1, channels, kernel, kernel}, true);
                    const Tensor scale = random_tensor<Scalar>({channels + 1}, true);
                    const Tensor shift = random_tensor<Scalar>({channels + 1}, true);
                    for (int times = 0; times < 2; times++) {
                        const Tensor y = make(what, [&](ctorch_tensor **out) {
                            return ctorch_convolution(x, weight, stride, kernel / 2, out);
                        });
                        // One pixel of one image has no variance: LibTorch refuses it.
                        Tensor normal;
                        if (ctorch_batch_norm(y, scale, shift, nullptr, nullptr, true, 0, 1e-5, normal.out()) != ctorch_ok)
                            continue;
                        const Tensor active = make(what, [&](ctorch_tensor **out) { return ctorch_relu(normal, out); });
                        const Tensor mean =
                            make(what, [&](ctorch_tensor **out) { return ctorch_global_average_pool(active, out); });
                        if (times == 0)
                            backward<Scalar>(what, mean);
                        else
                            differentiate<Scalar>(what, mean, {&weight, &scale});
                    }
                    const Tensor shortcut = make(what, [&](ctorch_tensor **out) {
                        return ctorch_subsample_and_pad(x, stride, 1, 2, out);
                    });
                    if (size > 2) make(what, [&](ctorch_tensor **out) { return ctorch_max_pool(x, 3, 2, 1, out); });
                }
}

/// Attention, layer norm and loss over `width` features a head.
template <class Scalar> void transformers(int64_t width) {
    const std::string what = "attention of width " + std::to_string(width);
    for (int64_t tokens : {1, 2, 7})
        for (bool fused : {false, true}) {
            const Tensor table = random_tensor<Scalar>({5, width}, true);
            const Tensor rows = make(what, [&](ctorch_tensor **out) {
                return ctorch_embedding(table, indices((size_t)tokens, 5), out);
            });
            const Tensor scale = random_tensor<Scalar>({width}, true), shift = random_tensor<Scalar>({width}, true);
            const Tensor normal =
                make(what, [&](ctorch_tensor **out) { return ctorch_layer_norm(rows, scale, shift, 1e-5, out); });
            const int64_t shape[] = {1, 1, tokens, width};
            const Tensor heads =
                make(what, [&](ctorch_tensor **out) { return ctorch_reshape(normal, shape, 4, out); });
            const Tensor seen = make(what, [&](ctorch_tensor **out) {
                return ctorch_causal_attention(heads, heads, heads, fused, out);
            });
            const int64_t flat[] = {tokens, width};
            const Tensor active = make(what, [&](ctorch_tensor **out) { return ctorch_reshape(seen, flat, 2, out); });
            const Tensor logits =
                make(what, [&](ctorch_tensor **out) { return ctorch_linear(active, table, nullptr, out); });
            const Tensor loss = make(what, [&](ctorch_tensor **out) {
                return ctorch_smoothed_cross_entropy(logits, indices((size_t)tokens, 5), true, 0.1, out);
            });
            must(ctorch_backward(loss), what);
        }
}

template <class Scalar> void perceptrons(int64_t width) {
    for (ctorch_activation activation : {ctorch_rectifier, ctorch_hyperbolic_tangent})
        for (size_t samples : {1, 2, 5, 33})
            for (size_t layers : {1, 2, 3}) {
                std::vector<int64_t> sizes{width};
                for (size_t layer = 1; layer < layers; layer++) sizes.push_back(width + (int64_t)layer);
                sizes.push_back(3);
                size_t count = 0;
                for (size_t i = 1; i < sizes.size(); i++) count += (size_t)(sizes[i] * (sizes[i - 1] + 1));
                const Buffer<Scalar> point(count), inputs(samples * (size_t)width);
                Buffer<Scalar> gradient(count);
                Buffer<int64_t> labels(samples);
                for (size_t i = 0; i < samples; i++) labels[i] = (int64_t)(i % 3);
                double loss = 0;
                for (Scalar *to : {gradient.data(), (Scalar *)nullptr})
                    must(ctorch_perceptron_gradient(sizes.data(), sizes.size(), activation, inputs.data(), labels.data(),
                                                    samples, type_of<Scalar>(), point.data(), to, count, &loss),
                         "perceptron of width " + std::to_string(width));
            }
}

template <class Scalar> void recurrent(int64_t hidden, bool tied, bool dropping, bool locked, int64_t steps, int64_t streams) {
    const int64_t vocabulary = 7, layers = 2, embedding = tied ? hidden : hidden + 1;
    const int64_t widths[] = {hidden + 2, hidden};
    const ctorch_lstm_sizes sizes{vocabulary, embedding, layers, widths, tied, steps, streams};
    int64_t count = vocabulary * embedding + vocabulary + (tied ? 0 : vocabulary * hidden);
    int64_t recurrent = 0, inside = embedding, kept = steps * streams * embedding, state = 0;
    if (locked) kept /= steps;
    for (int64_t width : widths) {
        count += 4 * width * (inside + width + 2);
        recurrent += 4 * width * width;
        kept += (locked ? 1 : steps) * streams * width;
        state += 2 * streams * width;
        inside = width;
    }
    const auto tokens = (size_t)(steps * streams);
    Buffer<int64_t> inputs(tokens), targets(tokens);
    for (size_t i = 0; i < tokens; i++) {
        inputs[i] = (int64_t)(i * 3 % 7);
        targets[i] = (int64_t)(i * 5 % 7);
    }
    Buffer<bool> keep((size_t)kept), words((size_t)vocabulary), elements((size_t)recurrent);
    for (size_t i = 0; i < keep.size(); i++) keep[i] = i % 3 != 0;
    for (size_t i = 0; i < words.size(); i++) words[i] = i % 4 != 0;
    for (size_t i = 0; i < elements.size(); i++) elements[i] = i % 5 != 0;
    const double scales[] = {1.5, 1.5, 1.5};
    ctorch_lstm_batch batch{};
    batch.inputs = inputs.data();
    batch.targets = targets.data();
    const Buffer<Scalar> before((size_t)state), point((size_t)count);
    Buffer<Scalar> after((size_t)state), first((size_t)count), second((size_t)count);
    batch.initial = before.data();
    batch.final = after.data();
    batch.activation = 0.1;
    batch.temporal_activation = 0.2;
    if (dropping) {
        batch.masks.keep = keep.data();
        batch.masks.keep_count = keep.size();
        batch.masks.keep_scales = scales;
        batch.masks.locked = locked;
        batch.masks.words = words.data();
        batch.masks.word_count = words.size();
        batch.masks.word_scale = 1.2;
        batch.masks.recurrent = elements.data();
        batch.masks.recurrent_count = elements.size();
        batch.masks.recurrent_scale = 1.3;
    }
    Buffer<Scalar> after_too((size_t)state);
    ctorch_lstm_batch batches[] = {batch, batch};
    batches[1].final = after_too.data();
    void *gradients[] = {first.data(), second.data()}, *none[] = {nullptr, nullptr};
    double losses[2];
    for (size_t together : {1, 2})
        for (void *const *to : {(void *const *)gradients, (void *const *)none})
            must(ctorch_lstm_gradient(&sizes, batches, together, type_of<Scalar>(), point.data(), to, (size_t)count, losses),
                 "LSTM of width " + std::to_string(hidden));
}

template <class Scalar> void every_network(int64_t size) {
    convolutions<Scalar>(size);
    transformers<Scalar>(size);
    for (const char *kernels : {"portable", "avx2", "avx512"}) {
        must(ctorch_lstm_limit_kernels(kernels), kernels);
        perceptrons<Scalar>(size);
        for (bool tied : {false, true})
            for (int form : {0, 1, 2})
                for (int64_t steps : {1, 3})
                    for (int64_t streams : {1, 2, 5}) recurrent<Scalar>(size, tied, form > 0, form > 1, steps, streams);
    }
}

/// What callers must not do, and files that are none: an error, and nothing else.
void refusals() {
    const Tensor x = random_tensor<float>({2, 3});
    Tensor none;
    const auto refuse = [&](ctorch_status status, const char *what) {
        if (status == ctorch_ok) fail(std::string(what) + " was accepted");
    };
    const int64_t odd[] = {5, -2};
    refuse(ctorch_reshape(x, odd, 2, none.out()), "a shape that does not fit");
    refuse(ctorch_slice(x, 7, 0, 1, none.out()), "a dimension that is not there");
    refuse(ctorch_select(x, 0, 9, none.out()), "an index behind the end");
    refuse(ctorch_embedding(x, indices(4, 9), none.out()), "a row that is not there");
    refuse(ctorch_convolution(x, x, 1, 0, none.out()), "a convolution of two dimensions");
    refuse(ctorch_convolution(x, x, 0, 0, none.out()), "a stride of 0");
    for (size_t count : {0, 1, 17, 300}) {
        const Buffer<uint8_t> bytes(count);
        ctorch_module *module = nullptr;
        refuse(ctorch_module_load(bytes.data(), count, ctorch_float32, "cpu", &module), "a module of noise");
    }
    char name[3];
    ctorch_device(x, name, sizeof name);
    Buffer<float> memory(6);
    const int64_t shape[] = {2, 3};
    Tensor loan, view;
    ctorch_tensor *lent = nullptr;
    must(ctorch_begin_loan(memory.data(), 6, shape, 2, ctorch_float32, &lent), "begin_loan");
    must(ctorch_select(lent, 0, 1, view.out()), "select");
    must(ctorch_end_loan(lent), "end_loan");
    Buffer<float> values(3);
    must(ctorch_copy_values(view, values.data(), 3, ctorch_float32), "copy_values");
    if (values[0] != memory[3]) fail("a view of a loan lost its values");
}

} // namespace

void check_networks() {
    must(ctorch_set_thread_count(2), "set_thread_count");
    refusals();
    for (int64_t size = 1; size <= 17; size++) {
        every_network<float>(size);
        every_network<double>(size);
    }
    ctorch_lstm_release_memory();
}
