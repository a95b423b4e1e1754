import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// What reader, writer and verifier share.
enum EstimatesFileAccess {
    /// What is read before any row.
    struct Start {
        var header: EstimatesHeader
        var committedRows: Int
        /// `nil` where it is not measured yet.
        var repeatability: Double?
    }

    static func start(of file: borrowing HDF5.File) throws -> Start {
        try translating(.data, remedy: AnalysisFile.remedy) {
            let header = try header(of: file)
            let repeatability = try file.dataset(EstimatesSchema.repeatability).read(as: Double.self).first ?? .nan
            return Start(
                header: header,
                committedRows: try AnalysisFile.committedRows(
                    of: file, EstimatesSchema.file, rowCount: header.rowCount),
                repeatability: repeatability.isNaN ? nil : repeatability)
        }
    }

    static func requireExtents(of file: borrowing HDF5.File, _ header: EstimatesHeader) throws {
        try translating(.data, remedy: AnalysisFile.remedy) {
            try AnalysisFile.requireExtents(
                [
                    (EstimatesSchema.iteration, [header.rowCount]), (EstimatesSchema.status, [header.rowCount]),
                    (EstimatesSchema.curveStatus, [header.rowCount, header.gammas.count]),
                ] + EstimatesSchema.counts.map { ($0.name, [header.rowCount]) }
                    + EstimatesSchema.fields(header.extents).map {
                        ($0.name, [header.rowCount] + $0.extents(header.extents))
                    }, of: file)
        }
    }

    /// Everything that does not depend on the rows.
    private static func header(of file: borrowing HDF5.File) throws -> EstimatesHeader {
        EstimatesHeader(
            root: try AnalysisRoot(EstimatesSchema.file, of: file),
            objective: try file.readString(EstimatesSchema.objective),
            optimizer: try file.readString(EstimatesSchema.optimizer),
            configuration: try EstimationConfiguration(
                json: file.readString(EstimatesSchema.configuration), file: file.path),
            gammas: try file.dataset(EstimatesSchema.gammas).read(as: Double.self),
            groups: try groups(of: file),
            layout: try ParameterTable.read(from: file),
            rowCount: try file.dataset(EstimatesSchema.iteration).shape.first ?? 0,
            live: try LiveRows(of: file))
    }

    private static func groups(of file: borrowing HDF5.File) throws -> ComponentGroups {
        let components = try file.dataset(EstimatesSchema.components).read(as: Int64.self).map { Int($0) }
        let weights = try file.dataset(EstimatesSchema.componentWeights).read(as: Double.self)
        let count = try file.dataset(EstimatesSchema.groupCount).read(as: Int64.self).first ?? 0
        let population = try file.dataset(EstimatesSchema.populationWeight).read(as: Double.self).first ?? .nan
        guard !components.isEmpty, components.count == weights.count, (1...components.count).contains(Int(count)) else {
            throw SmoothnessError(
                .data, "the subset is not described", file: file.path, object: EstimatesSchema.components,
                expected: "components, as many weights, and at most as many groups",
                found: "\(components.count) components, \(weights.count) weights, \(count) groups")
        }
        return ComponentGroups(
            components: components, weights: weights, count: Int(count), populationWeight: population)
    }

    /// - Parameter isChecked: whether a row that is not what was written is refused, where there are checksums.
    static func estimate(
        row: Int, of file: borrowing HDF5.File, header: EstimatesHeader, isChecked: Bool = true
    ) throws -> StepEstimate {
        let gammaCount = header.gammas.count
        var estimate = StepEstimate(
            iteration: Int(try AnalysisFile.values(file, EstimatesSchema.iteration, row, [], as: Int64.self)[0]),
            gammas: header.gammas, blockCount: header.layout.blocks.count, groupCount: header.groups.count)
        estimate.status = try status(
            AnalysisFile.values(file, EstimatesSchema.status, row, [], as: UInt8.self)[0], EstimatesSchema.status, row)
        let curve = try AnalysisFile.values(file, EstimatesSchema.curveStatus, row, [gammaCount], as: UInt8.self)
        for index in curve.indices {
            estimate.curve[index].status = try status(curve[index], EstimatesSchema.curveStatus, row)
        }
        for count in EstimatesSchema.counts {
            estimate[keyPath: count.path] = Int(
                try AnalysisFile.values(file, count.name, row, [], as: Int64.self)[0])
        }
        for field in EstimatesSchema.fields(header.extents) {
            let extents = field.extents(header.extents)
            field.assign(try AnalysisFile.values(file, field.name, row, extents, as: Double.self), to: &estimate)
        }
        if isChecked, let table = try ChecksumTable(EstimatesSchema.checksums, of: file) {
            let found = Dictionary(uniqueKeysWithValues: checksums(of: estimate, header.extents))
            for (name, expected) in zip(table.covers, try table.row(row)) {
                guard let found = found[name] else { continue }
                try ChecksumTable.require(found, is: expected, of: name, row: row, file: file.path)
            }
        }
        return estimate
    }

    static func write(_ estimate: StepEstimate, _ extents: RowExtents, row: Int, to file: borrowing HDF5.File) throws {
        try AnalysisFile.write([Int64(estimate.iteration)], to: file, EstimatesSchema.iteration, row, [])
        try AnalysisFile.write([estimate.status.rawValue], to: file, EstimatesSchema.status, row, [])
        try AnalysisFile.write(
            estimate.curve.map(\.status.rawValue), to: file, EstimatesSchema.curveStatus, row, [estimate.curve.count])
        for count in EstimatesSchema.counts {
            try AnalysisFile.write([Int64(estimate[keyPath: count.path])], to: file, count.name, row, [])
        }
        for field in EstimatesSchema.fields(extents) {
            let extents = field.extents(extents)
            try AnalysisFile.write(field.values(of: estimate), to: file, field.name, row, extents)
        }
        try writeChecksums([estimate], extents, from: row, to: file)
    }

    /// Where the file has room for them.
    private static func writeChecksums(
        _ rows: [StepEstimate], _ extents: RowExtents, from row: Int, to file: borrowing HDF5.File
    ) throws {
        guard let table = try ChecksumTable(EstimatesSchema.checksums, of: file) else { return }
        for (index, estimate) in rows.enumerated() {
            try table.write(Dictionary(uniqueKeysWithValues: checksums(of: estimate, extents)), row: row + index)
        }
    }

    /// The checksum of what every dataset has of a row.
    private static func checksums(of estimate: StepEstimate, _ extents: RowExtents) -> [(String, UInt32)] {
        var sums = [
            (EstimatesSchema.iteration, Checksum(of: [Int64(estimate.iteration)])),
            (EstimatesSchema.status, Checksum(of: [estimate.status.rawValue])),
            (EstimatesSchema.curveStatus, Checksum(of: estimate.curve.map(\.status.rawValue))),
        ]
        sums += EstimatesSchema.counts.map { ($0.name, Checksum(of: [Int64(estimate[keyPath: $0.path])])) }
        sums += EstimatesSchema.fields(extents).map { ($0.name, Checksum(of: $0.values(of: estimate))) }
        return sums.map { ($0.0, $0.1.value) }
    }

    /// Writes all rows of a file, a dataset at a time.
    static func write(_ rows: [StepEstimate], _ extents: RowExtents, to file: borrowing HDF5.File) throws {
        try file.dataset(EstimatesSchema.iteration).write(all: rows.map { Int64($0.iteration) })
        try file.dataset(EstimatesSchema.status).write(all: rows.map(\.status.rawValue))
        try file.dataset(EstimatesSchema.curveStatus).write(all: rows.flatMap { $0.curve.map(\.status.rawValue) })
        for count in EstimatesSchema.counts {
            try file.dataset(count.name).write(all: rows.map { Int64($0[keyPath: count.path]) })
        }
        for field in EstimatesSchema.fields(extents) {
            try file.dataset(field.name).write(all: rows.flatMap { field.values(of: $0) })
        }
        try writeChecksums(rows, extents, from: 0, to: file)
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
