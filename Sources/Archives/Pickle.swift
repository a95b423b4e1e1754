import Essentials

/// Reads a pickle of Python. A pickle is a program of a small machine; this one builds containers, numbers and texts, and asks a vocabulary what
/// stands for everything else that the program would make. Names are never looked up, imported or called.
package struct Pickle {
    package typealias Value = PickleValue

    /// Tuples in tuples; more would overflow the stack of whoever takes them apart.
    private static let mostDepth = 64
    private static let mostNameBytes = 256

    private let bytes: ArraySlice<UInt8>
    private let vocabulary: any PickleVocabulary
    private var position: Int
    private var opcodePosition: Int
    /// How many instructions were followed.
    package private(set) var instructionCount = 0
    /// How many bytes follow the pickle, when it was read.
    package var remainder: Int { bytes.endIndex - position }
    private var stack: [Value] = []
    private var marks: [Int] = []
    private var memo: [Int: Value] = [:]
    private var lists: [Value.List] = []
    private var dictionaries: [Value.Dictionary] = []

    package init(_ bytes: ArraySlice<UInt8>, _ vocabulary: any PickleVocabulary) {
        self.bytes = bytes
        self.vocabulary = vocabulary
        position = bytes.startIndex
        opcodePosition = bytes.startIndex
    }

    /// Lends the one value of the pickle to `body`; its containers are empty afterwards.
    /// - Throws: the vocabulary's error, and what `body` throws.
    package mutating func read<Result>(_ body: (Value, Pickle) throws -> Result) throws -> Result {
        // One by one: a chain of a million lists would be let go of by recursion. A list may hold itself besides.
        defer {
            for list in lists { list.items = [] }
            for dictionary in dictionaries { dictionary.items = [] }
        }
        let value = try value()
        return try body(value, self)
    }

    private mutating func value() throws -> Value {
        let protocols = vocabulary.protocols
        guard bytes.count > 2, bytes[position] == 0x80, protocols.contains(bytes[position + 1]) else {
            let versions = [protocols.lowerBound, protocols.upperBound].map { "\($0)" }
            throw refuse(
                "a pickle of protocol \(protocols.count > 1 ? versions.joined(separator: " to ") : versions[0])",
                "something else")
        }
        while true {
            opcodePosition = position
            let opcode = try byte()
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
        let list = Value.List()
        lists.append(list)
        stack.append(.list(list))
    }

    private mutating func makeDictionary() -> Value.Dictionary {
        let dictionary = Value.Dictionary()
        dictionaries.append(dictionary)
        return dictionary
    }

    // MARK: - Instructions

    /// Instructions that make values of the bytes that follow.
    private mutating func execute(_ opcode: UInt8) throws {
        switch opcode {
        case 0x80: _ = try byte()
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88, 0x89: stack.append(.boolean(opcode == 0x88))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try byte())))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try number(2))))
        case UInt8(ascii: "J"): stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))
        case 0x8a: stack.append(try long(length(1)))
        case 0x8b: stack.append(try long(length(4)))
        case UInt8(ascii: "G"): stack.append(.number(Double(bitPattern: try number(8).byteSwapped)))
        case UInt8(ascii: "X"): stack.append(.string(try take(length(4))))
        case 0x8c: stack.append(.string(try take(length(1))))
        case 0x8d: stack.append(.string(try take(length(8))))
        // Strings of Python 2: names of blocks among them.
        case UInt8(ascii: "U"): stack.append(.string(try take(length(1))))
        case UInt8(ascii: "T"): stack.append(.string(try take(length(4))))
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
            let item = try popOne()
            try append([item])
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
        case UInt8(ascii: "0"): if stack.count == (marks.last ?? -1) { _ = try popMark() } else { _ = try popOne() }
        case UInt8(ascii: "1"): _ = try popMark()
        case UInt8(ascii: "2"): stack.append(try top())
        case UInt8(ascii: "q"): memo[Int(try byte())] = try top()
        case UInt8(ascii: "r"): memo[Int(try number(4))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): stack.append(try recall(Int(try byte())))
        case UInt8(ascii: "j"): stack.append(try recall(Int(try number(4))))
        case 0x93:
            let names = try pop(2)
            guard let module = names[0].text, let name = names[1].text else {
                throw refuse("two strings", names.map(\.summary).joined(separator: ", "))
            }
            stack.append(.global(try allowed(module: module, name: name)))
        case UInt8(ascii: "Q"):
            guard let referent = vocabulary.referent(of: try popOne()) else {
                throw refuse("no reference to something outside of the pickle", "one")
            }
            stack.append(referent)
        case UInt8(ascii: "R"), 0x81: try call(try pop(2))
        case 0x92:
            let parts = try pop(3)
            try call([parts[0], parts[1]])
        case UInt8(ascii: "b"):
            let parts = try pop(2)
            guard let object = vocabulary.object(parts[0], with: parts[1]) else {
                throw refuse("the state of \(parts[0].summary)", parts[1].summary)
            }
            stack.append(object)
        default:
            throw refuse(
                "the instructions of protocols 2 to 5",
                "the instruction 0x\(String(opcode, radix: 16))")
        }
    }

    private func allowed(module: String, name: String) throws -> String {
        let global = module + "." + name
        // Short ones, as each call looks at its name.
        guard global.utf8.count <= Self.mostNameBytes else {
            throw refuse("names of at most \(Self.mostNameBytes) bytes", "one of \(global.utf8.count)")
        }
        if let refusal = vocabulary.refusal(ofName: global) { throw refuse(refusal.expected, refusal.found) }
        return global
    }

    /// A "call": what it would make is put together here.
    private mutating func call(_ parts: [Value]) throws {
        guard case .tuple(let arguments, _) = parts[1] else {
            throw refuse("a name and its arguments", parts.map(\.summary).joined(separator: ", "))
        }
        let vocabulary = vocabulary
        let result = vocabulary.result(of: parts[0], arguments) { makeDictionary() }
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

    private mutating func popOne() throws -> Value {
        _ = try top()
        return stack.removeLast()
    }

    private mutating func pop(_ count: Int) throws -> [Value] {
        let present = stack.count - (marks.last ?? 0)
        guard present >= count else { throw refuse("\(count) values before it", "\(present)") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popMark() throws -> [Value] {
        guard let mark = marks.popLast() else { throw refuse("a mark before it", "none") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func recall(_ index: Int) throws -> Value {
        guard let value = memo[index] else { throw refuse("a value remembered as \(index)", "none") }
        return value
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count >= 0, count <= remainder else {
            throw refuse("\(count) more bytes", "\(remainder)")
        }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    private mutating func byte() throws -> UInt8 {
        guard position < bytes.endIndex else { throw refuse("1 more bytes", "0") }
        defer { position += 1 }
        return bytes[position]
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

    private mutating func line() throws -> String {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
            throw refuse("a line", "the end")
        }
        defer { position = end + 1 }
        return String(decoding: bytes[position..<end], as: UTF8.self)
    }

    private func refuse(_ expected: String, _ found: String) -> SmoothnessError {
        vocabulary.error(at: opcodePosition - bytes.startIndex, expected: expected, found: found)
    }
}
