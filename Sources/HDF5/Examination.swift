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
        /// The time of the last change of its bytes or of its inode, which nobody can set: a number of an inode is given again, and copies keep the
        /// time of modification.
        var seconds: Int
        var nanoseconds: Int
    }

    /// The files that were found readable. Read and written under the library's lock only.
    nonisolated(unsafe) private static var examinedBefore: Set<Identity> = []

    /// Examines the file and holds it open, for libhdf5 to open what was examined, whatever stands under the path by then. Must run
    /// under the library's lock.
    /// A file that is not there or may not be read is not examined: whoever opens it hears it from the library.
    /// - Throws: `HDF5Error` with the fault `.damaged` where libhdf5 cannot read the file without harm; also for what is no ordinary file.
    static func examined(_ path: String) throws(HDF5Error) -> ExaminedFile {
        // A pipe must not be waited for.
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        var status = stat()
        guard descriptor >= 0 else { return ExaminedFile(descriptor: nil, path: path) }
        let file = ExaminedFile(descriptor: descriptor, path: "/proc/self/fd/\(descriptor)")
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw HDF5Error(refused: "open", "is not an ordinary file", file: path)
        }
        let identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
        guard !examinedBefore.contains(identity) else { return file }
        let found = hdf5_examine(descriptor)
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
        if examinedBefore.count >= 4096 { examinedBefore.removeAll() }
        examinedBefore.insert(identity)
        return file
    }

    /// The text in an array of C, which Swift sees as a tuple.
    private static func text<Array>(_ array: Array) -> String {
        withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// A file that is held open, and the path under which it is found as long as it is. Closed when it goes out of scope.
struct ExaminedFile: ~Copyable {
    fileprivate let descriptor: Int32?
    let path: String

    /// Whether something else, or nothing, stands under the path at which it was found.
    func isReplaced(at original: String) -> Bool {
        guard let descriptor else { return false }
        var (own, present) = (stat(), stat())
        return fstat(descriptor, &own) == 0
            && (stat(original, &present) != 0 || own.st_dev != present.st_dev || own.st_ino != present.st_ino)
    }

    deinit { if let descriptor { close(descriptor) } }
}
