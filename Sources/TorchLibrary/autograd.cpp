// Automatic differentiation.
#include "support.h"

#include <c10/core/GradMode.h>
#include <memory>
#include <torch/csrc/autograd/autograd.h>
#include <vector>

using namespace ctorch;

namespace {

/// Autograd has nodes that only throw where nobody has written a second derivative; they have no type of their own.
bool tells_of_missing_derivative(const std::string &message) {
    bool derivative = message.find("derivative") != std::string::npos || message.find("ackward") != std::string::npos;
    return derivative && (message.find("not implemented") != std::string::npos ||
                          message.find("not supported") != std::string::npos);
}

/// J·v of the gradients' Jacobian, which is symmetric: so Σ vᵢ·gᵢ differentiated once more.
std::vector<at::Tensor> hessian_product(const at::Tensor &loss, const std::vector<at::Tensor> &leaves,
                                        const std::vector<at::Tensor> &vectors) {
    using torch::autograd::grad;
    auto gradients = grad({loss}, leaves, {}, true, true, true);
    std::vector<at::Tensor> varying, weights;
    for (size_t i = 0; i < leaves.size(); i++) {
        // A gradient that depends on no leaf contributes nothing.
        if (!gradients[i].defined() || !gradients[i].requires_grad()) continue;
        varying.push_back(gradients[i]);
        weights.push_back(vectors[i]);
    }
    std::vector<at::Tensor> products(leaves.size());
    if (!varying.empty()) products = grad(varying, leaves, weights, false, false, true);
    for (size_t i = 0; i < leaves.size(); i++)
        if (!products[i].defined()) products[i] = at::zeros_like(leaves[i]);
    return products;
}

} // namespace

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

ctorch_status ctorch_hessian_product(const ctorch_tensor *loss, const ctorch_tensor *const *leaves,
                                     const ctorch_tensor *const *vectors, size_t count, ctorch_tensor **results) {
    return fenced([&] {
        std::vector<at::Tensor> points, directions;
        for (size_t i = 0; i < count; i++) {
            if (leaves[i]->value.sizes() != vectors[i]->value.sizes())
                throw Failure{ctorch_bad_argument, "every vector has the shape of its leaf"};
            points.push_back(leaves[i]->value);
            directions.push_back(vectors[i]->value);
        }
        std::vector<at::Tensor> products;
        try {
            products = hessian_product(loss->value, points, directions);
        } catch (const c10::Error &error) {
            if (!tells_of_missing_derivative(error.what_without_backtrace())) throw;
            throw Failure{ctorch_no_derivative, error.what_without_backtrace()};
        } catch (const std::exception &error) {
            if (!tells_of_missing_derivative(error.what())) throw;
            throw Failure{ctorch_no_derivative, error.what()};
        }
        std::vector<std::unique_ptr<ctorch_tensor>> handles;
        for (const at::Tensor &product : products) handles.emplace_back(new ctorch_tensor{product.detach()});
        for (size_t i = 0; i < count; i++) results[i] = handles[i].release();
    });
}

bool ctorch_set_gradient_recording(bool recorded) {
    bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(recorded);
    return before;
}
