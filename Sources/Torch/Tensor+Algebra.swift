import CTorch

// Factorisations of matrices, by the LAPACK of LibTorch. They run on one thread, so that the answer does not depend on the number of
// threads.
extension Tensor {
    /// Eigenvalues [n] in increasing order and eigenvectors [n, n] in the columns of this symmetric matrix [n, n], of which only the
    /// lower triangle is read.
    public func symmetricEigen() throws(TorchError) -> (values: Tensor, vectors: Tensor) {
        var values: OpaquePointer?
        var vectors: OpaquePointer?
        try check(ctorch_symmetric_eigen(handle, &values, &vectors), "symmetricEigen")
        return (Tensor(owning: values!), Tensor(owning: vectors!))
    }

    /// The singular values [min(m, n)] of this matrix [m, n] in decreasing order.
    public func singularValues() throws(TorchError) -> Tensor {
        try .making("singularValues") { ctorch_singular_values(handle, $0) }
    }

    /// U [m, r], S [r] and Vᵀ [r, n] with A = U·diag(S)·Vᵀ and r = min(m, n), for this matrix A [m, n].
    public func singularDecomposition() throws(TorchError) -> (left: Tensor, values: Tensor, right: Tensor) {
        var left: OpaquePointer?
        var values: OpaquePointer?
        var right: OpaquePointer?
        try check(
            ctorch_singular_decomposition(handle, &left, &values, &right), "singularDecomposition")
        return (Tensor(owning: left!), Tensor(owning: values!), Tensor(owning: right!))
    }
}
