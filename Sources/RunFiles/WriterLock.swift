import Essentials
import Foundation

/// Holds a file against a second writer, as long as it lives: an open-file-description lock, which ends with the process
/// whatever becomes of it. Readers are not kept out.
package struct WriterLock: ~Copyable {
    /// The lock's own descriptor of the file, for what is done to the file beside the library.
    let descriptor: Int32

    /// Takes the lock or says that somebody else has it.
    package init(_ path: String, shownAs name: String) throws {
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SmoothnessError(.cannotCreate, "cannot be opened for writing: \(Self.reason)", file: name)
        }
        guard !OpenFileLock.set(F_WRLCK, on: descriptor) else { return }
        // File systems without locks cannot guard; those that have them answer EAGAIN or EACCES when it is taken.
        if errno == EAGAIN || errno == EACCES {
            throw SmoothnessError(
                .cannotCreate, "another process is writing this file", file: name,
                remedy: "Wait for it to end, or write to another file")
        }
    }

    package func reserve(_ byteCount: Int, file: String, folder: String) throws {
        try DiskSpace.reserve(byteCount, descriptor: descriptor, file: file, folder: folder)
    }

    /// Asks the disk to hold everything written, so that a loss of power does not undo it.
    package func synchronize(file: String) throws {
        guard fsync(descriptor) != 0 else { return }
        throw SmoothnessError(.inputOutput, "fsync failed: \(Self.reason)", file: file)
    }

    private static var reason: String { String(cString: strerror(errno)) }

    deinit {
        guard descriptor >= 0 else { return }
        // Closing alone is not enough: a process that was started a moment ago holds a copy until it has begun its program.
        _ = OpenFileLock.set(F_UNLCK, on: descriptor)
        close(descriptor)
    }
}
