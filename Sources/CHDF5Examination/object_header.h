// Whether an object's header keeps within its own lengths: see object_header.c.
#ifndef SMOOTHNESS_OBJECT_HEADER_H
#define SMOOTHNESS_OBJECT_HEADER_H
#include <stddef.h>
#include <stdint.h>

/// What contradicts itself in the header at `address`, or NULL. `bytes` are the whole file, from its superblock on; its offsets and
/// lengths have eight bytes.
const char *smoothness_header_flaw(const uint8_t *bytes, size_t count, uint64_t address);
#endif
