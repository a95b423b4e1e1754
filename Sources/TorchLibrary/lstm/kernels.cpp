#include "kernels.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace ctorch {

namespace {

enum Level { portable, avx2, avx512 };

Level best_level() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
    return portable;
}

const Level best = best_level();
std::atomic<Level> level{best};

} // namespace

bool limit_kernels(const char *name) {
    Level limit;
    if (std::strcmp(name, "avx512") == 0)
        limit = avx512;
    else if (std::strcmp(name, "avx2") == 0)
        limit = avx2;
    else if (std::strcmp(name, "portable") == 0)
        limit = portable;
    else
        return false;
    level = std::min(limit, best);
    return true;
}

template <class Scalar> const Kernels<Scalar> &kernels(Scalar scalar) {
#if defined(__x86_64__)
    switch (level.load(std::memory_order_relaxed)) {
    case avx512: return avx512_kernels(scalar);
    case avx2: return avx2_kernels(scalar);
    case portable: break;
    }
#endif
    return portable_kernels(scalar);
}

template const Kernels<float> &kernels(float);
template const Kernels<double> &kernels(double);

} // namespace ctorch
