#include "support.h"

#include <ATen/Context.h>
#include <sstream>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <vector>

namespace {

/// A parameter under the first of its names, with every tensor that shares its memory.
struct Parameter {
    std::string name;
    std::vector<at::Tensor> leaves;
    int64_t offset;

    const at::Tensor &value() const { return leaves.front(); }
};

/// Whether two tensors are views of the same elements, as tied weights are after loading.
bool is_tied(const at::Tensor &a, const at::Tensor &b) {
    return a.is_same(b) || (a.numel() > 0 && a.data_ptr() == b.data_ptr() && a.sizes() == b.sizes() &&
                            a.strides() == b.strides() && a.dtype() == b.dtype());
}

struct Argument {
    std::string name;
    bool has_default;
};

} // namespace

struct ctorch_module {
    torch::jit::Module value;
    at::ScalarType type;
    std::vector<Parameter> parameters;
    std::vector<Argument> arguments;
    int64_t count = 0;
};

using namespace ctorch;

namespace {

void collect_parameters(ctorch_module &module) {
    for (const auto &entry : module.value.named_parameters(true)) {
        const at::Tensor &tensor = entry.value;
        if (!tensor.requires_grad()) continue;
        if (!tensor.is_floating_point())
            throw Failure{ctorch_refused, "the parameter " + entry.name + " is not of a real floating-point type"};
        bool known = false;
        for (auto &parameter : module.parameters) {
            if (!is_tied(parameter.value(), tensor)) continue;
            known = true;
            bool is_leaf_there = false;
            for (const auto &leaf : parameter.leaves) is_leaf_there = is_leaf_there || leaf.is_same(tensor);
            if (!is_leaf_there) parameter.leaves.push_back(tensor);
        }
        if (known) continue;
        module.parameters.push_back({entry.name, {tensor}, module.count});
        module.count += tensor.numel();
    }
    if (module.parameters.empty()) throw Failure{ctorch_refused, "no parameter of the module requires a gradient"};
}

/// Gives floating-point tensors the scalar type, and everything the device, without making other tensors of them.
void convert(ctorch_module &module, at::Device device) {
    at::NoGradGuard guard;
    auto move = [&](at::Tensor tensor) {
        if (!tensor.defined()) return;
        at::Tensor moved = tensor.is_floating_point() ? tensor.to(device, module.type) : tensor.to(device);
        if (!moved.is_same(tensor)) tensor.set_data(moved);
    };
    for (const auto &tensor : module.value.parameters(true)) move(tensor);
    for (const auto &tensor : module.value.buffers(true)) move(tensor);
}

void read_arguments(ctorch_module &module) {
    if (!module.value.find_method("forward"))
        throw Failure{ctorch_refused, "the module has no method forward"};
    const auto &arguments = module.value.get_method("forward").function().getSchema().arguments();
    for (size_t index = 1; index < arguments.size(); index++)
        module.arguments.push_back({arguments[index].name(), arguments[index].default_value().has_value()});
}

/// Copies the flat vector into the parameters.
void set_point(ctorch_module &module, const void *point, ctorch_scalar_type type) {
    at::NoGradGuard guard;
    size_t width = type == ctorch_float32 ? sizeof(float) : sizeof(double);
    for (auto &parameter : module.parameters) {
        void *start = (char *)const_cast<void *>(point) + (size_t)parameter.offset * width;
        at::Tensor values = at::from_blob(start, parameter.value().sizes(), at::TensorOptions(module.type));
        for (auto &leaf : parameter.leaves) leaf.copy_(values);
    }
}

at::Tensor forward(ctorch_module &module, const ctorch_tensor *const *inputs, size_t input_count) {
    std::vector<c10::IValue> arguments;
    for (size_t index = 0; index < input_count; index++) arguments.emplace_back(inputs[index]->value);
    // The optimised program of later calls adds up in another order than that of the first ones.
    torch::jit::GraphOptimizerEnabledGuard unoptimised(false);
    c10::IValue result = module.value.get_method("forward")(std::move(arguments));
    if (!result.isTensor() || result.toTensor().numel() != 1)
        throw Failure{ctorch_refused, "forward must return the mean loss of the batch, one number; it returned " +
                                          (result.isTensor() ? "a tensor of " + std::to_string(result.toTensor().numel())
                                                             : "a value of the type " + result.tagKind())};
    return result.toTensor();
}

void write_gradient(const ctorch_module &module, const at::Tensor &loss, void *gradient, ctorch_scalar_type type) {
    std::vector<at::Tensor> leaves;
    for (const auto &parameter : module.parameters)
        leaves.insert(leaves.end(), parameter.leaves.begin(), parameter.leaves.end());
    if (!loss.requires_grad()) throw Failure{ctorch_refused, "the loss does not depend on the parameters"};
    auto parts = torch::autograd::grad({loss}, leaves, {}, c10::nullopt, false, true);
    size_t width = type == ctorch_float32 ? sizeof(float) : sizeof(double), next = 0;
    at::NoGradGuard guard;
    for (const auto &parameter : module.parameters) {
        void *start = (char *)gradient + (size_t)parameter.offset * width;
        at::Tensor target = at::from_blob(start, parameter.value().sizes(), at::TensorOptions(module.type));
        target.zero_();
        at::Tensor sum;
        for (size_t leaf = 0; leaf < parameter.leaves.size(); leaf++, next++) {
            if (!parts[next].defined()) continue;
            sum = sum.defined() ? sum + parts[next] : parts[next];
        }
        if (sum.defined()) target.copy_(sum.is_sparse() ? sum.to_dense() : sum);
    }
}

} // namespace

ctorch_status ctorch_module_load(const void *bytes, size_t count, ctorch_scalar_type type, const char *device,
                                 ctorch_module **result) {
    return fenced([&] {
        at::Device place = usable_device(device);
        std::istringstream stream(std::string((const char *)bytes, count), std::ios::in | std::ios::binary);
        auto module = std::make_unique<ctorch_module>(
            ctorch_module{torch::jit::load(stream, at::Device(at::kCPU)), scalar_type(type), {}, {}, 0});
        collect_parameters(*module);
        convert(*module, place);
        read_arguments(*module);
        *result = module.release();
    });
}

void ctorch_module_release(ctorch_module *module) { delete module; }

size_t ctorch_module_parameter_count(const ctorch_module *module) { return module->parameters.size(); }

const char *ctorch_module_parameter_name(const ctorch_module *module, size_t index) {
    return module->parameters[index].name.c_str();
}

size_t ctorch_module_parameter_rank(const ctorch_module *module, size_t index) {
    return (size_t)module->parameters[index].value().dim();
}

void ctorch_module_parameter_shape(const ctorch_module *module, size_t index, int64_t *shape) {
    auto sizes = module->parameters[index].value().sizes();
    for (size_t axis = 0; axis < sizes.size(); axis++) shape[axis] = sizes[axis];
}

size_t ctorch_module_element_count(const ctorch_module *module) { return (size_t)module->count; }

ctorch_status ctorch_module_read_point(const ctorch_module *module, void *point, size_t count,
                                       ctorch_scalar_type type) {
    return fenced([&] {
        if (count != (size_t)module->count || scalar_type(type) != module->type)
            throw Failure{ctorch_bad_argument, "the point does not have the module's size and scalar"};
        at::NoGradGuard guard;
        size_t width = type == ctorch_float32 ? sizeof(float) : sizeof(double);
        for (const auto &parameter : module->parameters) {
            void *start = (char *)point + (size_t)parameter.offset * width;
            at::from_blob(start, parameter.value().sizes(), at::TensorOptions(module->type)).copy_(parameter.value());
        }
    });
}

size_t ctorch_module_argument_count(const ctorch_module *module) { return module->arguments.size(); }

const char *ctorch_module_argument_name(const ctorch_module *module, size_t index) {
    return module->arguments[index].name.c_str();
}

bool ctorch_module_argument_has_default(const ctorch_module *module, size_t index) {
    return module->arguments[index].has_default;
}

bool ctorch_module_is_training(const ctorch_module *module) {
    for (const auto &part : module->value.modules())
        if (part.hasattr("training") && part.is_training()) return true;
    return false;
}

ctorch_status ctorch_module_set_evaluating(ctorch_module *module) {
    return fenced([&] { module->value.eval(); });
}

ctorch_status ctorch_module_evaluate(ctorch_module *module, const void *point, size_t count, ctorch_scalar_type type,
                                     const ctorch_tensor *const *inputs, size_t input_count, bool seeded,
                                     uint64_t seed, double *loss, void *gradient) {
    return fenced([&] {
        if (count != (size_t)module->count || scalar_type(type) != module->type)
            throw Failure{ctorch_bad_argument, "the point does not have the module's size and scalar"};
        set_point(*module, point, type);
        if (seeded) at::manual_seed(seed);
        at::AutoGradMode recording(gradient != nullptr);
        at::Tensor value = forward(*module, inputs, input_count);
        if (gradient) write_gradient(*module, value, gradient, type);
        *loss = value.detach().to(at::kCPU, at::kDouble).item<double>();
    });
}
