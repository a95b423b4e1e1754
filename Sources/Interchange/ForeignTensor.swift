import Archives
import Essentials
import HDF5
import ParameterSpace

/// The floating-point numbers that other programs' files hold. The two halves widen to float32 without loss.
public enum ForeignElement: String, Sendable, Hashable {
    case float16, bfloat16, float32, float64

    public var byteCount: Int {
        switch self {
        case .float16, .bfloat16: 2
        case .float32: 4
        case .float64: 8
        }
    }

    /// Of what holds them without loss.
    public var isDouble: Bool { self == .float64 }
}

/// A tensor in a file of another program; its elements are read when they are asked for.
public struct ForeignTensor: Sendable {
    enum Place: Sendable, Hashable {
        /// Elements from this byte of the file on.
        case bytes(Int)
        /// A dataset of an HDF5 file.
        case dataset(String)
        /// Elements from this byte of a deflated member on.
        case packed(DeflatedMember, Int)
    }

    /// The file.
    public var file: String
    /// Its name there.
    public var name: String
    public var shape: [Int]
    public var element: ForeignElement
    var place: Place
    /// How many stored elements lie between neighbours along each axis; `nil` where the elements are stored in row-major order.
    var strides: [Int]?
    var isBigEndian = false

    public var count: Int { shape.reduce(1, *) }

    /// Elements of one entry of the first axis.
    var entryCount: Int { shape.contains(0) ? 0 : shape.dropFirst().reduce(1, *) }

    /// Whether two tensors are the same numbers in the same file, as tied weights are.
    func isSamePlace(as other: ForeignTensor) -> Bool {
        place == other.place && file == other.file && shape == other.shape && strides == other.strides
            && element == other.element && count > 0
    }

    /// The elements `range` in row-major order, as `Scalar`: exact but for float64 read as float32.
    /// - Throws: `SmoothnessError(.inputOutput)`.
    public func read<Scalar: ParameterScalar>(_ range: Range<Int>, as scalar: Scalar.Type) throws -> [Scalar] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        guard !range.isEmpty else { return [] }
        return try translated { () throws -> [Scalar] in
            if case .dataset(let object) = place { return try readDataset(object, range) }
            guard let strides else { return try stored(range) }
            // What lies between the first and the last of the wanted elements is read at once.
            let places = Self.places(range, shape, strides)
            guard let first = places.min(), let last = places.max() else { return [] }
            let elements: [Scalar] = try stored(first..<(last + 1))
            return places.map { elements[$0 - first] }
        }
    }

    /// Where the elements `range` of the row-major order are stored.
    private static func places(_ range: Range<Int>, _ shape: [Int], _ strides: [Int]) -> [Int] {
        var index = [Int](repeating: 0, count: shape.count)
        var rest = range.lowerBound
        for axis in shape.indices.reversed() {
            index[axis] = rest % shape[axis]
            rest /= shape[axis]
        }
        var place = zip(index, strides).reduce(0) { $0 + $1.0 * $1.1 }
        var places: [Int] = []
        places.reserveCapacity(range.count)
        for _ in range {
            places.append(place)
            for axis in shape.indices.reversed() {
                index[axis] += 1
                place += strides[axis]
                if index[axis] < shape[axis] { break }
                place -= strides[axis] * shape[axis]
                index[axis] = 0
            }
        }
        return places
    }

    /// The elements in the order in which they are stored.
    private func stored<Scalar: ParameterScalar>(_ range: Range<Int>) throws -> [Scalar] {
        switch element {
        case .float16: try bits(range, of: UInt16.self).map { Scalar(Float(Float16(bitPattern: $0))) }
        case .bfloat16: try bits(range, of: UInt16.self).map { Scalar(Float(bitPattern: UInt32($0) << 16)) }
        case .float32: try bits(range, of: UInt32.self).map { Scalar(Float(bitPattern: $0)) }
        case .float64: try bits(range, of: UInt64.self).map { Scalar(Double(bitPattern: $0)) }
        }
    }

    private func bits<Bits: FixedWidthInteger & HDF5Scalar>(_ range: Range<Int>, of type: Bits.Type) throws -> [Bits] {
        var bits = [Bits](repeating: 0, count: range.count)
        let width = Bits.bitWidth / 8
        switch place {
        case .bytes(let offset):
            try StoredElements(file).read(into: &bits, count: bits.count, atByte: offset + range.lowerBound * width)
        case .packed(let contents, let offset):
            let start = offset + range.lowerBound * width
            let bytes = try contents.read(start..<(start + range.count * width))
            for index in bits.indices {
                for byte in (0..<width).reversed() {
                    bits[index] = bits[index] << 8 | Bits(bytes[index * width + byte])
                }
            }
        case .dataset: preconditionFailure("a dataset is read by the library of HDF5")
        }
        return isBigEndian ? bits.map(\.byteSwapped) : bits
    }

    /// The library converts elements of any order and width, and reads whole entries of the first axis or all of a dataset without one.
    private func readDataset<Scalar: ParameterScalar>(_ object: String, _ range: Range<Int>) throws -> [Scalar] {
        let dataset = try HDF5.File.open(file, .readOnly).dataset(object)
        // With the axes reversed the first axis is the last one of the dataset.
        let isReversed = strides != nil
        func box(_ entries: Range<Int>) -> (start: [Int], count: [Int]) {
            guard !shape.isEmpty else { return ([], []) }
            let (start, count) = (
                [entries.lowerBound] + shape.dropFirst().map { _ in 0 }, [entries.count] + shape.dropFirst()
            )
            return isReversed ? (start.reversed(), count.reversed()) : (start, count)
        }
        let entry = max(1, entryCount)
        let entries = range.lowerBound / entry..<(range.upperBound + entry - 1) / entry
        let (start, count) = box(entries)
        let read: [Scalar]
        if element == .float64 {
            read = try dataset.read(as: Double.self, start: start, count: count).map { Scalar($0) }
        } else {
            read = try dataset.read(as: Float.self, start: start, count: count).map { Scalar($0) }
        }
        let wanted = (range.lowerBound - entries.lowerBound * entry)..<(range.upperBound - entries.lowerBound * entry)
        guard isReversed else { return wanted.count == read.count ? read : Array(read[wanted]) }
        let part = [entries.count] + shape.dropFirst()
        return Self.places(wanted, part, Self.reversedStrides(part)).map { read[$0] }
    }

    /// The strides of a tensor that is stored in column-major order, as those of Fortran and MATLAB.
    static func reversedStrides(_ shape: [Int]) -> [Int] {
        var stride = 1
        return shape.map { extent in
            defer { stride *= extent }
            return stride
        }
    }

    private func translated<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as HDF5Error {
            var known = SmoothnessError(.inputOutput, error)
            (known.file, known.object) = (file, name)
            throw known
        }
    }
}

/// What a file holds: tensors with names, in groups and lists.
public indirect enum TensorTree: Sendable {
    case tensor(ForeignTensor)
    case list([TensorTree])
    case dictionary([(name: String, value: TensorTree)])
    case integer(Int)
    /// A tensor of real or complex numbers that is not read here, and why: refused where it belongs to what was asked for.
    case unreadable(String)
    /// Something else than real numbers, and what: read past.
    case other(String)

    /// In words, for messages.
    var summary: String {
        switch self {
        case .tensor(let tensor): "\(tensor.element.rawValue) \(tensor.shape)"
        case .list(let items): "a list of \(items.count)"
        case .dictionary(let members):
            members.isEmpty
                ? "an empty group"
                : "the names " + members.prefix(8).map(\.name).joined(separator: ", ")
                    + (members.count > 8 ? ", …" : "")
        case .integer(let value): "the number \(value)"
        case .unreadable(let text), .other(let text): text
        }
    }

    /// What a name leads to. Names of groups are joined by `/` or `.`, and a name that holds these itself is found as well.
    func member(_ path: String) -> TensorTree? {
        if path.isEmpty || path == "." || path == "/" { return self }
        switch self {
        case .dictionary(let members):
            for (name, value) in members where name == path { return value }
            for (name, value) in members where path.hasPrefix(name) {
                let rest = path.dropFirst(name.count)
                guard let separator = rest.first, "/.".contains(separator) else { continue }
                if let found = value.member(String(rest.dropFirst())) { return found }
            }
            if path.hasPrefix("/") { return member(String(path.dropFirst())) }
            // Formats without groups have them in their names: `weights/w`, `weights.b`.
            let below = members.filter {
                $0.name.hasPrefix(path) && "/.".contains($0.name.dropFirst(path.count).prefix(1))
            }
            guard !below.isEmpty else { return nil }
            return .dictionary(below.map { (String($0.name.dropFirst(path.count + 1)), $0.value) })
        case .list(let items):
            let head = path.prefix { $0 != "/" && $0 != "." }
            guard let index = Int(head), items.indices.contains(index) else { return nil }
            return items[index].member(String(path.dropFirst(head.count).drop { $0 == "/" || $0 == "." }))
        case .tensor, .integer, .unreadable, .other: return nil
        }
    }

    /// The shape, where it is a tensor.
    var tensorShape: [Int]? { if case .tensor(let tensor) = self { tensor.shape } else { nil } }

    /// The member of exactly this name.
    func direct(_ name: String) -> TensorTree? {
        guard case .dictionary(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }
}

/// The most axes that any of the formats knows.
let mostAxes = 64

/// The product of extents; `nil` where one is negative or the elements of `width` bytes could not be numbered, were the extents of zero left out.
func elementCount(_ shape: [Int], width: Int) -> Int? {
    guard shape.count <= mostAxes, let byteCount = checkedProduct([width] + shape.filter { $0 != 0 }) else {
        return nil
    }
    return shape.contains(0) ? 0 : byteCount / width
}
