// Loops over flat parameter vectors. Every reduction accumulates in double, in 16 lanes of fixed stride that are added in
// a fixed tree at the end, so that a result depends on the numbers alone and not on the processor or on threads.
#ifndef SMOOTHNESS_CVECTORKERNELS_H
#define SMOOTHNESS_CVECTORKERNELS_H
#include <stddef.h>

// What one probe needs of one block, in one pass: see smoothness_probe_*.
typedef struct {
    double gradient_squared;    // sum of g[i]^2, the gradient at the probe
    double difference_squared;  // sum of (g[i] - g0[i])^2
    double difference_step;     // sum of (g[i] - g0[i]) * (p[i] - x[i])
    double base_step;           // sum of g0[i] * (p[i] - x[i])
    double displacement_squared; // sum of (p[i] - x[i])^2, the displacement that was applied
} smoothness_probe_sums;

// What one step of Adam multiplies with: see smoothness_adam_*.
typedef struct {
    double gain;          // s: of the gradient on its way into both moments
    double beta1, beta2;  // memories of the moments
    double step;          // eta / (1 - beta1^t)
    double correction;    // 1 / (1 - beta2^t)
    double epsilon;       // added to the root
} smoothness_adam_numbers;

// What the mean gradient difference of one group of components gives against the mean over all groups.
typedef struct {
    double squared;  // sum of (g[i] - g0[i])^2, g and g0 of the group
    double product;  // sum of (g[i] - g0[i]) * (m[i] - m0[i]), m and m0 of all
} smoothness_group_sums;

// Running sums over a block that comes in slices: 16 lanes of each, element j of the block adds to lane j mod 16. From zero.
typedef struct {
    double base_squared[16];       // g0[i]^2
    double gradient_squared[16];   // g[i]^2
    double product[16];            // g0[i] * g[i]
    double difference_squared[16]; // (g[i] - g0[i])^2
    double difference_step[16];    // (g[i] - g0[i]) * (p[i] - x[i])
    double base_step[16];          // g0[i] * (p[i] - x[i])
    double displacement_squared[16]; // (p[i] - x[i])^2
} smoothness_slice_lanes;

// The same, added up.
typedef struct {
    double base_squared, gradient_squared, product, difference_squared, difference_step, base_step, displacement_squared;
} smoothness_slice_sums;

#define SMOOTHNESS_DECLARE(suffix, scalar)                                                                             \
    double smoothness_dot_##suffix(const scalar *x, const scalar *y, size_t offset, size_t count);                     \
    double smoothness_squared_distance_##suffix(const scalar *x, const scalar *y, size_t offset, size_t count);        \
    size_t smoothness_nonfinite_##suffix(const scalar *x, size_t offset, size_t count);                                \
    int smoothness_same_##suffix(const scalar *x, const scalar *y, size_t count);                                      \
    void smoothness_accumulate_##suffix(double *sum, double scale, const scalar *x, size_t offset, size_t count);      \
    void smoothness_point_along_##suffix(scalar *point, const scalar *from, const scalar *to, double fraction,         \
                                         size_t count);                                                                \
    void smoothness_axpby_##suffix(scalar *y, double a, const scalar *x, double b, size_t offset, size_t count);       \
    void smoothness_combine_##suffix(scalar *sum, double a, const scalar *x, double b, const scalar *y, size_t offset, \
                                     size_t count);                                                                    \
    void smoothness_step_##suffix(scalar *next, double keep, const scalar *x, double a, const scalar *m, double b,     \
                                  const scalar *g, size_t offset, size_t count);                                       \
    void smoothness_adam_##suffix(scalar *next, double keep, const scalar *x, scalar *m, scalar *v, const scalar *g,   \
                                  smoothness_adam_numbers numbers, size_t offset, size_t count);                       \
    smoothness_probe_sums smoothness_probe_##suffix(const double *gradient, const double *base, const scalar *probe,   \
                                                    const scalar *iterate, size_t offset, size_t count);               \
    void smoothness_round_##suffix(scalar *rounded, double factor, const double *x, size_t count);                     \
    smoothness_group_sums smoothness_group_##suffix(const scalar *group, const double *mean, size_t offset,            \
                                                    size_t count);                                                     \
    smoothness_group_sums smoothness_group_difference_##suffix(const scalar *group, const scalar *group_base,          \
                                                               const double *mean, const double *base, size_t offset,  \
                                                               size_t count);                              \
    void smoothness_add_slice_##suffix(smoothness_slice_lanes *lanes, size_t first, const scalar *iterate,             \
                                       const scalar *probe, const scalar *base, const scalar *gradient, size_t offset, \
                                       size_t count);

SMOOTHNESS_DECLARE(f32, float)
SMOOTHNESS_DECLARE(f64, double)
#undef SMOOTHNESS_DECLARE

smoothness_slice_sums smoothness_sum_slices(smoothness_slice_lanes lanes);

void smoothness_scale_f64(double *x, double factor, size_t count);
#endif
