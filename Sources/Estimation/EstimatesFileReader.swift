import Essentials
import HDF5
import ParameterSpace
import RunFiles

/// Reads an estimates file, also one that is still being written: rows at and beyond the commit counter are not there.
public struct EstimatesFileReader: ~Copyable {
    public let path: String
    public let header: EstimatesHeader
    /// How many rows count.
    public let committedRows: Int
    /// ε_rep; `nil` where no row allowed it to be measured yet.
    public let repeatability: Double?
    private let file: HDF5.File

    /// - Throws: `SmoothnessError`: `.noInput` for a missing file; `.data` for one that is not HDF5, not an estimates file,
    ///   of a newer major version or damaged.
    public init(_ path: String) throws {
        let file = try AnalysisFile.open(path, .readOnly, EstimatesSchema.file)
        let start = try EstimatesFileAccess.start(of: file)
        try EstimatesFileAccess.requireExtents(of: file, start.header)
        self.path = path
        (header, committedRows, repeatability) = (start.header, start.committedRows, start.repeatability)
        self.file = file
    }

    /// The whole record of one committed row.
    public func estimate(row: Int) throws -> StepEstimate {
        precondition((0..<committedRows).contains(row), "row \(row) is not committed")
        return try translating(.data, remedy: AnalysisFile.remedy) {
            try EstimatesFileAccess.estimate(row: row, of: file, header: header)
        }
    }

    /// The table of all committed rows.
    public func rows() throws -> [EstimateRow] {
        try (0..<committedRows).map { EstimateRow(try estimate(row: $0)) }
    }
}
