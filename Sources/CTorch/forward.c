// LibTorch is loaded when the first of these functions is called, and not with the program: to register its operations takes half a
// second, which is more than most commands have to do. What needs it lies in a shared library beside the program (TorchLibrary); here is one
// function for each of those that the headers declare, which finds the other and calls it.
#include "CTorch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { exit_code_of_a_missing_file = 66 };

static void *library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// What was set before there was a library to be told.
static int wanted_threads;
static pthread_mutex_t threads_guard = PTHREAD_MUTEX_INITIALIZER;

static _Noreturn void fail(const char *what, const char *reason) {
    fprintf(stderr,
            "error: %s: %s; what computes networks lies in it, beside the program. Build both: swift build -c release\n", what,
            reason);
    _exit(exit_code_of_a_missing_file);
}

// By its whole name, so that no other on the search path of the loader is taken.
static void *open_library(void) {
    static char path[4096 + 32];
    ssize_t length = readlink("/proc/self/exe", path, 4096);
    char *slash = length > 0 ? (path[length] = 0, strrchr(path, '/')) : NULL;
    strcpy(slash ? slash + 1 : path, "libsmoothness-torch.so");
    // Under an explicit dynamic loader or an emulator the program is another file, and the runpath has to do.
    void *opened = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (opened) return opened;
    static char reason[1024];
    snprintf(reason, sizeof reason, "%s", dlerror());
    opened = dlopen("libsmoothness-torch.so", RTLD_NOW | RTLD_GLOBAL);
    if (!opened) fail(path, reason);
    return opened;
}

static void *find(void *opened, const char *name) {
    void *found = dlsym(opened, name);
    if (!found) fail("libsmoothness-torch.so", "it is of another version than the program");
    return found;
}

static ctorch_status set_threads(void *opened, int count) {
    return ((ctorch_status(*)(int))find(opened, "ctorch_set_thread_count"))(count);
}

static void load(void) {
    void *opened = open_library();
    pthread_mutex_lock(&threads_guard);
    if (wanted_threads > 0) set_threads(opened, wanted_threads);
    library = opened;
    pthread_mutex_unlock(&threads_guard);
}

static void *symbol(const char *name) {
    pthread_once(&once, load);
    return find(library, name);
}

// A command sets the number before it knows whether it computes with LibTorch at all.
ctorch_status ctorch_set_thread_count(int count) {
    if (count < 1) return ((ctorch_status(*)(int))symbol("ctorch_set_thread_count"))(count);
    pthread_mutex_lock(&threads_guard);
    wanted_threads = count;
    ctorch_status status = library ? set_threads(library, count) : ctorch_ok;
    pthread_mutex_unlock(&threads_guard);
    return status;
}

int ctorch_thread_count(void) {
    pthread_mutex_lock(&threads_guard);
    int count = wanted_threads;
    pthread_mutex_unlock(&threads_guard);
    return count > 0 ? count : ((int (*)(void))symbol("ctorch_thread_count"))();
}

#define FORWARD(result, name, parameters, arguments)                                                                  \
    result name parameters {                                                                                          \
        typedef result(*function) parameters;                                                                         \
        static _Atomic(function) found;                                                                               \
        function call = atomic_load_explicit(&found, memory_order_acquire);                                           \
        if (!call) {                                                                                                  \
            call = (function)symbol(#name);                                                                           \
            atomic_store_explicit(&found, call, memory_order_release);                                                \
        }                                                                                                             \
        return call arguments;                                                                                        \
    }

FORWARD(const char *, ctorch_message, (void), ())
FORWARD(const char *, ctorch_version, (void), ())
FORWARD(bool, ctorch_cuda_is_available, (void), ())
FORWARD(int, ctorch_cuda_device_count, (void), ())
FORWARD(ctorch_status, ctorch_check_device, (const char *device), (device))
FORWARD(ctorch_status, ctorch_synchronize, (const char *device), (device))
FORWARD(ctorch_status, ctorch_zeros, (const int64_t *shape, size_t rank, ctorch_scalar_type type, const char *device,
        ctorch_tensor **result), (shape, rank, type, device, result))
FORWARD(ctorch_status, ctorch_full, (const int64_t *shape, size_t rank, ctorch_scalar_type type, double value, const
        char *device, ctorch_tensor **result), (shape, rank, type, value, device, result))
FORWARD(ctorch_status, ctorch_from_values, (const void *values, size_t count, const int64_t *shape, size_t rank,
        ctorch_scalar_type type, const char *device, ctorch_tensor **result), (values, count, shape, rank, type,
        device, result))
FORWARD(ctorch_status, ctorch_begin_loan, (const void *memory, size_t count, const int64_t *shape, size_t rank,
        ctorch_scalar_type type, ctorch_tensor **result), (memory, count, shape, rank, type, result))
FORWARD(ctorch_status, ctorch_end_loan, (ctorch_tensor *tensor), (tensor))
FORWARD(ctorch_status, ctorch_share, (const ctorch_tensor *tensor, ctorch_tensor **result), (tensor, result))
FORWARD(void, ctorch_release, (ctorch_tensor *tensor), (tensor))
FORWARD(size_t, ctorch_rank, (const ctorch_tensor *tensor), (tensor))
FORWARD(void, ctorch_shape, (const ctorch_tensor *tensor, int64_t *shape), (tensor, shape))
FORWARD(int64_t, ctorch_element_count, (const ctorch_tensor *tensor), (tensor))
FORWARD(ctorch_scalar_type, ctorch_type, (const ctorch_tensor *tensor), (tensor))
FORWARD(void, ctorch_device, (const ctorch_tensor *tensor, char *name, size_t capacity), (tensor, name, capacity))
FORWARD(ctorch_status, ctorch_copy_values, (const ctorch_tensor *tensor, void *values, size_t count,
        ctorch_scalar_type type), (tensor, values, count, type))
FORWARD(ctorch_status, ctorch_reshape, (const ctorch_tensor *tensor, const int64_t *shape, size_t rank, ctorch_tensor
        **result), (tensor, shape, rank, result))
FORWARD(ctorch_status, ctorch_transpose, (const ctorch_tensor *tensor, int64_t first, int64_t second, ctorch_tensor
        **result), (tensor, first, second, result))
FORWARD(ctorch_status, ctorch_slice, (const ctorch_tensor *tensor, int64_t dimension, int64_t start, int64_t end,
        ctorch_tensor **result), (tensor, dimension, start, end, result))
FORWARD(ctorch_status, ctorch_select, (const ctorch_tensor *tensor, int64_t dimension, int64_t index, ctorch_tensor
        **result), (tensor, dimension, index, result))
FORWARD(ctorch_status, ctorch_chunk, (const ctorch_tensor *tensor, int64_t count, int64_t dimension, ctorch_tensor
        **results), (tensor, count, dimension, results))
FORWARD(ctorch_status, ctorch_cat, (const ctorch_tensor *const *tensors, size_t count, int64_t dimension,
        ctorch_tensor **result), (tensors, count, dimension, result))
FORWARD(ctorch_status, ctorch_stack, (const ctorch_tensor *const *tensors, size_t count, int64_t dimension,
        ctorch_tensor **result), (tensors, count, dimension, result))
FORWARD(ctorch_status, ctorch_to_device, (const ctorch_tensor *tensor, const char *device, ctorch_tensor **result),
        (tensor, device, result))
FORWARD(ctorch_status, ctorch_to_type, (const ctorch_tensor *tensor, ctorch_scalar_type type, ctorch_tensor **result),
        (tensor, type, result))
FORWARD(ctorch_status, ctorch_contiguous, (const ctorch_tensor *tensor, ctorch_tensor **result), (tensor, result))
FORWARD(ctorch_status, ctorch_add, (const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result), (a, b,
        result))
FORWARD(ctorch_status, ctorch_subtract, (const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result), (a,
        b, result))
FORWARD(ctorch_status, ctorch_multiply, (const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result), (a,
        b, result))
FORWARD(ctorch_status, ctorch_divide, (const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result), (a, b,
        result))
FORWARD(ctorch_status, ctorch_add_scalar, (const ctorch_tensor *a, double b, ctorch_tensor **result), (a, b, result))
FORWARD(ctorch_status, ctorch_multiply_scalar, (const ctorch_tensor *a, double b, ctorch_tensor **result), (a, b,
        result))
FORWARD(ctorch_status, ctorch_power, (const ctorch_tensor *a, double exponent, ctorch_tensor **result), (a, exponent,
        result))
FORWARD(ctorch_status, ctorch_sigmoid, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_tanh, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_relu, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_gelu, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_exp, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_log, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_sum, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_mean, (const ctorch_tensor *a, ctorch_tensor **result), (a, result))
FORWARD(ctorch_status, ctorch_sum_dimension, (const ctorch_tensor *a, int64_t dimension, bool keep, ctorch_tensor
        **result), (a, dimension, keep, result))
FORWARD(ctorch_status, ctorch_mean_dimension, (const ctorch_tensor *a, int64_t dimension, bool keep, ctorch_tensor
        **result), (a, dimension, keep, result))
FORWARD(ctorch_status, ctorch_matmul, (const ctorch_tensor *a, const ctorch_tensor *b, ctorch_tensor **result), (a, b,
        result))
FORWARD(ctorch_status, ctorch_linear, (const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor *bias,
        ctorch_tensor **result), (x, weight, bias, result))
FORWARD(ctorch_status, ctorch_embedding, (const ctorch_tensor *weight, const ctorch_tensor *indices, ctorch_tensor
        **result), (weight, indices, result))
FORWARD(ctorch_status, ctorch_softmax, (const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result), (a,
        dimension, result))
FORWARD(ctorch_status, ctorch_layer_norm, (const ctorch_tensor *a, const ctorch_tensor *weight, const ctorch_tensor
        *bias, double epsilon, ctorch_tensor **result), (a, weight, bias, epsilon, result))
FORWARD(ctorch_status, ctorch_causal_attention, (const ctorch_tensor *queries, const ctorch_tensor *keys, const
        ctorch_tensor *values, bool fused, ctorch_tensor **result), (queries, keys, values, fused, result))
FORWARD(ctorch_status, ctorch_log_softmax, (const ctorch_tensor *a, int64_t dimension, ctorch_tensor **result), (a,
        dimension, result))
FORWARD(ctorch_status, ctorch_nll_loss, (const ctorch_tensor *log_probabilities, const ctorch_tensor *targets, bool
        mean, ctorch_tensor **result), (log_probabilities, targets, mean, result))
FORWARD(ctorch_status, ctorch_cross_entropy, (const ctorch_tensor *logits, const ctorch_tensor *targets, bool mean,
        ctorch_tensor **result), (logits, targets, mean, result))
FORWARD(bool, ctorch_requires_gradient, (const ctorch_tensor *tensor), (tensor))
FORWARD(ctorch_status, ctorch_set_requires_gradient, (ctorch_tensor *tensor, bool required), (tensor, required))
FORWARD(ctorch_status, ctorch_detach, (const ctorch_tensor *tensor, ctorch_tensor **result), (tensor, result))
FORWARD(ctorch_status, ctorch_backward, (const ctorch_tensor *tensor), (tensor))
FORWARD(ctorch_status, ctorch_gradient, (const ctorch_tensor *tensor, ctorch_tensor **result), (tensor, result))
FORWARD(ctorch_status, ctorch_hessian_product, (const ctorch_tensor *loss, const ctorch_tensor *const *leaves, const
        ctorch_tensor *const *vectors, size_t count, ctorch_tensor **results), (loss, leaves, vectors, count,
        results))
FORWARD(bool, ctorch_set_gradient_recording, (bool recorded), (recorded))

FORWARD(ctorch_status, ctorch_lstm_gradient, (const ctorch_lstm_sizes *sizes, const ctorch_lstm_batch *batches,
        size_t batch_count, ctorch_scalar_type type, const void *point, void *const *gradients, size_t count,
        double *losses), (sizes, batches, batch_count, type, point, gradients, count, losses))
FORWARD(void, ctorch_lstm_release_memory, (void), ())
FORWARD(const char *, ctorch_lstm_kernels, (void), ())
FORWARD(ctorch_status, ctorch_lstm_limit_kernels, (const char *name), (name))

FORWARD(ctorch_status, ctorch_perceptron_gradient, (const int64_t *sizes, size_t size_count, ctorch_activation
        activation, const void *inputs, const int64_t *labels, size_t samples, ctorch_scalar_type type, const void
        *point, void *gradient, size_t count, double *loss), (sizes, size_count, activation, inputs, labels, samples,
        type, point, gradient, count, loss))

FORWARD(ctorch_status, ctorch_module_load, (const void *bytes, size_t count, ctorch_scalar_type type, const char
        *device, ctorch_module **result), (bytes, count, type, device, result))
FORWARD(void, ctorch_module_release, (ctorch_module *module), (module))
FORWARD(size_t, ctorch_module_parameter_count, (const ctorch_module *module), (module))
FORWARD(const char *, ctorch_module_parameter_name, (const ctorch_module *module, size_t index), (module, index))
FORWARD(size_t, ctorch_module_parameter_rank, (const ctorch_module *module, size_t index), (module, index))
FORWARD(void, ctorch_module_parameter_shape, (const ctorch_module *module, size_t index, int64_t *shape), (module,
        index, shape))
FORWARD(size_t, ctorch_module_element_count, (const ctorch_module *module), (module))
FORWARD(ctorch_status, ctorch_module_read_point, (const ctorch_module *module, void *point, size_t count,
        ctorch_scalar_type type), (module, point, count, type))
FORWARD(size_t, ctorch_module_argument_count, (const ctorch_module *module), (module))
FORWARD(const char *, ctorch_module_argument_name, (const ctorch_module *module, size_t index), (module, index))
FORWARD(bool, ctorch_module_argument_has_default, (const ctorch_module *module, size_t index), (module, index))
FORWARD(bool, ctorch_module_is_training, (const ctorch_module *module), (module))
FORWARD(ctorch_status, ctorch_module_set_evaluating, (ctorch_module *module), (module))
FORWARD(ctorch_status, ctorch_module_evaluate, (ctorch_module *module, const void *point, size_t count,
        ctorch_scalar_type type, const ctorch_tensor *const *inputs, size_t input_count, bool seeded, uint64_t seed,
        double *loss, void *gradient), (module, point, count, type, inputs, input_count, seeded, seed, loss,
        gradient))

FORWARD(ctorch_status, ctorch_convolution, (const ctorch_tensor *x, const ctorch_tensor *weight, int64_t stride,
        int64_t padding, ctorch_tensor **result), (x, weight, stride, padding, result))
FORWARD(ctorch_status, ctorch_batch_norm, (const ctorch_tensor *x, const ctorch_tensor *weight, const ctorch_tensor
        *bias, ctorch_tensor *mean, ctorch_tensor *variance, bool from_batch, double momentum, double epsilon,
        ctorch_tensor **result), (x, weight, bias, mean, variance, from_batch, momentum, epsilon, result))
FORWARD(ctorch_status, ctorch_max_pool, (const ctorch_tensor *x, int64_t kernel, int64_t stride, int64_t padding,
        ctorch_tensor **result), (x, kernel, stride, padding, result))
FORWARD(ctorch_status, ctorch_global_average_pool, (const ctorch_tensor *x, ctorch_tensor **result), (x, result))
FORWARD(ctorch_status, ctorch_subsample_and_pad, (const ctorch_tensor *x, int64_t stride, int64_t before, int64_t
        after, ctorch_tensor **result), (x, stride, before, after, result))
FORWARD(ctorch_status, ctorch_channels_last, (const ctorch_tensor *x, ctorch_tensor **result), (x, result))
FORWARD(ctorch_status, ctorch_smoothed_cross_entropy, (const ctorch_tensor *logits, const ctorch_tensor *targets, bool
        mean, double smoothing, ctorch_tensor **result), (logits, targets, mean, smoothing, result))
