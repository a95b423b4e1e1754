import Essentials
import HDF5
import ParameterSpace

/// /resume: two slots that are written in turn, and a counter n. Slot (n − 1) mod 2 holds the last whole point, so the
/// next one goes to slot n mod 2 and a kill half-way through leaves the last one alone.
struct ResumeSlots: ~Copyable {
    private let counter: CommitCounter
    private let iteration: Dataset
    private let evaluationCount: Dataset
    private let iterate: Dataset
    private let momentum: Dataset
    private let secondMoment: Dataset?
    private let average: Dataset?
    let parameterCount: Int
    let momentumCount: Int
    let hasSecondMoment: Bool
    let hasAverage: Bool

    func read<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> ResumePoint<Scalar>? {
        let written = try counter.read()
        guard written > 0 else { return nil }
        let slot = (written - 1) % 2
        let next = Int(try iteration.read(as: Int64.self)[slot])
        guard next >= 0 else {
            throw SmoothnessError(
                .data, "is no iteration", object: RunFilePath.resumeIteration, expected: "0 or more", found: "\(next)")
        }
        var (point, speed): ([Scalar], [Scalar]) = ([], [])
        try iterate.read(row: slot, of: parameterCount, into: &point)
        try momentum.read(row: slot, of: momentumCount, into: &speed)
        var (squares, mean): ([Scalar], [Scalar]) = ([], [])
        try secondMoment?.read(row: slot, of: parameterCount, into: &squares)
        try average?.read(row: slot, of: parameterCount, into: &mean)
        return ResumePoint(
            iteration: next, iterate: point, momentum: speed, secondMoment: squares, average: mean,
            evaluationCount: Int(try evaluationCount.read(as: Int64.self)[slot]))
    }

    /// How many points were written.
    func pointCount() throws -> Int { try counter.read() }

    /// More calls than any run was continued by, each of which writes a point at its end.
    static let mostCalls = 1 << 20

    /// The slot that the next point goes to.
    func nextSlot() throws -> Int { try counter.read() % 2 }

    /// Returns the byte ranges of the file that were written in bulk.
    func write<Scalar: ParameterScalar>(_ point: ResumePoint<Scalar>) throws -> [Range<Int>] {
        let (written, slot) = (try counter.read(), try nextSlot())
        try iterate.write(point.iterate, row: slot)
        try momentum.write(point.momentum, row: slot)
        try secondMoment?.write(point.secondMoment, row: slot)
        try average?.write(point.average, row: slot)
        try iteration.write(Int64(point.iteration), at: [slot])
        try evaluationCount.write(Int64(point.evaluationCount), at: [slot])
        try counter.raise(to: written + 1)
        let ranges = [
            iterate.byteRange(ofRow: slot, width: parameterCount, as: Scalar.self),
            momentum.byteRange(ofRow: slot, width: momentumCount, as: Scalar.self),
            secondMoment?.byteRange(ofRow: slot, width: parameterCount, as: Scalar.self),
            average?.byteRange(ofRow: slot, width: parameterCount, as: Scalar.self),
        ]
        return ranges.compactMap(\.self)
    }
}

extension ResumeSlots {
    /// Refuses slots whose extents do not go together, before one of them is read.
    private static func requireExtents(_ file: borrowing File) throws {
        func require(_ object: String, _ expected: [[Int]]) throws {
            guard try file.exists(object) else { return }
            let found = try file.dataset(object).shape
            guard !expected.contains(found) else { return }
            throw SmoothnessError(
                .data, "has other extents than two slots ask for", file: file.path, object: object,
                expected: expected.map { "\($0)" }.joined(separator: " or "), found: "\(found)")
        }
        let width = try RunFileOpening.extent(of: RunFilePath.resumeIterate, 1, in: file)
        for object in [RunFilePath.resumeIteration, RunFilePath.resumeEvaluationCount] { try require(object, [[2]]) }
        for object in [RunFilePath.resumeIterate, RunFilePath.resumeSecondMoment, RunFilePath.resumeAverage] {
            try require(object, [[2, width]])
        }
        try require(RunFilePath.resumeMomentum, [[2, width], [2, 0]])
    }

    init(_ file: borrowing File) throws {
        try Self.requireExtents(file)
        let hasSecondMoment = try file.exists(RunFilePath.resumeSecondMoment)
        let hasAverage = try file.exists(RunFilePath.resumeAverage)
        self.init(
            counter: try CommitCounter.open(in: file, at: RunFilePath.resumeCommit),
            iteration: try file.dataset(RunFilePath.resumeIteration),
            evaluationCount: try file.dataset(RunFilePath.resumeEvaluationCount),
            iterate: try file.dataset(RunFilePath.resumeIterate),
            momentum: try file.dataset(RunFilePath.resumeMomentum),
            secondMoment: hasSecondMoment ? try file.dataset(RunFilePath.resumeSecondMoment) : nil,
            average: hasAverage ? try file.dataset(RunFilePath.resumeAverage) : nil,
            parameterCount: try RunFileOpening.extent(of: RunFilePath.resumeIterate, 1, in: file),
            momentumCount: try RunFileOpening.extent(of: RunFilePath.resumeMomentum, 1, in: file),
            hasSecondMoment: hasSecondMoment, hasAverage: hasAverage)
    }
}
