import Essentials
import Evaluation
import Foundation

/// The forms of image data that are read.
public enum ImageFormat: String, Codable, Sendable, Hashable, CaseIterable {
    /// Records of CIFAR-10's binary version: a file, the folder `cifar-10-batches-bin`, or the published tar.gz.
    case cifarBinary = "cifar-binary"
    /// CIFAR-10's Python version: a batch, the folder `cifar-10-batches-py`, or the published tar.gz.
    case cifarPython = "cifar-python"
    /// MNIST's: a file of images beside its file of labels, or the folder with both pairs; each plain or as gzip.
    case idx
    /// A folder of folders of JPEG and PNG images, or a folder that holds two such as `train` and `val`.
    case folder
}

/// Image data as an objective was made from them: where they were, in which form, and what they held.
///
/// The digest of a single file is the file's. Of several it is the SHA-256 of the text with one line
/// `<name>\t<bytes>\t<SHA-256>\n` a file, sorted by the bytes of the names, which are relative to `path` (or to its folder where
/// it is a file); `byte_count` is then their sum.
public struct ImageFiles: Sendable, Hashable, Codable {
    /// As it was given, so relative to the folder of that call if it was.
    public var path: String
    public var format: ImageFormat
    public var digest: Digest

    enum CodingKeys: String, CodingKey {
        case path, format, sha256
        case byteCount = "byte_count"
    }

    /// The files as they are now.
    /// - Parameter format: found out by looking, where `nil`.
    /// - Throws: `SmoothnessError` of kind `.noInput`, `.inputOutput`, or `.data` where they are none of the forms.
    public init(path: String, format: ImageFormat? = nil) throws {
        self.path = path
        self.format = try format ?? ImageFormat(lookingAt: path)
        digest = try Self.digest(of: self.format.members(of: path))
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        path = try container.decode(String.self, forKey: .path)
        format = try container.decode(ImageFormat.self, forKey: .format)
        digest = Digest(
            sha256: try container.decode(String.self, forKey: .sha256),
            byteCount: try container.decode(Int.self, forKey: .byteCount))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(path, forKey: .path)
        try container.encode(format, forKey: .format)
        try container.encode(digest.sha256, forKey: .sha256)
        try container.encode(digest.byteCount, forKey: .byteCount)
    }

    /// Refuses data that are not the ones that the description was made from.
    /// - Parameter place: where they are now.
    func check(at place: String) throws {
        guard FileManager.default.fileExists(atPath: place) else {
            throw SmoothnessError(
                .noInput, "there is no such file", file: place,
                expected: "the data with SHA-256 \(digest.sha256), \(digest.byteCount) bytes",
                remedy: "Say where it is now with --data")
        }
        let found = try Self.digest(of: format.members(of: place))
        guard found == digest else {
            throw SmoothnessError(
                .data, "is not what this objective was made from", file: place,
                expected: "SHA-256 \(digest.sha256), \(digest.byteCount) bytes",
                found: "SHA-256 \(found.sha256), \(found.byteCount) bytes",
                remedy: "Restore the original or say with --data where a copy is")
        }
    }

    /// Whether the data bring held-out images of their own; of an archive, that it is one of CIFAR-10's.
    public func hasHeldOutImages() throws -> Bool {
        if path.hasSuffix(".tar.gz") || path.hasSuffix(".tgz") || path.hasSuffix(".tar") { return true }
        return try format.members(of: path).contains(where: \.isHeldOut)
    }

    private static func digest(of members: [ImageFormat.Member]) throws -> Digest {
        for member in members { try requireRegularFile(member.path) }
        if members.count == 1 { return try Digest(ofFile: members[0].path) }
        var text = ""
        var byteCount = 0
        for member in members.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
            let digest = try Digest(ofFile: member.path)
            text += "\(member.name)\t\(digest.byteCount)\t\(digest.sha256)\n"
            byteCount += digest.byteCount
        }
        return Digest(sha256: Digest(of: Array(text.utf8)).sha256, byteCount: byteCount)
    }
}

extension ImageFormat {
    /// A file that belongs to the data.
    struct Member {
        /// Relative to the data's folder.
        var name: String
        var path: String
        /// Whether it is of the published test set.
        var isHeldOut = false
    }

    /// Names of CIFAR-10's files without `.bin`, in their order.
    private static let trainingBatches = (1...5).map { "data_batch_\($0)" }

    /// Names of MNIST's files without `.gz`, images before their labels.
    static let idxNames = ["train", "t10k"].flatMap { ["\($0)-images-idx3-ubyte", "\($0)-labels-idx1-ubyte"] }

    /// The files of training images that a folder may hold.
    private var expectedNames: String {
        switch self {
        case .cifarBinary: "data_batch_1.bin to data_batch_5.bin"
        case .cifarPython: "data_batch_1 to data_batch_5"
        case .idx: "\(Self.idxNames[0]) and \(Self.idxNames[1]), plain or with .gz"
        case .folder: "folders of JPEG or PNG files, one a class"
        }
    }

    /// The files of the data at a path.
    /// - Throws: `SmoothnessError` of kind `.noInput` or `.data`.
    func members(of path: String) throws -> [Member] {
        guard isFolder(path) else {
            guard self == .idx else { return [Member(name: name(of: path), path: path)] }
            let labels = try Self.labelFile(for: path)
            return [path, labels].map { Member(name: name(of: $0), path: $0) }
        }
        func existing(_ names: [String], isHeldOut: Bool) -> [Member] {
            names.map { Member(name: $0, path: "\(path)/\($0)", isHeldOut: isHeldOut) }
                .filter { FileManager.default.fileExists(atPath: $0.path) }
        }
        var members: [Member]
        switch self {
        case .cifarBinary, .cifarPython:
            let ending = self == .cifarBinary ? ".bin" : ""
            members = existing(Self.trainingBatches.map { $0 + ending }, isHeldOut: false)
            members += existing(["test_batch" + ending], isHeldOut: true)
        case .idx:
            members = []
            for name in Self.idxNames {
                members += existing([name, name + ".gz"], isHeldOut: name.hasPrefix("t10k")).prefix(1)
            }
        case .folder: members = try Self.folderMembers(path)
        }
        guard members.contains(where: { !$0.isHeldOut }) else {
            throw SmoothnessError(
                .data, "holds no training images", file: path, expected: expectedNames,
                found: members.isEmpty ? "none of them" : "only \(members.map(\.name).joined(separator: ", "))")
        }
        return members
    }

    private static func folderMembers(_ path: String) throws -> [Member] {
        let parts = folderParts(of: path)
        return try parts.flatMap { part in
            let root = part.isEmpty ? path : "\(path)/\(part)"
            return try ImageFolder.classes(of: root).flatMap { name in
                try ImageFolder.files(in: "\(root)/\(name)").map { file in
                    let inside = part.isEmpty ? "\(name)/\(file)" : "\(part)/\(name)/\(file)"
                    return Member(name: inside, path: "\(path)/\(inside)", isHeldOut: part == "val")
                }
            }
        }
    }

    /// `train` and, where it is there, `val`; or the folder itself.
    static func folderParts(of path: String) -> [String] {
        guard isFolder("\(path)/train") else { return [""] }
        return isFolder("\(path)/val") ? ["train", "val"] : ["train"]
    }

    /// `…labels-idx1…` beside `…images-idx3…`, plain or as gzip.
    private static func labelFile(for path: String) throws -> String {
        let url = URL(filePath: path)
        let name = url.lastPathComponent
        let labels = name.replacing("images", with: "labels").replacing("idx3", with: "idx1")
        guard labels != name else {
            throw SmoothnessError(
                .data, "has no name from which that of its labels follows", file: path,
                expected: "a name with “images” in it, as train-images-idx3-ubyte", found: name)
        }
        let stem = labels.hasSuffix(".gz") ? String(labels.dropLast(3)) : labels
        let folder = url.deletingLastPathComponent().relativePath
        let candidates = [labels, stem, stem + ".gz"].map {
            folder == "." && !path.hasPrefix(".") ? $0 : "\(folder)/\($0)"
        }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw SmoothnessError(
                .noInput, "there is no such file", file: candidates[0], expected: "the labels of \(path)")
        }
        return found
    }

    /// The form of what is at a path, from its names and first bytes.
    /// - Throws: `SmoothnessError` of kind `.noInput`, `.inputOutput` or `.data`.
    init(lookingAt path: String) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw SmoothnessError(
                .noInput, "there is no such file", file: path, expected: "a file or a folder of images")
        }
        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }
        if isFolder(path) {
            self =
                has("data_batch_1.bin")
                ? .cifarBinary
                : has("data_batch_1")
                    ? .cifarPython
                    : Self.idxNames.contains { has($0) || has($0 + ".gz") } ? .idx : .folder
            return
        }
        let name = name(of: path)
        if name.hasSuffix(".bin") || name.hasPrefix("cifar-10-binary") {
            self = .cifarBinary
        } else if name.contains("idx3") {
            self = .idx
        } else if name.hasPrefix("cifar-10-python") || name.hasPrefix("data_batch") || name.hasPrefix("test_batch") {
            self = .cifarPython
        } else {
            throw SmoothnessError(
                .data, "has no name from which its form follows", file: path,
                expected: "*.bin, cifar-10-binary*, cifar-10-python*, data_batch*, *idx3*, or a folder", found: name,
                remedy: "Say it with --image-format")
        }
    }
}

func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
}

private func name(of path: String) -> String { URL(filePath: path).lastPathComponent }

/// All bytes of a file.
func readWhole(_ path: String) throws -> [UInt8] {
    try requireRegularFile(path)
    do {
        return [UInt8](try Data(contentsOf: URL(filePath: path)))
    } catch {
        throw SmoothnessError(.inputOutput, "cannot be read", file: path)
    }
}
