import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// Makes a whole estimates file with room for every row and none committed.
enum EstimatesFileSkeleton {
    /// Writes it under a temporary name beside `path` and gives it its name once it is whole and its space is set aside.
    /// - Parameter isReplacing: whether what stands at `path` is to go. Otherwise the name must be free, also of what another
    ///   process has made there in the meantime.
    /// - Throws: `SmoothnessError(.cannotCreate)`; nothing is left behind.
    static func create(at path: String, header: EstimatesHeader, isReplacing: Bool) throws {
        FileInTheMaking.removeLeftovers(of: path)
        let temporary = FileInTheMaking.name(for: path)
        let folder = URL(filePath: path).deletingLastPathComponent().path
        do {
            try refuseLiveFile(path)
            try DiskSpace.rehearse(byteCount(header), at: temporary, file: path, folder: folder)
            try write(header, to: temporary)
            try StateAttribute.create(in: temporary)
            try reserve(temporary, of: path, folder: folder)
        } catch {
            unlink(temporary)
            throw cannotCreate(path, error)
        }
        defer { unlink(temporary) }
        // A hard link, because renaming would replace; a file system without them renames what it has just looked for.
        if (isReplacing ? rename(temporary, path) : link(temporary, path)) == 0 { return }
        let reason = errno
        let cannotLink = reason == EPERM || reason == EOPNOTSUPP || reason == ENOSYS
        let isFree = !FileManager.default.fileExists(atPath: path)
        if !isReplacing, cannotLink, isFree, rename(temporary, path) == 0 { return }
        throw SmoothnessError(
            .cannotCreate, "cannot take its name: \(String(cString: strerror(reason)))", file: path,
            remedy: isReplacing || isFree ? nil : "Another call has made it: give the command again to continue it.")
    }

    /// A file that another process is writing is not taken from under it.
    private static func refuseLiveFile(_ path: String) throws {
        if FileManager.default.fileExists(atPath: path) { _ = try WriterLock(path, shownAs: path) }
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

    /// About what the file will take: rows and texts, and a generous share for its structure.
    private static func byteCount(_ header: EstimatesHeader) -> Int {
        let rows = EstimationPlan.outputByteCount(
            rows: header.rowCount, gammaCount: header.gammas.count, blockCount: header.layout.blocks.count)
        let blocks = header.layout.blocks.reduce(0) { $0 + $1.name.utf8.count + 128 }
        return rows + 16 * header.components.count + 8 * header.gammas.count + blocks + header.objective.utf8.count
            + header.optimizer.utf8.count + 128 * 1024
    }

    /// Sets aside what early allocation has only promised: in the file system a fresh file is full of holes.
    private static func reserve(_ temporary: String, of path: String, folder: String) throws {
        let lock = try WriterLock(temporary, shownAs: path)
        let size = try FileManager.default.attributesOfItem(atPath: temporary)[.size] as? Int ?? 0
        try lock.reserve(size, file: path, folder: folder)
        try lock.synchronize(file: path)
    }

    private static func write(_ header: EstimatesHeader, to path: String) throws {
        let file = try HDF5.File.create(path)
        for (name, value) in [
            ("format", EstimatesSchema.format), ("format_version", header.formatVersion), ("run_id", header.runID),
            ("run_digest", header.runDigest), ("run_file", header.runFile), ("created", header.created),
            ("software", header.software), ("software_version", header.softwareVersion),
            ("hdf5_version", header.hdf5Version),
        ] { try file.setAttribute(name, to: value) }
        // First, so that its eight bytes are aligned.
        _ = try CommitCounter.create(in: file, at: EstimatesSchema.commit)
        try describe(
            file, EstimatesSchema.commit, "committed rows", "a row of /estimates counts only if its index is below this"
        )
        try writeDefinition(file, header)
        try reserveRows(file, header)
        try file.flush()
        try file.close()
    }

    private static func writeDefinition(_ file: borrowing HDF5.File, _ header: EstimatesHeader) throws {
        for (path, text, name, definition) in [
            (
                EstimatesSchema.configuration, try header.configuration.json(), "configuration",
                "what was measured, JSON"
            ),
            (
                EstimatesSchema.objective, header.objective, "objective",
                "what the run minimised, JSON as in the run file"
            ),
            (
                EstimatesSchema.optimizer, header.optimizer, "optimizer",
                "how the run minimised it, JSON as in the run file"
            ),
        ] {
            try file.writeString(path, text)
            try describe(file, path, name, definition)
        }
        for (path, values, name, definition) in [
            (
                EstimatesSchema.gammas, header.gammas, "gammas",
                "the fractions γ of the step that were probed, increasing"
            ),
            (
                EstimatesSchema.componentWeights, header.componentWeights, "component weights",
                "the number of examples w_i of every component of the subset"
            ),
            (
                EstimatesSchema.repeatability, [.nan], "repeatability",
                "the norm of the difference of two evaluations of ∇f_S at the first iterate where it is finite; NaN before that"
            ),
        ] {
            try file.createDataset(path, of: Double.self, shape: [values.count]).write(all: values)
            try describe(file, path, name, definition)
        }
        let components = header.components.map { Int64($0) }
        try file.createDataset(EstimatesSchema.components, of: Int64.self, shape: [components.count])
            .write(all: components)
        try describe(
            file, EstimatesSchema.components, "components", "the indices of the components of the subset S, increasing")
        try ParameterTable.write(header.layout, to: file)
    }

    private static func reserveRows(_ file: borrowing HDF5.File, _ header: EstimatesHeader) throws {
        for group in EstimatesSchema.groups { try file.createGroup(group).close() }
        let (rows, gammaCount) = (header.rowCount, header.gammas.count)
        for field in EstimatesSchema.fields {
            let extents = field.extents(gammaCount: gammaCount, blockCount: header.layout.blocks.count)
            try file.createDataset(field.name, of: Double.self, shape: [rows] + extents).close()
            try describe(file, field.name, field.longName, field.definition)
        }
        try file.createDataset(EstimatesSchema.iteration, of: Int64.self, shape: [rows]).close()
        try describe(file, EstimatesSchema.iteration, "iteration", "k of x_k")
        // Single bytes last, so that what comes before stays aligned.
        try file.createDataset(EstimatesSchema.status, of: UInt8.self, shape: [rows]).close()
        try file.createDataset(EstimatesSchema.curveStatus, of: UInt8.self, shape: [rows, gammaCount]).close()
        let codes = EstimateStatus.allCases.map { "\($0.rawValue) \($0.name)" }.joined(separator: ", ")
        try describe(file, EstimatesSchema.status, "status", codes)
        try describe(file, EstimatesSchema.curveStatus, "status at one gamma", codes)
    }

    private static func describe(
        _ file: borrowing HDF5.File, _ path: String, _ longName: String, _ definition: String
    ) throws {
        try file.setAttribute("long_name", of: path, to: longName)
        try file.setAttribute("definition", of: path, to: definition)
    }
}
