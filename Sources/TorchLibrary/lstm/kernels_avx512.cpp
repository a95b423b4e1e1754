#if defined(__x86_64__)
#include "kernels.h"
#include <cmath>
#include <cstring>
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,fma"))), apply_to = function)
#define KERNELS_FUNCTION avx512_kernels
#define KERNELS_NAME "avx512"
#define VECTOR_BYTES 64
#define TILE_ROWS 5
#define HAS_FMA 1
#include "kernels_body.h"
#pragma clang attribute pop
#endif
