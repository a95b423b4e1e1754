import Essentials
import HDF5
import RunFiles

/// Adds rows to an analysis file: a row is written, flushed and only then counted, so that whatever kills the process
/// takes no committed row with it.
struct AnalysisFileWriter: ~Copyable {
    let path: String
    private(set) var committedRows: Int
    private let lock: WriterLock
    private let file: HDF5.File
    private let counter: CommitCounter

    /// Opens a file that `AnalysisFile.create` has made, at its first row or at the first uncommitted one.
    /// - Parameter start: reads what the caller needs from the open file and says how many rows are committed.
    /// - Throws: `SmoothnessError(.cannotCreate)` when another process is at it.
    init(continuing path: String, _ format: AnalysisFormat, start: (borrowing HDF5.File) throws -> Int) throws {
        let lock = try WriterLock(path, shownAs: path)
        FileInTheMaking.removeLeftovers(of: path)
        let file = try AnalysisFile.open(path, .readWrite, format)
        let committedRows = try start(file)
        let counter = try translating(.data) { try CommitCounter.open(in: file, at: format.commit) }
        try translating(.inputOutput) { try StateAttribute.change(to: .writing, in: file) }
        self.path = path
        self.committedRows = committedRows
        self.counter = counter
        self.lock = lock
        self.file = file
    }

    /// Writes something that is no row.
    func store(_ write: (borrowing HDF5.File) throws -> Void) throws {
        try translating(.inputOutput) { try write(file) }
    }

    /// Writes the next row and commits it.
    mutating func append(_ write: (_ file: borrowing HDF5.File, _ row: Int) throws -> Void) throws {
        try append(count: 1, write)
    }

    /// Writes rows that are there together, from the next one on, and commits them.
    mutating func append(count: Int, _ write: (_ file: borrowing HDF5.File, _ row: Int) throws -> Void) throws {
        let row = committedRows
        try translating(.inputOutput) { try write(file, row) }
        try translating(.inputOutput) { try counter.raise(to: row + count) }
        committedRows = row + count
    }

    /// Writes several rows at once, from the first row of the file on, and commits them.
    mutating func append(count: Int, _ write: (borrowing HDF5.File) throws -> Void) throws {
        precondition(committedRows == 0, "rows are there already")
        try translating(.inputOutput) { try write(file) }
        try translating(.inputOutput) { try counter.raise(to: count) }
        committedRows = count
    }

    /// Lets `work` append the rows that are missing, then sets the state and asks the disk to keep the file: `complete`, or
    /// `interrupted` when `work` throws.
    consuming func finish(rowCount: Int, after work: (inout AnalysisFileWriter) throws -> Void) throws {
        do {
            try work(&self)
        } catch {
            let (rows, path) = (committedRows, path)
            guard let known = error as? SmoothnessError, known.kind == .interrupted else {
                // The first error is the one to report; what is committed stays whatever happens here.
                try? finish(.interrupted)
                throw error
            }
            try finish(.interrupted)
            // One that names a file is about another than this one.
            guard known.file == nil else { throw known }
            throw SmoothnessError(
                .interrupted, "interrupted; \(rows) of \(rowCount) rows are committed", file: path,
                remedy: "The same command continues where it stopped.")
        }
        try finish(.complete)
    }

    /// Sets the state, closes the file and asks the disk to keep it.
    consuming func finish(_ state: RunState) throws {
        try translating(.inputOutput) { try StateAttribute.change(to: state, in: file) }
        // The library closes a file when the last object in it is closed, and may write until then.
        release(counter)
        do { try file.close() } catch { throw SmoothnessError(.inputOutput, error) }
        try lock.synchronize(file: path)
    }
}

/// Ends the life of a value here.
private func release<Value: ~Copyable>(_ value: consuming Value) {}
