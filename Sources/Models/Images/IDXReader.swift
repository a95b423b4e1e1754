import Archives
import Essentials

/// IDX files, the form of the MNIST database: two zero bytes, the element type (8: unsigned byte), the number of dimensions,
/// each dimension as a big-endian 32-bit integer, then the elements row-major. Plain or as gzip.
enum IDXReader {
    /// More than any published file of this form unpacks to; EMNIST's largest has 547 MB.
    private static let mostBytes = 1 << 30

    /// The dimensions and elements of a file.
    /// - Parameter rank: the dimensions that it must have.
    /// - Throws: `SmoothnessError` of kind `.data` with file, offset, expected and found.
    static func read(_ packed: [UInt8], rank: Int, file: String) throws -> (extents: [Int], elements: ArraySlice<UInt8>)
    {
        func refuse(_ offset: Int, expected: String, found: String) -> SmoothnessError {
            SmoothnessError(
                .data, "is not an IDX file of \(rank == 1 ? "labels" : "images") at offset \(offset)", file: file,
                expected: expected, found: found)
        }
        let start = 4 + 4 * rank
        let magic = [0, 0, 8, UInt8(rank)]
        let isPacked = Packing.isGzip(packed)
        // The header first: what it promises bounds what is unpacked.
        let header = isPacked ? Packing.gzip.beginning(of: packed, count: start) : Array(packed.prefix(start))
        // What is wrong with the archive itself is for unpacking to say.
        if isPacked && header.count < start { _ = try Packing.gzip.unpacked(packed, file: file, atMost: start) }
        guard header.starts(with: magic) else {
            throw refuse(0, expected: hexadecimal(magic), found: hexadecimal(header.prefix(4)))
        }
        guard header.count == start else {
            throw refuse(4, expected: "\(4 * rank) bytes of dimensions", found: "\(header.count - 4)")
        }
        let extents = (0..<rank).map { index in
            header[(4 + 4 * index)..<(8 + 4 * index)].reduce(0) { $0 << 8 | Int($1) }
        }
        guard let zero = extents.firstIndex(of: 0) else {
            var count = 1
            for extent in extents {
                let product = count.multipliedReportingOverflow(by: extent)
                count = product.overflow ? Int.max : product.partialValue
            }
            let bytes =
                isPacked ? try Packing.gzip.unpacked(packed, file: file, atMost: min(count, mostBytes) + start) : packed
            guard bytes.count - start == count else {
                throw refuse(
                    start, expected: "\(extents.map(String.init).joined(separator: " × ")) = \(count) bytes",
                    found: "\(bytes.count - start)")
            }
            return (extents, bytes[start...])
        }
        throw refuse(4 + 4 * zero, expected: "a dimension of 1 or more", found: "0")
    }

    /// Images [N, H, W] with the labels [N] of another file.
    static func images(
        _ images: [UInt8], file: String, labels: [UInt8], labelFile: String
    ) throws -> StoredImages {
        let (extents, pixels) = try read(images, rank: 3, file: file)
        let (count, classes) = try read(labels, rank: 1, file: labelFile)
        guard count[0] == extents[0] else {
            throw SmoothnessError(
                .data, "does not hold the labels of \(file) at offset 4", file: labelFile,
                expected: "\(extents[0]) labels", found: "\(count[0])")
        }
        return StoredImages(
            shape: ImageShape(channels: 1, height: extents[1], width: extents[2]), labels: classes.map(Int.init),
            pixels: Array(pixels))
    }

    /// Refuses labels of which one between 1 and the largest has no image, as one damaged byte makes them. 0 may be missing: some
    /// data, as EMNIST's letters, count their classes from 1.
    static func refuseGap(in labels: [Int], file: String) throws {
        var present = Set(labels)
        present.insert(0)
        guard let gap = (0..<256).first(where: { !present.contains($0) }),
            let place = labels.firstIndex(where: { $0 > gap })
        else { return }
        throw SmoothnessError(
            .data, "leaves class \(gap) without images at offset \(8 + place)", file: file,
            expected: "a class of 0 to \(gap - 1), as all labels below it are there", found: "\(labels[place])")
    }
}

/// `00 00 08 03`
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    return text.isEmpty ? "nothing" : text
}
