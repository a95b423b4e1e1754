#include "CVectorKernels.h"

#include <math.h>
#include <string.h>

// No fused multiply-add: its presence would make results depend on the processor.
#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__) && defined(__clang__)
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EVERY_PROCESSOR
#endif

enum { lanes = 16 };

static inline double add_lanes(const double *lane) {
    double half[lanes];
    for (int i = 0; i < lanes; i++) half[i] = lane[i];
    for (int width = lanes / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) half[i] += half[i + width];
    return half[0];
}

// Runs `term` for every index; full rounds of 16 first, the rest into the first lanes.
#define REDUCE(count, body)                                                                                            \
    {                                                                                                                  \
        size_t whole = (count) - (count) % lanes;                                                                      \
        for (size_t base_index = 0; base_index < whole; base_index += lanes)                                           \
            for (int lane_index = 0; lane_index < lanes; lane_index++) {                                               \
                size_t i = base_index + (size_t)lane_index;                                                            \
                body                                                                                                   \
            }                                                                                                          \
        for (size_t i = whole; i < (count); i++) {                                                                     \
            int lane_index = (int)(i - whole);                                                                         \
            body                                                                                                       \
        }                                                                                                              \
    }

// One element of a slice, for smoothness_add_slice_*.
#define ADD_ELEMENT(index, lane)                                                                                       \
    {                                                                                                                  \
        double b = (double)base[index], g = (double)gradient[index];                                                   \
        double difference = g - b, displacement = (double)probe[index] - (double)iterate[index];                       \
        sum.base_squared[lane] += b * b;                                                                               \
        sum.gradient_squared[lane] += g * g;                                                                           \
        sum.product[lane] += b * g;                                                                                    \
        sum.difference_squared[lane] += difference * difference;                                                       \
        sum.difference_step[lane] += difference * displacement;                                                        \
        sum.base_step[lane] += b * displacement;                                                                       \
        sum.displacement_squared[lane] += displacement * displacement;                                                 \
    }

#define DEFINE(suffix, scalar)                                                                                         \
    FOR_EVERY_PROCESSOR double smoothness_dot_##suffix(const scalar *restrict x, const scalar *restrict y,             \
                                                       size_t offset, size_t count) {                                 \
        double sum[lanes] = {0};                                                                                       \
        x += offset;                                                                                                   \
        y += offset;                                                                                                   \
        REDUCE(count, { sum[lane_index] += (double)x[i] * (double)y[i]; })                                             \
        return add_lanes(sum);                                                                                         \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR double smoothness_squared_distance_##suffix(const scalar *restrict x,                          \
                                                                    const scalar *restrict y, size_t offset,           \
                                                                    size_t count) {                                    \
        double sum[lanes] = {0};                                                                                       \
        x += offset;                                                                                                   \
        y += offset;                                                                                                   \
        REDUCE(count, {                                                                                                \
            double difference = (double)y[i] - (double)x[i];                                                           \
            sum[lane_index] += difference * difference;                                                                \
        })                                                                                                             \
        return add_lanes(sum);                                                                                         \
    }                                                                                                                  \
    int smoothness_same_##suffix(const scalar *x, const scalar *y, size_t count) {                                     \
        return memcmp(x, y, count * sizeof(scalar)) == 0;                                                              \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR size_t smoothness_nonfinite_##suffix(const scalar *x, size_t offset, size_t count) {                               \
        size_t found = 0;                                                                                              \
        for (size_t i = offset; i < offset + count; i++) found += !isfinite(x[i]);                                     \
        return found;                                                                                                  \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_accumulate_##suffix(double *restrict sum, double scale,                        \
                                                            const scalar *restrict x, size_t offset, size_t count) {   \
        sum += offset;                                                                                                 \
        x += offset;                                                                                                   \
        for (size_t i = 0; i < count; i++) sum[i] += scale * (double)x[i];                                             \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_point_along_##suffix(scalar *restrict point, const scalar *restrict from,      \
                                                             const scalar *restrict to, double fraction,               \
                                                             size_t count) {                                           \
        for (size_t i = 0; i < count; i++)                                                                             \
            point[i] = (scalar)((double)from[i] + fraction * ((double)to[i] - (double)from[i]));                       \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_axpby_##suffix(scalar *restrict y, double a, const scalar *restrict x,         \
                                                       double b, size_t offset, size_t count) {                        \
        y += offset;                                                                                                   \
        x += offset;                                                                                                   \
        for (size_t i = 0; i < count; i++) y[i] = (scalar)(a * (double)x[i] + b * (double)y[i]);                       \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_combine_##suffix(scalar *restrict sum, double a, const scalar *restrict x,     \
                                                         double b, const scalar *restrict y, size_t offset,            \
                                                         size_t count) {                                               \
        sum += offset;                                                                                                 \
        x += offset;                                                                                                   \
        y += offset;                                                                                                   \
        for (size_t i = 0; i < count; i++) sum[i] = (scalar)(a * (double)x[i] + b * (double)y[i]);                     \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_step_##suffix(scalar *restrict next, double keep, const scalar *restrict x,    \
                                                      double a, const scalar *restrict m, double b,                    \
                                                      const scalar *restrict g, size_t offset, size_t count) {         \
        next += offset;                                                                                                \
        x += offset;                                                                                                   \
        m += offset;                                                                                                   \
        g += offset;                                                                                                   \
        for (size_t i = 0; i < count; i++)                                                                             \
            next[i] = (scalar)(keep * (double)x[i] - a * (double)m[i] - b * (double)g[i]);                             \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_adam_##suffix(                                                                 \
        scalar *restrict next, double keep, const scalar *restrict x, scalar *restrict m, scalar *restrict v,          \
        const scalar *restrict g, smoothness_adam_numbers n, size_t offset, size_t count) {                            \
        next += offset;                                                                                                \
        x += offset;                                                                                                   \
        m += offset;                                                                                                   \
        v += offset;                                                                                                   \
        g += offset;                                                                                                   \
        for (size_t i = 0; i < count; i++) {                                                                           \
            double gradient = n.gain * (double)g[i];                                                                   \
            m[i] = (scalar)(n.beta1 * (double)m[i] + (1 - n.beta1) * gradient);                                        \
            v[i] = (scalar)(n.beta2 * (double)v[i] + (1 - n.beta2) * (gradient * gradient));                           \
            double divisor = sqrt(n.correction * (double)v[i]) + n.epsilon;                                            \
            next[i] = (scalar)(keep * (double)x[i] - n.step * (double)m[i] / divisor);                                 \
        }                                                                                                              \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR smoothness_probe_sums smoothness_probe_##suffix(                                               \
        const double *restrict gradient, const double *restrict base, const scalar *restrict probe,                   \
        const scalar *restrict iterate, size_t offset, size_t count) {                                                 \
        double gradient_squared[lanes] = {0}, difference_squared[lanes] = {0}, difference_step[lanes] = {0},           \
               base_step[lanes] = {0}, displacement_squared[lanes] = {0};                                              \
        gradient += offset;                                                                                            \
        base += offset;                                                                                                \
        probe += offset;                                                                                               \
        iterate += offset;                                                                                             \
        REDUCE(count, {                                                                                                \
            double difference = gradient[i] - base[i];                                                                 \
            double displacement = (double)probe[i] - (double)iterate[i];                                               \
            gradient_squared[lane_index] += gradient[i] * gradient[i];                                                 \
            difference_squared[lane_index] += difference * difference;                                                 \
            difference_step[lane_index] += difference * displacement;                                                  \
            base_step[lane_index] += base[i] * displacement;                                                           \
            displacement_squared[lane_index] += displacement * displacement;                                           \
        })                                                                                                             \
        smoothness_probe_sums sums = {add_lanes(gradient_squared), add_lanes(difference_squared),                      \
                                      add_lanes(difference_step), add_lanes(base_step),                                \
                                      add_lanes(displacement_squared)};                                                \
        return sums;                                                                                                   \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_round_##suffix(scalar *restrict rounded, double factor,                        \
                                                       const double *restrict x, size_t count) {                       \
        for (size_t i = 0; i < count; i++) rounded[i] = (scalar)(factor * x[i]);                                       \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR smoothness_group_sums smoothness_group_##suffix(                                               \
        const scalar *restrict group, const double *restrict mean, size_t offset, size_t count) {                      \
        double squared[lanes] = {0}, product[lanes] = {0};                                                             \
        group += offset;                                                                                               \
        mean += offset;                                                                                                \
        REDUCE(count, {                                                                                                \
            squared[lane_index] += (double)group[i] * (double)group[i];                                                \
            product[lane_index] += (double)group[i] * mean[i];                                                         \
        })                                                                                                             \
        smoothness_group_sums sums = {add_lanes(squared), add_lanes(product)};                                         \
        return sums;                                                                                                   \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR smoothness_group_sums smoothness_group_difference_##suffix(                                    \
        const scalar *restrict group, const scalar *restrict group_base, const double *restrict mean,                  \
        const double *restrict base, size_t offset, size_t count) {                                                    \
        double squared[lanes] = {0}, product[lanes] = {0};                                                             \
        group += offset;                                                                                               \
        group_base += offset;                                                                                          \
        mean += offset;                                                                                                \
        base += offset;                                                                                                \
        REDUCE(count, {                                                                                                \
            double difference = (double)group[i] - (double)group_base[i];                                              \
            squared[lane_index] += difference * difference;                                                            \
            product[lane_index] += difference * (mean[i] - base[i]);                                                   \
        })                                                                                                             \
        smoothness_group_sums sums = {add_lanes(squared), add_lanes(product)};                                         \
        return sums;                                                                                                   \
    }                                                                                                                  \
    FOR_EVERY_PROCESSOR void smoothness_add_slice_##suffix(                                                            \
        smoothness_slice_lanes *restrict to, size_t first, const scalar *restrict iterate,                             \
        const scalar *restrict probe, const scalar *restrict base, const scalar *restrict gradient, size_t offset,     \
        size_t count) {                                                                                                \
        smoothness_slice_lanes sum = *to;                                                                              \
        iterate += offset;                                                                                             \
        probe += offset;                                                                                               \
        base += offset;                                                                                                \
        gradient += offset;                                                                                            \
        size_t i = 0;                                                                                                  \
        for (size_t lane = first % lanes; lane % lanes != 0 && i < count; lane++, i++) ADD_ELEMENT(i, lane)            \
        for (; i + lanes <= count; i += lanes)                                                                         \
            for (size_t lane = 0; lane < lanes; lane++) ADD_ELEMENT(i + lane, lane)                                    \
        for (size_t lane = 0; i < count; lane++, i++) ADD_ELEMENT(i, lane)                                             \
        *to = sum;                                                                                                     \
    }

DEFINE(f32, float)
DEFINE(f64, double)

FOR_EVERY_PROCESSOR void smoothness_scale_f64(double *x, double factor, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] *= factor;
}

smoothness_slice_sums smoothness_sum_slices(smoothness_slice_lanes lanes) {
    smoothness_slice_sums sums = {
        add_lanes(lanes.base_squared),       add_lanes(lanes.gradient_squared), add_lanes(lanes.product),
        add_lanes(lanes.difference_squared), add_lanes(lanes.difference_step),  add_lanes(lanes.base_step),
        add_lanes(lanes.displacement_squared)};
    return sums;
}
