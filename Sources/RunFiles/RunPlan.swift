import Essentials
import HDF5
import ParameterSpace

/// How much a run will write and which iterations it saves, known before it starts: the space is reserved for it. What `RunExtents` says is said
/// of the plan as well.
@dynamicMemberLookup
public struct RunPlan: Sendable, Equatable {
    /// The iteration k of every snapshot row, ascending.
    public var savedIterations: [Int] { didSet { countRows() } }
    /// How much that is.
    public private(set) var extents: RunExtents

    /// - Parameter extents: those of a run that saves as many iterations as are given.
    public init(_ extents: RunExtents, savedIterations: [Int]) {
        self.savedIterations = savedIterations
        self.extents = extents
        countRows()
    }

    private mutating func countRows() {
        extents.snapshotCount = savedIterations.count
        guard let first = savedIterations.first, let last = savedIterations.last else {
            extents.isConsecutive = false
            return
        }
        // Wraps around for numbers that are no iterations.
        extents.isConsecutive = last &- first == savedIterations.count - 1
    }

    /// - Parameter iterationCount: T, the number of iterations.
    public init(savedIterations: [Int], iterationCount: Int) {
        self.init(
            RunExtents(snapshotCount: 0, isConsecutive: false, iterationCount: iterationCount),
            savedIterations: savedIterations)
    }

    public subscript<Value>(dynamicMember path: WritableKeyPath<RunExtents, Value>) -> Value {
        get { extents[keyPath: path] }
        set { extents[keyPath: path] = newValue }
    }

    /// The bytes of all datasets of a run file with this plan, which are reserved on the disk before the run starts.
    public func byteCount<Scalar: ParameterScalar>(parameterCount: Int, scalar: Scalar.Type) -> Int {
        extents.byteCount(parameterCount: parameterCount, scalar: scalar)
    }

    /// The row of an iteration, if it is saved.
    public func row(ofIteration iteration: Int) -> Int? {
        var range = savedIterations.indices
        while let middle = range.isEmpty ? nil : range.lowerBound + range.count / 2 {
            if savedIterations[middle] == iteration { return middle }
            range =
                savedIterations[middle] < iteration
                ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
        }
        return nil
    }

    /// Refuses a file whose first `count` rows are not those of ascending iterations.
    func requireOrder(ofRows count: Int, file: String) throws {
        let rows = savedIterations.prefix(count)
        // So large that no sum of an iteration and a number of rows overflows.
        let isOrdered =
            zip(rows, rows.dropFirst()).allSatisfy(<) && rows.first ?? 0 >= 0 && rows.last ?? 0 < 1 << 62
        guard !isOrdered else { return }
        let row = rows.indices.dropFirst().first { rows[$0 - 1] >= rows[$0] } ?? 0
        throw SmoothnessError(
            .data, "the iterations of the rows do not ascend", file: file,
            object: "\(RunFilePath.iteration) row \(row)",
            expected: row > 0 ? "more than \(rows[row - 1])" : "0 or more", found: "\(rows[row])",
            remedy: "See what else is wrong: smoothness verify \(file)")
    }

    /// What is wrong with the plan, if anything.
    var flaw: String? {
        if extents.iterationCount < 0 || extents.evaluationCount < 0 { return "a negative count" }
        if zip(savedIterations, savedIterations.dropFirst()).contains(where: { $0 >= $1 }) {
            return "the saved iterations do not ascend"
        }
        if let first = savedIterations.first, let last = savedIterations.last,
            first < 0 || last >= extents.iterationCount
        {
            return "the saved iterations \(first)…\(last) reach outside 0..<\(extents.iterationCount)"
        }
        return nil
    }
}
