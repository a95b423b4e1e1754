import Essentials
import Foundation
import HDF5

/// A file of another program with tensors in it, told by its first bytes: HDF5, `.npz` and `.npy`, safetensors, `torch.save`.
/// Nothing in such a file is ever executed.
public struct TensorFile: Sendable {
    public let path: String
    /// What it holds.
    public let root: TensorTree

    /// Reads names, shapes and places; elements are read later.
    /// - Throws: `SmoothnessError`: `.noInput`; `.data` for other formats and for damaged files.
    public init(_ path: String) throws {
        self.path = path
        let file = try FileBytes(path)
        let head = try file.read(0, min(file.count, 16), "beginning")
        let isHDF5: Bool
        do { isHDF5 = try HDF5.File.isHDF5(path) } catch { isHDF5 = false }
        if isHDF5 {
            root = try PlainHDF5Reader.read(path)
        } else if ZipArchive.begins(head) {
            let zip = try ZipArchive(file)
            root = TorchArchiveReader.isArchive(zip) ? try TorchArchiveReader.read(zip) : try NumPyReader.archive(zip)
        } else if NumPyReader.isArray(head) {
            root = try NumPyReader.array(file)
        } else if try SafetensorsReader.begins(file) {
            root = try SafetensorsReader.read(file)
        } else {
            throw SmoothnessError(
                .data, "is of no format that tensors are read from", file: path,
                expected: "HDF5, .npz, .npy, safetensors, or torch.save of PyTorch 1.6 or later",
                found: head.isEmpty
                    ? "nothing" : head.prefix(8).map { String(format: "%02x", $0) }.joined(separator: " "),
                remedy: head.first == 0x80
                    ? "A bare pickle is a program and is not opened; save it again with torch.save of today" : nil)
        }
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
        paths.sorted { first, second in
            let (a, b) = (pieces(first), pieces(second))
            for (left, right) in zip(a, b) where left != right {
                if let x = left.number, let y = right.number, x != y { return x < y }
                return left.text < right.text
            }
            return a.count < b.count
        }
    }

    private struct Piece: Equatable {
        var text: String
        var number: Int?
    }

    private static func pieces(_ path: String) -> [Piece] {
        path.matches(of: /[0-9]+|[^0-9]+/).map { Piece(text: String($0.0), number: Int($0.0)) }
    }
}
