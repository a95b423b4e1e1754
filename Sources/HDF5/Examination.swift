import CHDF5
import CHDF5Examination

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Lets another process read through the structure of a file before this one does: libhdf5 trusts what a file says, and a damaged one
/// would make it crash or spin. Each file is examined once, as long as it stays what it was.
enum Examination {
    /// What tells a file from another and from what it was before.
    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    /// The files that were found readable. Read and written under the library's lock only.
    nonisolated(unsafe) private static var examined: Set<Identity> = []

    /// Returns when libhdf5 can read the file without harm. Must run under the library's lock.
    /// - Throws: `HDF5Error` with the fault `.damaged` where it cannot; also for what is no ordinary file.
    static func require(_ path: String) throws(HDF5Error) {
        var status = stat()
        // Who opens a file that is not there hears it from the library.
        guard stat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw HDF5Error(refused: "open", "is not an ordinary file", file: path)
        }
        let identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        guard !examined.contains(identity) else { return }
        let found = hdf5_examine(path)
        let operation = text(found.operation)
        func damaged(_ message: String) -> HDF5Error {
            let object = text(found.object)
            return HDF5Error(
                fault: .damaged, operation, message, file: path, object: object.isEmpty ? nil : object)
        }
        switch hdf5_examination_outcome(UInt32(found.outcome)) {
        case HDF5_EXAMINATION_DONE: break
        case HDF5_EXAMINATION_CRASHED:
            throw damaged("libhdf5 crashes in \(operation)")
        case HDF5_EXAMINATION_ENDLESS:
            throw damaged("libhdf5 does not come to an end in \(operation)")
        case HDF5_EXAMINATION_CONTRADICTION:
            throw damaged(operation)
        default:
            throw HDF5Error(
                refused: "fork", "the file cannot be examined: \(String(cString: strerror(found.detail)))", file: path,
                isSystemFailure: true)
        }
        if examined.count >= 4096 { examined.removeAll() }
        examined.insert(identity)
    }

    /// The text in an array of C, which Swift sees as a tuple.
    private static func text<Array>(_ array: Array) -> String {
        withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
