// Vector kernels, the counting sort and digests, over every length around a vector's.
#include "sanitize.h"

extern "C" {
#include "CDigest.h"
#include "CSorting.h"
#include "CVectorKernels.h"
}

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

#define CHECK_KERNELS(suffix, scalar)                                                                                  \
    void kernels_##suffix(size_t offset, size_t count) {                                                               \
        const size_t all = offset + count;                                                                             \
        const Buffer<scalar> x(all), y(all), z(all), g(all);                                                           \
        const Buffer<double> wide(all), mean(all);                                                                     \
        Buffer<scalar> to(all), m(all), v(all);                                                                        \
        Buffer<double> sum(all);                                                                                       \
        double expected = 0;                                                                                           \
        for (size_t i = offset; i < all; i++) expected += (double)x[i] * (double)y[i];                                 \
        if (std::abs(smoothness_dot_##suffix(x.data(), y.data(), offset, count) - expected) > 1e-12 * (1 + (double)count)) \
            fail("smoothness_dot_" #suffix);                                                                           \
        smoothness_squared_distance_##suffix(x.data(), y.data(), offset, count);                                       \
        if (smoothness_nonfinite_##suffix(x.data(), offset, count) != 0) fail("smoothness_nonfinite_" #suffix);        \
        if (!smoothness_same_##suffix(x.data(), x.data(), all)) fail("smoothness_same_" #suffix);                      \
        smoothness_accumulate_##suffix(sum.data(), 0.5, x.data(), offset, count);                                      \
        smoothness_point_along_##suffix(to.data(), x.data(), y.data(), 0.3, all);                                      \
        smoothness_axpby_##suffix(to.data(), 2, x.data(), 3, offset, count);                                           \
        smoothness_combine_##suffix(to.data(), 2, x.data(), 3, y.data(), offset, count);                               \
        smoothness_step_##suffix(to.data(), 1, x.data(), 0.1, y.data(), 0.2, g.data(), offset, count);                 \
        for (size_t i = 0; i < all; i++) v[i] = v[i] * v[i];                                                           \
        smoothness_adam_##suffix(to.data(), 1, x.data(), m.data(), v.data(), g.data(), {1, 0.9, 0.99, 0.1, 1, 1e-8},   \
                                 offset, count);                                                                       \
        smoothness_probe_##suffix(wide.data(), mean.data(), x.data(), y.data(), offset, count);                        \
        smoothness_round_##suffix(to.data(), 0.5, wide.data(), all);                                                   \
        smoothness_group_##suffix(x.data(), mean.data(), offset, count);                                               \
        smoothness_group_difference_##suffix(x.data(), y.data(), mean.data(), wide.data(), offset, count);             \
        smoothness_slice_lanes lanes = {};                                                                             \
        smoothness_add_slice_##suffix(&lanes, offset, x.data(), y.data(), z.data(), g.data(), offset, count);          \
        smoothness_sum_slices(lanes);                                                                                  \
    }

CHECK_KERNELS(f32, float)
CHECK_KERNELS(f64, double)

void sorting(size_t count) {
    Buffer<double> keys(count), spare_keys(count);
    Buffer<int32_t> items(count), spare_items(count);
    for (size_t i = 0; i < count; i++) {
        keys[i] = (double)(random_number() % (count + 1) / 2);
        items[i] = (int32_t)i;
    }
    std::vector<int64_t> targets{0, 0, 1, 3, 4, 100};
    Buffer<int32_t> first(targets.size()), second(targets.size());
    int64_t expected = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) expected += keys[i] > keys[j];
    const int64_t found =
        smoothness_sort_inversions(keys.data(), items.data(), spare_keys.data(), spare_items.data(), count,
                                   targets.data(), targets.size(), first.data(), second.data());
    if (found != expected || !std::is_sorted(keys.data(), keys.data() + count)) fail("smoothness_sort_inversions");
}

void digests(size_t count) {
    const Buffer<uint8_t> bytes(count);
    // 64 digits and the zero.
    Buffer<char> of_bytes(65), of_file(65);
    if (smoothness_sha256_bytes(bytes.data(), count, of_bytes.data())) fail("smoothness_sha256_bytes");
    char path[] = "/tmp/smoothness-sanitize-XXXXXX";
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? nullptr : fdopen(descriptor, "wb");
    if (!file || fwrite(bytes.data(), 1, count, file) != count || fclose(file)) fail("a file for a digest");
    uint64_t size = 0;
    const int status = smoothness_sha256_file(path, of_file.data(), &size);
    std::remove(path);
    if (status || size != count || std::strcmp(of_bytes.data(), of_file.data())) fail("smoothness_sha256_file");
    if (!smoothness_sha256_file("/no/such/file", of_file.data(), &size)) fail("a digest of no file");
}

} // namespace

void check_vectors() {
    for (size_t count = 0; count <= 67; count++) {
        for (size_t offset : {0, 1, 3, 16, 17}) {
            kernels_f32(offset, count);
            kernels_f64(offset, count);
        }
        sorting(count);
        Buffer<double> x(count);
        smoothness_scale_f64(x.data(), 2, count);
    }
    sorting(1000);
    for (size_t count : {0, 1, 63, 64, 65, 65535, 65536, 65537}) digests(count);
}
