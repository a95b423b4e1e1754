import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Makes a run file in which everything has its place and nothing is written yet, under a temporary name beside the
/// final one, and gives it the final name when its space is reserved.
struct RunFileCreation {
    let path: String
    let header: RunHeader
    let plan: RunPlan
    let scalar: ScalarType
    /// Tells whether a file that stands at the place may be replaced. It stays until the new one is whole and its space reserved.
    var isReplacing = false

    private var folder: String { URL(filePath: path).deletingLastPathComponent().path }
    private var layout: RunFileLayout {
        RunFileLayout(plan.extents, parameterCount: header.layout.count, scalar: scalar)
    }

    /// The most space that the library takes for everything that is not rows; it was 40 kB for one block and short texts.
    private var structureByteCount: Int {
        let blocks = header.layout.blocks.reduce(0) { $0 + $1.name.utf8.count + 128 }
        return 64 * 1024 + blocks + header.objective.utf8.count + header.optimizer.utf8.count
    }

    /// Saturates, as the bytes of a plan do.
    private var totalByteCount: Int {
        let (sum, isOverflow) = layout.byteCount.addingReportingOverflow(structureByteCount)
        return isOverflow ? .max : sum
    }

    /// Creates the file and returns the lock that guards it. Whatever goes wrong, nothing is left behind.
    func create() throws -> WriterLock {
        try requireSense()
        try requireFreshName()
        try DiskSpace.requireRoom(for: totalByteCount, file: path, folder: folder)
        FileInTheMaking.removeLeftovers(of: path)
        guard isReplacing, FileManager.default.fileExists(atPath: path) else { return try createBeside() }
        // A file that another process is writing is not taken from under it.
        let standing = try WriterLock(path, shownAs: path)
        let lock = try createBeside()
        _ = consume standing
        return lock
    }

    /// Makes the file under a temporary name and gives it its own.
    private func createBeside() throws -> WriterLock {
        let temporary = FileInTheMaking.name(for: path)
        // `unlink` of a name that was moved away is a failure that means nothing.
        defer { unlink(temporary) }
        // While the structure is written the rows are holes.
        try DiskSpace.rehearse(
            structureByteCount, extent: totalByteCount, at: temporary, file: path, folder: folder)
        try translating(.cannotCreate) { try fill(temporary) }
        let lock = try WriterLock(temporary, shownAs: path)
        let size = try FileManager.default.attributesOfItem(atPath: temporary)[.size] as? Int ?? layout.byteCount
        try lock.reserve(size, file: path, folder: folder)
        try FileInTheMaking.publish(temporary, as: path, isReplacing: isReplacing)
        return lock
    }

    private func requireSense() throws {
        if let flaw = plan.flaw { throw SmoothnessError(.usage, "the plan of the run has \(flaw)", file: path) }
        guard header.layout.count > 0 else {
            throw SmoothnessError(.usage, "an objective without parameters has no trajectory", file: path)
        }
        for (object, text) in [(RunFilePath.objective, header.objective), (RunFilePath.optimizer, header.optimizer)]
        where (try? JSONSerialization.jsonObject(with: Data(text.utf8))) == nil {
            throw SmoothnessError(
                .internalFailure, "the description is not JSON", file: path, object: object, found: text)
        }
    }

    private func requireFreshName() throws {
        if isReplacing { try FileInTheMaking.requireOrdinaryPlace(path) }
        guard isReplacing || !FileInTheMaking.isTaken(path) else {
            throw SmoothnessError(
                .cannotCreate, "something of this name exists", file: path,
                remedy: "Remove it or choose another name")
        }
        guard PlaceKind(folder) == .folder else {
            throw SmoothnessError(
                .cannotCreate, "there is no such folder", file: path, expected: "the folder \(folder)",
                remedy: "Create it first")
        }
    }

    private func fill(_ temporary: String) throws {
        let file = try File.create(temporary)
        let layout = layout
        for counter in layout.counters { _ = try CommitCounter.create(in: file, at: counter.path) }
        try writeRootAttributes(file)
        try writeTexts(file)
        for definition in layout.rows {
            _ = try file.createDataset(definition.path, of: definition.element, shape: definition.shape)
        }
        for definition in layout.all { try definition.describe(in: file) }
        if let subset = plan.fixedSubset {
            try file.setAttribute("subset", of: RunFilePath.fixedSubset, to: subset.subset)
            if let evaluation = subset.evaluation {
                try file.setAttribute("evaluation", of: RunFilePath.fixedSubset, to: evaluation)
            }
        }
        try writeIterations(to: file.dataset(RunFilePath.iteration))
        if plan.hasChecksums { try DefinitionDigest.store(over: RunChecksums.definition, in: file) }
        try file.close()
        try StateAttribute.create(in: temporary)
    }

    /// Piece by piece: of a long run the list is large enough without a copy.
    private func writeIterations(to dataset: borrowing Dataset) throws {
        let (iterations, length) = (plan.savedIterations, 1 << 20)
        for start in stride(from: 0, to: iterations.count, by: length) {
            let piece = iterations[start..<min(start + length, iterations.count)].map { Int64($0) }
            try dataset.write(piece, start: [start], count: [piece.count])
        }
    }

    private func writeRootAttributes(_ file: borrowing File) throws {
        for (name, value) in [
            ("format", RunFormat.name), ("format_version", RunFormat.version), ("run_id", header.runID),
            ("created", header.created), ("software", header.software), ("software_version", header.softwareVersion),
            ("hdf5_version", header.hdf5Version),
        ] {
            try file.setAttribute(name, to: value)
        }
    }

    private func writeTexts(_ file: borrowing File) throws {
        try file.writeString(RunFilePath.objective, header.objective)
        try file.writeString(RunFilePath.optimizer, header.optimizer)
        try ParameterTable.write(header.layout, to: file)
        for path in [RunFilePath.objective, RunFilePath.optimizer] {
            try RunFileLayout.describe(text: path, in: file)
        }
    }
}
