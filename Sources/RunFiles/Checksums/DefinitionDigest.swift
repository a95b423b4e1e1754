import Essentials
import HDF5

/// `/checksums/definition`: SHA-256 over texts, attributes and numbers that are written once, when a file is made.
package enum DefinitionDigest {
    /// Stores the digest of what is there of these.
    /// - Parameter candidates: datasets, as `/gammas`, and attributes, as `/@run_id` or `/live@maker`; those that the file does not have are
    ///   left out.
    package static func store(over candidates: [String], in file: borrowing File) throws {
        let covers = try candidates.filter { try exists($0, in: file) }
        let path = ChecksumPath.definition
        try file.createDataset(path, of: UInt8.self, shape: [32]).write(all: try digest(over: covers, of: file).bytes)
        try file.describe(
            path, longName: "digest of the definition",
            definition:
                "SHA-256 over what the attribute covers names: for each its name, a tab, its number of bytes, a line feed, its bytes"
        )
        try file.setAttribute(ChecksumPath.covers, of: path, to: covers.joined(separator: "\n"))
    }

    /// Returns the stored digest and that of the present contents, in hexadecimal; `nil` where no digest was stored.
    static func comparison(in file: borrowing File) throws -> (stored: String, found: String)? {
        let path = ChecksumPath.definition
        guard try file.exists(path) else { return nil }
        let covers = try file.attribute(ChecksumPath.covers, of: path, as: String.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let stored = try file.dataset(path).read(as: UInt8.self)
        return (stored.hexadecimal, try digest(over: covers, of: file).sha256)
    }

    private static func digest(over covers: [String], of file: borrowing File) throws -> Digest {
        var bytes: [UInt8] = []
        for path in covers {
            let content = try content(of: path, in: file)
            bytes += Array("\(path)\t\(content.count)\n".utf8) + content
        }
        return Digest(of: bytes)
    }

    private static func exists(_ path: String, in file: borrowing File) throws -> Bool {
        guard let (object, name) = attribute(path) else { return try file.exists(path) }
        return try file.exists(object) && file.hasAttribute(name, of: object)
    }

    /// Object and name, where the path leads to an attribute.
    private static func attribute(_ path: String) -> (object: String, name: String)? {
        guard let mark = path.lastIndex(of: "@") else { return nil }
        return (String(path[..<mark]), String(path[path.index(after: mark)...]))
    }

    /// Texts in UTF-8, several joined by line feeds; numbers as they lie in the file.
    private static func content(of path: String, in file: borrowing File) throws -> [UInt8] {
        if let (object, name) = attribute(path) {
            return Array(try file.attribute(name, of: object, as: String.self).utf8)
        }
        let (element, isScalar) = (try file.dataset(path).elementName, try file.dataset(path).shape.isEmpty)
        switch element {
        case "string":
            return isScalar
                ? Array(try file.readString(path).utf8)
                : Array(try file.readStrings(path).joined(separator: "\n").utf8)
        case "int64": return try file.dataset(path).read(as: Int64.self).flatMap(\.littleEndianBytes)
        case "float64": return try file.dataset(path).read(as: Double.self).flatMap(\.bitPattern.littleEndianBytes)
        default:
            throw SmoothnessError(
                .data, "cannot be part of a digest", file: file.path, object: path,
                expected: "text, int64 or float64", found: element)
        }
    }
}
