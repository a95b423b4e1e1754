#include "kernels.h"
#include <cmath>
#include <cstring>
#define KERNELS_FUNCTION portable_kernels
#define KERNELS_NAME "portable"
#define VECTOR_BYTES 16
#define TILE_ROWS 2
#define HAS_FMA 0
#include "kernels_body.h"
