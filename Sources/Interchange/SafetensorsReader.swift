import Essentials
import Foundation

/// Tensors in the format of Hugging Face's safetensors: the length of a header in JSON, the header, and the bytes.
enum SafetensorsReader {
    /// The format's own limit.
    private static let mostHeaderBytes = 100_000_000

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

        var entries: [(name: String, entry: Entry)] = []

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Name.self)
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

    /// The tensors in the order of their places, which is that in which they were saved.
    static func read(_ file: FileBytes) throws -> TensorTree {
        let length = Int(try file.read(0, 8, "header").littleEndian)
        guard length <= mostHeaderBytes else {
            throw file.damaged("header", expected: "at most \(mostHeaderBytes) bytes", found: "\(length)")
        }
        let header: Header
        do {
            header = try JSONDecoder().decode(Header.self, from: Data(try file.read(8, length, "header")))
        } catch is DecodingError {
            throw file.damaged("header", expected: "a JSON object of tensors", found: "something else")
        }
        let data = 8 + length
        let sorted = header.entries.sorted {
            ($0.entry.data_offsets.first ?? 0, $0.name) < ($1.entry.data_offsets.first ?? 0, $1.name)
        }
        return .dictionary(
            try sorted.map { name, entry in
                let elements: [String: ForeignElement] = [
                    "F16": .float16, "BF16": .bfloat16, "F32": .float32, "F64": .float64,
                ]
                guard let element = elements[entry.dtype] else {
                    return (name, .other("a tensor of type \(entry.dtype)"))
                }
                guard entry.data_offsets.count == 2, let count = elementCount(entry.shape, width: element.byteCount),
                    entry.data_offsets[0] >= 0, entry.data_offsets[1] <= file.count - data,
                    entry.data_offsets[1] - entry.data_offsets[0] == count * element.byteCount
                else {
                    throw file.damaged(
                        name, expected: "the bytes of \(entry.dtype) \(entry.shape) in \(file.count - data)",
                        found: "\(entry.data_offsets)",
                        isShort: entry.data_offsets.count == 2 && entry.data_offsets[1] > file.count - data)
                }
                return (
                    name,
                    .tensor(
                        ForeignTensor(
                            file: file.path, name: name, shape: entry.shape, element: element,
                            place: .bytes(data + entry.data_offsets[0])))
                )
            })
    }
}
