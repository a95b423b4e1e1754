import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Writes a run file under the crash rule: what is committed survives the death of this process at any moment.
///
/// All places in the file are fixed and its space is reserved before the run starts, so that writing only fills them. One
/// writer at a time: a second one is refused. Dropping a writer without `finish` leaves the state `writing`, as a kill
/// would, and loses the iteration records that were not yet committed.
public struct RunFileWriter<Scalar: ParameterScalar>: ~Copyable {
    public let path: String
    public private(set) var header: RunHeader
    public let plan: RunPlan
    /// Rows of the trajectory that count.
    public private(set) var committedSnapshots: Int
    /// Iterations of the history that count.
    public private(set) var committedIterations: Int
    /// Evaluations that count.
    public private(set) var committedEvaluations: Int
    /// The evaluation that comes next: below `committedEvaluations` while a resumed run repeats what it did.
    private var nextEvaluation: Int
    /// Iteration records that are not yet in the file; the first belongs to iteration `committedIterations`.
    private var pending: [IterationRecord] = []
    private var lastCommit = ContinuousClock.now

    private var recycling = PageRecycling()
    private var resumeRecycling = PageRecycling()
    private let store: RunFileStore
    private let file: File
    private let lock: WriterLock

    /// Creates the file, complete in its structure, with all of its space reserved on the disk.
    /// - Parameter replacing: Whether a file of this name may be replaced. It stays where it is until the new one is whole.
    /// - Throws: `SmoothnessError` with kind `.cannotCreate` when the name is taken, another process is writing the file to be
    ///   replaced, or the disk is too small (with the bytes needed and available), `.usage` when the plan makes no sense.
    ///   Nothing is left behind then.
    public init(creating path: String, replacing: Bool = false, header: RunHeader, plan: RunPlan) throws {
        guard header.scalarName == Scalar.scalarName, let scalar = ScalarType(rawValue: Scalar.scalarName) else {
            throw SmoothnessError(
                .internalFailure, "the header's scalar is not the writer's", file: path, expected: Scalar.scalarName,
                found: header.scalarName)
        }
        let lock = try RunFileCreation(
            path: path, header: header, plan: plan, scalar: scalar, isReplacing: replacing
        ).create()
        try self.init(path, lock: lock, kind: .cannotCreate)
    }

    /// Opens a run that was interrupted or killed, to go on from `resumePoint()`.
    /// - Throws: `SmoothnessError` as `RunFileReader.init` does; `.cannotCreate` when another process is writing the file;
    ///   `.data` when the run is complete or holds another scalar.
    public init(continuing path: String) throws {
        // Look before locking, so that a missing, foreign or damaged file is called what it is.
        if let flaw = try RunFileReader(path).plan.flaw {
            throw SmoothnessError(.data, "cannot be continued: \(flaw)", file: path, object: RunFilePath.iteration)
        }
        let lock = try WriterLock(path, shownAs: path)
        FileInTheMaking.removeLeftovers(of: path)
        try self.init(path, lock: lock, kind: .inputOutput)
    }

    private init(_ path: String, lock: consuming WriterLock, kind: SmoothnessError.Kind) throws {
        let file = try RunFileOpening.open(path, .readWrite)
        let header = try RunFileOpening.header(of: file)
        guard header.state != .complete else {
            throw SmoothnessError(
                .data, "the run is complete: there is nothing to continue", file: path, object: "/@state",
                expected: "writing or interrupted", found: "complete")
        }
        guard header.scalarName == Scalar.scalarName else {
            throw SmoothnessError(
                .data, "holds another scalar", file: path, object: RunFilePath.iterate, expected: Scalar.scalarName,
                found: header.scalarName)
        }
        let plan = try RunFileOpening.plan(of: file)
        let store = try translating(.data) { try RunFileStore(file) }
        let counts = try translating(kind) { (try store.commit.read(), try store.historyCommit.read()) }
        let evaluations = try translating(kind) { try store.evaluationCommit.read() }
        let point = try translating(kind) { try store.resume.read(as: Scalar.self) }
        let resumed = point?.evaluationCount ?? 0
        guard point?.iteration ?? 0 <= counts.1, (0...max(0, evaluations)).contains(resumed),
            store.resume.parameterCount == header.layout.count
        else {
            throw SmoothnessError(
                .data, "does not lie in what is committed, or has another number of parameters", file: path,
                object: "/resume",
                expected:
                    "at most iteration \(counts.1) and \(evaluations) evaluations, \(header.layout.count) parameters",
                found:
                    "iteration \(point?.iteration ?? 0), \(resumed) evaluations, \(store.resume.parameterCount) parameters"
            )
        }
        self.path = path
        self.header = header
        self.plan = plan
        (committedSnapshots, committedIterations) = counts
        committedEvaluations = evaluations
        nextEvaluation = resumed
        self.store = store
        self.file = file
        self.lock = lock
    }

    /// The last durable state of the optimiser; `nil` when none was saved and the run starts at iteration 0.
    public func resumePoint() throws -> ResumePoint<Scalar>? {
        try translating(.inputOutput) { try store.resume.read(as: Scalar.self) }
    }

    /// The committed iterations of the range, for what a resumed run must know of them.
    public func history(_ iterations: Range<Int>) throws -> [IterationRecord] {
        guard iterations.lowerBound >= 0, iterations.upperBound <= committedIterations + pending.count else {
            throw outOfPlan("/history", "iterations \(iterations)", "0..<\(committedIterations + pending.count)")
        }
        let stored = iterations.clamped(to: 0..<committedIterations)
        let records = try translating(.inputOutput) { try store.columns.history.read(stored) }
        return records + iterations.dropFirst(stored.count).map { pending[$0 - committedIterations] }
    }

    /// The committed evaluations of the range.
    public func evaluations(_ range: Range<Int>) throws -> [EvaluationRecord] {
        guard range.lowerBound >= 0, range.upperBound <= committedEvaluations else {
            throw outOfPlan("/history/evaluation", "evaluations \(range)", "0..<\(committedEvaluations)")
        }
        return try translating(.inputOutput) { try store.columns.evaluations.read(range) }
    }

    /// Records an iteration. Iterations come in order; one that is already committed must be the same bits again.
    /// Committed with the next snapshot or resume point, at `finish`, or when a second has passed.
    public mutating func record(_ record: IterationRecord, at iteration: Int) throws {
        let next = committedIterations + pending.count
        guard iteration >= 0, iteration < plan.iterationCount, iteration <= next else {
            throw outOfPlan("/history", "iteration \(iteration)", "\(next) of \(plan.iterationCount)")
        }
        guard iteration == next else {
            let stored = try history(iteration..<(iteration + 1))[0]
            if !stored.hasSameBits(as: record) {
                throw mismatch("/history", "iteration \(iteration)", stored: "\(stored)", given: "\(record)")
            }
            return
        }
        pending.append(record)
        if ContinuousClock.now - lastCommit > .seconds(1) { try commitPending() }
    }

    /// Records a saved row: its numbers, x_k, x_{k+1} and, where the plan stores gradients, ∇f(x_k) of the minibatch
    /// before clipping. Rows come in order. Returns when the row is committed. A row that already is must be the same
    /// bits again; it is compared with what the file holds.
    public mutating func record(
        _ record: SnapshotRecord, iterate: [Scalar], nextIterate: [Scalar], gradient: [Scalar]? = nil,
        fixedSubset: FixedSubsetRow<Scalar>? = nil
    ) throws {
        guard let row = plan.row(ofIteration: record.iteration), row <= committedSnapshots else {
            let next = committedSnapshots < plan.snapshotCount ? "\(plan.savedIterations[committedSnapshots])" : "none"
            throw outOfPlan("/trajectory", "iteration \(record.iteration)", "the next saved iteration, \(next)")
        }
        try requireWidth(iterate, RunFilePath.iterate)
        try requireWidth(nextIterate, RunFilePath.nextIterate)
        if plan.storesGradients { try requireWidth(gradient ?? [], RunFilePath.gradient) }
        guard row == committedSnapshots else {
            return try compare(record, row, iterate, nextIterate, gradient)
        }
        // While libhdf5 writes the vectors, another thread takes their checksums.
        let sums = store.pointPaths.map { pointPaths in
            Concurrent(isWorthAThread: iterate.count >= 1 << 16) {
                RunChecksums.sums(
                    record, isFirst: row == 0, iterate: iterate, nextIterate: nextIterate, gradient: gradient,
                    fixedSubset: fixedSubset, pointPaths: pointPaths)
            }
        }
        let written = try translating(.inputOutput) {
            try store.columns.trajectory.write([record.values], from: row)
            let written = try store.columns.write(
                iterate: iterate, nextIterate: nextIterate, gradient: gradient, row: row)
            if let fixedSubset { try store.fixedSubset?.write(fixedSubset, row: row) }
            if let sums { try store.checksums?.write(sums.value(), row: row) }
            return written
        }
        try commit(snapshots: row + 1)
        recycling.wrote(written, descriptor: lock.descriptor)
    }

    /// Records an evaluation and commits it. One that is already committed must be the same bits again.
    public mutating func record(_ record: EvaluationRecord) throws {
        let row = nextEvaluation
        guard row < plan.evaluationCount else {
            throw outOfPlan("/history/evaluation", "evaluation \(row)", "at most \(plan.evaluationCount)")
        }
        if row < committedEvaluations {
            let stored = try translating(.inputOutput) { try store.columns.evaluations.read(row..<(row + 1)) }[0]
            if !stored.hasSameBits(as: record) {
                throw mismatch("/history/evaluation", "row \(row)", stored: "\(stored)", given: "\(record)")
            }
        } else {
            try translating(.inputOutput) {
                try store.columns.evaluations.write(record, row: row)
                try store.checksums?.write(record, row: row)
                try store.evaluationCommit.raise(to: row + 1)
            }
            committedEvaluations = row + 1
        }
        nextEvaluation = row + 1
    }

    /// Saves the state of the optimiser, so that a killed run continues from here. Commits the iterations before it.
    public mutating func saveResumePoint(_ point: ResumePoint<Scalar>) throws {
        try requireWidth(point.iterate, RunFilePath.resumeIterate)
        let width = header.layout.count
        for (object, vector, count) in [
            (RunFilePath.resumeMomentum, point.momentum, store.resume.momentumCount),
            (RunFilePath.resumeSecondMoment, point.secondMoment, store.resume.hasSecondMoment ? width : 0),
            (RunFilePath.resumeAverage, point.average, store.resume.hasAverage ? width : 0),
        ] where vector.count != count {
            throw outOfPlan(object, "\(vector.count) elements", "\(count)")
        }
        try commitPending()
        guard point.iteration <= committedIterations, point.evaluationCount <= committedEvaluations else {
            throw outOfPlan(
                "/resume", "iteration \(point.iteration) after \(point.evaluationCount) evaluations",
                "at most the committed \(committedIterations) and \(committedEvaluations)")
        }
        let ranges = try translating(.inputOutput) {
            // Into the slot that the next point goes to, which counts with it.
            try store.checksums?.write(point, slot: store.resume.nextSlot())
            return try store.resume.write(point)
        }
        resumeRecycling.wrote(ranges, descriptor: lock.descriptor)
    }

    /// Commits what is pending, sets the state, closes the file and asks the disk to keep it (`fsync`, the only one).
    public consuming func finish(_ state: RunState) throws {
        try commitPending()
        try translating(.inputOutput) { try StateAttribute.change(to: state, in: file) }
        let path = path
        drop(store)
        do { try file.close() } catch { throw SmoothnessError(.inputOutput, error) }
        try lock.synchronize(file: path)
    }

    private mutating func commitPending() throws {
        guard !pending.isEmpty else { return }
        try commit(snapshots: nil)
    }

    /// The crash rule, once for both counters: rows, flush, counters, flush.
    private mutating func commit(snapshots: Int?) throws {
        let iterations = committedIterations + pending.count
        try translating(.inputOutput) {
            if !pending.isEmpty {
                try store.columns.history.write(pending, from: committedIterations)
                try store.checksums?.write(pending, from: committedIterations)
            }
            try file.flush()
            if let snapshots { try store.commit.write(snapshots) }
            if !pending.isEmpty { try store.historyCommit.write(iterations) }
            try file.flush()
        }
        if let snapshots { committedSnapshots = snapshots }
        committedIterations = iterations
        pending.removeAll(keepingCapacity: true)
        lastCommit = .now
    }

    /// Holds a repeated row against the committed one.
    private func compare(
        _ record: SnapshotRecord, _ row: Int, _ iterate: [Scalar], _ nextIterate: [Scalar], _ gradient: [Scalar]?
    ) throws {
        let values = try translating(.inputOutput) { try store.columns.trajectory.read(row..<(row + 1)) }[0]
        let place = "row \(row) (iteration \(record.iteration))"
        if !values.hasSameBits(as: record.values) {
            throw mismatch("/trajectory", place, stored: "\(values)", given: "\(record.values)")
        }
        var stored: [Scalar] = []
        try translating(.inputOutput) { try store.columns.iterate.read(row: row, of: iterate.count, into: &stored) }
        try requireSame(stored, iterate, RunFilePath.iterate, place)
        _ = try translating(.inputOutput) {
            try store.columns.readNextIterate(row: row, of: iterate.count, into: &stored)
        }
        try requireSame(stored, nextIterate, "next iterate", place)
        guard plan.storesGradients, let gradient else { return }
        try translating(.inputOutput) { try store.columns.gradient?.read(row: row, of: iterate.count, into: &stored) }
        try requireSame(stored, gradient, RunFilePath.gradient, place)
    }

    private func requireSame(_ stored: [Scalar], _ given: [Scalar], _ object: String, _ place: String) throws {
        guard let index = firstDifference(stored, given) else { return }
        throw mismatch(object, "\(place), element \(index)", stored: "\(stored[index])", given: "\(given[index])")
    }

    private func mismatch(_ object: String, _ place: String, stored: String, given: String) -> SmoothnessError {
        SmoothnessError(
            .data, "\(place) was repeated and came out differently", file: path, object: object, expected: stored,
            found: given, remedy: "Continue with the program, thread count and data that began the run")
    }

    private func outOfPlan(_ object: String, _ found: String, _ expected: String) -> SmoothnessError {
        SmoothnessError(
            .internalFailure, "a record does not fit the plan", file: path, object: object, expected: expected,
            found: found)
    }

    private func requireWidth(_ vector: [Scalar], _ object: String) throws {
        guard vector.count == header.layout.count else {
            throw outOfPlan(object, "\(vector.count) elements", "\(header.layout.count)")
        }
    }
}

/// Ends the life of a value here.
private func drop<Value: ~Copyable>(_ value: consuming Value) {}
