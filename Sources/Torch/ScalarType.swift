import CTorch

/// The types of elements that tensors of this module hold.
public enum ScalarType: String, Sendable, Hashable, CaseIterable {
    case float32, float64, int64, bool

    /// The counterpart of a Swift type: Float, Double, Int64 (or Int, which is the same on 64-bit systems), Bool.
    public init?<Element>(of element: Element.Type) {
        if element == Float.self {
            self = .float32
        } else if element == Double.self {
            self = .float64
        } else if element == Int64.self || element == Int.self {
            self = .int64
        } else if element == Bool.self {
            self = .bool
        } else {
            return nil
        }
    }

    init?(_ type: ctorch_scalar_type) {
        switch type {
        case ctorch_float32: self = .float32
        case ctorch_float64: self = .float64
        case ctorch_int64: self = .int64
        case ctorch_bool: self = .bool
        default: return nil
        }
    }

    var raw: ctorch_scalar_type {
        switch self {
        case .float32: ctorch_float32
        case .float64: ctorch_float64
        case .int64: ctorch_int64
        case .bool: ctorch_bool
        }
    }

    static func required<Element>(
        of element: Element.Type, _ operation: String
    ) throws(TorchError) -> ScalarType {
        guard let type = ScalarType(of: element) else {
            throw TorchError(
                .unsupportedElement, operation: operation,
                message: "tensors hold Float, Double, Int64 and Bool, not \(element)")
        }
        return type
    }
}
