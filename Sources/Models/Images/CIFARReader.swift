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
        var reader = PickleReader(bytes, file: file)
        let value = try reader.read()
        func refuse(_ object: String, expected: String, found: String) -> SmoothnessError {
            SmoothnessError(
                .data, "does not hold a CIFAR-10 batch", file: file, object: object, expected: expected, found: found)
        }
        guard case .dictionary(let batch) = value else {
            throw refuse("the pickled value", expected: "a dictionary", found: value.name)
        }
        guard case .array(let extents, let pixels)? = batch["data"] else {
            throw refuse(
                "data", expected: "an array of unsigned bytes", found: batch["data"]?.name ?? "no such key")
        }
        guard extents.count == 2, extents[0] > 0, extents[1] == shape.count else {
            throw refuse(
                "data", expected: "N × \(shape.count)", found: extents.map(String.init).joined(separator: " × "))
        }
        guard case .list(let items)? = batch["labels"] else {
            throw refuse("labels", expected: "a list", found: batch["labels"]?.name ?? "no such key")
        }
        guard items.count == extents[0] else {
            throw refuse("labels", expected: "\(extents[0]) labels", found: "\(items.count)")
        }
        let labels = try items.enumerated().map { index, item in
            guard case .integer(let label) = item, (0..<classCount).contains(label) else {
                throw refuse(
                    "labels[\(index)]", expected: "a class of 0 to \(classCount - 1)",
                    found: item.name)
            }
            return label
        }
        return StoredImages(shape: shape, labels: labels, pixels: Array(pixels))
    }
}
