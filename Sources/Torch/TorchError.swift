import CTorch

/// LibTorch, or the layer over it, refused an operation.
public struct TorchError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The families of failure.
    public enum Kind: Sendable, Equatable {
        /// LibTorch refused: shapes, types, a graph that cannot be differentiated.
        case refused
        case outOfMemory
        /// This LibTorch or this machine has no such device.
        case noDevice
        /// An argument was refused before LibTorch saw it: an index out of range, a count that does not fit a shape.
        case badArgument
        /// The elements of a Swift array have no counterpart in LibTorch.
        case unsupportedElement
        /// An operation cannot be differentiated a second time.
        case noDerivative
    }

    public var kind: Kind
    /// The operation's name, as `matmul`.
    public var operation: String
    /// LibTorch's own words, without its backtrace.
    public var message: String

    public init(_ kind: Kind, operation: String, message: String) {
        self.kind = kind
        self.operation = operation
        self.message = message
    }

    public var description: String { "\(operation): \(message)" }

    /// The failure that CTorch has just reported on this thread.
    init(_ status: ctorch_status, operation: String) {
        let kind: Kind =
            switch status {
            case ctorch_out_of_memory: .outOfMemory
            case ctorch_no_device: .noDevice
            case ctorch_bad_argument: .badArgument
            case ctorch_no_derivative: .noDerivative
            default: .refused
            }
        self.init(kind, operation: operation, message: String(cString: ctorch_message()))
    }
}

func check(_ status: ctorch_status, _ operation: String) throws(TorchError) {
    if status != ctorch_ok { throw TorchError(status, operation: operation) }
}
