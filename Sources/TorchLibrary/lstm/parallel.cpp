#include "parallel.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <atomic>
#include <dlfcn.h>

namespace ctorch {

namespace {

constexpr size_t most_threads = 256;

/// Where one thread's share stands; a cache line each.
struct alignas(64) Share {
    std::atomic<size_t> next{0};
    size_t end = 0;
};

struct Work {
    Task task;
    void *context;
    size_t threads;
    std::atomic<size_t> arrived{0};
    Share shares[most_threads];

    void take_part() {
        size_t own = arrived.fetch_add(1, std::memory_order_relaxed) % threads;
        for (size_t i = 0; i < threads; i++) {
            Share &share = shares[(own + i) % threads];
            for (;;) {
                size_t index = share.next.fetch_add(1, std::memory_order_relaxed);
                if (index >= share.end) break;
                task(context, index);
            }
        }
    }
};

// LibTorch's OpenMP threads, reached through GNU's runtime, which it has loaded: a second pool of threads would fight
// with its idle ones, which spin, for the same cores. Clang would bring LLVM's runtime instead.
using Parallel = void (*)(void (*)(void *), void *, unsigned, unsigned);
const auto gomp_parallel = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));

} // namespace

void run_tasks(size_t count, Task task, void *context) {
    size_t threads = std::min({(size_t)std::max(at::get_num_threads(), 1), count, most_threads});
    if (threads <= 1) {
        for (size_t i = 0; i < count; i++) task(context, i);
        return;
    }
    Work work;
    work.task = task;
    work.context = context;
    work.threads = threads;
    for (size_t i = 0; i < threads; i++) {
        work.shares[i].next = count * i / threads;
        work.shares[i].end = count * (i + 1) / threads;
    }
    if (gomp_parallel)
        gomp_parallel([](void *argument) { static_cast<Work *>(argument)->take_part(); }, &work, (unsigned)threads, 0);
    else
        at::parallel_for(0, (int64_t)threads, 1, [&](int64_t, int64_t) { work.take_part(); });
}

} // namespace ctorch
