/// Cyclic redundancy checks of 32 bits with reflected bits: CRC-32 of ZIP and CRC-32C (Castagnoli) of event files.
struct Checksum {
    private let table: [UInt32]

    static let zip = Checksum(polynomial: 0xEDB8_8320)
    static let castagnoli = Checksum(polynomial: 0x82F6_3B78)

    private init(polynomial: UInt32) {
        table = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
        }
    }

    func callAsFunction(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for byte in bytes { value = table[Int((value ^ UInt32(byte)) & 0xFF)] ^ value >> 8 }
        return value ^ 0xFFFF_FFFF
    }
}

extension FixedWidthInteger {
    /// Least significant byte first.
    var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) }
    }
}
