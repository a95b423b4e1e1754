import Essentials
import Foundation

/// Random access to the bytes of a file whose numbers are not to be trusted: every read is held against its size first.
package struct FileBytes {
    package let path: String
    package let count: Int
    private let handle: FileHandle

    /// - Throws: `SmoothnessError(.noInput)`
    package init(_ path: String) throws {
        let kind = PlaceKind(path)
        guard kind == .file, let handle = FileHandle(forReadingAtPath: path) else {
            let message =
                switch kind {
                case .free: "there is no such file"
                case .file: "may not be read"
                case .folder: "is a folder, not a file of tensors"
                case .special: "is a pipe or a device, not a file of tensors"
                }
            throw SmoothnessError(.noInput, message, file: path)
        }
        self.path = path
        self.handle = handle
        count = Int(try handle.seekToEnd())
    }

    /// - Throws: `SmoothnessError(.data)` where the file does not reach that far.
    package func read(_ offset: Int, _ length: Int, _ what: String) throws -> [UInt8] {
        guard offset >= 0, length >= 0, offset <= count, length <= count - offset else {
            throw damaged(
                what, expected: "\(length) bytes from \(offset) on", found: "a file of \(count) bytes", isShort: true)
        }
        guard length > 0 else { return [] }
        try handle.seek(toOffset: UInt64(offset))
        let data = try handle.read(upToCount: length) ?? Data()
        guard data.count == length else {
            throw damaged(what, expected: "\(length) bytes from \(offset) on", found: "\(data.count)")
        }
        return [UInt8](data)
    }

    /// - Parameter isShort: whether what is missing should stand behind the end.
    package func damaged(_ what: String, expected: String, found: String, isShort: Bool = false) -> SmoothnessError {
        SmoothnessError(
            .data, isShort ? "is truncated" : "is damaged or no such file", file: path, object: what,
            expected: expected, found: found, remedy: SmoothnessError.copyAgain)
    }
}
