import Essentials
import HDF5
import ParameterSpace
import RunFiles

/// Adds rows to an estimates file: a row is written, flushed and only then counted, so that whatever kills the process
/// takes no committed row with it.
struct EstimatesFileWriter: ~Copyable {
    let path: String
    let header: EstimatesHeader
    private(set) var committedRows: Int
    private(set) var repeatability: Double?
    private let lock: WriterLock
    private let file: HDF5.File
    private let counter: CommitCounter

    /// Opens a file that `EstimatesFileSkeleton` has made, at its first row or at the first uncommitted one.
    /// - Throws: `SmoothnessError(.cannotCreate)` when another process is at it.
    init(continuing path: String) throws {
        let lock = try WriterLock(path, shownAs: path)
        let file = try EstimatesFileAccess.open(path, .readWrite)
        let start = try EstimatesFileAccess.start(of: file)
        let counter = try translating(.data) { try CommitCounter.open(in: file, at: EstimatesSchema.commit) }
        try translating(.inputOutput) { try StateAttribute.change(to: .writing, in: file) }
        self.path = path
        (header, committedRows, repeatability) = (start.header, start.committedRows, start.repeatability)
        self.counter = counter
        self.lock = lock
        self.file = file
    }

    /// Stores ε_rep, once, before the first row that depends on it is committed.
    mutating func store(repeatability value: Double) throws {
        guard repeatability == nil else { return }
        try translating(.inputOutput) { try file.dataset(EstimatesSchema.repeatability).write(all: [value]) }
        repeatability = value
    }

    /// Writes the next row and commits it.
    mutating func append(_ estimate: StepEstimate) throws {
        try translating(.inputOutput) { try write(estimate, row: committedRows) }
        try translating(.inputOutput) { try counter.raise(to: committedRows + 1) }
        committedRows += 1
    }

    private func write(_ estimate: StepEstimate, row: Int) throws {
        try write([Int64(estimate.iteration)], EstimatesSchema.iteration, row, [])
        try write([estimate.status.rawValue], EstimatesSchema.status, row, [])
        try write(estimate.curve.map(\.status.rawValue), EstimatesSchema.curveStatus, row, [estimate.curve.count])
        for field in EstimatesSchema.fields {
            let extents = field.extents(gammaCount: estimate.curve.count, blockCount: estimate.blocks.count)
            try write(field.values(of: estimate), field.name, row, extents)
        }
    }

    /// Sets the state and asks the disk to keep the file.
    consuming func finish(_ state: RunState) throws {
        try translating(.inputOutput) { try StateAttribute.change(to: state, in: file) }
        // The library closes a file when the last object in it is closed, and may write until then.
        release(counter)
        do { try file.close() } catch { throw SmoothnessError(.inputOutput, error) }
        try lock.synchronize(file: path)
    }

    private func write<Element: HDF5Scalar>(_ values: [Element], _ name: String, _ row: Int, _ extents: [Int]) throws {
        try file.dataset(name).write(values, start: [row] + extents.map { _ in 0 }, count: [1] + extents)
    }
}

/// Ends the life of a value here.
private func release<Value: ~Copyable>(_ value: consuming Value) {}
