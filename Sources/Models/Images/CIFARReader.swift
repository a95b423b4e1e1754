import Archives
import Essentials

/// CIFAR-10 in its binary version: records of 3073 bytes, the class and then 32 × 32 red, green and blue values by row
/// (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html).
enum CIFARReader {
    static let shape = ImageShape(channels: 3, height: 32, width: 32)
    static let classCount = 10

    /// - Throws: `SmoothnessError` of kind `.data` with file, offset, expected and found.
    static func binary(_ bytes: ArraySlice<UInt8>, file: String) throws -> StoredImages {
        let record = 1 + shape.count
        guard !bytes.isEmpty, bytes.count.isMultiple(of: record) else {
            throw SmoothnessError(
                .data, "ends inside a record at offset \(bytes.count / record * record)", file: file,
                expected: "records of \(record) bytes", found: "\(bytes.count % record) bytes after the last one")
        }
        var labels: [Int] = []
        var pixels: [UInt8] = []
        pixels.reserveCapacity(bytes.count)
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: record) {
            guard bytes[start] < classCount else {
                throw SmoothnessError(
                    .data, "holds no CIFAR-10 label at offset \(start - bytes.startIndex)", file: file,
                    expected: "a class of 0 to \(classCount - 1)", found: "\(bytes[start])")
            }
            labels.append(Int(bytes[start]))
            pixels += bytes[(start + 1)..<(start + record)]
        }
        return StoredImages(shape: shape, labels: labels, pixels: pixels)
    }

    /// The Python version: a dictionary whose `data` is an unsigned 8-bit array [N, 3072] and whose `labels` is a list of N classes,
    /// pickled by Python 2 with protocol 2.
    /// - Throws: `SmoothnessError` of kind `.data` with file, offset, expected and found.
    static func python(_ bytes: ArraySlice<UInt8>, file: String) throws -> StoredImages {
        var pickle = Pickle(bytes, BatchVocabulary(file: file))
        return try pickle.read { value, pickle in
            guard pickle.remainder == 0 else {
                throw refuse(
                    "the pickled value", file: file, expected: "the end of the file",
                    found: "\(pickle.remainder) more bytes")
            }
            return try images(of: value, file: file)
        }
    }

    private static func images(of value: PickleValue, file: String) throws -> StoredImages {
        guard case .dictionary(let dictionary) = value else {
            throw refuse("the pickled value", file: file, expected: "a dictionary", found: value.summary)
        }
        let batch = Dictionary(dictionary.items.map { ($0.key.keyText, $0.value) }, uniquingKeysWith: { $1 })
        guard case .object(let object)? = batch["data"], case .array(let extents, let pixels) = object as? BatchObject
        else {
            throw refuse(
                "data", file: file, expected: "an array of unsigned bytes",
                found: batch["data"]?.summary ?? "no such key")
        }
        guard extents.count == 2, extents[0] > 0, extents[1] == shape.count else {
            throw refuse(
                "data", file: file, expected: "N × \(shape.count)",
                found: extents.map(String.init).joined(separator: " × "))
        }
        guard pixels.count == checkedProduct(extents) else {
            throw refuse(
                "data", file: file, expected: "\(extents[0]) × \(shape.count) elements", found: "\(pixels.count)")
        }
        guard case .list(let list)? = batch["labels"] else {
            throw refuse("labels", file: file, expected: "a list", found: batch["labels"]?.summary ?? "no such key")
        }
        guard list.items.count == extents[0] else {
            throw refuse("labels", file: file, expected: "\(extents[0]) labels", found: "\(list.items.count)")
        }
        let labels = try list.items.enumerated().map { index, item in
            guard case .integer(let label) = item, (0..<classCount).contains(label) else {
                throw refuse(
                    "labels[\(index)]", file: file, expected: "a class of 0 to \(classCount - 1)", found: item.summary)
            }
            return label
        }
        return StoredImages(shape: shape, labels: labels, pixels: Array(pixels))
    }

    private static func refuse(_ object: String, file: String, expected: String, found: String) -> SmoothnessError {
        SmoothnessError(
            .data, "does not hold a CIFAR-10 batch", file: file, object: object, expected: expected, found: found)
    }
}

/// What a pickled batch makes besides containers and numbers.
private enum BatchObject: PickleObject {
    /// `numpy.dtype('u1')`
    case byteType
    /// An array that has no elements yet.
    case emptyArray
    /// Unsigned bytes, row-major.
    case array([Int], ArraySlice<UInt8>)

    var summary: String {
        switch self {
        case .byteType: "a type"
        case .emptyArray: "an array without elements"
        case .array: "an array"
        }
    }

    var isInert: Bool { false }
}

/// The three names in the batches of CIFAR-10, which Python 2 has pickled with protocol 2: an array of NumPy with its type. Every other name is
/// refused.
private struct BatchVocabulary: PickleVocabulary {
    let file: String
    let protocols: ClosedRange<UInt8> = 2...2
    private static let known = ["numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"]

    func error(at offset: Int, expected: String, found: String) -> SmoothnessError {
        SmoothnessError(
            .data, "is not a pickle as CIFAR-10 is published in at offset \(offset)", file: file, expected: expected,
            found: found)
    }

    func refusal(ofName name: String) -> (expected: String, found: String)? {
        Self.known.contains(name) ? nil : (Self.known.joined(separator: ", "), name)
    }

    /// `_reconstruct(ndarray, (0,), 'b')` and `dtype('u1', …)`.
    func result(
        of function: PickleValue, _ arguments: [PickleValue], makeDictionary: () -> PickleValue.Dictionary
    ) -> PickleValue? {
        guard case .global(let name) = function, let first = arguments.first else { return nil }
        if name == Self.known[0], case .global(Self.known[1]) = first { return .object(BatchObject.emptyArray) }
        return name == Self.known[2] && first.text == "u1" ? .object(BatchObject.byteType) : nil
    }

    /// The state of an array, (1, extents, type, is in Fortran's order, elements); that of a type says what is known.
    func object(_ object: PickleValue, with state: PickleValue) -> PickleValue? {
        guard case .object(let made) = object, let made = made as? BatchObject else { return nil }
        if case .byteType = made { return object }
        guard case .emptyArray = made, case .tuple(let parts, _) = state, parts.count == 5,
            let extents = parts[1].integers(atMost: 2), case .object(let type) = parts[2],
            case .byteType = type as? BatchObject, case .boolean(false) = parts[3],
            case .string(let elements) = parts[4]
        else { return nil }
        return .object(BatchObject.array(extents, elements))
    }

    func referent(of reference: PickleValue) -> PickleValue? { nil }
}
