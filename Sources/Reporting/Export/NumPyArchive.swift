import Essentials
import Foundation

/// Named arrays as NumPy's `.npz`: a ZIP archive (APPNOTE 6.3.10, stored without compression) of `.npy` files (format 1.0, NumPy
/// Enhancement Proposal 1).
public struct NumPyArchive {
    private var members: [(name: String, data: Data)] = []

    public init() {}

    /// Float64, row-major.
    public mutating func add(_ name: String, _ values: [Double], shape: [Int]) {
        precondition(shape.reduce(1, *) == values.count, "\(name) has another number of values than its shape")
        add(name, type: "<f8", shape) { data in
            for value in values { data.append(contentsOf: value.bitPattern.littleEndianBytes) }
        }
    }

    public mutating func add(_ name: String, _ values: [Double]) { add(name, values, shape: [values.count]) }

    /// Int64.
    public mutating func add(_ name: String, _ values: [Int]) {
        add(name, type: "<i8", [values.count]) { data in
            for value in values { data.append(contentsOf: Int64(value).littleEndianBytes) }
        }
    }

    /// Unicode, padded to the longest.
    public mutating func add(_ name: String, _ values: [String]) {
        let width = max(values.map(\.unicodeScalars.count).max() ?? 1, 1)
        add(name, type: "<U\(width)", [values.count]) { data in
            for value in values {
                let scalars = value.unicodeScalars.map(\.value)
                for scalar in scalars + [UInt32](repeating: 0, count: width - scalars.count) {
                    data.append(contentsOf: scalar.littleEndianBytes)
                }
            }
        }
    }

    private mutating func add(_ name: String, type: String, _ shape: [Int], _ write: (inout Data) -> Void) {
        let extents = shape.map { "\($0)," }.joined(separator: " ")
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
        // Magic, version and length take 10 bytes; the whole is a multiple of 64 and ends with a line.
        let padding = (64 - (10 + header.utf8.count + 1) % 64) % 64
        header += String(repeating: " ", count: padding) + "\n"
        var data = Data([0x93] + Array("NUMPY".utf8) + [1, 0])
        data.append(contentsOf: UInt16(header.utf8.count).littleEndianBytes)
        data.append(contentsOf: header.utf8)
        write(&data)
        members.append((name + ".npy", data))
    }

    /// The archive.
    /// - Throws: `SmoothnessError(.data)` beyond 4 GiB, where a ZIP needs another form.
    public func data() throws -> Data {
        var archive = Data()
        var directory = Data()
        for (name, data) in members {
            guard archive.count + data.count < Int(UInt32.max) - 1 << 20 else {
                throw SmoothnessError(.data, "more than 4 GiB do not fit in one archive")
            }
            let offset = archive.count
            let checksum = Checksum.zip(data)
            // Version 2.0, no flags, stored, 1 January 1980: equal arrays make equal files.
            var common = Data()
            for value in [20, 0x800, 0, 0, 0x21] as [UInt16] { common.append(contentsOf: value.littleEndianBytes) }
            for value in [checksum, UInt32(data.count), UInt32(data.count)] {
                common.append(contentsOf: value.littleEndianBytes)
            }
            common.append(contentsOf: UInt16(name.utf8.count).littleEndianBytes)
            common.append(contentsOf: UInt16(0).littleEndianBytes)
            archive.append(contentsOf: UInt32(0x0403_4B50).littleEndianBytes)
            archive.append(common)
            archive.append(contentsOf: name.utf8)
            archive.append(data)
            directory.append(contentsOf: UInt32(0x0201_4B50).littleEndianBytes)
            directory.append(contentsOf: UInt16(20).littleEndianBytes)
            directory.append(common)
            // No comment, first disk, binary, no attributes.
            directory.append(contentsOf: [UInt8](repeating: 0, count: 10))
            directory.append(contentsOf: UInt32(offset).littleEndianBytes)
            directory.append(contentsOf: name.utf8)
        }
        let start = archive.count
        archive.append(directory)
        archive.append(contentsOf: UInt32(0x0605_4B50).littleEndianBytes)
        for value in [0, 0, UInt16(members.count), UInt16(members.count)] {
            archive.append(contentsOf: value.littleEndianBytes)
        }
        archive.append(contentsOf: UInt32(directory.count).littleEndianBytes)
        archive.append(contentsOf: UInt32(start).littleEndianBytes)
        archive.append(contentsOf: UInt16(0).littleEndianBytes)
        return archive
    }
}
