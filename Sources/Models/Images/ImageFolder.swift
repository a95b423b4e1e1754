import CImageCodecs
import Essentials
import Evaluation
import Foundation

/// Images of ImageNet's layout: one folder a class, JPEG or PNG images inside. The classes are the folders' names in the order of
/// their bytes. Hidden files are passed over; anything else that is no image is refused when it is decoded.
///
/// Images are decoded when they are asked for, unless all of them take at most `mostBytesKept` at the size that is wanted; then
/// they are decoded once.
struct ImageFolder: ImageSource {
    static let mostBytesKept = 1 << 30

    let shape: ImageShape
    let labels: [Int]
    private let paths: [String]
    private let resizing: ImageResizing

    /// - Parameters:
    ///   - classes: the names that the folders must have; the folder's own where `nil`.
    /// - Throws: `SmoothnessError` of kind `.noInput`, `.data`.
    init(_ root: String, classes: [String]?, resizing: ImageResizing) throws {
        let names = try classes ?? Self.classes(of: root)
        var labels: [Int] = []
        var paths: [String] = []
        for found in try Self.classes(of: root) {
            guard let label = names.firstIndex(of: found) else {
                throw SmoothnessError(
                    .data, "is a class that the training images do not have", file: root, object: found,
                    expected: names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : ""), found: found)
            }
            for file in try Self.files(in: "\(root)/\(found)") {
                labels.append(label)
                paths.append("\(root)/\(found)/\(file)")
            }
        }
        self.labels = labels
        self.paths = paths
        self.resizing = resizing
        shape = ImageShape(channels: 3, height: resizing.size, width: resizing.size)
    }

    /// The names of the class folders.
    static func classes(of root: String) throws -> [String] {
        let names = try entries(of: root).filter { $0.isFolder }.map(\.name)
        guard !names.isEmpty else {
            throw SmoothnessError(
                .data, "is no folder of images", file: root, expected: "a folder for every class, with images inside",
                found: "no folders")
        }
        return names
    }

    /// The files of a class.
    static func files(in folder: String) throws -> [String] {
        let entries = try entries(of: folder)
        if let nested = entries.first(where: \.isFolder) {
            throw SmoothnessError(
                .data, "is a folder inside a class", file: "\(folder)/\(nested.name)", expected: "images",
                found: "a folder")
        }
        guard !entries.isEmpty else {
            throw SmoothnessError(.data, "is a class without images", file: folder, expected: "images", found: "none")
        }
        return entries.map(\.name)
    }

    private static func entries(of folder: String) throws -> [(name: String, isFolder: Bool)] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder)
        } catch {
            throw SmoothnessError(.noInput, "cannot be listed", file: folder, expected: "a folder of images")
        }
        return names.filter { !$0.hasPrefix(".") }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
            var isFolder: ObjCBool = false
            _ = FileManager.default.fileExists(atPath: "\(folder)/\(name)", isDirectory: &isFolder)
            return (name, isFolder.boolValue)
        }
    }

    func pixels(of image: Int) throws -> ArraySlice<UInt8> {
        let path = paths[image]
        try requireRegularFile(path)
        guard let data = FileManager.default.contents(atPath: path) else {
            throw SmoothnessError(.inputOutput, "cannot be read", file: path)
        }
        return try Self.decode([UInt8](data), resizing: resizing, file: path)[...]
    }

    /// [3][size][size] from a JPEG or PNG file.
    static func decode(_ bytes: [UInt8], resizing: ImageResizing, file: String) throws -> [UInt8] {
        let (pixels, height, width) = try decode(bytes, file: file)
        return resizing.apply(to: pixels, height: height, width: width)
    }

    /// [height][width][3]
    static func decode(_ bytes: [UInt8], file: String) throws -> (pixels: [UInt8], height: Int, width: Int) {
        var (width, height) = (0, 0)
        var failure = smoothness_codec_failure()
        let expected = "a whole JPEG or PNG image"
        guard smoothness_image_size(bytes, bytes.count, &width, &height, &failure) == 0 else {
            throw SmoothnessError(failure, file: file, expected: expected)
        }
        var pixels = [UInt8](repeating: 0, count: width * height * 3)
        guard smoothness_image_decode(bytes, bytes.count, &pixels, pixels.count, &failure) == 0 else {
            throw SmoothnessError(failure, file: file, expected: expected)
        }
        return (pixels, height, width)
    }

    /// These images decoded once, where they fit; otherwise as they are.
    func kept() throws -> any ImageSource {
        guard labels.count * shape.count <= Self.mostBytesKept else { return self }
        var pixels: [UInt8] = []
        pixels.reserveCapacity(labels.count * shape.count)
        for image in labels.indices { pixels += try self.pixels(of: image) }
        return StoredImages(shape: shape, labels: labels, pixels: pixels)
    }
}
