import HDF5
import ParameterSpace

/// What earlier calls have measured once and for all rows.
struct KnownStart {
    var repeatability: Double?
    var rounding: RoundingLevel?
}

/// Makes the rows of an estimates file, one after the other.
struct EstimateRows<Scalar: ParameterScalar>: ~Copyable {
    private var estimator: StepEstimator<Scalar>
    private let extents: RowExtents
    /// As the file has it.
    private var repeatability: Double?

    init(_ estimator: consuming StepEstimator<Scalar>, extents: RowExtents, repeatability: Double?) {
        self.estimator = estimator
        self.extents = extents
        self.repeatability = repeatability
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
        let estimate = try estimator.estimate(row: row, of: &source, isFollowed: isFollowed)
        try check(source, estimate.stepNorm)
        // Once, before the first row that depends on it is committed.
        if repeatability == nil, let measured = estimator.repeatability {
            try writer.store { try $0.dataset(EstimatesSchema.repeatability).write(all: [measured]) }
            repeatability = measured
        }
        let extents = extents
        try writer.append { file, row in try EstimatesFileAccess.write(estimate, extents, row: row, to: file) }
        return estimate
    }
}
