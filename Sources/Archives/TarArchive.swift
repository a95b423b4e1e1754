import Essentials

/// The regular files of a tar archive (POSIX ustar or GNU), by name, with where their bytes are.
package struct TarArchive {
    package struct Member {
        package var name: String
        package var range: Range<Int>
    }

    package private(set) var members: [Member] = []

    package static func isTar(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 512 && bytes[257..<262].elementsEqual("ustar".utf8)
    }

    /// - Throws: `SmoothnessError` of kind `.data` that names the offset in the (unpacked) archive.
    package init(_ bytes: [UInt8], file: String) throws {
        func refuse(_ offset: Int, expected: String, found: String) -> SmoothnessError {
            SmoothnessError(
                .data, "is not a whole tar archive at offset \(offset)", file: file, expected: expected, found: found)
        }
        var offset = 0
        while true {
            guard offset + 512 <= bytes.count else {
                throw refuse(
                    offset, expected: "a header of 512 bytes, or one of zeros at the end",
                    found: "\(bytes.count - offset) bytes")
            }
            let header = bytes[offset..<(offset + 512)]
            if header.allSatisfy({ $0 == 0 }) { return }
            /// Octal digits, ended by a space or a zero.
            func number(_ range: Range<Int>) -> Int? {
                let text = header[(offset + range.lowerBound)..<(offset + range.upperBound)]
                    .drop { $0 == UInt8(ascii: " ") }.prefix { $0 != 0 && $0 != UInt8(ascii: " ") }
                return Int(String(decoding: text, as: UTF8.self), radix: 8)
            }
            // The sum of all bytes, those of the sum itself taken for spaces.
            let sum = header.indices.reduce(0) {
                $0 + (148..<156 ~= $1 - offset ? 32 : Int(bytes[$1]))
            }
            guard let size = number(124..<136), size >= 0, number(148..<156) == sum else {
                throw refuse(offset, expected: "a tar header with the checksum \(sum)", found: "another")
            }
            let start = offset + 512
            guard size <= bytes.count - start else {
                throw refuse(start, expected: "\(size) bytes", found: "\(bytes.count - start)")
            }
            if header[offset + 156] == UInt8(ascii: "0") || header[offset + 156] == 0 {
                let name = header[offset..<(offset + 100)].prefix { $0 != 0 }
                members.append(Member(name: String(decoding: name, as: UTF8.self), range: start..<(start + size)))
            }
            offset = start + (size + 511) / 512 * 512
        }
    }
}
