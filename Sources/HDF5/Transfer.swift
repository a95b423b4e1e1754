import CHDF5

extension Dataset {
    /// Writes a hyperslab: the box of extents `count` whose first element is at `start`, row-major. The array's memory
    /// goes to the library as it is.
    public func write<Element: HDF5Scalar>(
        _ values: [Element], start: [Int], count: [Int]
    ) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        let selection = try select(start: start, count: count, "H5Dwrite")
        try requireCount(values.count, selection.count, "H5Dwrite")
        guard selection.count > 0 else { return }
        let status = H5Dwrite(
            identifier.value, Element.scalarType.memoryType, selection.memory.value, selection.file.value,
            chdf5_default(), values)
        try checked(status, "H5Dwrite", file: file, object: path)
    }

    /// Writes every element, row-major.
    public func write<Element: HDF5Scalar>(all values: [Element]) throws(HDF5Error) {
        let shape = try shape
        try write(values, start: shape.map { _ in 0 }, count: shape)
    }

    /// Writes one element.
    public func write<Element: HDF5Scalar>(_ value: Element, at index: [Int]) throws(HDF5Error) {
        try write([value], start: index, count: index.map { _ in 1 })
    }

    /// Reads a hyperslab into `values`, whose memory is used again when it already has the right number of elements.
    public func read<Element: HDF5Scalar>(
        into values: inout [Element], start: [Int], count: [Int]
    ) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        let selection = try select(start: start, count: count, "H5Dread")
        try requirePlainNumber()
        let status: herr_t
        if values.count == selection.count {
            guard selection.count > 0 else { return }
            status = H5Dread(
                identifier.value, Element.scalarType.memoryType, selection.memory.value, selection.file.value,
                chdf5_default(), &values)
        } else {
            var result: herr_t = 0
            let (id, memory, stored) = (identifier.value, selection.memory.value, selection.file.value)
            // Uninitialised memory that the library fills: a zeroed vector would be written twice.
            values = Array(unsafeUninitializedCapacity: selection.count) { buffer, initialized in
                if selection.count > 0 {
                    result = H5Dread(
                        id, Element.scalarType.memoryType, memory, stored, chdf5_default(), buffer.baseAddress)
                }
                // Bits of any value are a valid number, so a failed read leaves nothing undefined but its contents,
                // which are dropped below.
                initialized = result < 0 ? 0 : selection.count
            }
            status = result
        }
        do { try checked(status, "H5Dread", file: file, object: path) } catch { throw naming(missingFiltersIn: error) }
    }

    /// The error with the names of the filters where they are at fault: the library names the first folder in which it looked for a plugin.
    private func naming(missingFiltersIn error: HDF5Error) -> HDF5Error {
        guard error.fault == .missingFilter, let list = try? creationList() else { return error }
        var missing: [String] = []
        for index in 0..<UInt32(max(0, H5Pget_nfilters(list.value))) {
            var (flags, settings): (UInt32, UInt32) = (0, 0)
            var settingCount = 0
            var name = [CChar](repeating: 0, count: 128)
            let number = H5Pget_filter2(list.value, index, &flags, &settingCount, nil, name.count, &name, &settings)
            guard number > 0, H5Zfilter_avail(number) <= 0 else { continue }
            missing.append("\(decoded(name).isEmpty ? "filter" : "'\(decoded(name))'") (number \(number))")
        }
        H5Eclear2(chdf5_error_default())
        var error = error
        if !missing.isEmpty { error.message = missing.joined(separator: ", ") }
        return error
    }

    /// Reads a hyperslab.
    public func read<Element: HDF5Scalar>(
        as element: Element.Type, start: [Int], count: [Int]
    ) throws(HDF5Error) -> [Element] {
        var values: [Element] = []
        try read(into: &values, start: start, count: count)
        return values
    }

    /// Reads every element, row-major.
    public func read<Element: HDF5Scalar>(as element: Element.Type) throws(HDF5Error) -> [Element] {
        let shape = try shape
        return try read(as: element, start: shape.map { _ in 0 }, count: shape)
    }

    /// The file's side and the memory's side of a transfer.
    private struct Selection: ~Copyable {
        let memory: Identifier
        let file: Identifier
        let count: Int
    }

    private func select(start: [Int], count: [Int], _ operation: String) throws(HDF5Error) -> Selection {
        let extents = try extents().current.map { Int(clamping: $0) }
        try requireRank(start.count, extents.count, operation)
        try requireRank(count.count, extents.count, operation)
        for axis in extents.indices {
            guard start[axis] >= 0, count[axis] >= 0, start[axis] <= extents[axis],
                count[axis] <= extents[axis] - start[axis]
            else {
                throw HDF5Error(
                    refused: operation, "the box of \(count) at \(start) reaches outside the extents \(extents)",
                    file: file, object: path)
            }
        }
        // Bounded by the extents, whose product was held against the file.
        let total = count.reduce(1, *)
        let stored = try space()
        // An empty selection and a scalar need no hyperslab.
        if !extents.isEmpty, total > 0 {
            let (first, box) = (start.map { hsize_t($0) }, count.map { hsize_t($0) })
            try checked(
                H5Sselect_hyperslab(stored.value, H5S_SELECT_SET, first, nil, box, nil), "H5Sselect_hyperslab",
                file: file, object: path)
        }
        let memory = try makeSpace([total], file: file, object: path)
        return Selection(memory: memory, file: stored, count: total)
    }

    private func requirePlainNumber() throws(HDF5Error) {
        let type = try type()
        guard chdf5_is_plain_number(type.value) != 0 else {
            throw HDF5Error(
                refused: "H5Dread",
                "numbers were asked for and the elements are \(HDF5.elementName(ofType: type.value))",
                file: file, object: path)
        }
    }

    private func requireCount(_ given: Int, _ needed: Int, _ operation: String) throws(HDF5Error) {
        guard given == needed else {
            throw HDF5Error(
                refused: operation, "\(given) values were given for \(needed) elements", file: file, object: path)
        }
    }
}
