import HDF5

/// The open datasets of a file that is being written; they must be closed before the file.
struct RunFileStore: ~Copyable {
    let commit: CommitCounter
    let historyCommit: CommitCounter
    let evaluationCommit: CommitCounter
    let history: RecordColumns
    let trajectory: RecordColumns
    let evaluations: EvaluationColumns
    let resume: ResumeSlots
    let iterate: Dataset
    /// Absent where every iteration is saved.
    let nextIterate: Dataset?
    /// Absent where gradients are not stored.
    let gradient: Dataset?
    /// Absent where no gradients on a fixed subset are.
    let fixedSubset: FixedSubsetColumns?
    /// Absent where rows have no checksums.
    let checksums: RunChecksums?
}

extension RunFileStore {
    init(_ file: borrowing File, _ plan: RunPlan) throws {
        self.init(
            commit: try CommitCounter.open(in: file, at: RunFilePath.commit),
            historyCommit: try CommitCounter.open(in: file, at: RunFilePath.historyCommit),
            evaluationCommit: try CommitCounter.open(in: file, at: RunFilePath.evaluationCommit),
            history: try RecordColumns(file, group: "/history/"),
            trajectory: try RecordColumns(file, group: "/trajectory/"), evaluations: try EvaluationColumns(file),
            resume: try ResumeSlots(file), iterate: try file.dataset(RunFilePath.iterate),
            nextIterate: try file.exists(RunFilePath.nextIterate) ? try file.dataset(RunFilePath.nextIterate) : nil,
            gradient: plan.storesGradients ? try file.dataset(RunFilePath.gradient) : nil,
            fixedSubset: try FixedSubsetColumns(file), checksums: try RunChecksums(file))
    }
}
