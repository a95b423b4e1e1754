// Automatic differentiation.
#include "support.h"

#include <c10/core/GradMode.h>

using namespace ctorch;

bool ctorch_requires_gradient(const ctorch_tensor *tensor) { return tensor->value.requires_grad(); }

ctorch_status ctorch_set_requires_gradient(ctorch_tensor *tensor, bool required) {
    return fenced([&] {
        if (!tensor->value.is_leaf())
            throw Failure{ctorch_bad_argument, "only a leaf can be marked, this tensor is the result of an operation"};
        tensor->value.requires_grad_(required);
    });
}

ctorch_status ctorch_detach(const ctorch_tensor *tensor, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.detach(); });
}

ctorch_status ctorch_backward(const ctorch_tensor *tensor) {
    return fenced([&] { tensor->value.backward(); });
}

ctorch_status ctorch_gradient(const ctorch_tensor *tensor, ctorch_tensor **result) {
    return fenced([&] {
        const at::Tensor &gradient = tensor->value.grad();
        *result = gradient.defined() ? new ctorch_tensor{gradient} : nullptr;
    });
}

bool ctorch_set_gradient_recording(bool recorded) {
    bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(recorded);
    return before;
}
