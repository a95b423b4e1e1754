import CTorch

/// A TorchScript module whose `forward` returns a loss: a program of LibTorch with parameters. It can do what TorchScript can, which includes
/// writing files: load only what the caller has named.
///
/// A module belongs to one thread at a time; another instance of the same bytes may run beside it.
public final class ScriptModule {
    /// A parameter that requires a gradient.
    public struct Parameter: Sendable, Hashable {
        public var name: String
        public var shape: [Int]
    }

    /// An argument of `forward`.
    public struct Argument: Sendable, Hashable {
        public var name: String
        public var hasDefault: Bool
    }

    /// In the order of the module's `named_parameters()`; weights that are tied stand there once.
    public let parameters: [Parameter]
    public let arguments: [Argument]
    /// Elements of all parameters.
    public let count: Int
    public let type: ScalarType
    public let device: Device
    private let handle: OpaquePointer

    /// Loads an archive of `torch.jit.save`; its floating-point numbers become `type`.
    public init(_ archive: [UInt8], type: ScalarType, on device: Device = .cpu) throws(TorchError) {
        var handle: OpaquePointer?
        let status = ctorch_module_load(archive, archive.count, type.raw, device.description, &handle)
        try check(status, "torch.jit.load")
        guard let handle else {
            throw TorchError(.refused, operation: "torch.jit.load", message: "no module came back")
        }
        self.handle = handle
        self.type = type
        self.device = device
        count = ctorch_module_element_count(handle)
        parameters = (0..<ctorch_module_parameter_count(handle)).map { index in
            var shape = [Int64](repeating: 0, count: ctorch_module_parameter_rank(handle, index))
            ctorch_module_parameter_shape(handle, index, &shape)
            return Parameter(
                name: String(cString: ctorch_module_parameter_name(handle, index)), shape: shape.map { Int($0) })
        }
        arguments = (0..<ctorch_module_argument_count(handle)).map {
            Argument(
                name: String(cString: ctorch_module_argument_name(handle, $0)),
                hasDefault: ctorch_module_argument_has_default(handle, $0))
        }
    }

    deinit { ctorch_module_release(handle) }

    /// Whether any part of it is in training mode, where dropout draws and batch normalisation takes the statistics of the batch.
    public var isTraining: Bool { ctorch_module_is_training(handle) }

    /// Puts all of it into evaluation mode.
    public func setEvaluating() throws(TorchError) { try check(ctorch_module_set_evaluating(handle), "eval") }

    /// The parameters as they are, flat.
    public func point<Scalar>(as scalar: Scalar.Type) throws(TorchError) -> [Scalar] {
        let type = try ScalarType.required(of: scalar, "parameters")
        let count = count
        var status = ctorch_ok
        let values = [Scalar](unsafeUninitializedCapacity: count) { buffer, initialized in
            status = ctorch_module_read_point(handle, buffer.baseAddress, count, type.raw)
            initialized = status == ctorch_ok ? count : 0
        }
        try check(status, "parameters")
        return values
    }

    /// forward(inputs…) at a point.
    /// - Parameter seed: of LibTorch's generators, which belong to the whole process; `nil` leaves them alone.
    public func loss<Scalar>(at point: [Scalar], _ inputs: [Tensor], seed: UInt64? = nil) throws(TorchError) -> Double {
        var loss = 0.0
        try check(
            evaluate(at: point, inputs, seed, &loss, gradient: nil, as: .required(of: Scalar.self, "forward")),
            "forward")
        return loss
    }

    /// forward(inputs…) at a point, whose gradient overwrites `gradient`.
    public func gradient<Scalar>(
        at point: [Scalar], _ inputs: [Tensor], seed: UInt64? = nil, into gradient: inout [Scalar]
    ) throws(TorchError) -> Double {
        let type = try ScalarType.required(of: Scalar.self, "forward")
        guard gradient.count == count else {
            throw TorchError(
                .badArgument, operation: "forward", message: "room for \(gradient.count) of \(count) elements")
        }
        var loss = 0.0
        let status = gradient.withUnsafeMutableBytes {
            evaluate(at: point, inputs, seed, &loss, gradient: $0.baseAddress, as: type)
        }
        try check(status, "forward")
        return loss
    }

    private func evaluate<Scalar>(
        at point: [Scalar], _ inputs: [Tensor], _ seed: UInt64?, _ loss: inout Double,
        gradient: UnsafeMutableRawPointer?, as type: ScalarType
    ) -> ctorch_status {
        withExtendedLifetime(inputs) {
            point.withUnsafeBytes {
                ctorch_module_evaluate(
                    handle, $0.baseAddress, point.count, type.raw, inputs.map { $0.handle }, inputs.count, seed != nil,
                    seed ?? 0, &loss, gradient)
            }
        }
    }
}
