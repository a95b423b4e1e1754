import CArchives
import Essentials

/// How bytes are packed.
package enum Packing: Sendable {
    /// A raw deflate stream, as in ZIP archives.
    case deflate
    /// The members of a gzip file.
    case gzip

    /// Whether a file begins as gzip's do.
    package static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1f, 0x8b]) }

    /// Returns what bytes hold that are packed in this way.
    /// - Parameter most: the most bytes that they may hold; few bytes can unpack to a thousand times their number.
    /// - Throws: `SmoothnessError(.data)`
    package func unpacked(
        _ bytes: [UInt8], file: String, object: String? = nil, atMost most: Int
    ) throws -> [UInt8] {
        let (count, failure) = measured(bytes, atMost: most)
        if let failure {
            throw SmoothnessError(
                .data, "cannot be decoded at offset \(failure.offset)", file: file, object: object,
                expected: self == .gzip ? "a whole gzip file" : "whole deflated data",
                found: String(cString: failure.message))
        }
        return beginning(of: bytes, count: count)
    }

    /// Returns the first bytes of what is packed, fewer where it holds less or is damaged.
    package func beginning(of bytes: [UInt8], count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        var (made, failure) = (0, smoothness_unpack_failure())
        _ = smoothness_unpack(code, bytes, bytes.count, &output, count, &made, &failure)
        if made < count { output.removeLast(count - made) }
        return output
    }

    private func measured(_ bytes: [UInt8], atMost most: Int) -> (count: Int, failure: smoothness_unpack_failure?) {
        var (made, failure) = (0, smoothness_unpack_failure())
        let status = smoothness_unpack(code, bytes, bytes.count, nil, most, &made, &failure)
        return (made, status == 0 ? nil : failure)
    }

    private var code: Int32 { Int32(self == .gzip ? SMOOTHNESS_GZIP : SMOOTHNESS_DEFLATE) }
}
