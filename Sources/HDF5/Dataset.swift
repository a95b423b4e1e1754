import CHDF5

/// How a dataset's elements lie in the file.
public enum Layout: Sendable, Hashable {
    /// When a contiguous dataset gets its place in the file.
    public enum Allocation: Sendable, Hashable { case early, late }

    /// One piece, of fixed extent and never filled: elements that were not written are whatever the file holds there,
    /// zeros in a new file. With `.early` the place is fixed at creation, so that writing changes no metadata.
    case contiguous(Allocation)
    /// Pieces of the given extent; `nil` in `maximum` lets that extent grow without bound.
    case chunked([Int], maximum: [Int?])
}

/// An open dataset. Closed when it goes out of scope.
public struct Dataset: ~Copyable, Sendable {
    public let path: String
    let file: String
    let identifier: Identifier

    /// The current extents; empty for a scalar.
    public var shape: [Int] {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            // Held against the file when the dataset was opened; one that grows is ours.
            return try extents().current.map { Int(clamping: $0) }
        }
    }

    /// `float32`, `int64`, …; `string`, `bool` or `other`. Big-endian numbers are `other`.
    public var elementName: String {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            let type = try type()
            return HDF5.elementName(ofType: type.value)
        }
    }

    public var form: ValueForm {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            let type = try type()
            return ValueForm(type: type.value, shape: try shape)
        }
    }

    public var layout: Layout {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            let list = try creationList()
            if H5Pget_layout(list.value) == H5D_CHUNKED {
                let (current, maximum) = try extents()
                var chunk = [hsize_t](repeating: 0, count: current.count)
                try checked(
                    H5Pget_chunk(list.value, Int32(chunk.count), &chunk), "H5Pget_chunk", file: file, object: path)
                return .chunked(
                    chunk.map { Int(clamping: $0) },
                    maximum: maximum.map { $0 == chdf5_unlimited() ? nil : Int(clamping: $0) })
            }
            var time = H5D_ALLOC_TIME_DEFAULT
            try checked(H5Pget_alloc_time(list.value, &time), "H5Pget_alloc_time", file: file, object: path)
            return .contiguous(time == H5D_ALLOC_TIME_EARLY ? .early : .late)
        }
    }

    /// Whether the elements lie in one piece of the file, neither chunked nor inside the object's header.
    public var isContiguous: Bool {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            // Named, so that it lives until the call is over.
            let list = try creationList()
            return H5Pget_layout(list.value) == H5D_CONTIGUOUS
        }
    }

    /// Where the first element of a contiguous dataset lies, in bytes from the start of the file; `nil` when it has no
    /// place yet or lies in pieces.
    public var byteOffset: Int? {
        Library.enter()
        defer { Library.leave() }
        let offset = H5Dget_offset(identifier.value)
        return offset == chdf5_undefined_address() ? nil : Int(clamping: offset)
    }

    /// Bytes set aside in the file.
    public var storageSize: Int {
        Library.enter()
        defer { Library.leave() }
        return Int(clamping: H5Dget_storage_size(identifier.value))
    }

    /// Grows (or shrinks) a chunked dataset.
    public func extend(to shape: [Int]) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        try requireRank(shape.count, try extents().current.count, "H5Dset_extent")
        let extents = shape.map { hsize_t($0) }
        try checked(H5Dset_extent(identifier.value, extents), "H5Dset_extent", file: file, object: path)
    }

    /// Flushes the whole file that holds this dataset, as `File.flush()`.
    public func flushFile() throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        try checked(H5Fflush(identifier.value, H5F_SCOPE_LOCAL), "H5Fflush", file: file, object: path)
    }

    public consuming func close() throws(HDF5Error) {
        let (path, file) = (path, file)
        try identifier.close("H5Dclose", file: file, object: path)
    }

    func type() throws(HDF5Error) -> Identifier {
        try Identifier(
            owning: H5Dget_type(identifier.value), { H5Tclose($0) }, "H5Dget_type", file: file, object: path)
    }

    func creationList() throws(HDF5Error) -> Identifier {
        try Identifier(
            owning: H5Dget_create_plist(identifier.value), { H5Pclose($0) }, "H5Dget_create_plist", file: file,
            object: path)
    }

    func space() throws(HDF5Error) -> Identifier {
        try Identifier(
            owning: H5Dget_space(identifier.value), { H5Sclose($0) }, "H5Dget_space", file: file, object: path)
    }

    func extents() throws(HDF5Error) -> (current: [hsize_t], maximum: [hsize_t]) {
        let space = try space()
        let rank = try checked(
            H5Sget_simple_extent_ndims(space.value), "H5Sget_simple_extent_ndims", file: file, object: path)
        var current = [hsize_t](repeating: 0, count: Int(rank))
        var maximum = current
        try checked(
            H5Sget_simple_extent_dims(space.value, &current, &maximum), "H5Sget_simple_extent_dims", file: file,
            object: path)
        return (current, maximum)
    }

    func requireRank(_ given: Int, _ rank: Int, _ operation: String) throws(HDF5Error) {
        guard given == rank else {
            throw HDF5Error(
                refused: operation, "\(given) extents were given for a dataset of rank \(rank)", file: file,
                object: path)
        }
    }
}

extension File {
    /// An existing dataset, whose elements lie in this file and whose extents the file has room for: whoever takes them for sizes or
    /// multiplies them with one another and the size of an element is safe from overflow and from more memory than a multiple of the
    /// file's size.
    public func dataset(_ path: String) throws(HDF5Error) -> Dataset {
        Library.enter()
        defer { Library.leave() }
        let value = H5Dopen2(identifier.value, path, chdf5_default())
        let dataset = Dataset(
            path: path, file: self.path,
            identifier: try Identifier(owning: value, { H5Dclose($0) }, "H5Dopen2", file: self.path, object: path))
        try requireWithin(dataset)
        return dataset
    }

    /// A new dataset; an empty shape makes a scalar. Fails when the name is taken.
    public func createDataset<Element: HDF5Scalar>(
        _ path: String, of element: Element.Type, shape: [Int], layout: Layout = .contiguous(.early)
    ) throws(HDF5Error) -> Dataset {
        Library.enter()
        defer { Library.leave() }
        return try createDataset(path, storedType: Element.scalarType.storedType, shape: shape, layout: layout)
    }

    /// As above, for an element that is known only when the program runs.
    public func createDataset(
        _ path: String, of element: ScalarType, shape: [Int], layout: Layout = .contiguous(.early)
    ) throws(HDF5Error) -> Dataset {
        Library.enter()
        defer { Library.leave() }
        return try createDataset(path, storedType: element.storedType, shape: shape, layout: layout)
    }

    func createDataset(
        _ path: String, storedType: hid_t, shape: [Int], layout: Layout
    ) throws(HDF5Error) -> Dataset {
        guard shape.allSatisfy({ $0 >= 0 }) else {
            throw HDF5Error(refused: "H5Dcreate2", "negative extent in \(shape)", file: self.path, object: path)
        }
        let list = try Identifier(
            owning: chdf5_dataset_creation_list(), { H5Pclose($0) }, "H5Pcreate", file: self.path, object: path)
        // Without time stamps the same contents give the same bytes.
        try checked(
            H5Pset_obj_track_times(list.value, false), "H5Pset_obj_track_times", file: self.path, object: path)
        var maximum: [hsize_t]?
        switch layout {
        case .contiguous(let allocation):
            try checked(H5Pset_layout(list.value, H5D_CONTIGUOUS), "H5Pset_layout", file: self.path, object: path)
            try checked(
                H5Pset_alloc_time(list.value, allocation == .early ? H5D_ALLOC_TIME_EARLY : H5D_ALLOC_TIME_LATE),
                "H5Pset_alloc_time", file: self.path, object: path)
            // The library refuses strings without a fill value: what was never written must not be a wild reference.
            if H5Tget_class(storedType) != H5T_STRING {
                try checked(
                    H5Pset_fill_time(list.value, H5D_FILL_TIME_NEVER), "H5Pset_fill_time", file: self.path,
                    object: path)
            }
        case .chunked(let chunk, let limits):
            guard chunk.count == shape.count, limits.count == shape.count, chunk.allSatisfy({ $0 > 0 }) else {
                throw HDF5Error(
                    refused: "H5Dcreate2", "shape \(shape) does not go with chunks \(chunk) and maximum \(limits)",
                    file: self.path, object: path)
            }
            let extents = chunk.map { hsize_t($0) }
            try checked(
                H5Pset_chunk(list.value, Int32(chunk.count), extents), "H5Pset_chunk", file: self.path, object: path)
            maximum = limits.map { $0.map { hsize_t($0) } ?? chdf5_unlimited() }
        }
        let space = try makeSpace(shape, maximum: maximum, file: self.path, object: path)
        let links = try linkList(path)
        let value = H5Dcreate2(
            identifier.value, path, storedType, space.value, links.value, list.value, chdf5_default())
        return Dataset(
            path: path, file: self.path,
            identifier: try Identifier(owning: value, { H5Dclose($0) }, "H5Dcreate2", file: self.path, object: path))
    }
}

/// A dataspace of these extents; none make a scalar.
func makeSpace(
    _ shape: [Int], maximum: [hsize_t]? = nil, file: String, object: String
) throws(HDF5Error) -> Identifier {
    let value: hid_t
    if shape.isEmpty {
        value = H5Screate(H5S_SCALAR)
    } else {
        let extents = shape.map { hsize_t($0) }
        value = H5Screate_simple(Int32(shape.count), extents, maximum ?? extents)
    }
    return try Identifier(owning: value, { H5Sclose($0) }, "H5Screate", file: file, object: object)
}
