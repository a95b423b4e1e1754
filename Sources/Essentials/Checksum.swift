import CDigest

/// The CRC-32 of zlib, gzip, PNG and ZIP: what a changed bit cannot leave as it was.
public struct Checksum: Sendable, Hashable {
    /// Of no byte it is 0.
    public private(set) var value: UInt32 = 0

    public init() {}

    /// Of the bytes of numbers, as they lie in memory.
    public init<Element: BitwiseCopyable>(of values: [Element]) { add(values) }

    /// Goes on with the bytes of these numbers.
    public mutating func add<Element: BitwiseCopyable>(_ values: [Element]) {
        value = smoothness_checksum(value, values, values.count * MemoryLayout<Element>.stride)
    }

    /// Eight hexadecimal digits.
    public static func text(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
