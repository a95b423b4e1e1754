import Archives
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
    public func data() throws -> Data { try ZipArchive.stored(members) }
}
