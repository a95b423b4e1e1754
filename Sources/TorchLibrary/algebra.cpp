// Factorisations of matrices.
#include "support.h"

#include "CTorchAlgebra.h"

#include <memory>

using namespace ctorch;

namespace {

void check_matrix(const at::Tensor &a) {
    if (a.dim() != 2) throw Failure{ctorch_bad_argument, "a factorisation is of a matrix"};
}

std::unique_ptr<ctorch_tensor> owned(at::Tensor value) {
    return std::unique_ptr<ctorch_tensor>(new ctorch_tensor{std::move(value)});
}

} // namespace

ctorch_status ctorch_symmetric_eigen(const ctorch_tensor *a, ctorch_tensor **values, ctorch_tensor **vectors) {
    return fenced([&] {
        check_matrix(a->value);
        SingleThread scope;
        auto result = at::linalg_eigh(a->value, "L");
        auto first = owned(std::get<0>(result)), second = owned(std::get<1>(result));
        *values = first.release();
        *vectors = second.release();
    });
}

ctorch_status ctorch_singular_values(const ctorch_tensor *a, ctorch_tensor **result) {
    return making(result, [&] {
        check_matrix(a->value);
        SingleThread scope;
        return at::linalg_svdvals(a->value);
    });
}

ctorch_status ctorch_singular_decomposition(const ctorch_tensor *a, ctorch_tensor **left, ctorch_tensor **values,
                                            ctorch_tensor **right) {
    return fenced([&] {
        check_matrix(a->value);
        SingleThread scope;
        auto result = at::linalg_svd(a->value, false);
        auto first = owned(std::get<0>(result)), second = owned(std::get<1>(result)),
             third = owned(std::get<2>(result));
        *left = first.release();
        *values = second.release();
        *right = third.release();
    });
}
