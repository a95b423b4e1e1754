import Essentials
import Foundation
import HDF5

/// Looks again and again at a run file that another process is writing, without opening it anew: eight bytes are read, and a lock
/// is asked about.
public struct RunFileWatch: ~Copyable {
    /// Tells what is known about the process that writes the file.
    public enum Writer: Sendable, Equatable {
        /// It holds its lock.
        case atWork
        /// Nobody holds the lock.
        case none
        /// The file system has no locks.
        case unknown
    }

    public let path: String
    private let descriptor: Int32
    /// The offset of `/commit` in the file; `nil` where it has none of its own.
    private let counterOffset: Int?

    /// - Throws: as `RunFileReader`.
    public init(_ path: String) throws {
        let file = try RunFileOpening.open(path, .readOnly)
        let offset = try translating(.data) { try file.dataset(RunFilePath.commit).byteOffset }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw SmoothnessError(.noInput, "cannot be read: \(String(cString: strerror(errno)))", file: path)
        }
        self.path = path
        self.descriptor = descriptor
        counterOffset = offset
    }

    /// The rows that count now.
    public func committedRows() throws -> Int {
        guard let counterOffset else { return try RunFileReader(path).snapshotCount }
        var count: UInt64 = 0
        let read = pread(descriptor, &count, MemoryLayout<UInt64>.size, off_t(counterOffset))
        guard read == MemoryLayout<UInt64>.size else {
            throw SmoothnessError(
                .inputOutput, "the commit counter cannot be read", file: path, object: RunFilePath.commit)
        }
        return Int(clamping: UInt64(littleEndian: count))
    }

    /// Tells whether the name still leads to the file that was opened.
    public var isInPlace: Bool {
        var (own, other) = (stat(), stat())
        guard fstat(descriptor, &own) == 0, stat(path, &other) == 0 else { return false }
        return own.st_dev == other.st_dev && own.st_ino == other.st_ino
    }

    /// Tells whether a process is writing the file.
    public var writer: Writer {
        switch OpenFileLock.isHeldElsewhere(descriptor) {
        case nil: .unknown
        case true?: .atWork
        case false?: .none
        }
    }

    /// Tells whether the file is in its place, is being written, and has no more than these rows.
    public func isUnchanged(since rows: Int) throws -> Bool {
        guard isInPlace, writer == .atWork else { return false }
        return try committedRows() <= rows
    }

    deinit { close(descriptor) }
}
