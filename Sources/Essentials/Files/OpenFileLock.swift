import Foundation

/// The lock of an open file that keeps other writers away: it ends with the process, whatever becomes of it, and readers do not care for it.
package enum OpenFileLock {
    /// Whether another open file holds a lock on the file of this descriptor; `nil` where the file system has no locks.
    package static func isHeldElsewhere(_ descriptor: Int32) -> Bool? {
        var request = request(F_WRLCK)
        // F_OFD_GETLK: asks and takes nothing.
        guard fcntl(descriptor, 36, &request) == 0 else { return nil }
        return Int32(request.l_type) != F_UNLCK
    }

    /// Takes the lock (`F_WRLCK`) or gives it back (`F_UNLCK`).
    /// - Returns: whether it was done; `errno` says why not.
    package static func set(_ kind: Int32, on descriptor: Int32) -> Bool {
        var request = request(kind)
        // F_OFD_SETLK: unlike F_SETLK it is not lost when libhdf5 closes its own descriptor of the same file.
        return fcntl(descriptor, 37, &request) == 0
    }

    private static func request(_ kind: Int32) -> flock {
        var request = flock()
        request.l_type = Int16(kind)
        request.l_whence = Int16(SEEK_SET)
        return request
    }
}
