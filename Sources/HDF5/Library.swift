import CHDF5
import CHDF5Examination

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The one door to libhdf5.
///
/// "The HDF5 library … is not thread-safe" unless built so, and the builds of the distributions are not: even calls on
/// different files from different threads are undefined. Hence every call of this module runs between `enter` and
/// `leave`, one process-wide recursive lock. The error stack is the library's own state, so it is read under the same
/// entry as the call that filled it.
enum Library {
    /// A recursive mutex that lives as long as the process.
    ///
    /// `@unchecked Sendable`: the pointer is set once in `init` and only ever handed to pthread functions, which are
    /// made for being called from several threads.
    private final class Lock: @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

        init() {
            var attributes = pthread_mutexattr_t()
            pthread_mutexattr_init(&attributes)
            pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
            let status = pthread_mutex_init(mutex, &attributes)
            pthread_mutexattr_destroy(&attributes)
            precondition(status == 0, "the lock around libhdf5 cannot be made: error \(status)")
            // Files are closed where they are used. At the exit of a process the library would close again what damaged files left half open.
            H5dont_atexit()
            H5open()
            // A link to another file is not followed: whoever wrote a file would choose what else is read.
            H5Lunregister(H5L_TYPE_EXTERNAL)
            // Before any file is open, and before libraries with threads of their own are loaded.
            hdf5_examiner_start()
        }

        func acquire() { pthread_mutex_lock(mutex) }
        func release() { pthread_mutex_unlock(mutex) }
    }

    private static let lock = Lock()

    static func enter() {
        lock.acquire()
        // Automatic printing to stderr is a setting of the thread where the library knows threads: switch it off each
        // time. Errors reach the caller inside `HDF5Error`.
        H5Eset_auto2(chdf5_error_default(), nil, nil)
    }

    static func leave() { lock.release() }
}

/// An identifier that is given back when it goes out of scope; failures of that are ignored.
struct Identifier: ~Copyable {
    typealias Closer = @Sendable (hid_t) -> herr_t

    private(set) var value: hid_t
    private let closer: Closer

    /// Takes ownership of `value`, the result of a call; a negative one becomes an error.
    init(
        owning value: hid_t, _ closer: @escaping Closer, _ operation: String, file: String?, object: String? = nil
    ) throws(HDF5Error) {
        self.value = try checked(value, operation, file: file, object: object)
        self.closer = closer
    }

    /// Gives the identifier back now and says whether that worked.
    consuming func close(_ operation: String, file: String?, object: String? = nil) throws(HDF5Error) {
        Library.enter()
        defer { Library.leave() }
        let open = value
        value = -1
        try checked(closer(open), operation, file: file, object: object)
    }

    deinit {
        guard value >= 0 else { return }
        Library.enter()
        _ = closer(value)
        Library.leave()
    }
}

/// The result of a call, or the library's error stack when it is negative. Must run under the call's own entry.
@discardableResult
func checked<Result: SignedInteger>(
    _ result: Result, _ operation: String, file: String?, object: String? = nil
) throws(HDF5Error) -> Result {
    guard result >= 0 else { throw HDF5Error(operation, file: file, object: object, stack: drainErrorStack()) }
    return result
}
