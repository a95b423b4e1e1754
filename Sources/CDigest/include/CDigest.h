// SHA-256 from OpenSSL's libcrypto and CRC-32 from zlib, reduced to the calls that Essentials needs.
#ifndef SMOOTHNESS_CDIGEST_H
#define SMOOTHNESS_CDIGEST_H
#include <stddef.h>
#include <stdint.h>

/// Writes the SHA-256 of `count` bytes as 64 lower-case hexadecimal digits and a terminating zero. 0 on success.
int smoothness_sha256_bytes(const void *bytes, size_t count, char hexadecimal[65]);

/// The same for a whole file, read in pieces; also gives its size. 0 on success, otherwise an `errno`.
int smoothness_sha256_file(const char *path, char hexadecimal[65], uint64_t *byte_count);

/// The CRC-32 of what `running` is that of, followed by `count` bytes; 0 is that of nothing.
uint32_t smoothness_checksum(uint32_t running, const void *bytes, size_t count);
#endif
