import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// What reader, writer and verifier share.
enum EstimatesFileAccess {
    static func open(_ path: String, _ access: HDF5.File.Access) throws -> HDF5.File {
        switch PlaceKind(path) {
        case .file: break
        case .free: throw SmoothnessError(.noInput, "there is no such file", file: path)
        case .folder, .special: throw SmoothnessError(.data, "is not an ordinary file", file: path)
        }
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw SmoothnessError(.noInput, "may not be read", file: path, remedy: "Check its permissions.")
        }
        return try translating(.data, remedy: "It may be truncated: make it again with --force.") {
            guard try HDF5.File.isHDF5(path) else {
                throw SmoothnessError(
                    .data, "is not an HDF5 file", file: path, expected: "a \(EstimatesSchema.format) file")
            }
            return try HDF5.File.open(path, access)
        }
    }

    static let remedy = "The file is damaged: run smoothness verify on it, or make it again with --force."

    /// What is read before any row.
    struct Start {
        var header: EstimatesHeader
        var committedRows: Int
        /// `nil` where it is not measured yet.
        var repeatability: Double?
    }

    static func start(of file: borrowing HDF5.File) throws -> Start {
        try translating(.data, remedy: remedy) {
            let header = try header(of: file)
            let repeatability = try file.dataset(EstimatesSchema.repeatability).read(as: Double.self).first ?? .nan
            return Start(
                header: header, committedRows: try committedRows(of: file, rowCount: header.rowCount),
                repeatability: repeatability.isNaN ? nil : repeatability)
        }
    }

    /// Everything that does not depend on the rows.
    private static func header(of file: borrowing HDF5.File) throws -> EstimatesHeader {
        let format = try file.hasAttribute("format") ? try file.attribute("format", as: String.self) : nil
        guard format == EstimatesSchema.format else {
            throw SmoothnessError(
                .data, "is HDF5 but not an estimates file", file: file.path, object: "format",
                expected: EstimatesSchema.format,
                found: format ?? "none")
        }
        let version = try file.attribute("format_version", as: String.self)
        guard let major = Int(version.prefix { $0 != "." }), major <= EstimatesSchema.majorVersion else {
            throw SmoothnessError(
                .data, "has a newer version of the format", file: file.path, object: "format_version",
                expected: EstimatesSchema.version,
                found: version, remedy: "Use a newer smoothness.")
        }
        return EstimatesHeader(
            formatVersion: version, runID: try file.attribute("run_id", as: String.self),
            runDigest: try file.attribute("run_digest", as: String.self),
            runFile: try file.attribute("run_file", as: String.self),
            created: try file.attribute("created", as: String.self),
            software: try file.attribute("software", as: String.self),
            softwareVersion: try file.attribute("software_version", as: String.self),
            hdf5Version: try file.attribute("hdf5_version", as: String.self), state: StateAttribute.read(from: file),
            objective: try file.readString(EstimatesSchema.objective),
            optimizer: try file.readString(EstimatesSchema.optimizer),
            configuration: try EstimationConfiguration(json: file.readString(EstimatesSchema.configuration)),
            gammas: try file.dataset(EstimatesSchema.gammas).read(as: Double.self),
            components: try file.dataset(EstimatesSchema.components).read(as: Int64.self).map { Int($0) },
            componentWeights: try file.dataset(EstimatesSchema.componentWeights).read(as: Double.self),
            layout: try ParameterTable.read(from: file),
            rowCount: try file.dataset(EstimatesSchema.iteration).shape.first ?? 0)
    }

    private static func committedRows(of file: borrowing HDF5.File, rowCount: Int) throws -> Int {
        let count = try CommitCounter.open(in: file, at: EstimatesSchema.commit).read()
        guard count <= rowCount else {
            throw SmoothnessError(
                .data, "counts more rows than there is room for", file: file.path, object: EstimatesSchema.commit,
                expected: "at most \(rowCount)",
                found: "\(count)")
        }
        return count
    }

    static func estimate(row: Int, of file: borrowing HDF5.File, header: EstimatesHeader) throws -> StepEstimate {
        let (gammaCount, blockCount) = (header.gammas.count, header.layout.blocks.count)
        var estimate = StepEstimate(
            iteration: Int(try values(file, EstimatesSchema.iteration, row, [], as: Int64.self)[0]),
            gammas: header.gammas, blockCount: blockCount)
        estimate.status = try status(
            values(file, EstimatesSchema.status, row, [], as: UInt8.self)[0], EstimatesSchema.status, row)
        let curve = try values(file, EstimatesSchema.curveStatus, row, [gammaCount], as: UInt8.self)
        for index in curve.indices {
            estimate.curve[index].status = try status(curve[index], EstimatesSchema.curveStatus, row)
        }
        for field in EstimatesSchema.fields {
            let extents = field.extents(gammaCount: gammaCount, blockCount: blockCount)
            field.assign(try values(file, field.name, row, extents, as: Double.self), to: &estimate)
        }
        return estimate
    }

    /// The part of a dataset that belongs to one row.
    private static func values<Element: HDF5Scalar>(
        _ file: borrowing HDF5.File, _ name: String, _ row: Int, _ extents: [Int], as element: Element.Type
    ) throws -> [Element] {
        try file.dataset(name).read(as: element, start: [row] + extents.map { _ in 0 }, count: [1] + extents)
    }

    private static func status(_ value: UInt8, _ object: String, _ row: Int) throws -> EstimateStatus {
        guard let status = EstimateStatus(rawValue: value) else {
            throw SmoothnessError(
                .data, "row \(row) has no known status", file: nil, object: object,
                expected: "0 … \(EstimateStatus.allCases.count - 1)",
                found: "\(value)")
        }
        return status
    }
}
