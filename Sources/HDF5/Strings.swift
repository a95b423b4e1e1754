import CHDF5

extension File {
    /// A new scalar dataset that holds one variable-length UTF-8 string.
    public func writeString(_ path: String, _ value: String) throws(HDF5Error) {
        try writeStrings(path, [value], shape: [])
    }

    /// A new one-dimensional dataset of variable-length UTF-8 strings.
    public func writeStrings(_ path: String, _ values: [String]) throws(HDF5Error) {
        try writeStrings(path, values, shape: [values.count])
    }

    public func readString(_ path: String) throws(HDF5Error) -> String {
        Library.enter()
        defer { Library.leave() }
        let dataset = try dataset(path)
        let shape = try dataset.shape
        guard shape.isEmpty, let value = try readStrings(dataset).first else {
            throw HDF5Error(
                refused: "H5Dread", "one string was asked for and the extents are \(shape)", file: self.path,
                object: path)
        }
        return value
    }

    public func readStrings(_ path: String) throws(HDF5Error) -> [String] {
        Library.enter()
        defer { Library.leave() }
        return try readStrings(try dataset(path))
    }

    private func writeStrings(_ path: String, _ values: [String], shape: [Int]) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        for value in values { try refuseZeroByte(value, "H5Dwrite", file: self.path, object: path) }
        let type = try stringType(file: self.path, object: path)
        let dataset = try createDataset(path, storedType: type.value, shape: shape, layout: .contiguous(.late))
        guard !values.isEmpty else { return }
        let status = withCStrings(values) { pointers in
            H5Dwrite(dataset.identifier.value, type.value, chdf5_all(), chdf5_all(), chdf5_default(), pointers)
        }
        try checked(status, "H5Dwrite", file: self.path, object: path)
    }

    private func readStrings(_ dataset: borrowing Dataset) throws(HDF5Error) -> [String] {
        let type = try Identifier(
            owning: H5Dget_type(dataset.identifier.value), { H5Tclose($0) }, "H5Dget_type", file: path,
            object: dataset.path)
        let space = try dataset.space()
        let id = dataset.identifier.value
        return try decodeStrings(
            type: type.value, space: space.value, count: try dataset.shape.reduce(1, *), operation: "H5Dread",
            file: path, object: dataset.path
        ) { memoryType, buffer in
            H5Dread(id, memoryType, chdf5_all(), chdf5_all(), chdf5_default(), buffer)
        }
    }
}

func stringType(file: String, object: String) throws(HDF5Error) -> Identifier {
    try Identifier(owning: chdf5_string_type(), { H5Tclose($0) }, "H5Tcopy", file: file, object: object)
}

/// A zero byte ends a string in the file: refused rather than cut.
func refuseZeroByte(_ value: String, _ operation: String, file: String, object: String) throws(HDF5Error) {
    guard value.utf8.contains(0) else { return }
    throw HDF5Error(
        refused: operation, "the string has a zero byte inside, which the file cannot hold", file: file, object: object)
}

/// Runs `body` with an array of zero-terminated copies that live only as long as the call.
func withCStrings<Result>(_ values: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for value in values {
        offsets.append(bytes.count)
        bytes.append(contentsOf: value.utf8CString)
    }
    return bytes.withUnsafeBufferPointer { text in
        let pointers: [UnsafePointer<CChar>?] = offsets.map { text.baseAddress! + $0 }
        return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}

/// Strings of either kind that a file may hold, variable-length or of fixed length, ASCII or UTF-8.
func decodeStrings(
    type: hid_t, space: hid_t, count: Int, operation: String, file: String, object: String,
    read: (hid_t, UnsafeMutableRawPointer) -> herr_t
) throws(HDF5Error) -> [String] {
    guard H5Tget_class(type) == H5T_STRING else {
        throw HDF5Error(
            refused: operation, "text was asked for and the elements are \(elementName(ofType: type))", file: file,
            object: object)
    }
    guard count > 0 else { return [] }
    if H5Tis_variable_str(type) > 0 {
        // The library allocates each string; the buffer of pointers is ours, the strings go back by chdf5_reclaim.
        let memory = try Identifier(owning: H5Tcopy(type), { H5Tclose($0) }, "H5Tcopy", file: file, object: object)
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
        pointers.initialize(repeating: nil, count: count)
        defer { pointers.deallocate() }
        try checked(read(memory.value, pointers), operation, file: file, object: object)
        let values = (0..<count).map { pointers[$0].map { String(cString: $0) } ?? "" }
        try checked(chdf5_reclaim(memory.value, space, pointers), "H5Dvlen_reclaim", file: file, object: object)
        return values
    }
    let width = H5Tget_size(type)
    let padding = H5Tget_strpad(type)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, count * width))
    defer { bytes.deallocate() }
    try checked(read(type, bytes), operation, file: file, object: object)
    return (0..<count).map { index in
        let field = UnsafeBufferPointer(start: bytes + index * width, count: width)
        var text = Array(field.prefix { $0 != 0 })
        if padding == H5T_STR_SPACEPAD { while text.last == 0x20 { text.removeLast() } }
        return String(decoding: text, as: UTF8.self)
    }
}
