import Essentials
import Foundation

/// Puts a whole file in place or none: written beside its destination, synchronised, then renamed over it.
/// - Throws: `SmoothnessError(.cannotCreate)` where the folder is missing or not writable, `.inputOutput` where writing fails.
public func writeAtomically(_ contents: Data, to path: String) throws {
    let folder = URL(filePath: path).deletingLastPathComponent().path
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
        throw SmoothnessError(
            .cannotCreate, "cannot be created: its folder does not exist", file: path, expected: "a folder \(folder)",
            remedy: "Create the folder or name another output.")
    }
    if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
        throw SmoothnessError(.cannotCreate, "cannot be created: it is a folder", file: path)
    }
    try refuseSpecialFile(path)
    // The process's number alone may come again after a crash.
    let beside = path + ".\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0...(.max))).partial"
    let descriptor = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
        throw SmoothnessError(.cannotCreate, "cannot be created: \(String(cString: strerror(errno)))", file: path)
    }
    do {
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        try handle.write(contentsOf: contents)
        try handle.synchronize()
        try handle.close()
    } catch {
        unlink(beside)
        throw SmoothnessError(.inputOutput, "cannot be written: \(error.localizedDescription)", file: path)
    }
    guard rename(beside, path) == 0 else {
        let reason = String(cString: strerror(errno))
        unlink(beside)
        throw SmoothnessError(.inputOutput, "cannot be put in place: \(reason)", file: path)
    }
}

public func writeAtomically(_ text: String, to path: String) throws {
    try writeAtomically(Data(text.utf8), to: path)
}

/// Refuses a device, pipe or socket: renaming a file over it would take it away from everybody.
private func refuseSpecialFile(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return }
    throw SmoothnessError(
        .cannotCreate, "is not an ordinary file and would be replaced", file: path,
        remedy: "Leave --output out to write to standard output, and redirect that.")
}
