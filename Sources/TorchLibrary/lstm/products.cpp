#include "products.h"

#include <ATen/ATen.h>

namespace ctorch {

namespace {

template <class Scalar> at::Tensor tensor_over(const Scalar *memory, size_t rows, size_t columns) {
    return at::from_blob(const_cast<Scalar *>(memory), {(int64_t)rows, (int64_t)columns},
                         at::TensorOptions(at::kCPU).dtype(c10::CppTypeToScalarType<Scalar>::value));
}

template <class Scalar> at::Tensor tensor_over(const Matrix<Scalar> &matrix) {
    if (matrix.transposed) return tensor_over(matrix.memory, matrix.columns, matrix.rows).t();
    return tensor_over(matrix.memory, matrix.rows, matrix.columns);
}

} // namespace

template <class Scalar> void product(const Matrix<Scalar> &a, const Matrix<Scalar> &b, Scalar *result, bool add) {
    at::Tensor out = tensor_over(result, a.rows, b.columns);
    if (add)
        out.addmm_(tensor_over(a), tensor_over(b));
    else
        at::mm_out(out, tensor_over(a), tensor_over(b));
}

template void product(const Matrix<float> &, const Matrix<float> &, float *, bool);
template void product(const Matrix<double> &, const Matrix<double> &, double *, bool);

} // namespace ctorch
