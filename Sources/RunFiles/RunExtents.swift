import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Describes how much a run will write, without the list of the iterations that it saves, so that it is known at once for a run of any length.
public struct RunExtents: Sendable, Equatable {
    /// K
    public var snapshotCount: Int
    /// `RunPlan.isConsecutive`
    public var isConsecutive: Bool
    /// T
    public var iterationCount: Int
    public var evaluationCount: Int
    public var metricName: String?
    public var storesGradients: Bool
    public var storesMomentum: Bool
    public var storesSecondMoment: Bool
    public var storesAverage: Bool
    public var fixedSubset: FixedSubset?
    public var unrecorded: [String]
    public var hasChecksums: Bool

    public init(
        snapshotCount: Int, isConsecutive: Bool, iterationCount: Int, evaluationCount: Int = 0,
        metricName: String? = nil, storesGradients: Bool = false, storesMomentum: Bool = false,
        storesSecondMoment: Bool = false, storesAverage: Bool = false, fixedSubset: FixedSubset? = nil,
        unrecorded: [String] = [], hasChecksums: Bool = true
    ) {
        self.snapshotCount = snapshotCount
        self.isConsecutive = isConsecutive
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

extension RunPlan {
    public init(_ extents: RunExtents, savedIterations: [Int]) {
        self.init(
            savedIterations: savedIterations, iterationCount: extents.iterationCount,
            evaluationCount: extents.evaluationCount, metricName: extents.metricName,
            storesGradients: extents.storesGradients, storesMomentum: extents.storesMomentum,
            storesSecondMoment: extents.storesSecondMoment, storesAverage: extents.storesAverage,
            fixedSubset: extents.fixedSubset, unrecorded: extents.unrecorded, hasChecksums: extents.hasChecksums)
    }

    public var extents: RunExtents {
        RunExtents(
            snapshotCount: snapshotCount, isConsecutive: isConsecutive, iterationCount: iterationCount,
            evaluationCount: evaluationCount, metricName: metricName, storesGradients: storesGradients,
            storesMomentum: storesMomentum, storesSecondMoment: storesSecondMoment, storesAverage: storesAverage,
            fixedSubset: fixedSubset, unrecorded: unrecorded, hasChecksums: hasChecksums)
    }

    /// The bytes of all datasets of a run file with this plan, which are reserved on the disk before the run starts.
    public func byteCount<Scalar: ParameterScalar>(parameterCount: Int, scalar: Scalar.Type) -> Int {
        extents.byteCount(parameterCount: parameterCount, scalar: scalar)
    }
}
