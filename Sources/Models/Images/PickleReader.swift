import Essentials

/// A value of a pickle, as far as a published CIFAR-10 batch has them.
indirect enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case string(ArraySlice<UInt8>)
    case tuple([PickleValue])
    case list([PickleValue])
    case dictionary([String: PickleValue])
    /// A name that a pickle refers to; it is compared, never called.
    case global(String)
    /// `numpy.dtype('u1')`
    case byteType
    /// An array that has no elements yet.
    case emptyArray
    /// Unsigned bytes, row-major.
    case array([Int], ArraySlice<UInt8>)

    var name: String {
        switch self {
        case .none: "None"
        case .boolean(let value): value ? "True" : "False"
        case .integer(let value): "\(value)"
        case .string: "a string"
        case .tuple: "a tuple"
        case .list: "a list"
        case .dictionary: "a dictionary"
        case .global(let name): name
        case .byteType: "a type"
        case .emptyArray: "an array without elements"
        case .array: "an array"
        }
    }

    var isMutable: Bool {
        switch self {
        case .list, .dictionary, .emptyArray, .array: true
        default: false
        }
    }
}

/// Reads pickles of protocol 2 as Python 2 wrote the batches of CIFAR-10: dictionaries, lists, tuples, numbers, strings and NumPy
/// arrays of unsigned bytes. Everything else is refused. A pickle is a program; nothing of this one is executed: the
/// three names that it may refer to (`_reconstruct`, `ndarray`, `dtype` of NumPy) are recognised, not called.
struct PickleReader {
    private let bytes: ArraySlice<UInt8>
    private let file: String
    private var position: Int
    /// Where the opcode at work stands.
    private var opcodeOffset = 0
    private var stack: [PickleValue] = []
    /// Heights of the stack at the open marks.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Values made of others. A published batch has some fifty; without a bound they could be nested so deep that releasing them needs more
    /// than the stack, or lists be copied without end.
    private var compositions = 0
    private static let mostCompositions = 1000

    init(_ bytes: ArraySlice<UInt8>, file: String) {
        self.bytes = bytes
        self.file = file
        position = bytes.startIndex
    }

    /// The one value that the pickle holds.
    /// - Throws: `SmoothnessError` of kind `.data` with file, offset, expected and found.
    mutating func read() throws -> PickleValue {
        guard bytes.starts(with: [0x80, 2]) else {
            throw refuse(expected: "80 02, protocol 2", found: hexadecimal(bytes.prefix(2)))
        }
        position += 2
        while true {
            opcodeOffset = position - bytes.startIndex
            let opcode = try take(1).first!
            if opcode == UInt8(ascii: ".") { break }
            try execute(opcode)
        }
        guard position == bytes.endIndex, stack.count == 1, marks.isEmpty else {
            throw refuse(
                expected: "the end of the file and one value",
                found: "\(bytes.endIndex - position) more bytes and \(stack.count) values")
        }
        return stack[0]
    }

    private func refuse(expected: String, found: String) -> SmoothnessError {
        SmoothnessError(
            .data, "is not a pickle as CIFAR-10 is published in at offset \(opcodeOffset)", file: file,
            expected: expected, found: found)
    }

    // MARK: Opcodes, under their names in Python's pickletools

    private mutating func execute(_ opcode: UInt8) throws {
        if "t\u{85}\u{86}\u{87}aesub".unicodeScalars.contains(UnicodeScalar(opcode)) { compositions += 1 }
        guard compositions <= Self.mostCompositions else {
            throw refuse(expected: "\(Self.mostCompositions) tuples and additions at most", found: "more")
        }
        switch Character(UnicodeScalar(opcode)) {
        case "q": memo[try number(1)] = try top()  // BINPUT
        case "r": memo[try number(4)] = try top()  // LONG_BINPUT
        case "h": stack.append(try recall(try number(1)))  // BINGET
        case "j": stack.append(try recall(try number(4)))  // LONG_BINGET
        case "(": marks.append(stack.count)  // MARK
        case "}": stack.append(.dictionary([:]))  // EMPTY_DICT
        case "]": stack.append(.list([]))  // EMPTY_LIST
        case ")": stack.append(.tuple([]))  // EMPTY_TUPLE
        case "N": stack.append(.none)  // NONE
        case "\u{88}": stack.append(.boolean(true))  // NEWTRUE
        case "\u{89}": stack.append(.boolean(false))  // NEWFALSE
        case "K": stack.append(.integer(try number(1)))  // BININT1
        case "M": stack.append(.integer(try number(2)))  // BININT2
        case "J": stack.append(.integer(Int(Int32(truncatingIfNeeded: try number(4)))))  // BININT
        case "U": stack.append(.string(try take(try number(1))))  // SHORT_BINSTRING
        case "T": stack.append(.string(try take(try number(4))))  // BINSTRING
        case "c": stack.append(try global())  // GLOBAL
        case "t": stack.append(.tuple(try popToMark()))  // TUPLE
        case "\u{85}": stack.append(.tuple(try pop(1)))  // TUPLE1
        case "\u{86}": stack.append(.tuple(try pop(2)))  // TUPLE2
        case "\u{87}": stack.append(.tuple(try pop(3)))  // TUPLE3
        case "a": try extendList(with: try pop(1))  // APPEND
        case "e": try extendList(with: try popToMark())  // APPENDS
        case "s": try extendDictionary(with: try pop(2))  // SETITEM
        case "u": try extendDictionary(with: try popToMark())  // SETITEMS
        case "R": try reduce()
        case "b": try build()
        default: throw refuse(expected: "an opcode of such a pickle", found: hexadecimal([opcode]))
        }
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count <= bytes.endIndex - position else {
            throw refuse(expected: "\(count) more bytes", found: "\(bytes.endIndex - position)")
        }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    /// An unsigned little-endian integer.
    private mutating func number(_ count: Int) throws -> Int {
        try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func pop(_ count: Int) throws -> [PickleValue] {
        guard stack.count - count >= marks.last ?? 0 else {
            throw refuse(expected: "\(count) values before it", found: "\(stack.count - (marks.last ?? 0))")
        }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw refuse(expected: "a mark before it", found: "none") }
        defer { stack.removeLast(stack.count - mark) }
        return Array(stack[mark...])
    }

    private func top() throws -> PickleValue {
        guard let value = stack.last else { throw refuse(expected: "a value before it", found: "none") }
        return value
    }

    /// A list or a dictionary may have grown since it was remembered; batches do not refer to one twice.
    private func recall(_ index: Int) throws -> PickleValue {
        guard let value = memo[index], !value.isMutable else {
            throw refuse(
                expected: "a string, number, tuple or name remembered as \(index)",
                found: memo[index]?.name ?? "nothing")
        }
        return value
    }

    private mutating func global() throws -> PickleValue {
        var names: [String] = []
        for _ in 0..<2 {
            let line = bytes[position...].prefix { $0 != UInt8(ascii: "\n") }
            names.append(String(decoding: try take(line.count), as: UTF8.self))
            _ = try take(1)
        }
        let name = names.joined(separator: ".")
        let known = ["numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"]
        guard known.contains(name) else {
            throw refuse(expected: known.joined(separator: ", "), found: name)
        }
        return .global(name)
    }

    private mutating func extendList(with items: [PickleValue]) throws {
        guard case .list(let list)? = stack.popLast() else { throw refuse(expected: "a list", found: "another value") }
        stack.append(.list(list + items))
    }

    private mutating func extendDictionary(with items: [PickleValue]) throws {
        guard items.count.isMultiple(of: 2), case .dictionary(var dictionary)? = stack.popLast() else {
            throw refuse(expected: "a dictionary, keys and values", found: "\(items.count) values")
        }
        for index in stride(from: 0, to: items.count, by: 2) {
            guard case .string(let key) = items[index] else {
                throw refuse(expected: "a string as key", found: items[index].name)
            }
            dictionary[String(decoding: key, as: UTF8.self)] = items[index + 1]
        }
        stack.append(.dictionary(dictionary))
    }

    /// `_reconstruct(ndarray, (0,), 'b')` and `dtype('u1', …)`.
    private mutating func reduce() throws {
        let call = try pop(2)
        guard case .global(let function) = call[0], case .tuple(let arguments) = call[1] else {
            throw refuse(expected: "a name and a tuple", found: "\(call[0].name) and \(call[1].name)")
        }
        switch (function, arguments.first) {
        case ("numpy.core.multiarray._reconstruct", .global("numpy.ndarray")?): stack.append(.emptyArray)
        case ("numpy.dtype", .string(let code)?) where code.elementsEqual("u1".utf8): stack.append(.byteType)
        default:
            throw refuse(
                expected: "an array or the type u1", found: "\(function)(\(arguments.first?.name ?? ""), …)")
        }
    }

    /// The state of an array, (1, extents, type, is in Fortran's order, elements); the one of a type says what is known.
    private mutating func build() throws {
        let parts = try pop(2)
        switch parts[0] {
        case .byteType: stack.append(.byteType)
        case .emptyArray:
            guard case .tuple(let state) = parts[1], state.count == 5, case .tuple(let items) = state[1],
                case .byteType = state[2], case .boolean(false) = state[3], case .string(let elements) = state[4]
            else {
                throw refuse(expected: "the state of an array of unsigned bytes in C's order", found: parts[1].name)
            }
            let extents = try items.map { item in
                guard case .integer(let extent) = item, (0...1 << 30).contains(extent) else {
                    throw refuse(expected: "an extent", found: item.name)
                }
                return extent
            }
            guard extents.count <= 2, extents.reduce(1, *) == elements.count else {
                throw refuse(
                    expected: "\(extents.map(String.init).joined(separator: " × ")) elements",
                    found: "\(elements.count)")
            }
            stack.append(.array(extents, elements))
        default: throw refuse(expected: "an array or a type", found: parts[0].name)
        }
    }
}
