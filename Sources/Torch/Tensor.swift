import CTorch

/// A tensor of LibTorch: an array of any rank on the processor or on a CUDA device, with automatic differentiation.
///
/// The object owns one counted reference to LibTorch's tensor and gives it back in `deinit`. Views (`transposed`,
/// `sliced`, `chunked`, …) share memory with their origin. No operation here changes a tensor's elements, apart from
/// `backward()`, which adds to the gradients of leaves, and `batchNormalized`, which keeps running statistics where asked to.
///
/// **Concurrency.** `Tensor` is deliberately not `Sendable`: an autograd graph ties tensors together, and two threads that
/// call `backward()` on graphs with a common leaf would race on its gradient. A tensor stays in the isolation region where
/// it was made; between regions go arrays. LibTorch's own operations use as many threads as `threadCount` says.
public final class Tensor {
    let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { ctorch_release(handle) }

    /// Runs a C function that makes one tensor.
    static func making(
        _ operation: String, _ body: (UnsafeMutablePointer<OpaquePointer?>) -> ctorch_status
    ) throws(TorchError) -> Tensor {
        var handle: OpaquePointer?
        try check(body(&handle), operation)
        guard let handle else {
            throw TorchError(.refused, operation: operation, message: "no tensor came back")
        }
        return Tensor(owning: handle)
    }

    // MARK: Making

    /// Copies `values`, row-major. Their number must be the product of `shape`.
    /// - Throws: `.badArgument` where it is not, `.unsupportedElement` for other elements than Float, Double, Int64, Bool.
    public convenience init<Element>(
        _ values: [Element], shape: [Int], on device: Device = .cpu
    ) throws(TorchError) {
        let type = try ScalarType.required(of: Element.self, "tensor")
        let shape = shape.map(Int64.init)
        var handle: OpaquePointer?
        let status = values.withUnsafeBytes {
            ctorch_from_values(
                $0.baseAddress, values.count, shape, shape.count, type.raw, device.description, &handle)
        }
        try check(status, "tensor")
        guard let handle else { throw TorchError(.refused, operation: "tensor", message: "no tensor came back") }
        self.init(owning: handle)
    }

    /// One number as a tensor of rank 0.
    public convenience init<Element>(
        scalar: Element, on device: Device = .cpu
    ) throws(TorchError) {
        try self.init([scalar], shape: [], on: device)
    }

    public static func zeros(
        _ shape: [Int], type: ScalarType, on device: Device = .cpu
    ) throws(TorchError) -> Tensor {
        let shape = shape.map(Int64.init)
        return try making("zeros") { ctorch_zeros(shape, shape.count, type.raw, device.description, $0) }
    }

    public static func full(
        _ shape: [Int], value: Double, type: ScalarType, on device: Device = .cpu
    ) throws(TorchError) -> Tensor {
        let shape = shape.map(Int64.init)
        return try making("full") { ctorch_full(shape, shape.count, type.raw, value, device.description, $0) }
    }

    /// Lends the memory of `values` to a tensor on the processor for the duration of `body`, without a copy.
    ///
    /// What still shares the memory when `body` ends (a view that was kept, an operand saved in an autograd graph) gets a
    /// copy of its own at that moment, so keeping a tensor too long costs a copy and is never a dangling pointer.
    public static func withLoan<Element, Result>(
        of values: [Element], shape: [Int], _ body: (Tensor) throws -> Result
    ) throws -> Result {
        let type = try ScalarType.required(of: Element.self, "withLoan")
        let shape = shape.map(Int64.init)
        return try values.withUnsafeBytes { memory in
            // An empty array may have no address; LibTorch wants one, and never reads from it.
            var nothing: UInt64 = 0
            return try withUnsafeMutableBytes(of: &nothing) { spare in
                var loan: OpaquePointer?
                try check(
                    ctorch_begin_loan(
                        memory.baseAddress ?? UnsafeRawPointer(spare.baseAddress!), values.count, shape, shape.count,
                        type.raw, &loan), "withLoan")
                guard let loan else {
                    throw TorchError(.refused, operation: "withLoan", message: "no tensor came back")
                }
                // `body` gets a second handle: Swift may keep that one alive as long as it likes.
                var lent: OpaquePointer?
                let status = ctorch_share(loan, &lent)
                defer {
                    // Out of memory here would leave somebody with a dangling pointer: the one case that must stop.
                    let ended = ctorch_end_loan(loan)
                    precondition(ended == ctorch_ok, "a loan could not be ended: \(String(cString: ctorch_message()))")
                }
                try check(status, "withLoan")
                return try body(Tensor(owning: lent!))
            }
        }
    }

    // MARK: Looking

    public var shape: [Int] {
        var extents = [Int64](repeating: 0, count: ctorch_rank(handle))
        ctorch_shape(handle, &extents)
        return extents.map(Int.init)
    }

    public var count: Int { Int(ctorch_element_count(handle)) }

    /// `nil` for a type that this module does not make, such as a half-precision one.
    public var type: ScalarType? { ScalarType(ctorch_type(handle)) }

    /// LibTorch's name of the device.
    public var deviceName: String {
        var name = [CChar](repeating: 0, count: 32)
        ctorch_device(handle, &name, name.count)
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// All elements, row-major, copied from wherever they lie.
    /// - Throws: `.badArgument` where `Element` is not the tensor's type: nothing is converted silently.
    public func values<Element>(as element: Element.Type) throws(TorchError) -> [Element] {
        let type = try ScalarType.required(of: element, "values")
        let count = count
        var status = ctorch_ok
        let values = [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = ctorch_copy_values(handle, buffer.baseAddress, count, type.raw)
            initialized = status == ctorch_ok ? count : 0
        }
        try check(status, "values")
        return values
    }

    /// Copies all elements, row-major, to `array[offset...]`.
    public func copy<Element>(into array: inout [Element], at offset: Int = 0) throws(TorchError) {
        let type = try ScalarType.required(of: Element.self, "copy")
        let count = count
        guard offset >= 0, count <= array.count - offset else {
            throw TorchError(
                .badArgument, operation: "copy",
                message: "\(count) elements do not fit at \(offset) of an array of \(array.count)")
        }
        let status = array.withUnsafeMutableBufferPointer {
            ctorch_copy_values(handle, $0.baseAddress.map { $0 + offset }, count, type.raw)
        }
        try check(status, "copy")
    }

    /// The only element of a tensor of one.
    public func item<Element>(as element: Element.Type) throws(TorchError) -> Element {
        guard count == 1 else {
            throw TorchError(.badArgument, operation: "item", message: "the tensor has \(count) elements, not 1")
        }
        return try values(as: element)[0]
    }
}
