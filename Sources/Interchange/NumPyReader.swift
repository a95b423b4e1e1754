import Archives
import Essentials

/// Arrays of NumPy: `.npz`, a ZIP archive of `.npy`, or one `.npy`.
enum NumPyReader {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// A header describes one type and at most 64 extents; those of structured types, which are refused, may be longer.
    private static let mostHeaderBytes = 1 << 16

    static func isArray(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// The one array of a `.npy`; it has no name.
    static func array(_ file: FileBytes) throws -> TensorTree {
        let head = try file.read(0, min(file.count, mostHeaderBytes), "header")
        return try tree(file, "array", head, size: file.count) { .bytes($0) }
    }

    static func archive(_ zip: ZipArchive) throws -> TensorTree {
        .dictionary(
            try zip.members.filter { $0.name.hasSuffix(".npy") }.map { member in
                let name = String(member.name.dropLast(4))
                if member.isDeflated {
                    let contents = try zip.deflated(member)
                    let head = try contents.read(0..<min(member.count, mostHeaderBytes))
                    return (name, try tree(zip.file, name, head, size: member.count) { .packed(contents, $0) })
                }
                try zip.requireChecksum(of: member)
                let head = try zip.file.read(member.start, min(member.count, mostHeaderBytes), name)
                return (name, try tree(zip.file, name, head, size: member.count) { .bytes(member.start + $0) })
            })
    }

    /// - Parameters:
    ///   - head: the beginning of the array's bytes, its whole header at least.
    ///   - size: of all of them.
    private static func tree(
        _ file: FileBytes, _ name: String, _ head: [UInt8], size: Int, _ place: (Int) -> ForeignTensor.Place
    ) throws -> TensorTree {
        guard head.count >= 12, isArray(head), (1...3).contains(head[6]) else {
            throw file.damaged(name, expected: "a NumPy array of format 1 to 3", found: "something else")
        }
        let width = head[6] == 1 ? 2 : 4
        let start = 8 + width + Int(head[8...].prefix(width).littleEndian)
        guard start <= head.count else {
            throw file.damaged(name, expected: "a header of at most \(head.count) bytes", found: "\(start) bytes")
        }
        let header = String(decoding: head[(8 + width)..<start], as: UTF8.self)
        guard let type = header.firstMatch(of: /'descr':\s*'([^']*)'/)?.1,
            let order = header.firstMatch(of: /'fortran_order':\s*(True|False)/)?.1,
            let extents = header.firstMatch(of: /'shape':\s*\(([0-9, L]*)\)/)?.1
        else {
            return .unreadable("an array of a structured type or without a readable header")
        }
        guard let element = elements[String(type.drop { "<>=|".contains($0) })] else {
            // Objects are pickles, which are programs: they are not opened.
            return type.contains("c") ? .unreadable("an array of type \(type)") : .other("an array of type \(type)")
        }
        let numbers = extents.split(separator: ",").map { $0.filter { !$0.isWhitespace && $0 != "L" } }.filter {
            !$0.isEmpty
        }
        let shape = numbers.compactMap { Int($0) }
        guard shape.count == numbers.count, let count = elementCount(shape, width: element.byteCount),
            count * element.byteCount <= size - start
        else {
            throw file.damaged(
                name, expected: "the elements of (\(extents))", found: "\(size - start) bytes", isShort: true)
        }
        let isColumnMajor = order == "True" && shape.count > 1
        return .tensor(
            ForeignTensor(
                file: file.path, name: name, shape: shape, element: element, place: place(start),
                strides: isColumnMajor ? ForeignTensor.reversedStrides(shape) : nil, isBigEndian: type.hasPrefix(">")))
    }

    private static let elements: [String: ForeignElement] = ["f2": .float16, "f4": .float32, "f8": .float64]
}
