import CHDF5

/// The numbers that datasets hold. Native in memory; IEEE or two's complement, little-endian, in the file; the library
/// converts when they differ.
public enum ScalarType: String, Sendable, CaseIterable {
    case float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64

    var memoryType: hid_t {
        switch self {
        case .float32: chdf5_native_float32()
        case .float64: chdf5_native_float64()
        case .int8: chdf5_native_int8()
        case .int16: chdf5_native_int16()
        case .int32: chdf5_native_int32()
        case .int64: chdf5_native_int64()
        case .uint8: chdf5_native_uint8()
        case .uint16: chdf5_native_uint16()
        case .uint32: chdf5_native_uint32()
        case .uint64: chdf5_native_uint64()
        }
    }

    var storedType: hid_t {
        switch self {
        case .float32: chdf5_stored_float32()
        case .float64: chdf5_stored_float64()
        case .int8: chdf5_stored_int8()
        case .int16: chdf5_stored_int16()
        case .int32: chdf5_stored_int32()
        case .int64: chdf5_stored_int64()
        case .uint8: chdf5_stored_uint8()
        case .uint16: chdf5_stored_uint16()
        case .uint32: chdf5_stored_uint32()
        case .uint64: chdf5_stored_uint64()
        }
    }
}

/// A number that goes to and from datasets in bulk. Only the types below may conform: their memory *is* the element.
public protocol HDF5Scalar: Sendable, BitwiseCopyable {
    static var scalarType: ScalarType { get }
}

extension Float: HDF5Scalar { public static var scalarType: ScalarType { .float32 } }
extension Double: HDF5Scalar { public static var scalarType: ScalarType { .float64 } }
extension Int8: HDF5Scalar { public static var scalarType: ScalarType { .int8 } }
extension Int16: HDF5Scalar { public static var scalarType: ScalarType { .int16 } }
extension Int32: HDF5Scalar { public static var scalarType: ScalarType { .int32 } }
extension Int64: HDF5Scalar { public static var scalarType: ScalarType { .int64 } }
extension UInt8: HDF5Scalar { public static var scalarType: ScalarType { .uint8 } }
extension UInt16: HDF5Scalar { public static var scalarType: ScalarType { .uint16 } }
extension UInt32: HDF5Scalar { public static var scalarType: ScalarType { .uint32 } }
extension UInt64: HDF5Scalar { public static var scalarType: ScalarType { .uint64 } }

/// `float32`, `uint8`, …; `string`, `bool` (h5py's enumeration over int8) or `other`.
func elementName(ofType type: hid_t) -> String {
    for scalar in ScalarType.allCases where H5Tequal(type, scalar.storedType) > 0 { return scalar.rawValue }
    switch H5Tget_class(type) {
    case H5T_STRING: return "string"
    case H5T_ENUM:
        return H5Tget_nmembers(type) == 2 && H5Tget_size(type) == 1 ? "bool" : "other"
    default: return "other"
    }
}
