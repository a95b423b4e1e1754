import CHDF5
import CHDF5Examination

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

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
        let type = try dataset.type()
        let space = try dataset.space()
        let id = dataset.identifier.value
        return try decodeStrings(
            type: type.value, space: space.value, count: try dataset.shape.reduce(1, *), operation: "H5Dread",
            file: path, object: dataset.path
        ) { memoryType, transfer, buffer in
            H5Dread(id, memoryType, chdf5_all(), chdf5_all(), transfer, buffer)
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
    read: (_ memoryType: hid_t, _ transfer: hid_t, _ buffer: UnsafeMutableRawPointer) -> herr_t
) throws(HDF5Error) -> [String] {
    guard H5Tget_class(type) == H5T_STRING else {
        throw HDF5Error(
            refused: operation, "text was asked for and the elements are \(elementName(ofType: type))", file: file,
            object: object)
    }
    guard count > 0 else { return [] }
    let width = H5Tget_size(type)
    guard width > 0, count <= Int(HDF5_TEXT_ELEMENT_BYTES) / width else {
        throw HDF5Error(refused: operation, "\(count) texts are more than are read", file: file, object: object)
    }
    func text(_ bytes: some Sequence<UInt8>) throws(HDF5Error) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw HDF5Error(refused: operation, "the text is not UTF-8", file: file, object: object)
        }
        return text
    }
    var values: [String] = []
    values.reserveCapacity(count)
    if H5Tis_variable_str(type) > 0 {
        // The library allocates each string; the buffer of pointers is ours, the strings go back by chdf5_reclaim_with.
        let memory = try Identifier(owning: H5Tcopy(type), { H5Tclose($0) }, "H5Tcopy", file: file, object: object)
        let pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
        let allowance = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        pointers.initialize(repeating: nil, count: count)
        allowance.initialize(to: Int(HDF5_TEXT_BYTES))
        defer {
            pointers.deallocate()
            allowance.deallocate()
        }
        let transfer = try Identifier(
            owning: hdf5_text_transfer_list(allowance), { H5Pclose($0) }, "H5Pset_vlen_mem_manager", file: file,
            object: object)
        try checked(read(memory.value, transfer.value, pointers), operation, file: file, object: object)
        defer { _ = chdf5_reclaim_with(memory.value, space, transfer.value, pointers) }
        for index in 0..<count {
            guard let pointer = pointers[index] else {
                values.append("")
                continue
            }
            let bytes = UnsafeRawBufferPointer(start: pointer, count: strlen(pointer))
            values.append(try text(bytes))
        }
        return values
    }
    let padding = H5Tget_strpad(type)
    let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: count * width)
    bytes.initialize(repeating: 0, count: count * width)
    defer { bytes.deallocate() }
    try checked(read(type, chdf5_default(), bytes), operation, file: file, object: object)
    for index in 0..<count {
        let field = UnsafeBufferPointer(start: bytes + index * width, count: width)
        var content = Array(field.prefix { $0 != 0 })
        if padding == H5T_STR_SPACEPAD { while content.last == 0x20 { content.removeLast() } }
        values.append(try text(content))
    }
    return values
}
