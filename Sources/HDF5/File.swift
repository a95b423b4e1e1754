import CHDF5

/// An open HDF5 file. Closed when it goes out of scope; `close()` does it where failure matters: what is still in the
/// library's buffers is written then.
///
/// Paths are absolute inside the file, as `/trajectory/loss`. Groups on the way to a new object are made.
/// A file stays open inside the library until the datasets taken from it are gone as well.
/// Safe to hand to another thread: every call of the library runs under one lock.
public struct File: ~Copyable, Sendable {
    public enum Access: Sendable { case readOnly, readWrite }

    public let path: String
    let identifier: Identifier

    private init(path: String, identifier: consuming Identifier) {
        self.path = path
        self.identifier = identifier
    }

    /// A new file of the earliest library version that can hold what is put into it, so that any reader opens it.
    /// Never truncates: fails when something of this name exists.
    public static func create(_ path: String) throws(HDF5Error) -> File {
        Library.enter()
        defer { Library.leave() }
        let access = try accessList(path)
        let value = H5Fcreate(path, chdf5_exclusive(), chdf5_default(), access.value)
        return File(
            path: path, identifier: try Identifier(owning: value, { H5Fclose($0) }, "H5Fcreate", file: path))
    }

    /// - Throws: `HDF5Error` also for a file whose structure libhdf5 cannot read without harm; see `Examination`.
    public static func open(_ path: String, _ access: Access = .readOnly) throws(HDF5Error) -> File {
        Library.enter()
        defer { Library.leave() }
        let examined = try Examination.examined(path)
        let list = try accessList(path)
        let flags = access == .readOnly ? chdf5_read_only() : chdf5_read_write()
        let value = H5Fopen(examined.path, flags, list.value)
        // The path leads to the examined file as long as that is open.
        withExtendedLifetime(examined) {}
        return File(path: path, identifier: try Identifier(owning: value, { H5Fclose($0) }, "H5Fopen", file: path))
    }

    /// Whether the file carries the signature of HDF5. Throws when it cannot be read at all.
    public static func isHDF5(_ path: String) throws(HDF5Error) -> Bool {
        Library.enter()
        defer { Library.leave() }
        return try checked(chdf5_is_hdf5(path), "H5Fis_hdf5", file: path) > 0
    }

    /// The version of libhdf5 that runs, as `1.10.8`.
    public static var libraryVersion: String {
        Library.enter()
        defer { Library.leave() }
        var (major, minor, release): (UInt32, UInt32, UInt32) = (0, 0, 0)
        H5get_libversion(&major, &minor, &release)
        return "\(major).\(minor).\(release)"
    }

    /// 0 to 2 can be read by every HDF5 since 1.8; 3 takes 1.10.
    public var superblockVersion: Int {
        get throws(HDF5Error) {
            Library.enter()
            defer { Library.leave() }
            var information = H5F_info2_t()
            try checked(H5Fget_info2(identifier.value, &information), "H5Fget_info2", file: path)
            return Int(information.super.version)
        }
    }

    /// Hands everything in the library's buffers to the operating system. After this a killed process loses nothing of
    /// it; a machine that loses power may: that takes `fsync`.
    public func flush() throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        try checked(H5Fflush(identifier.value, H5F_SCOPE_LOCAL), "H5Fflush", file: path)
    }

    public consuming func close() throws(HDF5Error) {
        let path = path
        try identifier.close("H5Fclose", file: path)
    }

    private static func accessList(_ path: String) throws(HDF5Error) -> Identifier {
        let list = try Identifier(
            owning: chdf5_file_access_list(), { H5Pclose($0) }, "H5Pcreate", file: path)
        try checked(
            H5Pset_libver_bounds(list.value, H5F_LIBVER_EARLIEST, chdf5_latest_version()), "H5Pset_libver_bounds",
            file: path)
        try checked(chdf5_disable_file_locking(list.value), "H5Pset_file_locking", file: path)
        return list
    }
}
