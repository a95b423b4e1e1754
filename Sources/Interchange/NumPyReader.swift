import Essentials

/// Arrays of NumPy: `.npz`, a ZIP archive of `.npy`, or one `.npy`.
enum NumPyReader {
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

    static func isArray(_ bytes: [UInt8]) -> Bool { bytes.starts(with: magic) }

    /// The one array of a `.npy`; it has no name.
    static func array(_ file: FileBytes) throws -> TensorTree {
        let head = try file.read(0, min(file.count, 1 << 16), "header")
        return try tree(file, "array", head, size: file.count) { .bytes($0) }
    }

    static func archive(_ zip: ZipArchive) throws -> TensorTree {
        .dictionary(
            try zip.members.filter { $0.name.hasSuffix(".npy") }.map { member in
                let name = String(member.name.dropLast(4))
                if member.isDeflated {
                    let bytes = try zip.contents(of: member)
                    return (name, try tree(zip.file, name, bytes, size: bytes.count) { .memory(Array(bytes[$0...])) })
                }
                let start = try zip.offset(of: member)
                let head = try zip.file.read(start, min(member.count, 1 << 16), name)
                return (name, try tree(zip.file, name, head, size: member.count) { .bytes(start + $0) })
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
            throw file.damaged(name, expected: "a header of at most 64 kB", found: "\(start) bytes")
        }
        let header = String(decoding: head[(8 + width)..<start], as: UTF8.self)
        guard let type = header.firstMatch(of: /'descr':\s*'([^']*)'/)?.1,
            let order = header.firstMatch(of: /'fortran_order':\s*(True|False)/)?.1,
            let extents = header.firstMatch(of: /'shape':\s*\(([0-9, L]*)\)/)?.1
        else {
            return .other("an array of a structured type or without a readable header")
        }
        let shape = extents.split(separator: ",").compactMap { Int($0.filter(\.isNumber)) }
        let elements: [Substring: ForeignElement] = ["<f2": .float16, "<f4": .float32, "<f8": .float64]
        guard let element = elements[type] else { return .other("an array of type \(type)") }
        guard order == "False" || shape.count < 2 else {
            return .other("an array in Fortran's order; save it with numpy.ascontiguousarray")
        }
        guard let count = elementCount(shape, width: element.byteCount), count * element.byteCount <= size - start
        else { throw file.damaged(name, expected: "the elements of \(shape)", found: "\(size - start) bytes") }
        return .tensor(
            ForeignTensor(file: file.path, name: name, shape: shape, element: element, place: place(start)))
    }
}
