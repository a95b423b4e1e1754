import Foundation

/// Reads files that somebody else may have put there: ordinary ones only, and no more of them than is asked for.
package struct BoundedFile: ~Copyable {
    package let path: String
    /// In bytes.
    package let size: Int
    private let descriptor: Int32

    /// - Throws: `SmoothnessError`: `.noInput` where it cannot be opened, `.data` for a folder, a pipe or a device, which could be waited for
    ///   without end.
    package init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw SmoothnessError(.noInput, "cannot be read: \(String(cString: strerror(errno)))", file: path)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw SmoothnessError(.data, "is not an ordinary file", file: path)
        }
        self.path = path
        self.descriptor = descriptor
        size = Int(status.st_size)
    }

    /// The first bytes, as many as there are and are asked for.
    package func head(_ count: Int) throws -> Data {
        var data = Data(count: min(count, size))
        var filled = 0
        while filled < data.count {
            let room = data.count - filled
            let read = data.withUnsafeMutableBytes { bytes in
                pread(descriptor, bytes.baseAddress.map { $0 + filled }, room, off_t(filled))
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else {
                throw SmoothnessError(
                    .inputOutput, "cannot be read: \(String(cString: strerror(errno)))", file: path)
            }
            guard read > 0 else { return data.prefix(filled) }
            filled += read
        }
        return data
    }

    /// All of it.
    /// - Throws: `SmoothnessError(.data)` where it is longer than anything of its kind.
    package func contents(upTo limit: Int) throws -> Data {
        guard size <= limit else {
            throw SmoothnessError(
                .data, "is longer than any file of its kind", file: path, expected: "at most \(limit) bytes",
                found: "\(size)")
        }
        return try head(size)
    }

    /// All of a file; `nil` where there is none or it cannot be read.
    package static func contents(of path: String, upTo limit: Int) -> Data? {
        try? BoundedFile(path).contents(upTo: limit)
    }

    deinit { close(descriptor) }
}
