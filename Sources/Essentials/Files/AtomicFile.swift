import Foundation

/// Puts a whole file in place or none: written beside its destination, synchronised, then renamed over it. A link that stands there is replaced,
/// not what it leads to. What killed calls have left of the same file is removed.
/// - Throws: `SmoothnessError(.cannotCreate)` where the folder is missing or not writable, `.inputOutput` where writing fails.
public func writeAtomically(_ contents: Data, to path: String) throws {
    FileInTheMaking.removeLeftovers(of: path)
    try writeAtomically(contents, to: path, isDurable: true)
}

/// - Parameter isDurable: whether the disk is asked to keep the name, too; without it leftovers are for the caller to remove.
package func writeAtomically(_ contents: Data, to path: String, isDurable: Bool) throws {
    let folder = URL(filePath: path).deletingLastPathComponent().path
    guard PlaceKind(folder) == .folder else {
        throw SmoothnessError(
            .cannotCreate, "cannot be created: its folder does not exist", file: path, expected: "a folder \(folder)",
            remedy: "Create the folder or name another output.")
    }
    switch PlaceKind(path) {
    case .free, .file: break
    case .folder: throw SmoothnessError(.cannotCreate, "cannot be created: it is a folder", file: path)
    case .special:
        throw SmoothnessError(
            .cannotCreate, "is not an ordinary file and would be replaced", file: path,
            remedy: "Leave --output out to write to standard output, and redirect that.")
    }
    let beside = FileInTheMaking.name(for: path)
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
        throw SmoothnessError(.cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", file: path)
    }
    // A name that was given away is no more there.
    defer { unlink(beside) }
    do {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: contents)
        try handle.synchronize()
        try handle.close()
    } catch {
        throw SmoothnessError(.inputOutput, "cannot be written: \(error.localizedDescription)", file: path)
    }
    try FileInTheMaking.publish(beside, as: path, isReplacing: true, isDurable: isDurable)
}

public func writeAtomically(_ text: String, to path: String) throws {
    try writeAtomically(Data(text.utf8), to: path)
}
