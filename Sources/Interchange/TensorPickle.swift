import Essentials

/// Reads the pickles that `torch.save` writes of tensors in dictionaries, lists and tuples. A pickle is a program of a small machine; this one
/// knows the instructions that build containers, numbers, strings and tensors. The names that a pickle may refer to are compared with
/// a list and never called or imported; every other name, and every other instruction, is refused.
struct TensorPickle {
    struct Storage {
        /// `FloatStorage`, …
        var type: String
        /// The name of its bytes in the archive.
        var key: String
    }

    struct Tensor {
        var storage: Storage
        /// In elements.
        var offset: Int
        var shape: [Int]
        var strides: [Int]

        var isContiguous: Bool {
            guard strides.count == shape.count, !shape.contains(0) else { return strides.count == shape.count }
            var expected = 1
            for (extent, stride) in zip(shape, strides).reversed() {
                if extent != 1 && stride != expected { return false }
                expected = expected.multipliedReportingOverflow(by: extent).partialValue
            }
            return true
        }
    }

    /// Containers are filled after they were made and named.
    final class List { var items: [Value] = [] }
    final class Dictionary { var items: [(key: Value, value: Value)] = [] }
    /// Tuples in tuples; more would overflow the stack of whoever takes them apart.
    private static let mostDepth = 64

    indirect enum Value {
        case none
        case boolean(Bool)
        case integer(Int)
        case number(Double)
        case string(String)
        case tuple([Value], depth: Int)
        case list(List)
        case dictionary(Dictionary)
        /// A name on the list below.
        case global(String)
        case storage(Storage)
        case tensor(Tensor)

        var summary: String {
            switch self {
            case .none: "None"
            case .boolean(let value): value ? "True" : "False"
            case .integer(let value): "the number \(value)"
            case .number(let value): "the number \(value)"
            case .string: "a string"
            case .tuple: "a tuple"
            case .list: "a list"
            case .dictionary: "a dictionary"
            case .global(let name): name
            case .storage: "a storage"
            case .tensor: "a tensor"
            }
        }

        var depth: Int { if case .tuple(_, let depth) = self { depth } else { 0 } }

        /// As the key of a dictionary.
        var keyText: String? {
            switch self {
            case .string(let text): text
            case .integer(let value): "\(value)"
            default: nil
            }
        }
    }

    private static let storages: Set<String> = [
        "FloatStorage", "DoubleStorage", "HalfStorage", "BFloat16Storage", "LongStorage", "IntStorage", "ShortStorage",
        "CharStorage", "ByteStorage", "BoolStorage",
    ]
    private static let functions: Set<String> = [
        "collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
    ]

    private let bytes: [UInt8]
    private let file: String
    private let object: String
    private var position = 0
    private var opcodePosition = 0
    private var stack: [Value] = []
    private var marks: [Int] = []
    private var memo: [Int: Value] = [:]
    private var lists: [List] = []
    private var dictionaries: [Dictionary] = []

    init(_ bytes: [UInt8], file: String, object: String) {
        self.bytes = bytes
        self.file = file
        self.object = object
    }

    /// Lends the one value of the pickle to `body`; its containers are empty afterwards.
    /// - Throws: `SmoothnessError(.data)`
    mutating func read<Result>(_ body: (Value) throws -> Result) throws -> Result {
        // One by one: a chain of a million lists would be let go of by recursion. A list may hold itself besides.
        defer {
            for list in lists { list.items = [] }
            for dictionary in dictionaries { dictionary.items = [] }
        }
        return try body(try value())
    }

    private mutating func value() throws -> Value {
        guard bytes.count > 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) else {
            throw refuse("a pickle of protocol 2 to 5", "something else")
        }
        position = 2
        while true {
            opcodePosition = position
            let opcode = try take(1)[0]
            if opcode == UInt8(ascii: ".") { break }
            try execute(opcode)
        }
        guard stack.count == 1, marks.isEmpty else { throw refuse("one value", "\(stack.count)") }
        return stack[0]
    }

    private mutating func makeTuple(_ items: [Value]) throws {
        let depth = 1 + (items.map(\.depth).max() ?? 0)
        guard depth <= Self.mostDepth else { throw refuse("at most \(Self.mostDepth) tuples in tuples", "more") }
        stack.append(.tuple(items, depth: depth))
    }

    private mutating func makeList() {
        lists.append(List())
        stack.append(.list(lists[lists.count - 1]))
    }

    private mutating func makeDictionary() {
        dictionaries.append(Dictionary())
        stack.append(.dictionary(dictionaries[dictionaries.count - 1]))
    }

    // MARK: - Instructions

    private mutating func execute(_ opcode: UInt8) throws {
        switch opcode {
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "}"): makeDictionary()
        case UInt8(ascii: "]"): makeList()
        case UInt8(ascii: ")"): try makeTuple([])
        case UInt8(ascii: "t"): try makeTuple(try popMark())
        case 0x85, 0x86, 0x87: try makeTuple(try pop(Int(opcode) - 0x84))
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88, 0x89: stack.append(.boolean(opcode == 0x88))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try take(1)[0])))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try number(2))))
        case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8a: stack.append(.integer(try long()))
        case UInt8(ascii: "G"): stack.append(.number(Double(bitPattern: try number(8).byteSwapped)))
        case UInt8(ascii: "X"): stack.append(.string(try text(Int(try number(4)))))
        case 0x8c: stack.append(.string(try text(Int(try number(1)))))
        default: try executeReference(opcode)
        }
    }

    /// Instructions on what is there already.
    private mutating func executeReference(_ opcode: UInt8) throws {
        switch opcode {
        case UInt8(ascii: "q"): memo[Int(try take(1)[0])] = try top()
        case UInt8(ascii: "r"): memo[Int(try number(4))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): stack.append(try recall(Int(try take(1)[0])))
        case UInt8(ascii: "j"): stack.append(try recall(Int(try number(4))))
        case 0x95: _ = try number(8)
        case UInt8(ascii: "c"): stack.append(.global(try allowed(module: line(), name: line())))
        case 0x93:
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw refuse("two strings", names.map(\.summary).joined(separator: ", "))
            }
            stack.append(.global(try allowed(module: module, name: name)))
        case UInt8(ascii: "Q"): stack.append(try storage(try pop(1)[0]))
        case UInt8(ascii: "R"): try reduce()
        case UInt8(ascii: "s"):
            let pair = try pop(2)
            try fill(pair)
        // In two steps: what is filled is on the top only when these are gone.
        case UInt8(ascii: "u"):
            let pairs = try popMark()
            try fill(pairs)
        case UInt8(ascii: "a"):
            let item = try pop(1)
            try append(item)
        case UInt8(ascii: "e"):
            let items = try popMark()
            try append(items)
        case UInt8(ascii: "b"): try build()
        default:
            throw refuse(
                "the instructions of tensors in dictionaries and lists",
                "the instruction 0x\(String(opcode, radix: 16)) at \(opcodePosition)")
        }
    }

    private func allowed(module: String, name: String) throws -> String {
        let global = module + "." + name
        if Self.functions.contains(global) || (module == "torch" && Self.storages.contains(name)) { return global }
        throw refuse(
            "only tensors: \(Self.functions.sorted().joined(separator: ", ")), torch.FloatStorage and its kin",
            "the name \(global) at \(opcodePosition), which is not read, let alone called")
    }

    /// A reference to bytes of the archive: ('storage', type, key, device, count).
    private func storage(_ value: Value) throws -> Value {
        guard case .tuple(let parts, _) = value, parts.count == 5, case .string("storage") = parts[0],
            case .global(let type) = parts[1], type.hasPrefix("torch."), case .string(let key) = parts[2],
            Self.storages.contains(String(type.dropFirst(6)))
        else { throw refuse("a reference to a storage", value.summary) }
        return .storage(Storage(type: String(type.dropFirst(6)), key: key))
    }

    /// A "call" of one of the three names: what it would make is put together here.
    private mutating func reduce() throws {
        let parts = try pop(2)
        guard case .global(let name) = parts[0], case .tuple(let arguments, _) = parts[1] else {
            throw refuse("a name and its arguments", parts.map(\.summary).joined(separator: ", "))
        }
        switch name {
        case "collections.OrderedDict":
            guard arguments.isEmpty else { throw refuse("an empty dictionary", "\(arguments.count) arguments") }
            makeDictionary()
        case "torch._utils._rebuild_tensor_v2": stack.append(.tensor(try tensor(arguments)))
        case "torch._utils._rebuild_parameter":
            guard let first = arguments.first, case .tensor = first else { throw refuse("a tensor", "none") }
            stack.append(first)
        default: throw refuse("a function that makes a tensor", name)
        }
    }

    private func tensor(_ arguments: [Value]) throws -> Tensor {
        guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1],
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.allSatisfy({ $0 >= 0 })
        else {
            throw refuse(
                "a storage, an offset, extents and strides", arguments.map(\.summary).joined(separator: ", "))
        }
        return Tensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    private func integers(_ value: Value) -> [Int]? {
        guard case .tuple(let items, _) = value else { return nil }
        let numbers = items.compactMap { if case .integer(let number) = $0 { number } else { nil } }
        return numbers.count == items.count ? numbers : nil
    }

    private func fill(_ pairs: [Value]) throws {
        guard case .dictionary(let dictionary) = try top(), pairs.count.isMultiple(of: 2) else {
            throw refuse("a dictionary", try top().summary)
        }
        for index in stride(from: 0, to: pairs.count, by: 2) {
            dictionary.items.append((pairs[index], pairs[index + 1]))
        }
    }

    private func append(_ values: [Value]) throws {
        guard case .list(let list) = try top() else { throw refuse("a list", try top().summary) }
        list.items += values
    }

    /// Attributes: those of an ordered dictionary (PyTorch's `_metadata`) are left out, others are refused.
    private mutating func build() throws {
        _ = try pop(1)
        guard case .dictionary = try top() else { throw refuse("attributes of a dictionary", try top().summary) }
    }

    // MARK: - The machine

    private func top() throws -> Value {
        guard let last = stack.last, stack.count > (marks.last ?? 0) else { throw refuse("a value", "none") }
        return last
    }

    private mutating func pop(_ count: Int) throws -> [Value] {
        guard stack.count - (marks.last ?? 0) >= count else { throw refuse("\(count) values", "\(stack.count)") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popMark() throws -> [Value] {
        guard let mark = marks.popLast() else { throw refuse("a mark", "none") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func recall(_ index: Int) throws -> Value {
        guard let value = memo[index] else { throw refuse("a value remembered as \(index)", "none") }
        return value
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.count - position else {
            throw refuse("\(count) more bytes", "the end after \(bytes.count - position)")
        }
        defer { position += count }
        // From zero, so that the first has a known index.
        return ArraySlice(Array(bytes[position..<(position + count)]))
    }

    private mutating func number(_ width: Int) throws -> UInt64 { try take(width).littleEndian }

    /// A number of any length, in two's complement; what does not fit an Int is no extent.
    private mutating func long() throws -> Int {
        let count = Int(try take(1)[0])
        let digits = try take(count)
        guard count <= 8 else { throw refuse("a number of at most 8 bytes", "\(count)") }
        guard count > 0 else { return 0 }
        let shift = 64 - 8 * count
        return Int(truncatingIfNeeded: digits.littleEndian << UInt64(shift)) >> shift
    }

    private mutating func text(_ count: Int) throws -> String { String(decoding: try take(count), as: UTF8.self) }

    private mutating func line() throws -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
            throw refuse("a line", "the end")
        }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    private func refuse(_ expected: String, _ found: String) -> SmoothnessError {
        SmoothnessError(
            .data, "holds something else than tensors, or is damaged; nothing of it was run", file: file,
            object: object, expected: expected, found: found,
            remedy: "Save plain tensors: torch.save({name: tensor, …}, …) or safetensors")
    }
}
