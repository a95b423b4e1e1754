// The process: errors, version, threads, devices.
#include "support.h"

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <atomic>
#include <dlfcn.h>
#include <new>
#include <torch/version.h>

namespace ctorch {

namespace {

thread_local std::string last_message;

/// What `ctorch_set_thread_count` set; 0 before.
std::atomic<int> wanted_threads{0};

/// The matrix libraries that take no notice of OpenMP's number: OpenBLAS over plain threads, as Debian's LibTorch uses.
/// Null where LibTorch brings another.
const auto set_openblas_threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));

} // namespace

void follow_thread_count() {
    // OpenMP, and so LibTorch, keeps the number for every thread by itself.
    int wanted = wanted_threads.load(std::memory_order_relaxed);
    if (wanted > 0 && at::get_num_threads() != wanted) at::set_num_threads(wanted);
}

void keep_message(std::string message) noexcept { last_message = std::move(message); }

ctorch_status translate_current_exception() noexcept {
    try {
        try {
            throw;
        } catch (const Failure &failure) {
            keep_message(failure.message);
            return failure.status;
        } catch (const c10::Error &error) {
            std::string message = error.what_without_backtrace();
            // LibTorch has had several types for an allocation that failed; the text is what they share.
            bool memory = message.find("not enough memory") != std::string::npos ||
                          message.find("out of memory") != std::string::npos ||
                          message.find("can't allocate memory") != std::string::npos;
            keep_message(std::move(message));
            return memory ? ctorch_out_of_memory : ctorch_refused;
        } catch (const std::bad_alloc &) {
            keep_message("not enough memory");
            return ctorch_out_of_memory;
        } catch (const std::exception &error) {
            keep_message(error.what());
            return ctorch_refused;
        } catch (...) {
            keep_message("LibTorch threw something that is not an exception");
            return ctorch_refused;
        }
    } catch (...) {
        // Not even the message could be stored.
        return ctorch_out_of_memory;
    }
}

at::ScalarType scalar_type(ctorch_scalar_type type) {
    switch (type) {
    case ctorch_float32: return at::kFloat;
    case ctorch_float64: return at::kDouble;
    case ctorch_int64: return at::kLong;
    case ctorch_bool: return at::kBool;
    default: throw Failure{ctorch_bad_argument, "this scalar type cannot be made here"};
    }
}

ctorch_scalar_type scalar_type(at::ScalarType type) {
    switch (type) {
    case at::kFloat: return ctorch_float32;
    case at::kDouble: return ctorch_float64;
    case at::kLong: return ctorch_int64;
    case at::kBool: return ctorch_bool;
    default: return ctorch_other_type;
    }
}

at::Device usable_device(const char *name) {
    at::Device device(at::kCPU);
    try {
        device = at::Device(std::string(name));
    } catch (const c10::Error &) {
        throw Failure{ctorch_no_device, std::string("'") + name + "' is not the name of a device"};
    }
    if (device.is_cpu()) return device;
    if (!device.is_cuda())
        throw Failure{ctorch_no_device, std::string("devices are 'cpu' and 'cuda', not '") + name + "'"};
    if (!at::globalContext().hasCUDA())
        throw Failure{ctorch_no_device,
                      std::string("'") + name + "' cannot be used: this LibTorch (" + TORCH_VERSION +
                          ") has no CUDA, or the machine has no CUDA device"};
    int count = ctorch_cuda_device_count();
    if (device.index() >= count)
        throw Failure{ctorch_no_device, std::string("'") + name + "' cannot be used: there are " +
                                            std::to_string(count) + " CUDA devices"};
    return device;
}

} // namespace ctorch

using namespace ctorch;

const char *ctorch_message(void) { return last_message.c_str(); }

const char *ctorch_version(void) { return TORCH_VERSION; }

int ctorch_thread_count(void) {
    int wanted = wanted_threads.load();
    return wanted > 0 ? wanted : at::get_num_threads();
}

ctorch_status ctorch_set_thread_count(int count) {
    return fenced([&] {
        if (count < 1) throw Failure{ctorch_bad_argument, "the number of threads must be at least 1"};
        wanted_threads = count;
        at::set_num_threads(count);
        if (set_openblas_threads) set_openblas_threads(count);
    });
}

bool ctorch_cuda_is_available(void) {
    try {
        return at::globalContext().hasCUDA() && ctorch_cuda_device_count() > 0;
    } catch (...) {
        return false;
    }
}

int ctorch_cuda_device_count(void) {
    try {
        if (!at::globalContext().hasCUDA()) return 0;
        return c10::impl::VirtualGuardImpl(at::kCUDA).deviceCount();
    } catch (...) {
        return 0;
    }
}

ctorch_status ctorch_check_device(const char *device) {
    return fenced([&] { usable_device(device); });
}

ctorch_status ctorch_synchronize(const char *device) {
    return fenced([&] {
        at::Device found = usable_device(device);
        if (found.is_cpu()) return;
        c10::impl::VirtualGuardImpl guard(found.type());
        if (!found.has_index()) found = guard.getDevice();
        // Copying one element back waits for everything before it on the device's stream.
        (void)at::zeros({1}, at::TensorOptions(found)).cpu();
    });
}
