import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Describes how much a run will write, without the list of the iterations that it saves, so that it is known at once for a run of any length.
public struct RunExtents: Sendable, Equatable {
    /// K, the number of snapshot rows.
    public var snapshotCount: Int
    /// Whether every iteration of one range is saved. Then the next iterate of a row is the iterate of the row after
    /// it: `iterate` has K + 1 rows and there is no `next_iterate`.
    public var isConsecutive: Bool
    /// T, the number of iterations.
    public var iterationCount: Int
    /// How many evaluations there is room for.
    public var evaluationCount = 0
    /// What `EvaluationRecord.metric` is, as `perplexity`.
    public var metricName: String?
    /// Whether the gradient of every saved row is stored too.
    public var storesGradients = false
    /// Whether resume points hold a momentum vector.
    public var storesMomentum = false
    /// Whether resume points hold a second moment.
    public var storesSecondMoment = false
    /// Whether resume points hold an average of iterates.
    public var storesAverage = false
    /// What is written under `/fixed_subset`, if anything: gradients at both ends of every row and perhaps losses; no groups, no γ.
    public var fixedSubset: FixedSubset?
    /// Columns whose numbers the writer does not know: of `loss`, `gradient_norm`, `learning_rate`, `clipped`.
    public var unrecorded: [String] = []
    /// Whether every row has checksums.
    public var hasChecksums = true

    public init(snapshotCount: Int, isConsecutive: Bool, iterationCount: Int) {
        self.snapshotCount = snapshotCount
        self.isConsecutive = isConsecutive
        self.iterationCount = iterationCount
    }

    /// The bytes of all datasets of such a run file, which are reserved on the disk before the run starts; `Int.max` where
    /// they are more than that.
    public func byteCount<Scalar: ParameterScalar>(parameterCount: Int, scalar: Scalar.Type) -> Int {
        guard let type = ScalarType(rawValue: Scalar.scalarName) else { return 0 }
        return RunFileLayout(self, parameterCount: parameterCount, scalar: type).byteCount
    }

    /// Refuses at once a run file that does not fit on its disk.
    /// - Throws: `SmoothnessError` with kind `.cannotCreate`, with the bytes needed and available.
    public func requireRoom<Scalar: ParameterScalar>(
        at path: String, parameterCount: Int, scalar: Scalar.Type
    ) throws {
        try DiskSpace.requireRoom(
            for: byteCount(parameterCount: parameterCount, scalar: scalar), file: path,
            folder: URL(filePath: path).deletingLastPathComponent().path)
    }
}
