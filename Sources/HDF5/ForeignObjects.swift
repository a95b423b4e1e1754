import CHDF5

/// How many bits of a floating-point number are its exponent and its mantissa; one more is its sign.
public struct FloatingPointForm: Sendable, Hashable {
    public var exponent: Int
    public var mantissa: Int

    public init(exponent: Int, mantissa: Int) {
        self.exponent = exponent
        self.mantissa = mantissa
    }
}

extension Dataset {
    /// The form of floating-point elements of either byte order and of at most eight bytes, which the library converts when it reads them;
    /// `nil` for other elements.
    public var floatingPointForm: FloatingPointForm? {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            let type = try type()
            let bits = 8 * H5Tget_size(type.value)
            guard H5Tget_class(type.value) == H5T_FLOAT, [16, 32, 64].contains(bits),
                [H5T_ORDER_LE, H5T_ORDER_BE].contains(H5Tget_order(type.value)), H5Tget_precision(type.value) == bits
            else { return nil }
            var (sign, exponent, exponentBits, mantissa, mantissaBits) = (0, 0, 0, 0, 0)
            try checked(
                H5Tget_fields(type.value, &sign, &exponent, &exponentBits, &mantissa, &mantissaBits), "H5Tget_fields",
                file: file, object: path)
            return FloatingPointForm(exponent: exponentBits, mantissa: mantissaBits)
        }
    }
}

extension File {
    /// Whether the path ends in a link by name, which may lead nowhere.
    public func isSoftLink(_ path: String) -> Bool {
        Library.enter()
        defer { Library.leave() }
        return chdf5_link_type(identifier.value, path) == H5L_TYPE_SOFT
    }
}
