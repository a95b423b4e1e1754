import HDF5

/// The open datasets of a file that is being written; they must be closed before the file.
struct RunFileStore: ~Copyable {
    let commit: CommitCounter
    let historyCommit: CommitCounter
    let evaluationCommit: CommitCounter
    let columns: RunColumns
    let resume: ResumeSlots
    /// Absent where no gradients on a fixed subset are.
    let fixedSubset: FixedSubsetColumns?
    /// Absent where rows have no checksums.
    let checksums: RunChecksums?

    /// `RunChecksums.pointPaths`, where rows have checksums.
    var pointPaths: [String]? {
        switch checksums {
        case .some(let checksums): checksums.pointPaths
        case .none: nil
        }
    }
}

extension RunFileStore {
    init(_ file: borrowing File) throws {
        self.init(
            commit: try CommitCounter.open(in: file, at: RunFilePath.commit),
            historyCommit: try CommitCounter.open(in: file, at: RunFilePath.historyCommit),
            evaluationCommit: try CommitCounter.open(in: file, at: RunFilePath.evaluationCommit),
            columns: try RunColumns(file), resume: try ResumeSlots(file), fixedSubset: try FixedSubsetColumns(file),
            checksums: try RunChecksums(file))
    }
}
