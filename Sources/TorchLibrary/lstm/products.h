// Large matrix products by LibTorch, over row-major memory.
#ifndef SMOOTHNESS_CTORCH_PRODUCTS_H
#define SMOOTHNESS_CTORCH_PRODUCTS_H
#include <cstddef>

namespace ctorch {

/// A matrix over somebody else's memory; `transposed` means that the memory holds [columns][rows].
template <class Scalar> struct Matrix {
    const Scalar *memory;
    size_t rows, columns;
    bool transposed = false;
    Matrix t() const { return {memory, columns, rows, !transposed}; }
};

/// result[a.rows][b.columns] = a·b, or += with `add`.
template <class Scalar> void product(const Matrix<Scalar> &a, const Matrix<Scalar> &b, Scalar *result, bool add = false);

} // namespace ctorch
#endif
