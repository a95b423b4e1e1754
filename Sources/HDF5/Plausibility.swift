import CHDF5

extension File {
    /// Datasets of no more bytes than this are plausible in a file of any size.
    private static var alwaysPlausible: UInt64 { 1 << 26 }
    /// The most that a filter can have compressed: deflate makes one byte of 1032.
    private static var compression: UInt64 { 1100 }

    /// Holds the layout and the extents of a dataset against the file: elements lie in it, not in others; those that lie in one piece end
    /// before the file does; and those in chunks, of which a file need not hold all, are not more than compression explains.
    func requireWithin(_ dataset: borrowing Dataset) throws(HDF5Error) {
        let id = dataset.identifier.value
        let list = try dataset.creationList()
        let layout = H5Pget_layout(list.value)
        guard layout != H5D_VIRTUAL, H5Pget_external_count(list.value) == 0 else {
            throw HDF5Error(
                refused: "H5Dopen2", "the elements lie in other files, which are not read", file: path,
                object: dataset.path)
        }
        let extents = try dataset.extents().current
        let type = try Identifier(
            owning: H5Dget_type(id), { H5Tclose($0) }, "H5Dget_type", file: path, object: dataset.path)
        var fileSize: hsize_t = 0
        try checked(H5Fget_filesize(identifier.value, &fileSize), "H5Fget_filesize", file: path)
        func damaged(_ message: String) -> HDF5Error {
            HDF5Error(
                fault: .damaged, "H5Dopen2", "the extents \(extents) \(message)", file: path, object: dataset.path)
        }
        // Without zeros, so that products of some of the extents are bounded as well.
        var bytes = UInt64(max(1, H5Tget_size(type.value)))
        for extent in extents {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, extent))
            bytes = overflow ? .max : product
        }
        let filters = layout == H5D_CHUNKED ? H5Pget_nfilters(list.value) : 0
        let (compressed, overflow) = fileSize.multipliedReportingOverflow(by: filters == 0 ? 2 : Self.compression)
        guard bytes <= max(Self.alwaysPlausible, overflow ? .max : compressed), bytes <= Int64.max else {
            throw damaged("are more than a file of \(fileSize) bytes has room for")
        }
        let offset = H5Dget_offset(id)
        guard layout == H5D_CONTIGUOUS, !extents.contains(0), offset != chdf5_undefined_address() else {
            // Asking a chunked dataset for its place is an error.
            H5Eclear2(chdf5_error_default())
            return
        }
        let (end, wraps) = UInt64(offset).addingReportingOverflow(bytes)
        guard !wraps, end <= fileSize else { throw damaged("end after the file, which has \(fileSize) bytes") }
    }
}
