import Foundation

/// The name of a file or folder while it is made, beside the final one: `NAME.creating-HOST-PROCESS-START-NUMBER`. The process stands in it
/// (`ProcessMark`), so that what a killed process has left can be told from what a living one is at.
package enum FileInTheMaking {
    private static let mark = ".creating-"
    /// What the name of a file ends in that can be continued and lies beside the one that it is to replace.
    package static let unfinished = ".unfinished"
    /// After so many seconds what a process of another machine has made, of which nothing can be known, counts as left.
    private static let foreignPatience = 24 * 3600

    /// A name that no other call gives, in this process or in another.
    package static func name(for path: String) -> String {
        "\(path)\(mark)\(ProcessMark.own.text)-\(String(UInt32.random(in: 0...(.max)), radix: 16))"
    }

    /// Whether it is such a name, of whatever is made.
    package static func isOne(_ name: String) -> Bool { maker(of: name) != nil }

    private static func maker(of name: String) -> ProcessMark? {
        name.range(of: mark).flatMap { ProcessMark(beginning: name[$0.upperBound...]) }
    }

    /// Refuses a place where a file cannot be put, or would take away a device or a pipe from everybody.
    /// - Throws: `SmoothnessError(.cannotCreate)`
    package static func requireOrdinaryPlace(_ path: String) throws {
        switch PlaceKind(path) {
        case .free, .file: return
        case .folder: throw SmoothnessError(.cannotCreate, "is a folder", file: path, remedy: "Name a file")
        case .special:
            throw SmoothnessError(
                .cannotCreate, "is a pipe or a device, which a file would replace", file: path, remedy: "Name a file")
        }
    }

    /// Whether there is something of this name, if only a link that leads nowhere.
    package static func isTaken(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    // MARK: - Its own name

    /// Gives what was made under `temporary` its own name. A link that stands there is replaced; what it leads to stays as it is.
    /// - Parameters:
    ///   - isReplacing: whether what stands at `path` may go. Otherwise the name must be free, also of what another process has made there in the
    ///     meantime.
    ///   - isDurable: whether the disk is asked to keep the name as well.
    /// - Throws: `SmoothnessError(.cannotCreate)`; `temporary` stays then.
    package static func publish(
        _ temporary: String, as path: String, isReplacing: Bool, isDurable: Bool = true
    ) throws {
        // A hard link where nothing may be replaced, because renaming would replace.
        var isDone = (isReplacing ? rename(temporary, path) : link(temporary, path)) == 0
        let reason = errno
        if isDone, !isReplacing { unlink(temporary) }
        if !isDone, !isReplacing, [EPERM, EOPNOTSUPP, ENOSYS].contains(reason), !isTaken(path) {
            // A file system without hard links: look, then rename.
            isDone = rename(temporary, path) == 0
        }
        guard isDone else {
            throw SmoothnessError(
                .cannotCreate, "cannot take its name: \(String(cString: strerror(reason)))", file: path,
                remedy: reason == EEXIST
                    ? "Another call has made it: give the command again to continue it." : nil)
        }
        if isDurable { synchronizeFolder(of: path) }
    }

    /// Asks the disk to keep the names of a folder. A file system that cannot is left as it is: the file under its name is whole in any case.
    private static func synchronizeFolder(of path: String) {
        let descriptor = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    // MARK: - What killed processes have left

    /// Removes what processes left that were killed while they made this very file or folder, under its own name or as `NAME.unfinished`: whether
    /// there was something to replace may have changed since.
    package static func removeLeftovers(of path: String) {
        let place = URL(filePath: path)
        var name = place.lastPathComponent
        if name.hasSuffix(unfinished) { name.removeLast(unfinished.count) }
        let prefixes = [name + mark, name + unfinished + mark]
        removeLeftovers(in: place.deletingLastPathComponent().path) { other in prefixes.contains { other.hasPrefix($0) }
        }
    }

    /// Removes what killed processes left in a folder.
    /// - Parameter isMeant: whether a name is to be looked at.
    package static func removeLeftovers(in folder: String, where isMeant: (String) -> Bool = { _ in true }) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isMeant(name) {
            let path = "\(folder)/\(name)"
            guard let maker = maker(of: name), isAbandoned(path, by: maker) else { continue }
            try? FileManager.default.removeItem(atPath: path)
        }
    }

    /// Whether it is the user's, its process is gone, and nobody holds its lock.
    private static func isAbandoned(_ path: String, by maker: ProcessMark) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_uid == geteuid() else { return false }
        let isGone =
            maker.isRunningHere.map { !$0 } ?? (time(nil) - status.st_mtim.tv_sec > foreignPatience)
        return isGone && (status.st_mode & S_IFMT != S_IFREG || !isLocked(path))
    }

    /// Whether another open file holds a lock on it, as writers of HDF5 files do.
    package static func isLocked(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return OpenFileLock.isHeldElsewhere(descriptor) == true
    }
}
