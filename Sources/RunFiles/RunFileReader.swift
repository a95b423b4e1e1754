import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Reads a run file, finished, interrupted, killed or being written: only what is committed when it is opened.
public struct RunFileReader: ~Copyable {
    public let path: String
    public let header: RunHeader
    public let plan: RunPlan
    /// Committed rows of the trajectory; the rows that the functions below take are below it.
    public let snapshotCount: Int
    /// Committed iterations of the history.
    public let iterationCount: Int
    /// Committed evaluations.
    public let evaluationCount: Int

    /// Tells whether every iteration is saved, so that x_{k+1} of a row is the iterate of the row after it.
    public let isConsecutive: Bool

    /// The description of the gradients on one fixed subset, if the file has them.
    public let fixedSubset: FixedSubset?

    private let columns: RunColumns
    /// By which vectors are checked as they are read; `nil` where there are none or nobody asked for it.
    private let checksums: RunChecksums?
    let file: File

    /// - Throws: `SmoothnessError`: `.noInput` for a missing file; `.data` for one that is not HDF5, not a run file, of a
    ///   newer major version, truncated, or that breaks the format where this reader needs it.
    public init(_ path: String) throws { try self.init(RunFileOpening.open(path, .readOnly), isStrict: true) }

    /// - Parameter isStrict: whether committed iterations must ascend from 0 or more, and a vector that is not what was written is refused. Only
    ///   the verifier reads on where they are not.
    init(_ file: consuming File, isStrict: Bool) throws {
        let path = file.path
        let file = file
        let header = try RunFileOpening.header(of: file)
        let plan = try RunFileOpening.plan(of: file)
        let columns = try translating(.data) { try RunColumns(file) }
        try columns.requireExtents(rows: plan.snapshotCount, width: header.layout.count, file: path)
        let subset = try translating(.data) { try FixedSubset(of: file) }
        if let subset {
            try subset.requireForms(in: file, rows: plan.snapshotCount, header, isConsecutive: columns.isConsecutive)
        }
        let counts = try translating(.data) {
            (
                try Self.count(RunFilePath.commit, atMost: RunFilePath.iteration, in: file),
                try Self.count(RunFilePath.historyCommit, atMost: "/history/loss", in: file),
                try Self.count(RunFilePath.evaluationCommit, atMost: RunFilePath.metric, in: file)
            )
        }
        if isStrict { try plan.requireOrder(ofRows: counts.0, file: path) }
        let checksums = try translating(.data) { try RunChecksums(file, isWanted: isStrict) }
        self.path = path
        self.header = header
        self.plan = plan
        (snapshotCount, iterationCount, evaluationCount) = counts
        isConsecutive = columns.isConsecutive
        fixedSubset = subset
        self.columns = columns
        self.checksums = checksums
        self.file = file
    }

    /// Tells whether the minibatch gradient of every row is stored.
    public var hasGradients: Bool { columns.gradient != nil }

    /// Tells whether gradients on one fixed subset are stored at x_k and x_{k+1}.
    public var hasFixedSubsetGradients: Bool { fixedSubset != nil }

    /// The committed rows of the trajectory.
    public func snapshots() throws -> [SnapshotRecord] {
        let values = try translating(.inputOutput) { try columns.trajectory.read(0..<snapshotCount) }
        return values.indices.map { SnapshotRecord(iteration: plan.savedIterations[$0], values[$0]) }
    }

    /// The committed iterations, from iteration 0.
    public func history() throws -> [IterationRecord] {
        try translating(.inputOutput) { try columns.history.read(0..<iterationCount) }
    }

    /// The committed evaluations.
    public func evaluations() throws -> [EvaluationRecord] {
        try translating(.inputOutput) { try columns.evaluations.read(0..<evaluationCount) }
    }

    /// x_k of a committed row; `vector` becomes P elements and its memory is used again when it has them already.
    public func iterate<Scalar: ParameterScalar>(row: Int, into vector: inout [Scalar]) throws {
        try requireRow(row)
        try translating(.inputOutput) { try columns.iterate.read(row: row, of: header.layout.count, into: &vector) }
        try requireWritten(vector, are: RunFilePath.iterate, row: row)
    }

    /// x_{k+1} of a committed row.
    public func nextIterate<Scalar: ParameterScalar>(row: Int, into vector: inout [Scalar]) throws {
        try requireRow(row)
        let place = try translating(.inputOutput) {
            try columns.readNextIterate(row: row, of: header.layout.count, into: &vector)
        }
        try requireWritten(vector, are: place.path, row: place.row)
    }

    /// The minibatch gradient of a committed row, before clipping.
    /// - Throws: `SmoothnessError` with kind `.data` when the run stores none.
    public func gradient<Scalar: ParameterScalar>(row: Int, into vector: inout [Scalar]) throws {
        try requireRow(row)
        guard columns.gradient != nil else { throw missing(RunFilePath.gradient) }
        try translating(.inputOutput) { try columns.gradient?.read(row: row, of: header.layout.count, into: &vector) }
        try requireWritten(vector, are: RunFilePath.gradient, row: row)
    }

    /// Refuses a vector of a row that is not what was written. Single precision that was widened is narrowed again for it, which is exact; what was
    /// rounded as it was read is not checked.
    private func requireWritten<Scalar: ParameterScalar>(_ vector: [Scalar], are path: String, row: Int) throws {
        if Scalar.scalarName == header.scalarName {
            try checksums?.require(vector, are: path, row: row)
        } else if header.scalarName == Float.scalarName, checksums != nil, let widened = vector as? [Double] {
            try checksums?.require(widened.map { Float($0) }, are: path, row: row)
        }
    }

    /// The columns of `/trajectory` and `/history` whose numbers the writer did not know: NaN throughout, and 0 for `clipped`.
    public func unrecordedColumns() throws -> Set<String> { try columnsMarked("no") }

    /// The columns in which NaN stands where the writer did not know the number of a row.
    public func partlyRecordedColumns() throws -> Set<String> { try columnsMarked("partly") }

    private func columnsMarked(_ mark: String) throws -> Set<String> {
        try translating(.data) {
            var found: Set<String> = []
            for name in ["loss", "gradient_norm", "learning_rate", "clipped"] {
                let object = "/trajectory/" + name
                guard try file.hasAttribute("recorded", of: object) else { continue }
                if try file.attribute("recorded", of: object, as: String.self) == mark { found.insert(name) }
            }
            return found
        }
    }

    /// The losses on the fixed subset of the committed rows: f_S(x_k), f_S(x_{k+1}) and those at the probes.
    /// - Returns: `nil` where the file has none.
    public func fixedSubsetLosses() throws -> [FixedSubset.Losses]? {
        guard let fixedSubset, fixedSubset.hasLosses else { return nil }
        return try translating(.inputOutput) { try fixedSubset.losses(in: file, rows: snapshotCount) }
    }

    private static func count(_ counter: String, atMost dataset: String, in file: borrowing File) throws -> Int {
        let count = try CommitCounter.open(in: file, at: counter).read()
        let capacity = try RunFileOpening.extent(of: dataset, 0, in: file)
        guard count <= capacity else {
            throw SmoothnessError(
                .data, "counts more rows than there is room for", file: file.path, object: counter,
                expected: "at most \(capacity)", found: "\(count)")
        }
        return count
    }

    private func requireRow(_ row: Int) throws {
        guard row >= 0, row < snapshotCount else {
            throw SmoothnessError(
                .data, "row \(row) is not committed", file: path, object: "/trajectory",
                expected: "a row below \(snapshotCount)")
        }
    }

    private func missing(_ object: String) -> SmoothnessError {
        SmoothnessError(.data, "is not stored in this run", file: path, object: object)
    }
}
