import Essentials

/// The members of a ZIP archive (APPNOTE 6.3.10 with its 64-bit extensions), stored or deflated, for reading. Every member lies in a place of
/// its own under a name of its own; its contents are held against their CRC-32.
///
/// Deflate and CRC-32 are zlib's; the directory is read here. libzip tells neither where the bytes of a member lie, which must not overlap with
/// another's and from which tensors are read piece by piece, nor can it pass over the checksums of an archive that was saved without them, and
/// its errors do not say what was expected.
package struct ZipArchive {
    package struct Member {
        package var name: String
        package var isDeflated: Bool
        package var packedCount: Int
        package var count: Int
        package var checksum: UInt32
        /// Where its local header begins.
        fileprivate var header: Int
        /// Where its bytes begin; those of a stored member are its contents.
        package fileprivate(set) var start = 0
    }

    package let file: FileBytes
    package let members: [Member]
    /// Whether no member has a checksum, as after `torch.serialization.set_crc32_options(False)`.
    package let isWithoutChecksums: Bool

    package static func begins(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x50, 0x4b, 3, 4]) }

    /// - Throws: `SmoothnessError(.data)` for what is no whole archive.
    package init(_ file: FileBytes) throws {
        self.file = file
        let (start, length, count) = try Self.directory(of: file)
        // A directory entry has at least 46 bytes.
        guard count <= length / 46 + 1 else {
            throw file.damaged("central directory", expected: "at most \(length / 46) members", found: "\(count)")
        }
        let bytes = try file.read(start, length, "central directory")
        var members: [Member] = []
        var position = 0
        for _ in 0..<count {
            var member = try Self.member(bytes, &position, file)
            member.start = try Self.start(of: member, in: file)
            members.append(member)
        }
        guard position == bytes.count else {
            throw file.damaged(
                "central directory", expected: "\(count) members in \(length) bytes", found: "\(position) bytes of them"
            )
        }
        self.members = members
        isWithoutChecksums = members.allSatisfy { $0.checksum == 0 } && members.contains { $0.count > 0 }
        try requireOwnPlaces(before: start)
    }

    /// Refuses members that share their name or any byte with another.
    private func requireOwnPlaces(before end: Int) throws {
        var names: Set<String> = []
        for member in members where !names.insert(member.name).inserted {
            throw file.damaged(member.name, expected: "one member of this name", found: "two")
        }
        let inOrder = members.sorted { $0.header < $1.header }
        for (index, member) in inOrder.enumerated() {
            let next = index + 1 < inOrder.count ? inOrder[index + 1].header : end
            guard member.start + member.packedCount <= next else {
                throw file.damaged(
                    member.name, expected: "its \(member.packedCount) bytes from \(member.start) to end before \(next)",
                    found: index + 1 < inOrder.count
                        ? "\(inOrder[index + 1].name) there" : "the central directory there")
            }
        }
    }

    /// Where the central directory lies and how many members it has.
    private static func directory(of file: FileBytes) throws -> (start: Int, length: Int, count: Int) {
        let length = min(file.count, 65_557)
        let tail = try file.read(file.count - length, length, "end of the archive")
        guard
            let place = tail.indices.reversed().first(where: {
                tail.count - $0 >= 22 && tail[$0...].starts(with: [0x50, 0x4b, 5, 6])
            })
        else {
            throw file.damaged("end of the archive", expected: "a central directory", found: "none", isShort: true)
        }
        func number(_ offset: Int, _ width: Int) -> Int { Int(tail[(place + offset)...].prefix(width).littleEndian) }
        let (count, size, start) = (number(10, 2), number(12, 4), number(16, 4))
        guard count == 0xffff || size == 0xffff_ffff || start == 0xffff_ffff else { return (start, size, count) }
        // The locator of the 64-bit record stands before the record.
        guard place >= 20, tail[(place - 20)...].starts(with: [0x50, 0x4b, 6, 7]) else { return (start, size, count) }
        let record = try file.read(
            try file.offset(tail[(place - 12)...].prefix(8).littleEndian, "64-bit directory"), 56, "64-bit directory")
        guard record.starts(with: [0x50, 0x4b, 6, 6]) else {
            throw file.damaged("64-bit directory", expected: "its signature", found: "another")
        }
        return (
            try file.offset(record[48...].prefix(8).littleEndian, "64-bit directory"),
            try file.offset(record[40...].prefix(8).littleEndian, "64-bit directory"),
            try file.offset(record[32...].prefix(8).littleEndian, "64-bit directory")
        )
    }

    private static func member(_ bytes: [UInt8], _ position: inout Int, _ file: FileBytes) throws -> Member {
        guard bytes.count - position >= 46, bytes[position...].starts(with: [0x50, 0x4b, 1, 2]) else {
            throw file.damaged("central directory", expected: "an entry", found: "something else at \(position)")
        }
        func number(_ offset: Int, _ width: Int) -> UInt64 {
            bytes[(position + offset)...].prefix(width).littleEndian
        }
        let (nameLength, extraLength, commentLength) = (Int(number(28, 2)), Int(number(30, 2)), Int(number(32, 2)))
        let end = position + 46 + nameLength + extraLength + commentLength
        guard end <= bytes.count else {
            throw file.damaged("central directory", expected: "a whole entry", found: "the end")
        }
        let name = String(decoding: bytes[(position + 46)...].prefix(nameLength), as: UTF8.self)
        let (flags, method, checksum) = (number(8, 2), number(10, 2), UInt32(number(16, 4)))
        guard flags & 1 == 0, method == 0 || method == 8 else {
            throw SmoothnessError(
                .data, "is packed in a way that is not read here", file: file.path, object: name,
                expected: "stored or deflated, not encrypted", found: "method \(method), flags \(flags)")
        }
        var values = [number(24, 4), number(20, 4), number(42, 4)]
        try widen(&values, bytes[(position + 46 + nameLength)...].prefix(extraLength), name, file)
        position = end
        return Member(
            name: name, isDeflated: method == 8, packedCount: try file.offset(values[1], name),
            count: try file.length(values[0], name), checksum: checksum, header: try file.offset(values[2], name))
    }

    /// Size, packed size and offset from the 64-bit extra field, where they are marked as being there.
    private static func widen(
        _ values: inout [UInt64], _ extra: ArraySlice<UInt8>, _ name: String, _ file: FileBytes
    ) throws {
        var rest = extra
        while rest.count >= 4 {
            let (identifier, length) = (rest.prefix(2).littleEndian, Int(rest.dropFirst(2).prefix(2).littleEndian))
            var field = rest.dropFirst(4).prefix(length)
            rest = rest.dropFirst(4 + length)
            guard identifier == 1 else { continue }
            for index in values.indices where values[index] == 0xffff_ffff {
                guard field.count >= 8 else {
                    throw file.damaged(name, expected: "a 64-bit size", found: "\(field.count) bytes")
                }
                values[index] = field.prefix(8).littleEndian
                field = field.dropFirst(8)
            }
        }
    }

    /// Where the bytes of a member begin, behind a local header that bears its name.
    private static func start(of member: Member, in file: FileBytes) throws -> Int {
        let header = try file.read(member.header, 30, member.name)
        guard header.starts(with: [0x50, 0x4b, 3, 4]) else {
            throw file.damaged(member.name, expected: "a local header", found: "something else at \(member.header)")
        }
        let nameLength = Int(header[26...].prefix(2).littleEndian)
        let name = String(decoding: try file.read(member.header + 30, nameLength, member.name), as: UTF8.self)
        guard name == member.name else {
            throw file.damaged(member.name, expected: "its name in its local header", found: name)
        }
        let start = member.header + 30 + nameLength + Int(header[28...].prefix(2).littleEndian)
        guard start <= file.count, member.packedCount <= file.count - start,
            member.isDeflated || member.packedCount == member.count
        else {
            throw file.damaged(
                member.name, expected: "\(member.packedCount) bytes from \(start) on", found: "\(file.count) in all")
        }
        return start
    }

    /// Holds a stored member against its checksum, chunk by chunk.
    package func requireChecksum(of member: Member) throws {
        let chunk = 1 << 22
        var checksum = Checksum()
        for offset in stride(from: 0, to: member.packedCount, by: chunk) {
            checksum.add(try file.read(member.start + offset, min(chunk, member.packedCount - offset), member.name))
        }
        try require(checksum, of: member)
    }

    func require(_ checksum: Checksum, of member: Member) throws {
        guard checksum.value == member.checksum || isWithoutChecksums else {
            throw SmoothnessError(
                .data, "is damaged: its CRC-32 is not that of its contents", file: file.path, object: member.name,
                expected: "0x" + String(member.checksum, radix: 16), found: "0x" + String(checksum.value, radix: 16),
                remedy: SmoothnessError.copyAgain)
        }
    }

    /// What a member holds, held against its checksum.
    /// - Parameter limit: the most bytes that make sense.
    package func contents(of member: Member, limit: Int = .max) throws -> [UInt8] {
        guard member.count <= limit else {
            throw file.damaged(member.name, expected: "at most \(limit) bytes", found: "\(member.count)")
        }
        var output = try file.read(member.start, member.packedCount, member.name)
        if member.isDeflated {
            // Deflate packs at most 1032 to 1: what claims more is no reason to set memory aside.
            guard member.count / 1032 <= output.count else {
                throw file.damaged(
                    member.name, expected: "at most \(1032 * output.count) bytes", found: "\(member.count)")
            }
            output = try Packing.deflate.unpacked(output, file: file.path, object: member.name, atMost: member.count)
            guard output.count == member.count else {
                throw file.damaged(
                    member.name, expected: "\(member.count) deflated bytes", found: "\(output.count) of them")
            }
        }
        try require(Checksum(of: output), of: member)
        return output
    }
}

extension FileBytes {
    /// A number from the file as a place in it.
    fileprivate func offset(_ value: UInt64, _ what: String) throws -> Int {
        guard value <= UInt64(count) else {
            throw damaged(what, expected: "a place in \(count) bytes", found: "\(value)")
        }
        return Int(value)
    }

    /// A number from the file as a number of bytes.
    fileprivate func length(_ value: UInt64, _ what: String) throws -> Int {
        guard value <= UInt64(Int.max / 2) else { throw damaged(what, expected: "a size", found: "\(value)") }
        return Int(value)
    }
}
