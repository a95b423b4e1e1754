// Memory and environment of the process, which are to be set before LibTorch is loaded.
#include "CTorch.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/// Whether address space that is reserved counts like memory that is used: by a limit on the process, or because the system never lends more than
/// it has.
static bool counts_address_space(void) {
    struct rlimit limit;
    if ((getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) ||
        (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY))
        return true;
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    if (!file) return false;
    const int mode = fgetc(file);
    fclose(file);
    return mode == '2';
}

/// Asks for huge pages under the part of the heap that large buffers will use: memory that is reserved, marked and freed
/// again without being touched. False where the system has no transparent huge pages or refuses so much address space.
static bool mark_heap_for_huge_pages(void) {
    if (counts_address_space()) return false;
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

static bool has_chosen_matrix_kernels = false;

void ctorch_choose_matrix_kernels(void) {
    if (getenv("OPENBLAS_CORETYPE")) return;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        has_chosen_matrix_kernels = setenv("OPENBLAS_CORETYPE", "SkylakeX", false) == 0;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        has_chosen_matrix_kernels = setenv("OPENBLAS_CORETYPE", "Haswell", false) == 0;
#endif
}

bool ctorch_has_chosen_matrix_kernels(void) { return has_chosen_matrix_kernels; }
