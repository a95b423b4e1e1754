#if defined(__x86_64__)
#include "kernels.h"
#include <cmath>
#include <cstring>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KERNELS_FUNCTION avx2_kernels
#define KERNELS_NAME "avx2"
#define VECTOR_BYTES 32
#define TILE_ROWS 2
#define HAS_FMA 1
#include "kernels_body.h"
#pragma clang attribute pop
#endif
