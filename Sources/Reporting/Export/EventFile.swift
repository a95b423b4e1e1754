import Essentials
import Foundation

/// Scalars as a TensorBoard event file: TFRecord frames (length, masked CRC-32C of it, message, masked CRC-32C of that) of the
/// protocol buffer `tensorflow.Event` (tensorflow/core/util/event.proto and framework/summary.proto), of which five fields are used.
public struct EventFile {
    private var contents = Data()
    private let wallTime: Double

    /// - Parameter wallTime: seconds since 1970 that every event carries.
    public init(wallTime: Double) {
        self.wallTime = wallTime
        // Event.file_version = 3
        var version = ProtocolBuffer()
        version.append(double: wallTime, field: 1)
        version.append(bytes: Array("brain.Event:2".utf8), field: 3)
        frame(version.bytes)
    }

    /// The values of one iteration under their tags; values that are not finite are kept, as TensorBoard keeps them.
    public mutating func add(step: Int, _ values: [(tag: String, value: Double)]) {
        var summary = ProtocolBuffer()
        for (tag, value) in values {
            // Summary.Value: tag = 1, simple_value = 2
            var entry = ProtocolBuffer()
            entry.append(bytes: Array(tag.utf8), field: 1)
            entry.append(float: Float(value), field: 2)
            summary.append(bytes: entry.bytes, field: 1)
        }
        // Event: wall_time = 1, step = 2, summary = 5
        var event = ProtocolBuffer()
        event.append(double: wallTime, field: 1)
        event.append(integer: UInt64(bitPattern: Int64(step)), field: 2)
        event.append(bytes: summary.bytes, field: 5)
        frame(event.bytes)
    }

    public var data: Data { contents }

    private mutating func frame(_ message: [UInt8]) {
        let length = UInt64(message.count).littleEndianBytes
        contents.append(contentsOf: length)
        contents.append(contentsOf: Self.masked(length).littleEndianBytes)
        contents.append(contentsOf: message)
        contents.append(contentsOf: Self.masked(message).littleEndianBytes)
    }

    /// Rotated by 15 bits and shifted, so that a checksum of data that holds checksums stays one.
    private static func masked(_ bytes: [UInt8]) -> UInt32 {
        let checksum = CastagnoliChecksum.of(bytes)
        return (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8
    }
}

/// Fields of a protocol buffer message, by number and wire type.
private struct ProtocolBuffer {
    private(set) var bytes: [UInt8] = []

    mutating func append(integer value: UInt64, field: Int) {
        variable(UInt64(field << 3))
        variable(value)
    }

    mutating func append(double value: Double, field: Int) {
        variable(UInt64(field << 3 | 1))
        bytes += value.bitPattern.littleEndianBytes
    }

    mutating func append(float value: Float, field: Int) {
        variable(UInt64(field << 3 | 5))
        bytes += value.bitPattern.littleEndianBytes
    }

    mutating func append(bytes value: [UInt8], field: Int) {
        variable(UInt64(field << 3 | 2))
        variable(UInt64(value.count))
        bytes += value
    }

    private mutating func variable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
