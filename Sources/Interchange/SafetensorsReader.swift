import Archives
import Essentials
import Foundation

/// Tensors in the format of Hugging Face's safetensors: the length of a header in JSON, the header, and the bytes.
enum SafetensorsReader {
    /// The format's own limit.
    private static let mostHeaderBytes = 100_000_000
    private static let elements: [String: ForeignElement] = [
        "F16": .float16, "BF16": .bfloat16, "F32": .float32, "F64": .float64,
    ]

    private struct Entry: Decodable {
        var dtype: String
        var shape: [Int]
        var data_offsets: [Int]
    }

    private struct Header: Decodable {
        struct Name: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        var nameCount = 0
        var entries: [(name: String, entry: Entry)] = []

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
            nameCount = container.allKeys.count
            for key in container.allKeys where key.stringValue != "__metadata__" {
                entries.append((key.stringValue, try container.decode(Entry.self, forKey: key)))
            }
        }
    }

    /// Whether the file may be one: its first eight bytes are the length of a JSON object that follows.
    static func begins(_ file: FileBytes) throws -> Bool {
        guard file.count >= 9 else { return false }
        let head = try file.read(0, 9, "header")
        return head[8] == UInt8(ascii: "{") && head.prefix(8).littleEndian <= UInt64(file.count - 8)
    }

    /// The tensors in the order of their places. As the format demands, these follow one another without gaps to the end of the file.
    static func read(_ file: FileBytes) throws -> TensorTree {
        let length = Int(try file.read(0, 8, "header").littleEndian)
        guard length <= mostHeaderBytes else {
            throw file.damaged("header", expected: "at most \(mostHeaderBytes) bytes", found: "\(length)")
        }
        let bytes = try file.read(8, length, "header")
        let header: Header
        do { header = try JSONDecoder().decode(Header.self, from: Data(bytes)) } catch is DecodingError {
            throw file.damaged("header", expected: "a JSON object of tensors", found: "something else")
        }
        let nameCount = outerNames(bytes)
        guard nameCount == header.nameCount else {
            throw file.damaged(
                "header", expected: "each name once", found: "\(nameCount) names, of which \(header.nameCount) differ")
        }
        let (start, size) = (8 + length, file.count - 8 - length)
        var end = 0
        // Tensors without elements share the place of the next.
        let sorted = header.entries.sorted {
            $0.entry.data_offsets.lexicographicallyPrecedes($1.entry.data_offsets)
                || ($0.entry.data_offsets == $1.entry.data_offsets && $0.name < $1.name)
        }
        let members = try sorted.map { name, entry in
            let offsets = entry.data_offsets
            guard offsets.count == 2, offsets[0] == end, offsets[1] >= end else {
                throw file.damaged(name, expected: "its bytes from \(end) on, behind those before", found: "\(offsets)")
            }
            guard offsets[1] <= size else {
                throw file.damaged(name, expected: "\(offsets[1]) bytes of tensors", found: "\(size)", isShort: true)
            }
            end = offsets[1]
            return (name: name, value: try tree(name, entry, file, start: start))
        }
        guard end == size else {
            throw file.damaged("tensors", expected: "\(end) bytes, as in the header", found: "\(size)")
        }
        return .dictionary(members)
    }

    private static func tree(_ name: String, _ entry: Entry, _ file: FileBytes, start: Int) throws -> TensorTree {
        guard let element = elements[entry.dtype] else {
            let isReal = entry.dtype.hasPrefix("F") || entry.dtype.hasPrefix("C")
            return isReal ? .unreadable("a tensor of type \(entry.dtype)") : .other("a tensor of type \(entry.dtype)")
        }
        guard let count = elementCount(entry.shape, width: element.byteCount),
            entry.data_offsets[1] - entry.data_offsets[0] == count * element.byteCount
        else {
            throw file.damaged(
                name, expected: "the bytes of \(entry.dtype) \(entry.shape)", found: "those from \(entry.data_offsets)")
        }
        return .tensor(
            ForeignTensor(
                file: file.path, name: name, shape: entry.shape, element: element,
                place: .bytes(start + entry.data_offsets[0])))
    }

    /// How many names the outermost object has, each as often as it stands there: a decoder keeps one of those that are the same.
    private static func outerNames(_ bytes: [UInt8]) -> Int {
        var (depth, isText, isEscaped, count) = (0, false, false, 0)
        for byte in bytes {
            if isText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ":"): if depth == 1 { count += 1 }
            default: break
            }
        }
        return count
    }
}
