import HDF5
import ParameterSpace

/// Makes the rows of an estimates file, one after the other.
struct EstimateRows<Scalar: ParameterScalar>: ~Copyable {
    private var estimator: CalibratedEstimator<Scalar>
    private let extents: RowExtents

    init(_ estimator: consuming CalibratedEstimator<Scalar>, extents: RowExtents) {
        self.estimator = estimator
        self.extents = extents
    }

    /// Subset gradients evaluated so far.
    var gradientCount: Int { estimator.gradientCount }

    /// Estimates a row and commits it.
    /// - Parameters:
    ///   - isFollowed: whether the row after it will be next.
    ///   - check: holds the step norm against what else is known of it, before the row is committed.
    mutating func append<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source, isFollowed: Bool = false, to writer: inout AnalysisFileWriter,
        check: (borrowing Source, Double) throws -> Void = { _, _ in }
    ) throws -> StepEstimate where Source.Scalar == Scalar {
        let known = estimator.calibration.repeatability
        let estimate = try estimator.estimate(row: row, of: &source, isFollowed: isFollowed)
        try check(source, estimate.stepNorm)
        // Once, before the first row that depends on it is committed.
        if known == nil, let measured = estimator.calibration.repeatability {
            try writer.store { try $0.dataset(EstimatesSchema.repeatability).write(all: [measured.difference]) }
        }
        let extents = extents
        try writer.append { file, row in try EstimatesFileAccess.write(estimate, extents, row: row, to: file) }
        return estimate
    }
}
