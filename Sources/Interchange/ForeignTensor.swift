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

/// A row-major tensor in a file of another program; its elements are read when they are asked for.
public struct ForeignTensor: Sendable {
    enum Place: Sendable {
        /// Little-endian elements from this byte of the file on.
        case bytes(Int)
        /// A dataset of an HDF5 file.
        case dataset(String)
        /// What was unpacked, little-endian.
        case memory([UInt8])
    }

    /// The file.
    public var file: String
    /// Its name there.
    public var name: String
    public var shape: [Int]
    public var element: ForeignElement
    var place: Place

    public var count: Int { shape.reduce(1, *) }

    /// The elements `range`, row-major, as `Scalar`: exact but for float64 read as float32.
    /// - Throws: `SmoothnessError(.inputOutput)`.
    public func read<Scalar: ParameterScalar>(_ range: Range<Int>, as scalar: Scalar.Type) throws -> [Scalar] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        switch place {
        case .dataset(let object): return try readDataset(object, range)
        case .bytes(let offset):
            return try translated {
                let elements = try StoredElements(file)
                let byte = offset + range.lowerBound * element.byteCount
                switch element {
                case .float16, .bfloat16:
                    var bits = [UInt16](repeating: 0, count: range.count)
                    try elements.read(into: &bits, count: bits.count, atByte: byte)
                    return bits.map { Scalar(widened($0)) }
                case .float32:
                    var values = [Float](repeating: 0, count: range.count)
                    try elements.read(into: &values, count: values.count, atByte: byte)
                    return values.map { Scalar($0) }
                case .float64:
                    var values = [Double](repeating: 0, count: range.count)
                    try elements.read(into: &values, count: values.count, atByte: byte)
                    return values.map { Scalar($0) }
                }
            }
        case .memory(let bytes):
            return range.map { index in
                let start = index * element.byteCount
                let bits = bytes[start..<(start + element.byteCount)].reversed().reduce(UInt64(0)) {
                    $0 << 8 | UInt64($1)
                }
                switch element {
                case .float16, .bfloat16: return Scalar(widened(UInt16(bits)))
                case .float32: return Scalar(Float(bitPattern: UInt32(bits)))
                case .float64: return Scalar(Double(bitPattern: bits))
                }
            }
        }
    }

    private func widened(_ bits: UInt16) -> Float {
        element == .bfloat16 ? Float(bitPattern: UInt32(bits) << 16) : Float(Float16(bitPattern: bits))
    }

    /// Whole entries of the first axis, or all of a dataset without one.
    private func readDataset<Scalar: ParameterScalar>(_ object: String, _ range: Range<Int>) throws -> [Scalar] {
        try translated {
            let dataset = try HDF5.File.open(file, .readOnly).dataset(object)
            let entry = max(1, shape.dropFirst().reduce(1, *))
            guard !shape.isEmpty, range.lowerBound % entry == 0, range.count % entry == 0 else {
                let all = try dataset.read(as: Double.self)
                return all[range].map { Scalar($0) }
            }
            let start = [range.lowerBound / entry] + shape.dropFirst().map { _ in 0 }
            let count = [range.count / entry] + shape.dropFirst()
            if element == .float64 {
                return try dataset.read(as: Double.self, start: start, count: count).map { Scalar($0) }
            }
            return try dataset.read(as: Float.self, start: start, count: count).map { Scalar($0) }
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
    /// Something that no tensor can be made of, and why: refused where it is asked for.
    case other(String)

    /// In words, for messages.
    var summary: String {
        switch self {
        case .tensor(let tensor): "\(tensor.element.rawValue) \(tensor.shape)"
        case .list(let items): "a list of \(items.count)"
        case .dictionary(let members):
            "the names " + members.prefix(8).map(\.name).joined(separator: ", ") + (members.count > 8 ? ", …" : "")
        case .other(let text): text
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
        case .tensor, .other: return nil
        }
    }
}
