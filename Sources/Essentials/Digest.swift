import CDigest

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

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

    /// The digest as base 64 (RFC 4648, 4), as browsers name it.
    public var base64: String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let digits = sha256.compactMap(\.hexDigitValue)
        // 64 digits of 4 bits are 42 groups of 6 bits and 4 bits more.
        let bits = digits.flatMap { digit in (0..<4).map { digit >> (3 - $0) & 1 } } + [0, 0]
        let groups = stride(from: 0, to: bits.count, by: 6).map { start in
            bits[start..<(start + 6)].reduce(0) { 2 * $0 + $1 }
        }
        return String(groups.map { alphabet[$0] }) + "="
    }

    private static func text(_ hexadecimal: [CChar]) -> String {
        String(decoding: hexadecimal.prefix(64).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
