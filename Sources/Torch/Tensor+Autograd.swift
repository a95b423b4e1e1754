import CTorch

extension Tensor {
    /// Whether operations on this tensor are recorded for `backward()`.
    public var requiresGradient: Bool { ctorch_requires_gradient(handle) }

    /// Marks this leaf, so that `backward()` gives it a gradient.
    /// - Throws: for a tensor that is not a leaf, or not of a floating-point type.
    /// - Returns: this tensor.
    @discardableResult
    public func requiringGradient(_ required: Bool = true) throws(TorchError) -> Tensor {
        try check(ctorch_set_requires_gradient(handle, required), "requiringGradient")
        return self
    }

    /// The same memory outside the graph: a leaf.
    public func detached() throws(TorchError) -> Tensor {
        try .making("detached") { ctorch_detach(handle, $0) }
    }

    /// Adds ∂(this)/∂(leaf) to `gradient` of every marked leaf, and frees the graph. This tensor must have one element.
    public func backward() throws(TorchError) {
        try check(ctorch_backward(handle), "backward")
    }

    /// ∇²(this)·v with respect to marked leaves, by differentiating ⟨∇(this), v⟩; one product of every leaf's shape. This
    /// tensor must have one element; its graph is freed and no leaf's `gradient` is touched.
    /// - Parameter vectors: v, one tensor of every leaf's shape.
    /// - Throws: `.noDerivative` where the graph holds an operation that can be differentiated only once.
    public func hessianProducts(with leaves: [Tensor], _ vectors: [Tensor]) throws(TorchError) -> [Tensor] {
        guard leaves.count == vectors.count, !leaves.isEmpty else {
            throw TorchError(
                .badArgument, operation: "hessianProducts",
                message: "\(leaves.count) leaves with \(vectors.count) vectors")
        }
        var results = [OpaquePointer?](repeating: nil, count: leaves.count)
        let status = withExtendedLifetime((leaves, vectors)) {
            ctorch_hessian_product(
                handle, leaves.map { $0.handle }, vectors.map { $0.handle }, leaves.count, &results)
        }
        try check(status, "hessianProducts")
        return results.compactMap { $0.map(Tensor.init(owning:)) }
    }

    /// What `backward()` left for this leaf; `nil` before it, or where nothing depended on the leaf.
    public func gradient() throws(TorchError) -> Tensor? {
        var result: OpaquePointer?
        try check(ctorch_gradient(handle, &result), "gradient")
        return result.map(Tensor.init(owning:))
    }
}

/// Runs `body` without recording operations on this thread.
public func withoutGradients<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    let before = ctorch_set_gradient_recording(false)
    defer { _ = ctorch_set_gradient_recording(before) }
    return try body()
}
