// What the system's zlib unpacks, out of memory and into memory of the caller.
#ifndef SMOOTHNESS_CARCHIVES_H
#define SMOOTHNESS_CARCHIVES_H
#include <stddef.h>
#include <stdint.h>

typedef struct smoothness_unpack_failure {
    // How many bytes of the input had been read when it happened.
    size_t offset;
    // zlib's own words or ours; lives as long as the program.
    const char *message;
} smoothness_unpack_failure;

/// How bytes are packed: a raw deflate stream, as in ZIP archives, or the members of a gzip file, whose checksums are taken.
enum { SMOOTHNESS_DEFLATE, SMOOTHNESS_GZIP };

/// Unpacks at most `capacity` bytes to `output`, or only counts them where it is NULL. `*made` is how many there were; more than `capacity` are a
/// failure. Returns 0 on success; otherwise nonzero, and fills `failure`.
int smoothness_unpack(int packing, const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *made,
                      smoothness_unpack_failure *failure);

/// A raw deflate stream that is unpacked chunk by chunk.
typedef struct smoothness_inflation smoothness_inflation;

/// NULL where there is not enough memory.
smoothness_inflation *smoothness_inflation_new(void);
void smoothness_inflation_free(smoothness_inflation *inflation);

typedef struct smoothness_inflated {
    // How many bytes of the input were used, and how many were unpacked.
    size_t used, made;
    int is_at_end;
    // NULL where there is none; lives as long as the program.
    const char *problem;
} smoothness_inflated;

/// Unpacks from `bytes` to `output`, which has `offset` bytes already, until it has `capacity`, the input is used up, or the stream ends.
smoothness_inflated smoothness_inflate_chunk(smoothness_inflation *inflation, const uint8_t *bytes, size_t count, uint8_t *output,
                                       size_t offset, size_t capacity);
#endif
