// Making tensors, looking at them, views and movement.
#include "support.h"

#include <cstring>

using namespace ctorch;

namespace {

at::TensorOptions options(ctorch_scalar_type type, const char *device) {
    return at::TensorOptions(usable_device(device)).dtype(scalar_type(type));
}

/// Π shape, refusing negative extents and a count other than what the caller holds.
void check_count(const int64_t *shape, size_t rank, size_t count) {
    size_t product = 1;
    for (size_t i = 0; i < rank; i++) {
        if (shape[i] < 0) throw Failure{ctorch_bad_argument, "a shape has a negative extent"};
        if (shape[i] != 0 && product > SIZE_MAX / (size_t)shape[i])
            throw Failure{ctorch_bad_argument, "a shape has more elements than memory can number"};
        product *= (size_t)shape[i];
    }
    if (product != count)
        throw Failure{ctorch_bad_argument, "the shape holds " + std::to_string(product) + " elements, the values are " +
                                               std::to_string(count)};
}

/// Autograd does not see through from_blob, and must not: the result is a plain leaf.
at::Tensor over_memory(const void *memory, const int64_t *shape, size_t rank, ctorch_scalar_type type) {
    return at::from_blob(const_cast<void *>(memory), extents(shape, rank),
                         at::TensorOptions(at::kCPU).dtype(scalar_type(type)));
}

std::vector<at::Tensor> values_of(const ctorch_tensor *const *tensors, size_t count) {
    std::vector<at::Tensor> values;
    values.reserve(count);
    for (size_t i = 0; i < count; i++) values.push_back(tensors[i]->value);
    return values;
}

} // namespace

ctorch_status ctorch_zeros(const int64_t *shape, size_t rank, ctorch_scalar_type type, const char *device,
                           ctorch_tensor **result) {
    return making(result, [&] { return at::zeros(extents(shape, rank), options(type, device)); });
}

ctorch_status ctorch_full(const int64_t *shape, size_t rank, ctorch_scalar_type type, double value, const char *device,
                          ctorch_tensor **result) {
    return making(result, [&] { return at::full(extents(shape, rank), value, options(type, device)); });
}

ctorch_status ctorch_from_values(const void *values, size_t count, const int64_t *shape, size_t rank,
                                 ctorch_scalar_type type, const char *device, ctorch_tensor **result) {
    return making(result, [&] {
        check_count(shape, rank, count);
        at::Tensor tensor = at::empty(extents(shape, rank), at::TensorOptions(at::kCPU).dtype(scalar_type(type)));
        if (count) std::memcpy(tensor.data_ptr(), values, count * tensor.element_size());
        return tensor.to(usable_device(device));
    });
}

ctorch_status ctorch_begin_loan(const void *memory, size_t count, const int64_t *shape, size_t rank,
                                ctorch_scalar_type type, ctorch_tensor **result) {
    return making(result, [&] {
        check_count(shape, rank, count);
        return over_memory(memory, shape, rank, type);
    });
}

ctorch_status ctorch_end_loan(ctorch_tensor *tensor) {
    ctorch_status status = fenced([&] {
        const at::Storage &storage = tensor->value.storage();
        // One tensor on this storage and one handle on this tensor: nobody else looks at the memory.
        if (storage.use_count() == 1 && tensor->value.use_count() == 1) return;
        size_t bytes = storage.nbytes();
        at::DataPtr copy = at::getCPUAllocator()->allocate(bytes);
        if (bytes) std::memcpy(copy.get(), tensor->value.data_ptr(), bytes);
        storage.unsafeGetStorageImpl()->set_data_ptr(std::move(copy));
    });
    // Without memory for the copy the lender's memory would be left in use: keep the message and let the caller decide.
    if (status == ctorch_ok) delete tensor;
    return status;
}

ctorch_status ctorch_share(const ctorch_tensor *tensor, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value; });
}

void ctorch_release(ctorch_tensor *tensor) { delete tensor; }

size_t ctorch_rank(const ctorch_tensor *tensor) { return (size_t)tensor->value.dim(); }

void ctorch_shape(const ctorch_tensor *tensor, int64_t *shape) {
    for (int64_t extent : tensor->value.sizes()) *shape++ = extent;
}

int64_t ctorch_element_count(const ctorch_tensor *tensor) { return tensor->value.numel(); }

ctorch_scalar_type ctorch_type(const ctorch_tensor *tensor) { return scalar_type(tensor->value.scalar_type()); }

void ctorch_device(const ctorch_tensor *tensor, char *name, size_t capacity) {
    if (capacity == 0) return;
    name[0] = 0;
    (void)fenced([&] {
        std::string text = tensor->value.device().str();
        size_t length = std::min(text.size(), capacity - 1);
        std::memcpy(name, text.data(), length);
        name[length] = 0;
    });
}

ctorch_status ctorch_copy_values(const ctorch_tensor *tensor, void *values, size_t count, ctorch_scalar_type type) {
    return fenced([&] {
        const at::Tensor &value = tensor->value;
        if (value.scalar_type() != scalar_type(type))
            throw Failure{ctorch_bad_argument, std::string("the elements are ") + c10::toString(value.scalar_type()) +
                                                   ", not " + c10::toString(scalar_type(type))};
        if (value.numel() != (int64_t)count)
            throw Failure{ctorch_bad_argument, "the tensor has " + std::to_string(value.numel()) + " elements, not " +
                                                   std::to_string(count)};
        // LibTorch's copy is spread over its threads: for large gradients memcpy alone would take a few per cent of the time.
        if (count) at::from_blob(values, value.sizes(), at::TensorOptions(at::kCPU).dtype(value.scalar_type())).copy_(value.detach());
    });
}

ctorch_status ctorch_reshape(const ctorch_tensor *tensor, const int64_t *shape, size_t rank, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.reshape(extents(shape, rank)); });
}

ctorch_status ctorch_transpose(const ctorch_tensor *tensor, int64_t first, int64_t second, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.transpose(first, second); });
}

ctorch_status ctorch_slice(const ctorch_tensor *tensor, int64_t dimension, int64_t start, int64_t end,
                           ctorch_tensor **result) {
    return making(result, [&] {
        int64_t extent = tensor->value.size(dimension);
        // LibTorch clamps a range that reaches outside, which hides mistakes.
        if (start < 0 || end < start || end > extent)
            throw Failure{ctorch_bad_argument, "the range " + std::to_string(start) + "..<" + std::to_string(end) +
                                                   " reaches outside 0..<" + std::to_string(extent)};
        return tensor->value.slice(dimension, start, end);
    });
}

ctorch_status ctorch_select(const ctorch_tensor *tensor, int64_t dimension, int64_t index, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.select(dimension, index); });
}

ctorch_status ctorch_chunk(const ctorch_tensor *tensor, int64_t count, int64_t dimension, ctorch_tensor **results) {
    return fenced([&] {
        int64_t extent = tensor->value.size(dimension);
        if (count < 1 || extent % count != 0)
            throw Failure{ctorch_bad_argument, "an extent of " + std::to_string(extent) + " cannot be cut into " +
                                                   std::to_string(count) + " equal pieces"};
        std::vector<at::Tensor> pieces = tensor->value.chunk(count, dimension);
        std::vector<std::unique_ptr<ctorch_tensor>> handles;
        for (at::Tensor &piece : pieces) handles.push_back(std::make_unique<ctorch_tensor>(ctorch_tensor{piece}));
        for (size_t i = 0; i < handles.size(); i++) results[i] = handles[i].release();
    });
}

ctorch_status ctorch_cat(const ctorch_tensor *const *tensors, size_t count, int64_t dimension, ctorch_tensor **result) {
    return making(result, [&] { return at::cat(values_of(tensors, count), dimension); });
}

ctorch_status ctorch_stack(const ctorch_tensor *const *tensors, size_t count, int64_t dimension,
                           ctorch_tensor **result) {
    return making(result, [&] { return at::stack(values_of(tensors, count), dimension); });
}

ctorch_status ctorch_to_device(const ctorch_tensor *tensor, const char *device, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.to(usable_device(device)); });
}

ctorch_status ctorch_to_type(const ctorch_tensor *tensor, ctorch_scalar_type type, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.to(scalar_type(type)); });
}

ctorch_status ctorch_contiguous(const ctorch_tensor *tensor, ctorch_tensor **result) {
    return making(result, [&] { return tensor->value.contiguous(); });
}
