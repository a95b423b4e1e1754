#define _GNU_SOURCE
#include "CInterprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct smoothness_shared {
  int descriptor;
  size_t byte_count;
  unsigned char *bytes;
};

smoothness_shared *smoothness_shared_create(size_t byte_count, int *failure) {
  smoothness_shared *memory = calloc(1, sizeof *memory);
  if (!memory) {
    *failure = ENOMEM;
    return NULL;
  }
  memory->byte_count = byte_count;
  memory->bytes = MAP_FAILED;
  memory->descriptor = memfd_create("smoothness", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  // Sealed against shrinking: pages that vanish from under a mapping would end this process.
  if (memory->descriptor >= 0 && ftruncate(memory->descriptor, (off_t)byte_count) == 0 &&
      fcntl(memory->descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
    memory->bytes = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED, memory->descriptor, 0);
  if (memory->bytes == MAP_FAILED) {
    *failure = errno;
    smoothness_shared_free(memory);
    return NULL;
  }
  return memory;
}

int smoothness_shared_descriptor(const smoothness_shared *memory) { return memory->descriptor; }

static void check(const smoothness_shared *memory, size_t offset, size_t byte_count) {
  if (offset > memory->byte_count || byte_count > memory->byte_count - offset) abort();
}

void smoothness_shared_write(smoothness_shared *memory, size_t offset, const void *source, size_t byte_count) {
  check(memory, offset, byte_count);
  memcpy(memory->bytes + offset, source, byte_count);
}

void smoothness_shared_read(const smoothness_shared *memory, size_t offset, void *target, size_t byte_count) {
  check(memory, offset, byte_count);
  memcpy(target, memory->bytes + offset, byte_count);
}

void smoothness_shared_free(smoothness_shared *memory) {
  if (memory->bytes != MAP_FAILED) munmap(memory->bytes, memory->byte_count);
  if (memory->descriptor >= 0) close(memory->descriptor);
  free(memory);
}

int smoothness_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
