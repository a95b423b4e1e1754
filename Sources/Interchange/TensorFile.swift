import Archives
import Essentials
import Foundation
import HDF5

/// A file of another program with tensors in it, told by its first bytes: HDF5, `.npz` and `.npy`, safetensors, `torch.save`; or a folder in which
/// one model was saved. Nothing in such a file is ever executed.
public struct TensorFile: Sendable {
    public enum Format: Sendable {
        case hdf5, numpy, safetensors, torch

        /// Whether the tensors of one file are taken to hold all snapshots, along their first axes. State dictionaries hold one.
        var stacksSnapshots: Bool { self == .hdf5 || self == .numpy }
    }

    public let path: String
    /// What it holds.
    public let root: TensorTree
    public let format: Format
    /// The iteration that a file beside it names.
    let savedIteration: Int?
    /// The files that are read for it.
    public let sources: [String]
    /// How many objects an HDF5 file holds; one may have many names.
    let objectCount: Int
    /// What a reader should know of it.
    let notes: [String]

    /// Reads names, shapes and places; elements are read later.
    /// - Parameter path: a file of tensors, an index of several (`model.safetensors.index.json`), or the folder of one checkpoint.
    /// - Throws: `SmoothnessError`: `.noInput`; `.data` for other formats and for damaged files.
    public init(_ path: String) throws {
        let model = CheckpointFolder.isFolder(path) ? try CheckpointFolder.model(in: path) : path
        let contents = try model.hasSuffix(".index.json") ? CheckpointFolder.shards(model) : Self.contents(model)
        self.path = path
        (root, format, objectCount, notes) = (contents.root, contents.format, contents.objectCount, contents.notes)
        sources = [model] + contents.shards
        savedIteration = CheckpointFolder.iteration(besides: model)
    }

    struct Contents {
        var root: TensorTree
        var format: Format
        var objectCount = 0
        var shards: [String] = []
        var notes: [String] = []
    }

    static func contents(_ path: String) throws -> Contents {
        let file = try FileBytes(path)
        let head = try file.read(0, min(file.count, 20), "beginning")
        let isHDF5: Bool
        do { isHDF5 = try HDF5.File.isHDF5(path) } catch { isHDF5 = false }
        if isHDF5 {
            let (root, count) = try PlainHDF5Reader.read(path)
            return Contents(root: root, format: .hdf5, objectCount: count)
        }
        if ZipArchive.begins(head) {
            let zip = try ZipArchive(file)
            guard TorchArchiveReader.isArchive(zip) else {
                return Contents(root: try NumPyReader.archive(zip), format: .numpy)
            }
            return Contents(
                root: try TorchArchiveReader.read(zip), format: .torch,
                notes: zip.isWithoutChecksums
                    ? ["\(path) was saved without checksums: a damaged number in it cannot be told"] : [])
        }
        if NumPyReader.isArray(head) { return Contents(root: try NumPyReader.array(file), format: .numpy) }
        if try SafetensorsReader.begins(file) {
            return Contents(root: try SafetensorsReader.read(file), format: .safetensors)
        }
        throw unknown(path, head)
    }

    private static func unknown(_ path: String, _ head: [UInt8]) -> SmoothnessError {
        func refusal(_ message: String, found: String, _ remedy: String?) -> SmoothnessError {
            SmoothnessError(
                .data, message, file: path,
                expected: "HDF5, .npz, .npy, safetensors, or torch.save of PyTorch 1.6 or later", found: found,
                remedy: remedy)
        }
        // The number 0x1950a86a20f9469cfc6c in a pickle of its own.
        let beginningOfOldTorch: [UInt8] = [
            0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
        ]
        if head.starts(with: Array("MATLAB 5.0 MAT-file".utf8)) {
            return refusal(
                "is of a format of MATLAB that is not read", found: "MAT-file version 5",
                "Save it as HDF5: save(…, '-v7.3')")
        }
        if head.starts(with: beginningOfOldTorch) {
            return refusal(
                "is of a format of PyTorch that is not read", found: "torch.save of PyTorch before 1.6",
                "Save it again with PyTorch of today: torch.save(torch.load(…, weights_only=True), …)")
        }
        return refusal(
            "is of no format that tensors are read from",
            found: head.isEmpty ? "nothing" : head.prefix(8).map { String(format: "%02x", $0) }.joined(separator: " "),
            head.first == 0x80
                ? "A bare pickle is a program and is not opened; save it again with torch.save of today" : nil)
    }

    /// What a name leads to; the empty name is the whole file.
    /// - Throws: `SmoothnessError(.data)` that lists what there is.
    public func member(_ name: String) throws -> TensorTree {
        guard let found = root.member(name) else {
            throw SmoothnessError(
                .data, "holds nothing of this name", file: path, object: name, expected: "a tensor or a group of them",
                found: root.summary)
        }
        return found
    }

    /// Names in the order that people give them: `step-2` before `step-10`.
    public static func inNaturalOrder(_ paths: [String]) -> [String] {
        paths.map { (path: $0, pieces: pieces($0)) }.sorted { first, second in
            for (left, right) in zip(first.pieces, second.pieces) where left != right {
                if let x = left.number, let y = right.number, x != y { return x < y }
                return left.text < right.text
            }
            return first.pieces.count < second.pieces.count
        }.map(\.path)
    }

    private struct Piece: Equatable {
        var text: String
        var number: Int?
    }

    private static func pieces(_ path: String) -> [Piece] {
        path.matches(of: /[0-9]+|[^0-9]+/).map { Piece(text: String($0.0), number: Int($0.0)) }
    }
}
