// The bodies of the kernels; included once for every instruction set, which the including file names. No header may be
// included from here: it would be compiled for that instruction set.

namespace ctorch {
namespace {

#define INLINE __attribute__((always_inline)) inline

template <class Scalar> struct Vector {
    typedef Scalar type __attribute__((vector_size(VECTOR_BYTES)));
    typedef Scalar anywhere __attribute__((vector_size(VECTOR_BYTES), aligned(alignof(Scalar))));
    static constexpr size_t lanes = VECTOR_BYTES / sizeof(Scalar);
};
template <class Scalar> using vector = typename Vector<Scalar>::type;
template <class Scalar> constexpr size_t lanes = Vector<Scalar>::lanes;

template <class Scalar> INLINE vector<Scalar> load(const Scalar *from) {
    return *reinterpret_cast<const typename Vector<Scalar>::anywhere *>(from);
}
template <class Scalar> INLINE void store(Scalar *to, vector<Scalar> value) {
    *reinterpret_cast<typename Vector<Scalar>::anywhere *>(to) = value;
}
/// The first `width` lanes; the others are zero.
template <class Scalar> INLINE vector<Scalar> load(const Scalar *from, size_t width) {
    if (width == lanes<Scalar>) return load(from);
    vector<Scalar> value = {};
    std::memcpy(&value, from, width * sizeof(Scalar));
    return value;
}
template <class Scalar> INLINE void store(Scalar *to, vector<Scalar> value, size_t width) {
    if (width == lanes<Scalar>)
        store(to, value);
    else
        std::memcpy(to, &value, width * sizeof(Scalar));
}
// The difference with zero is the value itself; a sum would not be for −0, and would cost an addition.
template <class Scalar> INLINE vector<Scalar> splat(Scalar value) { return value - vector<Scalar>{}; }

template <class Value> INLINE Value multiply_add(Value a, Value b, Value c) {
#if HAS_FMA
    return __builtin_elementwise_fma(a, b, c);
#else
    return a * b + c;
#endif
}

// Elementary functions, after Moshier's Cephes library: errors of one or two units in the last place. NaN stays NaN.

INLINE vector<float> exponential(vector<float> x) { // x ≤ 0
    typedef int32_t integers __attribute__((vector_size(VECTOR_BYTES)));
    const vector<float> magic = splat(12582912.0f); // 1.5·2²³: adding it rounds to an integer
    vector<float> shifted = multiply_add(x, splat(1.44269504088896341f), magic);
    vector<float> n = shifted - magic;
    vector<float> r = multiply_add(n, splat(-0.693359375f), x);
    r = multiply_add(n, splat(2.12194440e-4f), r);
    vector<float> p = splat(1.9875691500e-4f);
    p = multiply_add(p, r, splat(1.3981999507e-3f));
    p = multiply_add(p, r, splat(8.3334519073e-3f));
    p = multiply_add(p, r, splat(4.1665795894e-2f));
    p = multiply_add(p, r, splat(1.6666665459e-1f));
    p = multiply_add(p, r, splat(5.0000001201e-1f));
    p = multiply_add(p, r * r, r) + 1.0f;
    integers power = ((integers)shifted - (integers)magic + 127) << 23;
    vector<float> value = p * (vector<float>)power;
    return x < splat(-87.0f) ? vector<float>{} : value; // e⁻⁸⁷ is the smallest normal number, nearly
}

INLINE vector<double> exponential(vector<double> x) { // x ≤ 0
    typedef int64_t integers __attribute__((vector_size(VECTOR_BYTES)));
    const vector<double> magic = splat(6755399441055744.0); // 1.5·2⁵²
    vector<double> shifted = multiply_add(x, splat(1.4426950408889634074), magic);
    vector<double> n = shifted - magic;
    vector<double> r = multiply_add(n, splat(-6.93145751953125e-1), x);
    r = multiply_add(n, splat(-1.42860682030941723212e-6), r);
    vector<double> square = r * r;
    vector<double> p = splat(1.26177193074810590878e-4);
    p = multiply_add(p, square, splat(3.02994407707441961300e-2));
    p = multiply_add(p, square, splat(9.99999999999999999910e-1)) * r;
    vector<double> q = splat(3.00198505138664455042e-6);
    q = multiply_add(q, square, splat(2.52448340349684104192e-3));
    q = multiply_add(q, square, splat(2.27265548208155028766e-1));
    q = multiply_add(q, square, splat(2.00000000000000000005e0));
    vector<double> value = 1.0 + 2.0 * (p / (q - p));
    integers power = ((integers)shifted - (integers)magic + 1023) << 52;
    value = value * (vector<double>)power;
    return x < splat(-708.0) ? vector<double>{} : value;
}

INLINE vector<float> tangent_near_zero(vector<float> x) {
    vector<float> z = x * x;
    vector<float> p = splat(-5.70498872745e-3f);
    p = multiply_add(p, z, splat(2.06390887954e-2f));
    p = multiply_add(p, z, splat(-5.37397155531e-2f));
    p = multiply_add(p, z, splat(1.33314422036e-1f));
    p = multiply_add(p, z, splat(-3.33332819422e-1f));
    return multiply_add(p * z, x, x);
}

INLINE vector<double> tangent_near_zero(vector<double> x) {
    vector<double> z = x * x;
    vector<double> p = splat(-9.64399179425052238628e-1);
    p = multiply_add(p, z, splat(-9.92877231001918586564e1));
    p = multiply_add(p, z, splat(-1.61468768441708447952e3));
    vector<double> q = z + splat(1.12811678491632931402e2);
    q = multiply_add(q, z, splat(2.23548839060100448583e3));
    q = multiply_add(q, z, splat(4.84406305325125486048e3));
    return multiply_add(p / q * z, x, x);
}

template <class Scalar> INLINE vector<Scalar> hyperbolic_tangent(vector<Scalar> x) {
    vector<Scalar> magnitude = __builtin_elementwise_abs(x);
    vector<Scalar> e = exponential(Scalar(-2) * magnitude);
    vector<Scalar> far = (Scalar(1) - e) / (Scalar(1) + e);
    far = x < vector<Scalar>{} ? -far : far;
    return magnitude < splat(Scalar(0.625)) ? tangent_near_zero(x) : far;
}

template <class Scalar> INLINE vector<Scalar> logistic(vector<Scalar> x) {
    vector<Scalar> e = exponential(-__builtin_elementwise_abs(x));
    return (x < vector<Scalar>{} ? e : splat(Scalar(1))) / (Scalar(1) + e);
}

// The product with packed weights.

/// R rows of a tile over one stretch of the depth; `first` starts the sums, otherwise they go on from `out`. `ahead` is what
/// will be read next: at every step it is fetched and goes on by `pace` bytes.
template <class Scalar, int R>
INLINE void tile(size_t depth, const Scalar *a, size_t stride, const Scalar *packed, Scalar *out, bool first,
                 const char *ahead, size_t pace) {
    constexpr size_t width = panel_vectors * lanes<Scalar>;
    vector<Scalar> sum[R][panel_vectors];
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < panel_vectors; v++)
            sum[r][v] = first ? vector<Scalar>{} : load(out + r * width + v * lanes<Scalar>);
    for (size_t k = 0; k < depth; k++) {
        vector<Scalar> weight[panel_vectors];
#pragma clang loop unroll(full)
        for (size_t v = 0; v < panel_vectors; v++) weight[v] = load(packed + k * width + v * lanes<Scalar>);
        __builtin_prefetch(ahead);
        ahead += pace;
#pragma clang loop unroll(full)
        for (int r = 0; r < R; r++) {
            vector<Scalar> x = splat(a[r * stride + k]);
#pragma clang loop unroll(full)
            for (size_t v = 0; v < panel_vectors; v++) sum[r][v] = multiply_add(x, weight[v], sum[r][v]);
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < R; r++)
#pragma clang loop unroll(full)
        for (size_t v = 0; v < panel_vectors; v++) store(out + r * width + v * lanes<Scalar>, sum[r][v]);
}

template <class Scalar>
void panel_product(size_t rows, size_t depth, const Scalar *a, size_t stride, const Scalar *packed, Scalar *out) {
    constexpr size_t width = panel_vectors * lanes<Scalar>;
    // 12 KiB of weights stay in the first-level cache while the rows pass over them, and the next 12 KiB arrive there, from
    // their first line to their last: in that order the processor's own prefetcher runs ahead of it, which it does not
    // when every fourth line is fetched for one tile and its neighbours for the next.
    constexpr size_t line = 64, step_bytes = width * sizeof(Scalar), stretch = 12288 / step_bytes;
    const size_t tiles = rows / TILE_ROWS + (rows % TILE_ROWS + 1) / 2;
    const size_t pace = step_bytes / tiles < line ? step_bytes / tiles : line;
    for (size_t start = 0; start < depth; start += stretch) {
        size_t count = depth - start < stretch ? depth - start : stretch;
        const Scalar *weights = packed + start * width;
        const char *ahead = reinterpret_cast<const char *>(weights + count * width);
        bool first = start == 0;
        for (size_t row = 0; row < rows; ahead += count * pace) {
            const Scalar *from = a + row * stride + start;
            Scalar *to = out + row * width;
            size_t left = rows - row;
            if (left >= TILE_ROWS) {
                tile<Scalar, TILE_ROWS>(count, from, stride, weights, to, first, ahead, pace);
                row += TILE_ROWS;
            } else if (left >= 4) {
                tile<Scalar, 4>(count, from, stride, weights, to, first, ahead, pace);
                row += 4;
            } else if (left >= 2) {
                tile<Scalar, 2>(count, from, stride, weights, to, first, ahead, pace);
                row += 2;
            } else {
                tile<Scalar, 1>(count, from, stride, weights, to, first, ahead, pace);
                row += 1;
            }
        }
    }
}

// The cell.

template <class Scalar> void forward_cell(const ForwardCell<Scalar> &c) {
    const size_t width = c.width;
    vector<Scalar> bias[4];
    for (size_t gate = 0; gate < 4; gate++) bias[gate] = load(c.bias + gate * c.hidden + c.unit, width);
    for (size_t row = 0; row < c.rows; row++) {
        Scalar *gates = c.gates + row * 4 * c.hidden + c.unit;
        const Scalar *from = c.input ? c.input + (size_t)c.input_rows[row] * (4 * c.hidden) + c.unit : gates;
        vector<Scalar> sum[4];
        for (size_t gate = 0; gate < 4; gate++) {
            sum[gate] = load(from + gate * c.hidden, width) + bias[gate];
            if (c.recurrent) sum[gate] += load(c.recurrent + (row * 4 + gate) * lanes<Scalar>);
        }
        vector<Scalar> i = logistic<Scalar>(sum[0]), f = logistic<Scalar>(sum[1]);
        vector<Scalar> g = hyperbolic_tangent<Scalar>(sum[2]), o = logistic<Scalar>(sum[3]);
        vector<Scalar> cell = i * g;
        const size_t here = row * c.hidden + c.unit;
        if (c.before) cell = multiply_add(f, load(c.before + here, width), cell);
        store(gates, i, width);
        store(gates + c.hidden, f, width);
        store(gates + 2 * c.hidden, g, width);
        store(gates + 3 * c.hidden, o, width);
        store(c.cell + here, cell, width);
        store(c.output + here, o * hyperbolic_tangent<Scalar>(cell), width);
    }
}

template <class Scalar> void backward_cell(const BackwardCell<Scalar> &c) {
    const size_t width = c.width;
    for (size_t row = 0; row < c.rows; row++) {
        Scalar *gates = c.gates + row * 4 * c.hidden + c.unit;
        const size_t here = row * c.hidden + c.unit;
        vector<Scalar> i = load(gates, width), f = load(gates + c.hidden, width);
        vector<Scalar> g = load(gates + 2 * c.hidden, width), o = load(gates + 3 * c.hidden, width);
        vector<Scalar> squashed = hyperbolic_tangent<Scalar>(load(c.cell + here, width));
        vector<Scalar> output = load(c.output + here, width);
        vector<Scalar> cell = {};
        if (c.recurrent) {
            output += load(c.recurrent + row * c.recurrent_stride);
            cell = load(c.carried + here, width);
        }
        cell = multiply_add(output * o, Scalar(1) - squashed * squashed, cell);
        vector<Scalar> before = c.before ? load(c.before + here, width) : vector<Scalar>{};
        store(gates, cell * g * i * (Scalar(1) - i), width);
        store(gates + c.hidden, cell * before * f * (Scalar(1) - f), width);
        store(gates + 2 * c.hidden, cell * i * (Scalar(1) - g * g), width);
        store(gates + 3 * c.hidden, output * squashed * o * (Scalar(1) - o), width);
        store(c.carried + here, cell * f, width);
    }
}

// The loss.

template <class Scalar>
double softmax_row(size_t count, Scalar *logits, const Scalar *bias, size_t target, double scale) {
    constexpr size_t step = lanes<Scalar>;
    const size_t whole = count - count % step;
    const Scalar lowest = -__builtin_inf();
    vector<Scalar> highest = splat(lowest);
    for (size_t i = 0; i < whole; i += step) {
        vector<Scalar> value = load(logits + i) + load(bias + i);
        store(logits + i, value);
        highest = __builtin_elementwise_max(highest, value);
    }
    Scalar top = lowest;
    for (size_t lane = 0; lane < step; lane++) top = highest[lane] > top ? highest[lane] : top;
    for (size_t i = whole; i < count; i++) {
        logits[i] += bias[i];
        top = logits[i] > top ? logits[i] : top;
    }
    const double at_target = (double)logits[target];
    vector<Scalar> sums = {};
    for (size_t i = 0; i < whole; i += step) {
        vector<Scalar> value = exponential(load(logits + i) - splat(top));
        store(logits + i, value);
        sums += value;
    }
    double sum = 0;
    for (size_t lane = 0; lane < step; lane++) sum += (double)sums[lane];
    if (whole < count) {
        vector<Scalar> value = exponential(load(logits + whole, count - whole) - splat(top));
        store(logits + whole, value, count - whole);
        for (size_t lane = 0; lane < count - whole; lane++) sum += (double)value[lane];
    }
    if (scale != 0) {
        const Scalar factor = (Scalar)(scale / sum);
        for (size_t i = 0; i < whole; i += step) store(logits + i, load(logits + i) * factor);
        for (size_t i = whole; i < count; i++) logits[i] *= factor;
        logits[target] -= (Scalar)scale;
    }
    return std::log(sum) + ((double)top - at_target);
}

template <class Scalar>
void column_sums(size_t rows, size_t width, const Scalar *matrix, size_t stride, Scalar *sums, bool add) {
    // So many columns that memory is read in order, so few that their sums stay in the first-level cache.
    constexpr size_t piece = 256;
    for (size_t column = 0; column < width; column += piece) {
        const size_t count = width - column < piece ? width - column : piece;
        double sum[piece] = {};
        for (size_t row = 0; row < rows; row++) {
            const Scalar *from = matrix + row * stride + column;
            if (count == piece)
                for (size_t i = 0; i < piece; i++) sum[i] += (double)from[i];
            else
                for (size_t i = 0; i < count; i++) sum[i] += (double)from[i];
        }
        for (size_t i = 0; i < count; i++)
            sums[column + i] = (Scalar)(add ? (double)sums[column + i] + sum[i] : sum[i]);
    }
}

// Batch normalisation. The compiler makes vectors of the loops over channels.

template <class Scalar>
void moments(size_t rows, size_t channels, const Scalar *__restrict x, const double *__restrict mean,
             double *__restrict sums) {
    for (size_t c = 0; c < channels; c++) sums[c] = 0;
    for (size_t row = 0; row < rows; row++, x += channels) {
        if (!mean)
            for (size_t c = 0; c < channels; c++) sums[c] += (double)x[c];
        else
            for (size_t c = 0; c < channels; c++) {
                const double away = (double)x[c] - mean[c];
                sums[c] += away * away;
            }
    }
}

template <class Scalar>
void normalize(size_t rows, size_t channels, const Scalar *__restrict x, const Scalar *__restrict mean,
               const Scalar *__restrict factor, const Scalar *__restrict bias, Scalar *__restrict out) {
    for (size_t row = 0; row < rows; row++, x += channels, out += channels)
        for (size_t c = 0; c < channels; c++) out[c] = (x[c] - mean[c]) * factor[c] + bias[c];
}

template <class Scalar>
void flow_moments(size_t rows, size_t channels, const Scalar *__restrict x, const Scalar *__restrict flow,
                  const double *__restrict mean, double *__restrict sums) {
    double *__restrict products = sums + channels;
    for (size_t c = 0; c < 2 * channels; c++) sums[c] = 0;
    for (size_t row = 0; row < rows; row++, x += channels, flow += channels)
        for (size_t c = 0; c < channels; c++) {
            sums[c] += (double)flow[c];
            products[c] += (double)flow[c] * ((double)x[c] - mean[c]);
        }
}

template <class Scalar>
void flow_back(size_t rows, size_t channels, const Scalar *__restrict x, const Scalar *__restrict flow,
               const Scalar *__restrict mean, const Scalar *__restrict constant, const Scalar *__restrict slope,
               const Scalar *__restrict factor, Scalar *__restrict out) {
    for (size_t row = 0; row < rows; row++, x += channels, flow += channels, out += channels)
        for (size_t c = 0; c < channels; c++)
            out[c] = (flow[c] - constant[c] - (x[c] - mean[c]) * slope[c]) * factor[c];
}

template <class Scalar> void hyperbolic_tangents(size_t count, Scalar *values) {
    for (size_t i = 0; i < count; i += lanes<Scalar>) {
        const size_t width = count - i < lanes<Scalar> ? count - i : lanes<Scalar>;
        store(values + i, hyperbolic_tangent<Scalar>(load(values + i, width)), width);
    }
}

template <class Scalar> constexpr Kernels<Scalar> table() {
    return {KERNELS_NAME,
            lanes<Scalar>,
            panel_product<Scalar>,
            forward_cell<Scalar>,
            backward_cell<Scalar>,
            softmax_row<Scalar>,
            column_sums<Scalar>,
            moments<Scalar>,
            normalize<Scalar>,
            flow_moments<Scalar>,
            flow_back<Scalar>,
            hyperbolic_tangents<Scalar>};
}

constexpr Kernels<float> float_table = table<float>();
constexpr Kernels<double> double_table = table<double>();

#undef INLINE

} // namespace

const Kernels<float> &KERNELS_FUNCTION(float) { return float_table; }
const Kernels<double> &KERNELS_FUNCTION(double) { return double_table; }

} // namespace ctorch
