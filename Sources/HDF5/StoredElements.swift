#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// The elements of the contiguous datasets of a file, read past the library from where it says that they lie: from several threads at
/// the same time, into memory that is used again. For native numbers that nobody is about to write.
public struct StoredElements: ~Copyable, Sendable {
    public let path: String
    private let descriptor: Int32

    /// - Throws: `HDF5Error` where the file cannot be opened.
    public init(_ path: String) throws(HDF5Error) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        self.path = path
        guard descriptor >= 0 else {
            throw HDF5Error(refused: "open", String(cString: strerror(errno)), file: path, isSystemFailure: true)
        }
    }

    deinit { close(descriptor) }

    /// Reads `count` elements that begin `byte` bytes into the file to the beginning of `values`, which must have room for them.
    public func read<Element: HDF5Scalar>(
        into values: inout [Element], count: Int, atByte byte: Int
    ) throws(HDF5Error) {
        precondition(count <= values.count, "room for \(values.count) of \(count) elements")
        let wanted = count * MemoryLayout<Element>.stride
        guard byte >= 0, !byte.addingReportingOverflow(wanted).overflow else {
            throw HDF5Error(fault: .damaged, "pread", "elements lie at byte \(byte)", file: path, object: nil)
        }
        let failure = values.withUnsafeMutableBytes { buffer -> (message: String, isSystemFailure: Bool)? in
            var done = 0
            while done < wanted {
                let got = pread(descriptor, buffer.baseAddress! + done, wanted - done, off_t(byte + done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    return got < 0
                        ? (String(cString: strerror(errno)), true)
                        : ("the file ends \(wanted - done) bytes too early", false)
                }
                done += got
            }
            return nil
        }
        if let failure {
            throw HDF5Error(refused: "pread", failure.message, file: path, isSystemFailure: failure.isSystemFailure)
        }
    }

    /// Tells the system that these bytes will be wanted soon: advice, on which nothing depends.
    public func announce(_ bytes: Range<Int>) {
        _ = posix_fadvise(descriptor, off_t(bytes.lowerBound), off_t(bytes.count), POSIX_FADV_WILLNEED)
    }
}
