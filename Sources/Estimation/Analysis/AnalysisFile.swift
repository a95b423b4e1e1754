import Essentials
import Foundation
import HDF5
import RunFiles

/// What readers, writers and verifiers of all analysis files share.
enum AnalysisFile {
    static let remedy = "The file is damaged: run smoothness verify on it, or make it again with --force."

    static func open(_ path: String, _ access: HDF5.File.Access, _ format: AnalysisFormat) throws -> HDF5.File {
        switch PlaceKind(path) {
        case .file: break
        case .free: throw SmoothnessError(.noInput, "there is no such file", file: path)
        case .folder, .special: throw SmoothnessError(.data, "is not an ordinary file", file: path)
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SmoothnessError(.noInput, "may not be read", file: path, remedy: "Check its permissions.")
        }
        return try translating(.data, remedy: "Copy it again, or make it again with --force.") {
            guard try HDF5.File.isHDF5(path) else {
                throw SmoothnessError(.data, "is not an HDF5 file", file: path, expected: "a \(format.name) file")
            }
            return try HDF5.File.open(path, access)
        }
    }

    /// Refuses row datasets whose extents do not follow from the rest, before memory for a row is set aside.
    static func requireExtents(
        _ datasets: [(name: String, shape: [Int])], of file: borrowing HDF5.File
    ) throws {
        for (name, shape) in datasets {
            let found = try file.dataset(name).shape
            guard found == shape else {
                throw SmoothnessError(
                    .data, "has other extents than the definition asks for", file: file.path, object: name,
                    expected: "\(shape)", found: "\(found)")
            }
        }
    }

    static func committedRows(of file: borrowing HDF5.File, _ format: AnalysisFormat, rowCount: Int) throws -> Int {
        let count = try CommitCounter.open(in: file, at: format.commit).read()
        guard count <= rowCount else {
            throw SmoothnessError(
                .data, "counts more rows than there is room for", file: file.path, object: format.commit,
                expected: "at most \(rowCount)", found: "\(count)")
        }
        return count
    }

    /// The part of a dataset that belongs to one row.
    static func values<Element: HDF5Scalar>(
        _ file: borrowing HDF5.File, _ name: String, _ row: Int, _ extents: [Int], as element: Element.Type
    ) throws -> [Element] {
        try file.dataset(name).read(as: element, start: [row] + extents.map { _ in 0 }, count: [1] + extents)
    }

    static func write<Element: HDF5Scalar>(
        _ values: [Element], to file: borrowing HDF5.File, _ name: String, _ row: Int, _ extents: [Int]
    ) throws {
        try file.dataset(name).write(values, start: [row] + extents.map { _ in 0 }, count: [1] + extents)
    }

    static func describe(
        _ file: borrowing HDF5.File, _ path: String, _ longName: String, _ definition: String
    ) throws {
        try file.setAttribute("long_name", of: path, to: longName)
        try file.setAttribute("definition", of: path, to: definition)
    }

    /// A text with its description.
    static func writeText(
        _ text: String, to file: borrowing HDF5.File, _ path: String, _ longName: String, _ definition: String
    ) throws {
        try file.writeString(path, text)
        try describe(file, path, longName, definition)
    }

    /// A one-dimensional dataset with its description.
    static func writeValues<Element: HDF5Scalar>(
        _ values: [Element], to file: borrowing HDF5.File, _ path: String, _ longName: String, _ definition: String
    ) throws {
        try file.createDataset(path, of: Element.self, shape: [values.count]).write(all: values)
        try describe(file, path, longName, definition)
    }

    /// The two descriptions of the run.
    static func writeDescriptions(
        objective: (path: String, text: String), optimizer: (path: String, text: String),
        to file: borrowing HDF5.File
    ) throws {
        try writeText(
            objective.text, to: file, objective.path, "objective", "what the run minimised, JSON as in the run file")
        try writeText(
            optimizer.text, to: file, optimizer.path, "optimizer", "how the run minimised it, JSON as in the run file")
    }
}

// MARK: - Creation

extension AnalysisFile {
    /// Makes a whole file with room for every row and none committed, under a temporary name beside `path`, and gives it its
    /// name once it is whole and its space is set aside.
    /// - Parameters:
    ///   - byteCount: about what the file will take.
    ///   - isReplacing: whether what stands at `path` is to go. Otherwise the name must be free, also of what another process
    ///     has made there in the meantime.
    ///   - contents: writes everything but root attributes and commit counter.
    /// - Throws: `SmoothnessError(.cannotCreate)`; nothing is left behind.
    static func create(
        at path: String, _ format: AnalysisFormat, root: AnalysisRoot, byteCount: Int, isReplacing: Bool,
        contents: (borrowing HDF5.File) throws -> Void
    ) throws {
        FileInTheMaking.removeLeftovers(of: path)
        let temporary = FileInTheMaking.name(for: path)
        let folder = URL(filePath: path).deletingLastPathComponent().path
        do {
            try StagedFile.refuseLiveFile(path)
            try DiskSpace.rehearse(byteCount, at: temporary, file: path, folder: folder)
            try write(format, root, to: temporary, contents)
            try StateAttribute.create(in: temporary)
            try reserve(temporary, of: path, folder: folder)
        } catch {
            unlink(temporary)
            throw cannotCreate(path, error)
        }
        defer { unlink(temporary) }
        try FileInTheMaking.publish(temporary, as: path, isReplacing: isReplacing)
    }

    private static func write(
        _ format: AnalysisFormat, _ root: AnalysisRoot, to path: String,
        _ contents: (borrowing HDF5.File) throws -> Void
    ) throws {
        let file = try HDF5.File.create(path)
        try root.write(format, to: file)
        // First, so that its eight bytes are aligned.
        _ = try CommitCounter.create(in: file, at: format.commit)
        try contents(file)
        try file.flush()
        try file.close()
    }

    private static func cannotCreate(_ path: String, _ error: any Error) -> SmoothnessError {
        let remedy = "Give another place with --output."
        switch error {
        case var error as SmoothnessError:
            error.file = path
            return error
        case let error as HDF5Error:
            return SmoothnessError(
                .cannotCreate, "cannot be created: \(error.operation) failed: \(error.message)", file: path,
                object: error.object, remedy: remedy)
        default: return SmoothnessError(.cannotCreate, "cannot be created: \(error)", file: path, remedy: remedy)
        }
    }

    /// Sets aside what early allocation has only promised: in the file system a fresh file is full of holes.
    private static func reserve(_ temporary: String, of path: String, folder: String) throws {
        let lock = try WriterLock(temporary, shownAs: path)
        let size = try FileManager.default.attributesOfItem(atPath: temporary)[.size] as? Int ?? 0
        try lock.reserve(size, file: path, folder: folder)
        try lock.synchronize(file: path)
    }
}
