import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Opens run files and reads what stands at their head; shared by the reader and by a writer that continues.
enum RunFileOpening {
    /// Opens a file that is there, is HDF5, is a run file and is not of a newer major version; says which it is not.
    static func open(_ path: String, _ access: File.Access) throws -> File {
        switch PlaceKind(path) {
        case .file: break
        case .free: throw SmoothnessError(.noInput, "there is no such file", file: path)
        case .folder: throw SmoothnessError(.data, "is a folder, not a run file", file: path)
        case .special: throw SmoothnessError(.data, "is a pipe or a device, not a run file", file: path)
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SmoothnessError(.noInput, "may not be read", file: path, remedy: "Check its permissions")
        }
        let isHDF5 = try translating(.inputOutput) { try File.isHDF5(path) }
        guard isHDF5 else {
            throw SmoothnessError(.data, "is not an HDF5 file", file: path, expected: "a \(RunFormat.name) file")
        }
        let file: File
        do { file = try File.open(path, access) } catch { throw SmoothnessError(.data, error) }
        try requireFormat(file)
        return file
    }

    private static func requireFormat(_ file: borrowing File) throws {
        let format = try? file.attribute("format", as: String.self)
        guard format == RunFormat.name else {
            throw SmoothnessError(
                .data, "is HDF5 but not a run file", file: file.path, object: "/@format",
                expected: "\"\(RunFormat.name)\"", found: format.map { "\"\($0)\"" } ?? "no such attribute")
        }
        let version = (try? file.attribute("format_version", as: String.self)) ?? ""
        let parts = version.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let major = parts[0], parts[1] != nil, major > 0 else {
            throw SmoothnessError(
                .data, "has no readable version of the format", file: file.path, object: "/@format_version",
                expected: "MAJOR.MINOR", found: "\"\(version)\"")
        }
        guard major <= RunFormat.majorVersion else {
            throw SmoothnessError(
                .data, "has a newer version of the format", file: file.path, object: "/@format_version",
                expected: "\(RunFormat.majorVersion).x", found: version, remedy: "Use a newer smoothness")
        }
    }

    static func header(of file: borrowing File) throws -> RunHeader {
        func text(_ name: String) throws -> String { try file.attribute(name, as: String.self) }
        return try translating(.data) {
            RunHeader(
                runID: try text("run_id"), created: try text("created"), software: try text("software"),
                softwareVersion: try text("software_version"), hdf5Version: try text("hdf5_version"),
                formatVersion: try text("format_version"), state: StateAttribute.read(from: file),
                objective: try file.readString(RunFilePath.objective),
                optimizer: try file.readString(RunFilePath.optimizer), layout: try ParameterTable.read(from: file),
                scalarName: try file.dataset(RunFilePath.iterate).elementName)
        }
    }

    /// The plan, from the extents of what was set aside for it.
    static func plan(of file: borrowing File) throws -> RunPlan {
        try translating(.data) {
            let iterations = try file.dataset(RunFilePath.iteration).read(as: Int64.self).map { Int($0) }
            let name = try file.attribute("metric_name", of: RunFilePath.metric, as: String.self)
            var plan = RunPlan(
                savedIterations: iterations, iterationCount: try extent(of: "/history/loss", 0, in: file))
            plan.evaluationCount = try extent(of: RunFilePath.metric, 0, in: file)
            plan.metricName = name.isEmpty ? nil : name
            plan.storesGradients = try file.exists(RunFilePath.gradient)
            plan.storesMomentum =
                try file.exists(RunFilePath.resumeMomentum) && extent(of: RunFilePath.resumeMomentum, 1, in: file) > 0
            plan.storesSecondMoment = try file.exists(RunFilePath.resumeSecondMoment)
            plan.storesAverage = try file.exists(RunFilePath.resumeAverage)
            plan.hasChecksums = try file.exists(ChecksumPath.group)
            return plan
        }
    }

    static func extent(of path: String, _ axis: Int, in file: borrowing File) throws -> Int {
        let shape = try file.dataset(path).shape
        guard shape.indices.contains(axis) else {
            throw SmoothnessError(
                .data, "has the wrong rank", file: file.path, object: path, expected: "more than \(axis) extents",
                found: "\(shape)")
        }
        return shape[axis]
    }
}
