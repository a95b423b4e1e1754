// What the C++ files of TorchLibrary share: the handle, and the fence that no exception passes.
#ifndef SMOOTHNESS_CTORCH_SUPPORT_H
#define SMOOTHNESS_CTORCH_SUPPORT_H
#include "CTorch.h"

#include <ATen/ATen.h>
#include <string>

struct ctorch_tensor {
    at::Tensor value;
};

namespace ctorch {

/// A failure with a status of its own.
struct Failure {
    ctorch_status status;
    std::string message;
};

void keep_message(std::string message) noexcept;
ctorch_status translate_current_exception() noexcept;

/// Gives this thread the number of threads that was set for the process.
void follow_thread_count();

/// Runs `body`; whatever it throws becomes a status and a message.
template <class Body> ctorch_status fenced(Body &&body) noexcept {
    try {
        follow_thread_count();
        body();
        return ctorch_ok;
    } catch (...) {
        return translate_current_exception();
    }
}

/// The same for a body that makes one tensor.
template <class Body> ctorch_status making(ctorch_tensor **result, Body &&body) noexcept {
    return fenced([&] { *result = new ctorch_tensor{body()}; });
}

inline at::IntArrayRef extents(const int64_t *shape, size_t rank) { return at::IntArrayRef(shape, rank); }

at::ScalarType scalar_type(ctorch_scalar_type type);
ctorch_scalar_type scalar_type(at::ScalarType type);
/// Throws `Failure` with `ctorch_no_device` where the device cannot be used.
at::Device usable_device(const char *name);
/// Refuses indices outside 0 ..< count. LibTorch's kernels check too, but some only in debug builds, and on CUDA by ending
/// the process.
void check_indices(const at::Tensor &indices, int64_t count, const char *what);

} // namespace ctorch
#endif
