// What two processes share: memory, and pipes that no third one inherits.
#ifndef SMOOTHNESS_CINTERPROCESS_H
#define SMOOTHNESS_CINTERPROCESS_H
#include <stddef.h>

/// Memory that two processes map. It has no name in any folder, cannot be made smaller by the other one, and goes when both are gone.
typedef struct smoothness_shared smoothness_shared;

/// Makes `byte_count` zero bytes. NULL on failure, with `errno` in `failure`.
smoothness_shared *smoothness_shared_create(size_t byte_count, int *failure);
/// The file descriptor; another process of the same user opens it as /proc/PID/fd/DESCRIPTOR.
int smoothness_shared_descriptor(const smoothness_shared *memory);
/// Copies into the memory. The range must lie inside.
void smoothness_shared_write(smoothness_shared *memory, size_t offset, const void *source, size_t byte_count);
/// Copies out of the memory. The range must lie inside.
void smoothness_shared_read(const smoothness_shared *memory, size_t offset, void *target, size_t byte_count);
void smoothness_shared_free(smoothness_shared *memory);

/// A pipe (its reading end, then its writing end) that children do not inherit by themselves. 0, or -1 with `errno`.
int smoothness_pipe(int ends[2]);
#endif
