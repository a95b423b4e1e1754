// Factorisations of matrices, by the LAPACK of LibTorch, on one thread: the same bits whatever the number of threads.
#ifndef SMOOTHNESS_CTORCH_ALGEBRA_H
#define SMOOTHNESS_CTORCH_ALGEBRA_H
#include "CTorch.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Eigenvalues [n] in increasing order and eigenvectors [n, n] in the columns of a symmetric matrix [n, n], of which only the
/// lower triangle is read.
ctorch_status ctorch_symmetric_eigen(const ctorch_tensor *a, ctorch_tensor **values, ctorch_tensor **vectors);
/// The singular values [min(m, n)] of a matrix [m, n] in decreasing order.
ctorch_status ctorch_singular_values(const ctorch_tensor *a, ctorch_tensor **result);
/// U [m, r], S [r] and Vᵀ [r, n] with A = U·diag(S)·Vᵀ and r = min(m, n).
ctorch_status ctorch_singular_decomposition(const ctorch_tensor *a, ctorch_tensor **left, ctorch_tensor **values,
                                            ctorch_tensor **right);

#ifdef __cplusplus
}
#endif
#endif
