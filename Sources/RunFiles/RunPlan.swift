import Essentials
import HDF5
import ParameterSpace

/// Describes how much a run will write. It is known before the run starts, and the space is reserved.
public struct RunPlan: Sendable, Codable, Equatable {
    /// The iteration k of every snapshot row, ascending; K = `savedIterations.count`.
    public var savedIterations: [Int]
    /// T, the number of iterations.
    public var iterationCount: Int
    /// The number of evaluations that there is room for.
    public var evaluationCount: Int
    /// The name of `EvaluationRecord.metric`, as `perplexity`.
    public var metricName: String?
    /// Tells whether the gradient of every saved row is stored too.
    public var storesGradients: Bool
    /// Tells whether resume points hold a momentum vector.
    public var storesMomentum: Bool
    /// Tells whether they hold a second moment.
    public var storesSecondMoment: Bool
    /// Tells whether they hold an average of iterates.
    public var storesAverage: Bool
    /// Describes what is written under `/fixed_subset`, if anything: gradients at both ends of every row and perhaps losses, but no groups and no γ.
    public var fixedSubset: FixedSubset?
    /// Columns whose numbers the writer does not know: of `loss`, `gradient_norm`, `learning_rate`, `clipped`.
    public var unrecorded: [String]
    /// Tells whether every row has checksums.
    public var hasChecksums: Bool

    public init(
        savedIterations: [Int], iterationCount: Int, evaluationCount: Int = 0, metricName: String? = nil,
        storesGradients: Bool = false, storesMomentum: Bool = false, storesSecondMoment: Bool = false,
        storesAverage: Bool = false, fixedSubset: FixedSubset? = nil, unrecorded: [String] = [],
        hasChecksums: Bool = true
    ) {
        self.savedIterations = savedIterations
        self.iterationCount = iterationCount
        self.evaluationCount = evaluationCount
        self.metricName = metricName
        self.storesGradients = storesGradients
        self.storesMomentum = storesMomentum
        self.storesSecondMoment = storesSecondMoment
        self.storesAverage = storesAverage
        self.fixedSubset = fixedSubset
        self.unrecorded = unrecorded
        self.hasChecksums = hasChecksums
    }

    /// K
    public var snapshotCount: Int { savedIterations.count }

    /// Tells whether every iteration of one range is saved. Then the next iterate of a row is the iterate of the row after
    /// it: `iterate` has K + 1 rows and there is no `next_iterate`.
    public var isConsecutive: Bool {
        guard let first = savedIterations.first, let last = savedIterations.last else { return false }
        // Wraps around for numbers that are no iterations.
        return last &- first == savedIterations.count - 1
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

    /// Returns what is wrong with the plan, if anything.
    var flaw: String? {
        if iterationCount < 0 || evaluationCount < 0 { return "a negative count" }
        if zip(savedIterations, savedIterations.dropFirst()).contains(where: { $0 >= $1 }) {
            return "the saved iterations do not ascend"
        }
        if let first = savedIterations.first, let last = savedIterations.last, first < 0 || last >= iterationCount {
            return "the saved iterations \(first)…\(last) reach outside 0..<\(iterationCount)"
        }
        return nil
    }
}
