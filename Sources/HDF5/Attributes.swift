import CHDF5

/// What a scalar attribute may hold: `String`, `Int64`, `UInt64`, `Double`, `Bool`.
public protocol HDF5AttributeValue: Sendable {
    /// How the value is kept between Swift and the library.
    init?(_ content: AttributeContent)
    var content: AttributeContent { get }
}

/// The contents of a scalar attribute.
public enum AttributeContent: Sendable, Hashable {
    /// A variable-length UTF-8 string: h5py's `str`.
    case text(String)
    case signed(Int64)
    case unsigned(UInt64)
    case real(Double)
    /// h5py's truth value, an enumeration over int8.
    case truth(Bool)
}

extension String: HDF5AttributeValue {
    public var content: AttributeContent { .text(self) }
    public init?(_ content: AttributeContent) {
        guard case .text(let value) = content else { return nil }
        self = value
    }
}
extension Int64: HDF5AttributeValue {
    public var content: AttributeContent { .signed(self) }
    public init?(_ content: AttributeContent) {
        switch content {
        case .signed(let value): self = value
        case .unsigned(let value):
            guard let value = Int64(exactly: value) else { return nil }
            self = value
        default: return nil
        }
    }
}
extension UInt64: HDF5AttributeValue {
    public var content: AttributeContent { .unsigned(self) }
    public init?(_ content: AttributeContent) {
        switch content {
        case .unsigned(let value): self = value
        case .signed(let value):
            guard let value = UInt64(exactly: value) else { return nil }
            self = value
        default: return nil
        }
    }
}
extension Double: HDF5AttributeValue {
    public var content: AttributeContent { .real(self) }
    public init?(_ content: AttributeContent) {
        switch content {
        case .real(let value): self = value
        case .signed(let value): self = Double(value)
        case .unsigned(let value): self = Double(value)
        default: return nil
        }
    }
}
extension Bool: HDF5AttributeValue {
    public var content: AttributeContent { .truth(self) }
    public init?(_ content: AttributeContent) {
        guard case .truth(let value) = content else { return nil }
        self = value
    }
}

/// How an attribute or a dataset lies in the file, for validators.
public struct ValueForm: Sendable, Hashable, CustomStringConvertible {
    /// As `Dataset.elementName`.
    public var elementName: String
    /// Empty for a scalar.
    public var shape: [Int]
    public var isVariableLength: Bool
    public var isUTF8: Bool

    public var description: String {
        let extents = shape.isEmpty ? "a scalar" : "extents \(shape)"
        guard elementName == "string" else { return "\(elementName), \(extents)" }
        return "\(isVariableLength ? "variable" : "fixed")-length \(isUTF8 ? "UTF-8" : "ASCII") text, \(extents)"
    }

    /// Variable-length UTF-8 text, what h5py writes for `str`.
    public static func text(_ shape: [Int] = []) -> ValueForm {
        ValueForm(elementName: "string", shape: shape, isVariableLength: true, isUTF8: true)
    }
}

extension ValueForm {
    init(type: hid_t, shape: [Int]) {
        let isText = H5Tget_class(type) == H5T_STRING
        self.init(
            elementName: HDF5.elementName(ofType: type), shape: shape,
            isVariableLength: isText && H5Tis_variable_str(type) > 0,
            isUTF8: isText && H5Tget_cset(type) == H5T_CSET_UTF8)
    }
}

extension File {
    /// Sets a scalar attribute of an object. One that exists with the same type is overwritten in its place; another
    /// is replaced. The library refuses more than 64 KiB: large text belongs into a dataset.
    public func setAttribute<Value: HDF5AttributeValue>(
        _ name: String, of object: String = "/", to value: Value
    ) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        let place = "\(object)@\(name)"
        let owner = try open(object)
        let content = value.content
        if case .text(let text) = content { try refuseZeroByte(text, "H5Awrite", file: path, object: place) }
        let type = try attributeType(content, place)
        let attribute = try openOrCreateAttribute(name, owner.value, type.value, place)
        let memory: hid_t
        switch content {
        case .signed: memory = chdf5_native_int64()
        case .unsigned: memory = chdf5_native_uint64()
        case .real: memory = chdf5_native_float64()
        case .text, .truth: memory = type.value
        }
        let status: herr_t
        switch content {
        case .text(let text): status = withCStrings([text]) { H5Awrite(attribute.value, memory, $0) }
        case .signed(var number): status = H5Awrite(attribute.value, memory, &number)
        case .unsigned(var number): status = H5Awrite(attribute.value, memory, &number)
        case .real(var number): status = H5Awrite(attribute.value, memory, &number)
        case .truth(let truth):
            var byte: Int8 = truth ? 1 : 0
            status = H5Awrite(attribute.value, memory, &byte)
        }
        try checked(status, "H5Awrite", file: path, object: place)
        try attribute.close("H5Aclose", file: path, object: place)
    }

    /// A scalar attribute. Integers of any width convert when they fit; text may be of fixed length.
    public func attribute<Value: HDF5AttributeValue>(
        _ name: String, of object: String = "/", as value: Value.Type
    ) throws(HDF5Error) -> Value {
        let content = try attributeContent(name, of: object)
        guard let value = Value(content) else {
            throw HDF5Error(
                refused: "H5Aread", "\(Value.self) was asked for and the attribute holds \(content)", file: path,
                object: "\(object)@\(name)")
        }
        return value
    }

    /// A scalar attribute, whatever it holds.
    public func attributeContent(_ name: String, of object: String = "/") throws(HDF5Error) -> AttributeContent {
        Library.enter()
        defer { Library.leave() }
        let place = "\(object)@\(name)"
        let owner = try open(object)
        let attribute = try openAttribute(name, owner.value, place)
        let space = try attributeSpace(attribute.value, place)
        let count = H5Sget_simple_extent_npoints(space.value)
        guard count == 1 else {
            throw HDF5Error(
                refused: "H5Aread", "one value was asked for and the attribute has \(count)", file: path, object: place)
        }
        let type = try typeOfAttribute(attribute.value, place)
        let id = attribute.value
        let kind = H5Tget_class(type.value)
        guard kind != H5T_INTEGER && kind != H5T_FLOAT || chdf5_is_plain_number(type.value) != 0 else {
            throw HDF5Error(
                refused: "H5Aread", "the attribute is a number that is laid out as in no processor", file: path,
                object: place)
        }
        switch kind {
        case H5T_STRING:
            let texts = try decodeStrings(
                type: type.value, space: space.value, count: 1, operation: "H5Aread", file: path, object: place
            ) { memoryType, _, buffer in H5Aread(id, memoryType, buffer) }
            return .text(texts[0])
        case H5T_INTEGER where H5Tget_sign(type.value) == H5T_SGN_NONE:
            var number: UInt64 = 0
            try checked(H5Aread(id, chdf5_native_uint64(), &number), "H5Aread", file: path, object: place)
            return .unsigned(number)
        case H5T_INTEGER:
            var number: Int64 = 0
            try checked(H5Aread(id, chdf5_native_int64(), &number), "H5Aread", file: path, object: place)
            return .signed(number)
        case H5T_FLOAT:
            var number = 0.0
            try checked(H5Aread(id, chdf5_native_float64(), &number), "H5Aread", file: path, object: place)
            return .real(number)
        case H5T_ENUM where elementName(ofType: type.value) == "bool":
            var byte: Int8 = 0
            try checked(H5Aread(id, type.value, &byte), "H5Aread", file: path, object: place)
            return .truth(byte != 0)
        default:
            throw HDF5Error(
                refused: "H5Aread", "the attribute is neither text nor a number nor a truth value", file: path,
                object: place)
        }
    }

    /// How an attribute is stored.
    public func attributeForm(_ name: String, of object: String = "/") throws(HDF5Error) -> ValueForm {
        Library.enter()
        defer { Library.leave() }
        let place = "\(object)@\(name)"
        let owner = try open(object)
        let attribute = try openAttribute(name, owner.value, place)
        let space = try attributeSpace(attribute.value, place)
        let rank = try checked(
            H5Sget_simple_extent_ndims(space.value), "H5Sget_simple_extent_ndims", file: path, object: place)
        var extents = [hsize_t](repeating: 0, count: Int(rank))
        try checked(
            H5Sget_simple_extent_dims(space.value, &extents, nil), "H5Sget_simple_extent_dims", file: path,
            object: place)
        let type = try typeOfAttribute(attribute.value, place)
        return ValueForm(type: type.value, shape: extents.map { Int(clamping: $0) })
    }

    /// The names of an object's attributes, in alphabetical order.
    public func attributeNames(of object: String = "/") throws(HDF5Error) -> [String] {
        Library.enter()
        defer { Library.leave() }
        let owner = try open(object)
        var names: [String] = []
        let status = withUnsafeMutablePointer(to: &names) { chdf5_each_attribute(owner.value, appendName, $0) }
        try checked(status, "H5Aiterate2", file: path, object: object)
        return names
    }

    public func hasAttribute(_ name: String, of object: String = "/") throws(HDF5Error) -> Bool {
        Library.enter()
        defer { Library.leave() }
        let owner = try open(object)
        return try checked(H5Aexists(owner.value, name), "H5Aexists", file: path, object: "\(object)@\(name)") > 0
    }

    private func attributeType(_ content: AttributeContent, _ place: String) throws(HDF5Error) -> Identifier {
        let value: hid_t
        switch content {
        case .text: value = chdf5_string_type()
        case .truth: value = chdf5_bool_type()
        case .signed: value = H5Tcopy(chdf5_stored_int64())
        case .unsigned: value = H5Tcopy(chdf5_stored_uint64())
        case .real: value = H5Tcopy(chdf5_stored_float64())
        }
        return try Identifier(owning: value, { H5Tclose($0) }, "H5Tcopy", file: path, object: place)
    }

    private func openOrCreateAttribute(
        _ name: String, _ owner: hid_t, _ type: hid_t, _ place: String
    ) throws(HDF5Error) -> Identifier {
        if try checked(H5Aexists(owner, name), "H5Aexists", file: path, object: place) > 0 {
            let existing = try openAttribute(name, owner, place)
            let stored = try typeOfAttribute(existing.value, place)
            let space = try attributeSpace(existing.value, place)
            if H5Tequal(stored.value, type) > 0, H5Sget_simple_extent_type(space.value) == H5S_SCALAR {
                return existing
            }
            try existing.close("H5Aclose", file: path, object: place)
            try checked(H5Adelete(owner, name), "H5Adelete", file: path, object: place)
        }
        let space = try makeSpace([], file: path, object: place)
        let value = H5Acreate2(owner, name, type, space.value, chdf5_default(), chdf5_default())
        return try Identifier(owning: value, { H5Aclose($0) }, "H5Acreate2", file: path, object: place)
    }

    private func openAttribute(_ name: String, _ owner: hid_t, _ place: String) throws(HDF5Error) -> Identifier {
        let value = H5Aopen(owner, name, chdf5_default())
        return try Identifier(owning: value, { H5Aclose($0) }, "H5Aopen", file: path, object: place)
    }

    private func typeOfAttribute(_ attribute: hid_t, _ place: String) throws(HDF5Error) -> Identifier {
        try Identifier(owning: H5Aget_type(attribute), { H5Tclose($0) }, "H5Aget_type", file: path, object: place)
    }

    private func attributeSpace(_ attribute: hid_t, _ place: String) throws(HDF5Error) -> Identifier {
        try Identifier(owning: H5Aget_space(attribute), { H5Sclose($0) }, "H5Aget_space", file: path, object: place)
    }
}
