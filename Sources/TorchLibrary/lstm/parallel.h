// Tasks on LibTorch's own threads.
#ifndef SMOOTHNESS_CTORCH_PARALLEL_H
#define SMOOTHNESS_CTORCH_PARALLEL_H
#include <cstddef>

namespace ctorch {

using Task = void (*)(void *context, size_t index);

/// Runs task 0 ..< count, each once, on at::get_num_threads() threads. Every thread begins with a contiguous share, the
/// same at every call (so that what a task reads again stays in that core's cache), and then helps the others out. Tasks
/// must not throw, and their results must not depend on who runs them.
void run_tasks(size_t count, Task task, void *context);

template <class Body> void parallel(size_t count, Body body) {
    run_tasks(count, [](void *context, size_t index) { (*static_cast<Body *>(context))(index); }, &body);
}

} // namespace ctorch
#endif
