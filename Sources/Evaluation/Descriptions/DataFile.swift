import Essentials
import Foundation

/// A data file as an objective was made from it: where it was, and what it held.
public struct DataFile: Sendable, Hashable, Codable {
    /// As it was given, so relative to the folder of that call if it was.
    public var path: String
    public var digest: Digest

    enum CodingKeys: String, CodingKey {
        case path, sha256
        case byteCount = "byte_count"
    }

    /// The file as it is now.
    /// - Throws: `SmoothnessError` of kind `.noInput` or `.inputOutput`.
    public init(path: String) throws {
        self.path = path
        try requireRegularFile(path)
        digest = try Digest(ofFile: path)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        path = try container.decode(String.self, forKey: .path)
        digest = Digest(
            sha256: try container.decode(String.self, forKey: .sha256),
            byteCount: try container.decode(Int.self, forKey: .byteCount))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(digest.sha256, forKey: .sha256)
        try container.encode(digest.byteCount, forKey: .byteCount)
    }

    /// The bytes, which must be the ones that the description was made from.
    /// - Parameter place: where the file is now, if it has moved.
    /// - Throws: `SmoothnessError` of kind `.noInput`, `.inputOutput`, or `.data` where the file has changed.
    package func read(from place: String? = nil) throws -> [UInt8] {
        let path = place ?? path
        try requireRegularFile(path)
        try requireLength(of: path)
        guard let data = FileManager.default.contents(atPath: path) else {
            let isThere = FileManager.default.fileExists(atPath: path)
            throw SmoothnessError(
                isThere ? .inputOutput : .noInput, isThere ? "cannot be read" : "there is no such file", file: path,
                expected: "the data file with SHA-256 \(digest.sha256), \(digest.byteCount) bytes",
                remedy: "Say where it is now with --data")
        }
        let bytes = [UInt8](data)
        try require(Digest(of: bytes), of: path)
        return bytes
    }

    /// Holds the bytes of a file against the digest without keeping them.
    /// - Throws: as `read`.
    package func requireUnchanged(at place: String? = nil) throws {
        let path = place ?? path
        try requireRegularFile(path)
        try requireLength(of: path)
        try require(Digest(ofFile: path), of: path)
    }

    private func require(_ found: Digest, of path: String) throws {
        guard found == digest else {
            throw SmoothnessError(
                .data, "is not the file that this objective was made from", file: path,
                expected: "SHA-256 \(digest.sha256), \(digest.byteCount) bytes",
                found: "SHA-256 \(found.sha256), \(found.byteCount) bytes",
                remedy: "Restore the original file or say with --data where a copy is")
        }
    }

    /// Spares reading a file that cannot be the right one.
    private func requireLength(of path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0, Int(status.st_size) != digest.byteCount else { return }
        throw SmoothnessError(
            .data, "is not the file that this objective was made from", file: path,
            expected: "SHA-256 \(digest.sha256), \(digest.byteCount) bytes", found: "\(status.st_size) bytes",
            remedy: "Restore the original file or say with --data where a copy is")
    }
}

/// Refuses folders, pipes and devices: a description may name any place, and some of them never end. What is not there is left to who reads.
package func requireRegularFile(_ path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return }
    let isFolder = status.st_mode & S_IFMT == S_IFDIR
    throw SmoothnessError(
        .data, "is not a data file", file: path, expected: "a file",
        found: isFolder ? "a folder" : "a pipe, a socket or a device")
}
