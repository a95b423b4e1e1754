import Essentials

/// Reads the pickles that `torch.save` writes. A pickle is a program of a small machine; this one builds containers, numbers, strings and tensors,
/// and puts an inert placeholder where the program would make anything else. Names are never looked up, imported or called.
struct TensorPickle {
    typealias Value = PickleValue

    /// Tuples in tuples; more would overflow the stack of whoever takes them apart.
    private static let mostDepth = 64
    private static let mostNameBytes = 256

    private let bytes: [UInt8]
    private let file: String
    private let object: String
    private var position = 0
    private var opcodePosition = 0
    /// How many instructions were followed.
    private(set) var instructionCount = 0
    private var stack: [Value] = []
    private var marks: [Int] = []
    private var memo: [Int: Value] = [:]
    private var lists: [Value.List] = []
    private var dictionaries: [Value.Dictionary] = []

    init(_ bytes: [UInt8], file: String, object: String) {
        self.bytes = bytes
        self.file = file
        self.object = object
    }

    /// Lends the one value of the pickle to `body`, with the number of instructions that made it; its containers are empty afterwards.
    /// - Throws: `SmoothnessError(.data)`
    mutating func read<Result>(_ body: (Value, Int) throws -> Result) throws -> Result {
        // One by one: a chain of a million lists would be let go of by recursion. A list may hold itself besides.
        defer {
            for list in lists { list.items = [] }
            for dictionary in dictionaries { dictionary.items = [] }
        }
        let value = try value()
        return try body(value, instructionCount)
    }

    private mutating func value() throws -> Value {
        guard bytes.count > 2, bytes[0] == 0x80, (2...5).contains(bytes[1]) else {
            throw refuse("a pickle of protocol 2 to 5", "something else")
        }
        while true {
            opcodePosition = position
            let opcode = UInt8(try number(1))
            if opcode == UInt8(ascii: ".") { break }
            instructionCount += 1
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
        lists.append(Value.List())
        stack.append(.list(lists[lists.count - 1]))
    }

    private mutating func makeDictionary() -> Value.Dictionary {
        dictionaries.append(Value.Dictionary())
        return dictionaries[dictionaries.count - 1]
    }

    // MARK: - Instructions

    /// Instructions that make values of the bytes that follow.
    private mutating func execute(_ opcode: UInt8) throws {
        switch opcode {
        case 0x80: _ = try number(1)
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88, 0x89: stack.append(.boolean(opcode == 0x88))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try number(1))))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try number(2))))
        case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8a: stack.append(try long(length(1)))
        case 0x8b: stack.append(try long(length(4)))
        case UInt8(ascii: "G"): stack.append(.number(Double(bitPattern: try number(8).byteSwapped)))
        case UInt8(ascii: "X"): stack.append(.string(try text(length(4))))
        case 0x8c: stack.append(.string(try text(length(1))))
        case 0x8d: stack.append(.string(try text(length(8))))
        // Strings of Python 2: names of blocks among them.
        case UInt8(ascii: "U"): stack.append(.string(try text(length(1))))
        case UInt8(ascii: "T"): stack.append(.string(try text(length(4))))
        case UInt8(ascii: "C"): try skip(length(1))
        case UInt8(ascii: "B"): try skip(length(4))
        case 0x8e, 0x96: try skip(length(8))
        case 0x95: _ = try number(8)
        case UInt8(ascii: "c"):
            let module = try line()
            stack.append(.global(try allowed(module: module, name: line())))
        default: try executeContainer(opcode)
        }
    }

    /// Instructions that make containers and fill them.
    private mutating func executeContainer(_ opcode: UInt8) throws {
        switch opcode {
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: "}"): stack.append(.dictionary(makeDictionary()))
        case UInt8(ascii: "]"): makeList()
        case UInt8(ascii: ")"): try makeTuple([])
        case UInt8(ascii: "t"): try makeTuple(try popMark())
        case 0x85, 0x86, 0x87: try makeTuple(try pop(Int(opcode) - 0x84))
        case 0x8f: stack.append(.placeholder("a set"))
        case 0x91:
            _ = try popMark()
            stack.append(.placeholder("a set"))
        // In two steps: what is filled is on the top only when these are gone.
        case UInt8(ascii: "s"):
            let pair = try pop(2)
            try fill(pair)
        case UInt8(ascii: "u"):
            let pairs = try popMark()
            try fill(pairs)
        case UInt8(ascii: "a"):
            let item = try pop(1)
            try append(item)
        case UInt8(ascii: "e"):
            let items = try popMark()
            try append(items)
        case 0x90:
            _ = try popMark()
            guard try top().isInert else { throw refuse("a set", try top().summary) }
        default: try executeReference(opcode)
        }
    }

    /// Instructions on what is there already.
    private mutating func executeReference(_ opcode: UInt8) throws {
        switch opcode {
        case UInt8(ascii: "0"): if stack.count == (marks.last ?? -1) { _ = try popMark() } else { _ = try pop(1) }
        case UInt8(ascii: "1"): _ = try popMark()
        case UInt8(ascii: "2"): stack.append(try top())
        case UInt8(ascii: "q"): memo[Int(try number(1))] = try top()
        case UInt8(ascii: "r"): memo[Int(try number(4))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): stack.append(try recall(Int(try number(1))))
        case UInt8(ascii: "j"): stack.append(try recall(Int(try number(4))))
        case 0x93:
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw refuse("two strings", names.map(\.summary).joined(separator: ", "))
            }
            stack.append(.global(try allowed(module: module, name: name)))
        case UInt8(ascii: "Q"): stack.append(storage(try pop(1)[0]))
        case UInt8(ascii: "R"), 0x81: try call(try pop(2))
        case 0x92:
            let parts = try pop(3)
            try call([parts[0], parts[1]])
        // Attributes, as the hooks of tensors and the versions of modules, are left out.
        case UInt8(ascii: "b"):
            _ = try pop(1)
            _ = try top()
        default:
            throw refuse(
                "the instructions of protocols 2 to 5",
                "the instruction 0x\(String(opcode, radix: 16)) at \(opcodePosition)")
        }
    }

    private func allowed(module: String, name: String) throws -> String {
        let global = module + "." + name
        // Short ones, as each call looks at its name.
        guard global.utf8.count <= Self.mostNameBytes else {
            throw refuse("names of at most \(Self.mostNameBytes) bytes", "one of \(global.utf8.count)")
        }
        guard !PickleCall.isHostile(global) else {
            throw refuse(
                "tensors and what is saved beside them",
                "the name \(global.prefix(200)) at \(opcodePosition), which torch.load would call; do not open this file with it"
            )
        }
        return global
    }

    /// A reference to bytes of the archive: ('storage', type, key, device, count).
    private func storage(_ value: Value) -> Value {
        guard case .tuple(let parts, _) = value, parts.count >= 3, case .string("storage") = parts[0],
            case .global(let type) = parts[1], let key = parts[2].keyText
        else { return .placeholder("a reference to something else than a storage") }
        return .storage(Value.Storage(type: String(type.split(separator: ".").last ?? ""), key: key))
    }

    /// A "call": what it would make is put together here.
    private mutating func call(_ parts: [Value]) throws {
        guard case .tuple(let arguments, _) = parts[1] else {
            throw refuse("a name and its arguments", parts.map(\.summary).joined(separator: ", "))
        }
        let result = PickleCall.result(of: parts[0], arguments) {
            dictionaries.append(Value.Dictionary())
            return dictionaries[dictionaries.count - 1]
        }
        guard let result else {
            throw refuse("the arguments of \(parts[0].summary)", arguments.map(\.summary).joined(separator: ", "))
        }
        stack.append(result)
    }

    private func fill(_ pairs: [Value]) throws {
        guard pairs.count.isMultiple(of: 2) else { throw refuse("a value for each key", "\(pairs.count) values") }
        switch try top() {
        case .dictionary(let dictionary):
            for index in stride(from: 0, to: pairs.count, by: 2) {
                dictionary.items.append((pairs[index], pairs[index + 1]))
            }
        case let value where value.isInert: break
        default: throw refuse("a dictionary", try top().summary)
        }
    }

    private func append(_ values: [Value]) throws {
        switch try top() {
        case .list(let list): list.items += values
        case let value where value.isInert: break
        default: throw refuse("a list", try top().summary)
        }
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
        return bytes[position..<(position + count)]
    }

    private mutating func number(_ width: Int) throws -> UInt64 { try take(width).littleEndian }

    /// How many bytes follow.
    private mutating func length(_ width: Int) throws -> Int {
        let count = try number(width)
        guard count <= UInt64(bytes.count) else { throw refuse("at most \(bytes.count) bytes", "\(count)") }
        return Int(count)
    }

    /// A number of any length, in two's complement; one that does not fit an Int is no extent.
    private mutating func long(_ count: Int) throws -> Value {
        let digits = try take(count)
        guard count > 0 else { return .integer(0) }
        guard count <= 8 else { return .placeholder("a number of \(count) bytes") }
        let shift = 64 - 8 * count
        return .integer(Int(truncatingIfNeeded: digits.littleEndian << UInt64(shift)) >> shift)
    }

    private mutating func skip(_ count: Int) throws {
        _ = try take(count)
        stack.append(.placeholder("bytes"))
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
            .data, "is damaged, or holds something that is not read here; nothing of it was run", file: file,
            object: object, expected: expected, found: found,
            remedy: "Save plain tensors: torch.save({name: tensor, …}, …) or safetensors")
    }
}
