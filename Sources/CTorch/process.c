// Memory and environment of the process, which are to be set before LibTorch is loaded.
#include "CTorch.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/// Asks for huge pages under the part of the heap that large buffers will use: memory that is reserved, marked and freed
/// again without being touched. False where the system has no transparent huge pages or refuses so much address space.
static bool mark_heap_for_huge_pages(void) {
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0) return false;
    const size_t huge_page = 2 << 20;
    for (size_t bytes = (size_t)pages * (size_t)page / 2; bytes >= (64 << 20); bytes /= 2) {
        void *memory = malloc(bytes);
        if (!memory) continue;
        uintptr_t start = ((uintptr_t)memory + huge_page - 1) & ~(uintptr_t)(huge_page - 1);
        uintptr_t end = ((uintptr_t)memory + bytes) & ~(uintptr_t)(huge_page - 1);
        bool marked = madvise((void *)start, end - start, MADV_HUGEPAGE) == 0;
        free(memory);
        return marked;
    }
    return false;
}

int ctorch_tune_allocator(void) {
    int done = 0;
    // No mapping of its own for a large buffer: it would be unmapped when freed and faulted in again, page by page, when
    // next needed. No giving back of the heap's top either. One heap for all threads, because the heaps of further
    // threads are too small (64 MiB) to hold such buffers. glibc's limit on M_MMAP_THRESHOLD (32 MiB) is why the number
    // of mappings is set and not that threshold.
    if (mallopt(M_MMAP_MAX, 0) && mallopt(M_TRIM_THRESHOLD, -1) && mallopt(M_ARENA_MAX, 1)) done |= 1;
    if ((done & 1) && mark_heap_for_huge_pages()) done |= 2;
    return done;
}

void ctorch_let_threads_sleep(void) {
    if (!getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "1000", false);
}

void ctorch_choose_matrix_kernels(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        setenv("OPENBLAS_CORETYPE", "SkylakeX", false);
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        setenv("OPENBLAS_CORETYPE", "Haswell", false);
#endif
}
