// Scripted modules: programs of TorchScript, whose forward returns a loss. Loading one makes its code known and runs what it does on
// loading (`__setstate__`); evaluating it runs `forward`. TorchScript can write files (`aten::save`): load only what the caller trusts.
#ifndef SMOOTHNESS_CTORCH_SCRIPT_H
#define SMOOTHNESS_CTORCH_SCRIPT_H
#include "CTorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A module whose floating-point parameters and buffers have one scalar type and lie on one device. One thread at a time.
typedef struct ctorch_module ctorch_module;

/// Loads the archive that `count` bytes at `bytes` are.
ctorch_status ctorch_module_load(const void *bytes, size_t count, ctorch_scalar_type type, const char *device,
                                 ctorch_module **result);
void ctorch_module_release(ctorch_module *module);

/// The parameters that take part: those that require a gradient, in the order of the module's named_parameters(), a tied one once.
size_t ctorch_module_parameter_count(const ctorch_module *module);
/// Valid as long as the module.
const char *ctorch_module_parameter_name(const ctorch_module *module, size_t index);
size_t ctorch_module_parameter_rank(const ctorch_module *module, size_t index);
void ctorch_module_parameter_shape(const ctorch_module *module, size_t index, int64_t *shape);
/// Elements of all of them.
size_t ctorch_module_element_count(const ctorch_module *module);
/// The parameters as they are, one after the other, row-major.
ctorch_status ctorch_module_read_point(const ctorch_module *module, void *point, size_t count,
                                       ctorch_scalar_type type);

/// The arguments of forward, without self.
size_t ctorch_module_argument_count(const ctorch_module *module);
const char *ctorch_module_argument_name(const ctorch_module *module, size_t index);
bool ctorch_module_argument_has_default(const ctorch_module *module, size_t index);

/// Whether the module or any part of it is in training mode.
bool ctorch_module_is_training(const ctorch_module *module);
/// Puts it into evaluation mode.
ctorch_status ctorch_module_set_evaluating(ctorch_module *module);

/// forward(inputs…) at `point`, which must be one number. `inputs` are in the order of the arguments. LibTorch's generators are
/// seeded with `seed` before where `seeded`. `gradient` of `count` elements is overwritten, or NULL.
ctorch_status ctorch_module_evaluate(ctorch_module *module, const void *point, size_t count, ctorch_scalar_type type,
                                     const ctorch_tensor *const *inputs, size_t input_count, bool seeded,
                                     uint64_t seed, double *loss, void *gradient);

#ifdef __cplusplus
}
#endif
#endif
