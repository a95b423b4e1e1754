// The language model around the layers: embedding, masks, decoder with softmax and cross-entropy, and the C function.
#include "layer.h"
#include "parallel.h"
#include "products.h"
#include "workspace.h"

#include "../support.h"

#include <algorithm>
#include <c10/core/InferenceMode.h>
#include <cstring>
#include <memory>
#include <vector>

namespace ctorch {

namespace {

/// Where the blocks of the flat vector begin.
struct Layout {
    struct Layer {
        size_t input_weight, recurrent_weight, input_bias, recurrent_bias;
    };
    size_t embedding = 0;
    std::vector<Layer> layers;
    size_t decoder_weight = 0, decoder_bias = 0, count = 0;

    explicit Layout(const ctorch_lstm_sizes &sizes) {
        auto take = [this](size_t elements) {
            size_t start = count;
            count += elements;
            return start;
        };
        embedding = take(sizes.vocabulary * sizes.embedding);
        size_t input = sizes.embedding;
        for (int64_t layer = 0; layer < sizes.layers; layer++) {
            size_t hidden = sizes.hidden[layer];
            Layer blocks;
            blocks.input_weight = take(4 * hidden * input);
            blocks.recurrent_weight = take(4 * hidden * hidden);
            blocks.input_bias = take(4 * hidden);
            blocks.recurrent_bias = take(4 * hidden);
            layers.push_back(blocks);
            input = hidden;
        }
        decoder_weight = sizes.tied ? embedding : take(sizes.vocabulary * input);
        decoder_bias = take(sizes.vocabulary);
    }

    template <class Scalar> LayerParameters<Scalar> at(Scalar *vector, size_t layer) const {
        const Layer &blocks = layers[layer];
        return {vector + blocks.input_weight, vector + blocks.recurrent_weight, vector + blocks.input_bias,
                vector + blocks.recurrent_bias};
    }
};

void require(bool holds, const char *message) {
    if (!holds) throw Failure{ctorch_bad_argument, message};
}

void check(const ctorch_lstm_sizes &sizes, const ctorch_lstm_batch &batch) {
    require(sizes.vocabulary >= 1 && sizes.embedding >= 1 && sizes.layers >= 1 && sizes.steps >= 1 &&
                sizes.streams >= 1,
            "every size of an LSTM language model must be at least 1");
    size_t widths = sizes.embedding;
    for (int64_t layer = 0; layer < sizes.layers; layer++) {
        require(sizes.hidden[layer] >= 1, "every hidden size must be at least 1");
        widths += sizes.hidden[layer];
    }
    require(!sizes.tied || sizes.hidden[sizes.layers - 1] == sizes.embedding,
            "tied weights need the last hidden size to be the embedding size");
    const size_t tokens = sizes.steps * sizes.streams;
    const ctorch_lstm_masks &masks = batch.masks;
    size_t recurrent = 0;
    for (int64_t layer = 0; layer < sizes.layers; layer++)
        recurrent += 4 * (size_t)sizes.hidden[layer] * (size_t)sizes.hidden[layer];
    require(!masks.keep || masks.keep_count == (masks.locked ? (size_t)sizes.streams : tokens) * widths,
            "the masks have the wrong number of elements");
    require(!masks.words || masks.word_count == (size_t)sizes.vocabulary, "the mask of the words is not one a word");
    require(!masks.recurrent || masks.recurrent_count == recurrent,
            "the masks of the recurrent weights have the wrong number of elements");
    for (size_t i = 0; i < tokens; i++)
        require(batch.inputs[i] >= 0 && batch.inputs[i] < sizes.vocabulary &&
                    (!batch.targets || (batch.targets[i] >= 0 && batch.targets[i] < sizes.vocabulary)),
                "a token lies outside the vocabulary");
}

/// The distinct words of a batch, in the order in which they first come, and which of them every token is.
struct DistinctWords {
    std::vector<int64_t> words;
    std::vector<uint32_t> row, first, tokens;

    DistinctWords(const int64_t *inputs, size_t token_count, size_t vocabulary) {
        constexpr uint32_t none = ~0u;
        std::vector<uint32_t> row_of(vocabulary, none);
        row.reserve(token_count);
        for (size_t token = 0; token < token_count; token++) {
            uint32_t &place = row_of[inputs[token]];
            if (place == none) {
                place = (uint32_t)words.size();
                words.push_back(inputs[token]);
            }
            row.push_back(place);
        }
        first.assign(words.size() + 1, 0);
        for (uint32_t place : row) first[place + 1]++;
        for (size_t place = 0; place < words.size(); place++) first[place + 1] += first[place];
        std::vector<uint32_t> next(first.begin(), first.end() - 1);
        tokens.resize(token_count);
        for (size_t token = 0; token < token_count; token++) tokens[next[row[token]]++] = (uint32_t)token;
    }

    SharedRows shared() const { return {words.size(), row.data(), first.data(), tokens.data()}; }
};

/// One call's sizes, buffers and work.
template <class Scalar> class Call {
  public:
    Call(const ctorch_lstm_sizes &sizes, const ctorch_lstm_batch &batch, const Layout &layout, const Scalar *point,
         Scalar *gradient)
        : sizes_(sizes), batch_(batch), layout_(layout), point_(point), gradient_(gradient),
          tokens_(sizes.steps * sizes.streams), vocabulary_(sizes.vocabulary) {
        // A mask of its own for every token makes tokens of the same word different.
        if (!batch.masks.keep) {
            words_ = std::make_unique<DistinctWords>(batch.inputs, tokens_, vocabulary_);
            shared_ = words_->shared();
        }
        take_buffers();
    }

    // What the driver below takes the batches through, layer by layer.

    void begin() {
        embed();
        take_initial_state();
        sequence_ = embedded_;
    }
    /// The layer's call, to run forward; see `finish_forward`.
    LayerCall<Scalar> forward(size_t layer) {
        drop_recurrent_weights(layer);
        states_[layer].input = sequence_;
        states_[layer].shared = layer == 0 && words_ ? &shared_ : nullptr;
        return {states_[layer], scratch_};
    }
    void finish_forward(size_t layer) { sequence_ = masked(states_[layer].outputs, masked_[layer], layer + 1); }
    /// The loss; with a gradient, ∂/∂(what the last layer puts out) is left to the backward calls.
    double finish_sequence() {
        give_final_state();
        return batch_.targets ? decode(sequence_) + activation_terms(sequence_) : 0;
    }
    LayerCall<Scalar> backward(size_t layer) {
        masked(flow_, flow_, layer + 1);
        if (layer == layer_count() - 1) add_temporal_gradient();
        return {states_[layer], scratch_, flow_, layout_.at(gradient_, layer), next_flow_};
    }
    void finish_backward(size_t layer) {
        drop_recurrent_gradient(layer);
        std::swap(flow_, next_flow_);
    }
    void end() { scatter_embedding(); }

    size_t layer_count() const { return (size_t)sizes_.layers; }
    LayerSizes layer_sizes(size_t layer) const {
        return {(size_t)sizes_.steps, (size_t)sizes_.streams, place_width(layer), hidden(layer)};
    }
    LayerParameters<const Scalar> parameters(size_t layer) const {
        LayerParameters<const Scalar> all = layout_.at(point_, layer);
        if (dropped_[layer]) all.recurrent_weight = dropped_[layer];
        return all;
    }
    /// Whether the recurrent weights are the point's, and not the batch's own.
    bool shares_weights() const { return !batch_.masks.recurrent; }

  private:
    const ctorch_lstm_sizes &sizes_;
    const ctorch_lstm_batch &batch_;
    const Layout &layout_;
    const Scalar *point_;
    Scalar *gradient_; // null: the loss alone
    const size_t tokens_, vocabulary_;

    std::unique_ptr<const DistinctWords> words_; // null where tokens of the same word differ by their masks
    SharedRows shared_{};
    Workspace workspace_;
    Scalar *embedded_ = nullptr;           // [T·B, E], masked; or a row for every distinct word
    const Scalar *sequence_ = nullptr;     // what the next layer reads
    std::vector<LayerState<Scalar>> states_;
    std::vector<Scalar *> masked_;         // outputs after dropout, null without masks
    std::vector<Scalar *> dropped_;        // W_hh after dropout, null without masks
    LayerScratch<Scalar> scratch_{};
    Scalar *logits_ = nullptr;             // [chunk, V]
    Scalar *flow_ = nullptr, *next_flow_ = nullptr; // the gradient on its way down
    double *losses_ = nullptr;             // [T·B]
    double *squares_ = nullptr;            // [T·B], of the activation terms
    size_t chunk_ = 0;

    size_t hidden(size_t layer) const { return (size_t)sizes_.hidden[layer]; }
    size_t last_hidden() const { return hidden(layer_count() - 1); }
    size_t place_width(size_t place) const { return place == 0 ? (size_t)sizes_.embedding : hidden(place - 1); }

    const bool *recurrent_mask(size_t layer) const {
        const bool *keep = batch_.masks.recurrent;
        for (size_t before = 0; before < layer; before++) keep += 4 * hidden(before) * hidden(before);
        return keep;
    }

    void take_buffers();
    void embed();
    void scatter_embedding();
    /// `values` with the place's mask, written to `into`; `values` itself without masks.
    const Scalar *masked(const Scalar *values, Scalar *into, size_t place);
    double decode(const Scalar *sequence);
    void take_initial_state();
    void give_final_state();
    /// into[i] = keep[i] ? scale·from[i] : 0 over the recurrent weights of a layer.
    void masked_recurrent(size_t layer, const Scalar *from, Scalar *into);
    void drop_recurrent_weights(size_t layer);
    void drop_recurrent_gradient(size_t layer);
    /// α·mean(y²) + β·mean((h_{t+1} − h_t)²) of the last layer; adds the gradient of the first term to `flow_`.
    double activation_terms(const Scalar *sequence);
    /// Adds the gradient of the second term to `flow_`, which is ∂/∂h by then.
    void add_temporal_gradient();
};

template <class Scalar> void Call<Scalar>::take_buffers() {
    // Rows of logits at a time: enough that the decoder's weights are read seldom, few enough that the rows stay small;
    // in chunks of nearly equal size.
    constexpr size_t fewest = 700, elements = 8 << 20;
    const size_t most = std::min(tokens_, std::max(fewest, elements / vocabulary_));
    const size_t chunks = (tokens_ + most - 1) / most;
    chunk_ = (tokens_ + chunks - 1) / chunks;
    workspace_.lay_out([&] {
        size_t widest = sizes_.embedding, packed = 0;
        for (size_t layer = 0; layer < layer_count(); layer++) {
            widest = std::max(widest, hidden(layer));
            packed = std::max(packed, packed_count<Scalar>(hidden(layer)));
        }
        embedded_ = workspace_.take<Scalar>((words_ ? shared_.count : tokens_) * sizes_.embedding);
        states_.assign(layer_count(), {});
        masked_.assign(layer_count(), nullptr);
        dropped_.assign(layer_count(), nullptr);
        for (size_t layer = 0; layer < layer_count(); layer++) {
            LayerState<Scalar> &state = states_[layer];
            state.continues = batch_.initial != nullptr;
            const size_t before = state.continues ? sizes_.streams * hidden(layer) : 0;
            state.gates = workspace_.take<Scalar>(tokens_ * 4 * hidden(layer));
            state.cells = workspace_.take<Scalar>(before + tokens_ * hidden(layer)) + before;
            state.outputs = workspace_.take<Scalar>(before + tokens_ * hidden(layer)) + before;
            if (batch_.masks.recurrent) dropped_[layer] = workspace_.take<Scalar>(4 * hidden(layer) * hidden(layer));
            if (batch_.masks.keep) masked_[layer] = workspace_.take<Scalar>(tokens_ * hidden(layer));
        }
        scratch_.packed = workspace_.take<Scalar>(packed);
        scratch_.bias = workspace_.take<Scalar>(4 * widest);
        scratch_.carried = workspace_.take<Scalar>(sizes_.streams * widest);
        if (words_) scratch_.shared = workspace_.take<Scalar>(shared_.count * 4 * hidden(0));
        if (!batch_.targets) return;
        squares_ = workspace_.take<double>(tokens_);
        logits_ = workspace_.take<Scalar>(chunk_ * vocabulary_);
        losses_ = workspace_.take<double>(tokens_);
        if (!gradient_) return;
        flow_ = workspace_.take<Scalar>(tokens_ * widest);
        next_flow_ = workspace_.take<Scalar>(tokens_ * widest);
    });
}

template <class Scalar> const Scalar *Call<Scalar>::masked(const Scalar *values, Scalar *into, size_t place) {
    const ctorch_lstm_masks &masks = batch_.masks;
    if (!masks.keep) return values;
    const size_t streams = sizes_.streams, rows = masks.locked ? streams : tokens_, width = place_width(place);
    const bool *keep = masks.keep;
    for (size_t before = 0; before < place; before++) keep += rows * place_width(before);
    const Scalar scale = (Scalar)masks.keep_scales[place];
    parallel(tokens_, [=](size_t token) {
        const size_t start = token * width;
        const bool *row = keep + (token % rows) * width;
        for (size_t i = 0; i < width; i++) into[start + i] = row[i] ? values[start + i] * scale : 0;
    });
    return into;
}

template <class Scalar> void Call<Scalar>::embed() {
    const size_t width = sizes_.embedding;
    const Scalar *rows = point_ + layout_.embedding;
    const bool *words = batch_.masks.words;
    const Scalar scale = (Scalar)batch_.masks.word_scale;
    const int64_t *inputs = words_ ? words_->words.data() : batch_.inputs;
    parallel(words_ ? shared_.count : tokens_, [=](size_t index) {
        const int64_t word = inputs[index];
        const Scalar *from = rows + word * width;
        Scalar *to = embedded_ + index * width;
        if (!words)
            std::memcpy(to, from, width * sizeof(Scalar));
        else
            for (size_t i = 0; i < width; i++) to[i] = words[word] ? from[i] * scale : 0;
    });
    masked(embedded_, embedded_, 0);
}

/// Adds the rows of `flow_`, ∂/∂(the embedded input), to the gradient of the embedding: distinct words, whose tokens have been
/// added up before, or tokens in order; columns are independent.
template <class Scalar> void Call<Scalar>::scatter_embedding() {
    const size_t width = sizes_.embedding;
    Scalar *rows = gradient_ + layout_.embedding;
    masked(flow_, flow_, 0);
    if (!sizes_.tied) std::memset(rows, 0, vocabulary_ * width * sizeof(Scalar));
    const bool *words = batch_.masks.words;
    const Scalar scale = words ? (Scalar)batch_.masks.word_scale : 1;
    const int64_t *inputs = words_ ? words_->words.data() : batch_.inputs;
    const size_t count = words_ ? shared_.count : tokens_;
    constexpr size_t piece = 64;
    parallel((width + piece - 1) / piece, [=](size_t index) {
        const size_t first = index * piece, end = std::min(first + piece, width);
        for (size_t token = 0; token < count; token++) {
            if (words && !words[inputs[token]]) continue;
            Scalar *row = rows + inputs[token] * width;
            const Scalar *add = flow_ + token * width;
            for (size_t i = first; i < end; i++) row[i] += scale * add[i];
        }
    });
}

template <class Scalar> void Call<Scalar>::take_initial_state() {
    const Scalar *from = static_cast<const Scalar *>(batch_.initial);
    for (size_t layer = 0; from && layer < layer_count(); layer++) {
        const size_t count = sizes_.streams * hidden(layer);
        std::memcpy(states_[layer].outputs - count, from, count * sizeof(Scalar));
        std::memcpy(states_[layer].cells - count, from + count, count * sizeof(Scalar));
        from += 2 * count;
    }
}

template <class Scalar> void Call<Scalar>::give_final_state() {
    Scalar *to = static_cast<Scalar *>(batch_.final);
    for (size_t layer = 0; to && layer < layer_count(); layer++) {
        const size_t count = sizes_.streams * hidden(layer), last = (sizes_.steps - 1) * count;
        std::memcpy(to, states_[layer].outputs + last, count * sizeof(Scalar));
        std::memcpy(to + count, states_[layer].cells + last, count * sizeof(Scalar));
        to += 2 * count;
    }
}

template <class Scalar>
void Call<Scalar>::masked_recurrent(size_t layer, const Scalar *from, Scalar *into) {
    const size_t width = hidden(layer);
    const bool *keep = recurrent_mask(layer);
    const Scalar scale = (Scalar)batch_.masks.recurrent_scale;
    parallel(4 * width, [=](size_t row) {
        for (size_t i = row * width; i < (row + 1) * width; i++) into[i] = keep[i] ? from[i] * scale : 0;
    });
}

template <class Scalar> void Call<Scalar>::drop_recurrent_weights(size_t layer) {
    if (dropped_[layer]) masked_recurrent(layer, layout_.at(point_, layer).recurrent_weight, dropped_[layer]);
}

template <class Scalar> void Call<Scalar>::drop_recurrent_gradient(size_t layer) {
    if (!dropped_[layer]) return;
    Scalar *gradient = layout_.at(gradient_, layer).recurrent_weight;
    masked_recurrent(layer, gradient, gradient);
}

template <class Scalar> double Call<Scalar>::activation_terms(const Scalar *sequence) {
    const size_t width = last_hidden(), streams = sizes_.streams, later = tokens_ - streams;
    const double elements = (double)tokens_ * (double)width;
    double terms = 0;
    auto add_mean_square = [&](size_t first, size_t rows, double weight, auto value) {
        parallel(rows, [=](size_t row) {
            double sum = 0;
            for (size_t i = (first + row) * width; i < (first + row + 1) * width; i++) {
                const double element = (double)value(i);
                sum += element * element;
            }
            squares_[row] = sum;
        });
        double sum = 0;
        for (size_t row = 0; row < rows; row++) sum += squares_[row];
        terms += weight * sum;
    };
    if (batch_.activation != 0) {
        add_mean_square(0, tokens_, batch_.activation / elements, [=](size_t i) { return sequence[i]; });
        const Scalar factor = (Scalar)(2 * batch_.activation / elements);
        Scalar *flow = flow_;
        if (gradient_)
            parallel(tokens_, [=](size_t token) {
                for (size_t i = token * width; i < (token + 1) * width; i++) flow[i] += factor * sequence[i];
            });
    }
    if (batch_.temporal_activation != 0 && later > 0) {
        const Scalar *outputs = states_.back().outputs;
        const size_t step = streams * width;
        add_mean_square(streams, later, batch_.temporal_activation / ((double)later * (double)width),
                        [=](size_t i) { return outputs[i] - outputs[i - step]; });
    }
    return terms;
}

template <class Scalar> void Call<Scalar>::add_temporal_gradient() {
    const size_t width = last_hidden(), streams = sizes_.streams, tokens = tokens_, step = streams * width;
    const size_t later = tokens - streams;
    if (batch_.temporal_activation == 0 || later == 0) return;
    const Scalar factor = (Scalar)(2 * batch_.temporal_activation / ((double)later * (double)width));
    const Scalar *outputs = states_.back().outputs;
    Scalar *flow = flow_;
    parallel(tokens, [=](size_t token) {
        for (size_t i = token * width; i < (token + 1) * width; i++) {
            Scalar change = 0;
            if (token >= streams) change += outputs[i] - outputs[i - step];
            if (token < later) change -= outputs[i + step] - outputs[i];
            flow[i] += factor * change;
        }
    });
}

/// Decoder, softmax and cross-entropy, chunk by chunk; leaves ∂/∂sequence in `flow_`.
template <class Scalar> double Call<Scalar>::decode(const Scalar *sequence) {
    const Kernels<Scalar> &kernel = kernels(Scalar());
    const size_t width = last_hidden(), vocabulary = vocabulary_;
    const Matrix<Scalar> weight{point_ + layout_.decoder_weight, vocabulary, width};
    const Scalar *bias = point_ + layout_.decoder_bias;
    for (size_t start = 0; start < tokens_; start += chunk_) {
        const size_t rows = std::min(chunk_, tokens_ - start);
        const Matrix<Scalar> states{sequence + start * width, rows, width};
        product(states, weight.t(), logits_);
        parallel(rows, [=, &kernel](size_t row) {
            losses_[start + row] = kernel.softmax_row(vocabulary, logits_ + row * vocabulary, bias,
                                                      batch_.targets[start + row], gradient_ ? 1.0 / tokens_ : 0);
        });
        if (!gradient_) continue;
        const Matrix<Scalar> errors{logits_, rows, vocabulary};
        product(errors, weight, flow_ + start * width);
        product(errors.t(), states, gradient_ + layout_.decoder_weight, start > 0);
        constexpr size_t piece = 256;
        parallel((vocabulary + piece - 1) / piece, [=, &kernel](size_t index) {
            const size_t first = index * piece;
            kernel.column_sums(rows, std::min(piece, vocabulary - first), logits_ + first, vocabulary,
                               gradient_ + layout_.decoder_bias + first, start > 0);
        });
    }
    double sum = 0;
    for (size_t token = 0; token < tokens_; token++) sum += losses_[token];
    return sum / (double)tokens_;
}

/// Takes all batches through a layer together, or one by one where each has weights of its own.
template <class Scalar, class Body>
void each_layer(const std::vector<std::unique_ptr<Call<Scalar>>> &calls, size_t layer, bool is_forward, Body body) {
    std::vector<LayerCall<Scalar>> layer_calls;
    for (const auto &call : calls) layer_calls.push_back(is_forward ? call->forward(layer) : call->backward(layer));
    const size_t together = calls[0]->shares_weights() ? calls.size() : 1;
    for (size_t first = 0; first < calls.size(); first += together)
        body(calls[first]->layer_sizes(layer), calls[first]->parameters(layer), &layer_calls[first], together);
    for (const auto &call : calls) is_forward ? call->finish_forward(layer) : call->finish_backward(layer);
}

template <class Scalar>
void run(const ctorch_lstm_sizes &sizes, const ctorch_lstm_batch *batches, size_t batch_count, const Layout &layout,
         const void *point, void *const *gradients, double *losses) {
    std::vector<std::unique_ptr<Call<Scalar>>> calls;
    for (size_t batch = 0; batch < batch_count; batch++)
        calls.push_back(std::make_unique<Call<Scalar>>(sizes, batches[batch], layout, static_cast<const Scalar *>(point),
                                                       static_cast<Scalar *>(gradients[batch])));
    const size_t layers = calls[0]->layer_count();
    for (const auto &call : calls) call->begin();
    for (size_t layer = 0; layer < layers; layer++) each_layer(calls, layer, true, layer_forward<Scalar>);
    for (size_t batch = 0; batch < batch_count; batch++) losses[batch] = calls[batch]->finish_sequence();
    if (!gradients[0]) return;
    for (size_t layer = layers; layer-- > 0;) each_layer(calls, layer, false, layer_backward<Scalar>);
    for (const auto &call : calls) call->end();
}

} // namespace

} // namespace ctorch

using namespace ctorch;

ctorch_status ctorch_lstm_gradient(const ctorch_lstm_sizes *sizes, const ctorch_lstm_batch *batches,
                                   size_t batch_count, ctorch_scalar_type type, const void *point,
                                   void *const *gradients, size_t count, double *losses) {
    return fenced([&] {
        require(batch_count >= 1, "there is no batch");
        for (size_t batch = 0; batch < batch_count; batch++) {
            check(*sizes, batches[batch]);
            require(batches[batch].targets || !gradients[batch], "a gradient needs targets");
            require(!gradients[batch] == !gradients[0] && !batches[batch].masks.recurrent == !batches[0].masks.recurrent,
                    "batches that are evaluated together must be alike");
        }
        const Layout layout(*sizes);
        require(layout.count == count, "the point has the wrong number of parameters");
        require(type == ctorch_float32 || type == ctorch_float64, "parameters are float32 or float64");
        c10::InferenceMode without_graph;
        if (type == ctorch_float32)
            run<float>(*sizes, batches, batch_count, layout, point, gradients, losses);
        else
            run<double>(*sizes, batches, batch_count, layout, point, gradients, losses);
    });
}

void ctorch_lstm_release_memory(void) { Workspace::release_pool(); }

const char *ctorch_lstm_kernels(void) { return kernels(float()).name; }

ctorch_status ctorch_lstm_limit_kernels(const char *name) {
    return fenced([&] { require(limit_kernels(name), "kernels are avx512, avx2 or portable"); });
}
