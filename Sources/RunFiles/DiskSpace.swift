import Essentials
import Foundation

/// Reserves the blocks of a file on its disk.
package enum DiskSpace {
    /// Bytes that an ordinary user may still write to the file system of `path`; `nil` when it does not say.
    static func available(at path: String) -> Int? {
        var information = statvfs()
        guard statvfs(path, &information) == 0 else { return nil }
        return Int(
            clamping: UInt64(information.f_bavail).multipliedReportingOverflow(by: UInt64(information.f_frsize))
                .partialValue)
    }

    /// Reserves `byteCount` bytes for an open file, so that no later write into them can meet a full disk.
    /// - Throws: `SmoothnessError` with kind `.cannotCreate`, with the bytes needed and available.
    static func reserve(_ byteCount: Int, descriptor: Int32, file: String, folder: String) throws {
        guard byteCount > 0 else { return }
        var status = EINTR
        while status == EINTR { status = posix_fallocate(descriptor, 0, off_t(byteCount)) }
        guard status != 0 else { return }
        throw shortage(of: byteCount, file: file, folder: folder, reason: String(cString: strerror(status)))
    }

    /// Returns the space that is left to others on the file system of `path`: a hundredth of it, at most 1 GiB.
    static func margin(at path: String) -> Int {
        var information = statvfs()
        guard statvfs(path, &information) == 0 else { return 0 }
        let size = UInt64(information.f_blocks).multipliedReportingOverflow(by: UInt64(information.f_frsize))
            .partialValue
        return Int(min(size / 100, 1 << 30))
    }

    /// Refuses at once what cannot fit, or would take the last of the space.
    static func requireRoom(for byteCount: Int, file: String, folder: String) throws {
        guard let available = available(at: folder) else { return }
        let reason = String(cString: strerror(ENOSPC))
        guard available >= byteCount else {
            throw shortage(of: byteCount, file: file, folder: folder, reason: reason)
        }
        let margin = margin(at: folder)
        guard available - byteCount < margin else { return }
        var error = shortage(of: byteCount, file: file, folder: folder, reason: reason)
        error.expected = "\(byteCount) bytes and \(margin) to be left free"
        throw error
    }

    /// Makes a file of this size at `path` and removes it: what cannot be made or does not fit is known before libhdf5 begins,
    /// which after a failed write can neither close its file nor end its process in order. Meant for few bytes: a
    /// file system that cannot reserve has every block written.
    /// - Parameter extent: How far apart in the file these bytes may lie; what is between stays a hole.
    /// - Throws: `SmoothnessError` with kind `.cannotCreate`.
    package static func rehearse(
        _ byteCount: Int, extent: Int? = nil, at path: String, file: String, folder: String
    ) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw SmoothnessError(
                .cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", file: file,
                remedy: "Write to a folder that is there and may be written")
        }
        defer {
            close(descriptor)
            unlink(path)
        }
        try reserve(byteCount, descriptor: descriptor, file: file, folder: folder)
        guard let extent, ftruncate(descriptor, off_t(extent)) != 0 else { return }
        throw shortage(of: extent, file: file, folder: folder, reason: String(cString: strerror(errno)))
    }

    private static func shortage(of byteCount: Int, file: String, folder: String, reason: String) -> SmoothnessError {
        SmoothnessError(
            .cannotCreate, "the space for the file cannot be reserved: \(reason)", file: file,
            expected: "\(byteCount) bytes", found: available(at: folder).map { "\($0) bytes available" },
            remedy: "Free space or write elsewhere; a run needs less with fewer saved iterates")
    }
}
