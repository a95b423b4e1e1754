#include "workspace.h"

#include <mutex>
#include <new>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace ctorch {

namespace {

struct Stretch {
    char *memory;
    size_t capacity;
};

std::mutex pool_lock;
// Never destroyed: threads may still run when static objects go.
std::vector<Stretch> &pool = *new std::vector<Stretch>;

constexpr size_t huge_page = 2 << 20;

} // namespace

Workspace::Workspace() {
    std::lock_guard<std::mutex> guard(pool_lock);
    if (pool.empty()) return;
    memory_ = pool.back().memory;
    capacity_ = pool.back().capacity;
    pool.pop_back();
}

Workspace::~Workspace() {
    if (!memory_) return;
    try {
        std::lock_guard<std::mutex> guard(pool_lock);
        pool.push_back({memory_, capacity_});
    } catch (...) {
        munmap(memory_, capacity_);
    }
}

void Workspace::reserve(size_t bytes) {
    if (bytes <= capacity_) return;
    if (memory_) munmap(memory_, capacity_);
    memory_ = nullptr;
    capacity_ = 0;
    size_t capacity = (bytes + huge_page - 1) / huge_page * huge_page;
    // One huge page more, to begin on a boundary; the ends are given back.
    void *mapping = mmap(nullptr, capacity + huge_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    uintptr_t start = (uintptr_t)mapping, aligned = (start + huge_page - 1) & ~(uintptr_t)(huge_page - 1);
    if (aligned > start) munmap(mapping, aligned - start);
    size_t behind = start + huge_page - aligned;
    if (behind) munmap((void *)(aligned + capacity), behind);
    memory_ = (char *)aligned;
    capacity_ = capacity;
    (void)madvise(memory_, capacity_, MADV_HUGEPAGE); // a wish; small pages are slower and as correct
}

void Workspace::release_pool() {
    std::vector<Stretch> stretches;
    {
        std::lock_guard<std::mutex> guard(pool_lock);
        stretches.swap(pool);
    }
    for (const Stretch &stretch : stretches) munmap(stretch.memory, stretch.capacity);
}

} // namespace ctorch
