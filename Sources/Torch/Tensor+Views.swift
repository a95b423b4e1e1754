import CTorch

// Views and movement. Dimensions count from 0; negative ones from the end, as in LibTorch.
extension Tensor {
    public func reshaped(_ shape: [Int]) throws(TorchError) -> Tensor {
        let shape = shape.map(Int64.init)
        return try .making("reshaped") { ctorch_reshape(handle, shape, shape.count, $0) }
    }

    public func transposed(_ first: Int = 0, _ second: Int = 1) throws(TorchError) -> Tensor {
        try .making("transposed") { ctorch_transpose(handle, Int64(first), Int64(second), $0) }
    }

    /// The indices `range` of one dimension.
    /// - Throws: `.badArgument` where the range reaches outside; LibTorch itself would clamp it.
    public func sliced(_ range: Range<Int>, dimension: Int = 0) throws(TorchError) -> Tensor {
        try .making("sliced") {
            ctorch_slice(handle, Int64(dimension), Int64(range.lowerBound), Int64(range.upperBound), $0)
        }
    }

    /// One index of one dimension, which disappears.
    public func selected(_ index: Int, dimension: Int = 0) throws(TorchError) -> Tensor {
        try .making("selected") { ctorch_select(handle, Int64(dimension), Int64(index), $0) }
    }

    /// `count` equal pieces of one dimension.
    public func chunked(_ count: Int, dimension: Int) throws(TorchError) -> [Tensor] {
        guard count >= 1 else {
            throw TorchError(.badArgument, operation: "chunked", message: "\(count) is no number of pieces")
        }
        var handles = [OpaquePointer?](repeating: nil, count: count)
        try check(ctorch_chunk(handle, Int64(count), Int64(dimension), &handles), "chunked")
        return handles.map { Tensor(owning: $0!) }
    }

    /// Tensors one after the other along a dimension that they have.
    public static func concatenated(_ tensors: [Tensor], dimension: Int = 0) throws(TorchError) -> Tensor {
        let handles = tensors.map { Optional($0.handle) }
        return try withExtendedLifetime(tensors) { () throws(TorchError) in
            try making("concatenated") { ctorch_cat(handles, handles.count, Int64(dimension), $0) }
        }
    }

    /// Tensors of one shape one after the other along a new dimension.
    public static func stacked(_ tensors: [Tensor], dimension: Int = 0) throws(TorchError) -> Tensor {
        let handles = tensors.map { Optional($0.handle) }
        return try withExtendedLifetime(tensors) { () throws(TorchError) in
            try making("stacked") { ctorch_stack(handles, handles.count, Int64(dimension), $0) }
        }
    }

    public func moved(to device: Device) throws(TorchError) -> Tensor {
        try .making("moved") { ctorch_to_device(handle, device.description, $0) }
    }

    public func converted(to type: ScalarType) throws(TorchError) -> Tensor {
        try .making("converted") { ctorch_to_type(handle, type.raw, $0) }
    }

    /// The same elements without gaps in memory; the tensor itself where there are none.
    public func contiguous() throws(TorchError) -> Tensor {
        try .making("contiguous") { ctorch_contiguous(handle, $0) }
    }
}
