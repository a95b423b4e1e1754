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
