import CDigest
import Foundation

/// A SHA-256 digest with the number of bytes that it covers.
public struct Digest: Sendable, Hashable, Codable {
    /// 64 lower-case hexadecimal digits.
    public var sha256: String
    public var byteCount: Int

    public init(sha256: String, byteCount: Int) {
        self.sha256 = sha256
        self.byteCount = byteCount
    }

    public init(of bytes: [UInt8]) {
        var hexadecimal = [CChar](repeating: 0, count: 65)
        let status = smoothness_sha256_bytes(bytes, bytes.count, &hexadecimal)
        precondition(status == 0, "libcrypto refused SHA-256 over \(bytes.count) bytes")
        self.init(sha256: Self.text(hexadecimal), byteCount: bytes.count)
    }

    /// The digest of a file, read in pieces.
    /// - Throws: `SmoothnessError` with kind `.noInput` or `.inputOutput`.
    public init(ofFile path: String) throws {
        var hexadecimal = [CChar](repeating: 0, count: 65)
        var byteCount: UInt64 = 0
        let status = smoothness_sha256_file(path, &hexadecimal, &byteCount)
        guard status == 0 else {
            throw SmoothnessError(
                status == ENOENT ? .noInput : .inputOutput, "cannot be read: \(String(cString: strerror(status)))",
                file: path)
        }
        self.init(sha256: Self.text(hexadecimal), byteCount: Int(byteCount))
    }

    /// The 32 bytes of the digest.
    package var bytes: [UInt8] { Array(hexadecimal: sha256) ?? [] }

    /// The digest as base 64 (RFC 4648, 4), as browsers name it.
    public var base64: String { Data(bytes).base64EncodedString() }

    private static func text(_ hexadecimal: [CChar]) -> String {
        String(decoding: hexadecimal.prefix(64).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
