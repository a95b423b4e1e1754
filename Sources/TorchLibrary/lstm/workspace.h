// Large scratch memory that stays with the process between calls.
#ifndef SMOOTHNESS_CTORCH_WORKSPACE_H
#define SMOOTHNESS_CTORCH_WORKSPACE_H
#include <cstddef>
#include <cstdint>
#include <memory>

namespace ctorch {

/// One stretch of memory on huge pages, out of which a call takes its buffers. It comes from a pool and goes back to it,
/// because pages that are faulted in again at every gradient cost a third of its time.
class Workspace {
  public:
    Workspace();
    ~Workspace();
    Workspace(const Workspace &) = delete;
    Workspace &operator=(const Workspace &) = delete;

    /// Calls `list`, which takes every buffer, twice: to count, and again once there is room for all of them. Throws
    /// std::bad_alloc.
    template <class List> void lay_out(List list) {
        used_ = 0;
        list();
        reserve(used_);
        used_ = 0;
        list();
    }

    /// The next `count` elements on a cache line of their own; contents are whatever was there.
    template <class Element> Element *take(size_t count) {
        size_t start = used_;
        // One line more than needed, so that buffers of equal power-of-two sizes do not fall on the same cache sets.
        used_ += (count * sizeof(Element) + 2 * line - 1) / line * line;
        return reinterpret_cast<Element *>(reinterpret_cast<uintptr_t>(memory_) + start);
    }

    static void release_pool();

  private:
    void reserve(size_t bytes);

    static constexpr size_t line = 64;
    char *memory_ = nullptr;
    size_t capacity_ = 0;
    size_t used_ = 0;
};

} // namespace ctorch
#endif
