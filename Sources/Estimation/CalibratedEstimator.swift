import ParameterSpace

/// An estimator with the calibration that its rows need, measured when the first of them does.
public struct CalibratedEstimator<Scalar: ParameterScalar>: ~Copyable {
    private var estimator: StepEstimator<Scalar>
    public private(set) var calibration: Calibration
    /// Every how many rows rounding is measured; `nil` where it is not.
    private let roundingStride: Int?

    public init(
        _ estimator: consuming StepEstimator<Scalar>, _ calibration: Calibration = Calibration(), roundingStride: Int?
    ) {
        self.estimator = estimator
        self.calibration = calibration
        self.roundingStride = roundingStride
    }

    /// Subset gradients evaluated so far, those of the calibration included.
    public var gradientCount: Int { estimator.gradientCount }

    /// The estimate of one row.
    /// - Parameters:
    ///   - isFollowed: whether the row after it, of the same source, will be next, so that it may be begun before this one is done.
    ///   - calibrated: told of a calibration that has grown, before the row is estimated.
    /// - Throws: what reading and evaluating throw; `SmoothnessError(.interrupted)` when cancelled.
    public mutating func estimate<Source: StepSource & ~Copyable>(
        row: Int, of source: inout Source, isFollowed: Bool = false, calibrated: (Calibration) throws -> Void = { _ in }
    ) throws -> StepEstimate where Source.Scalar == Scalar {
        if !calibration.suffices(forRow: row, stride: roundingStride) {
            try calibrate(forRow: row, of: &source)
            try calibrated(calibration)
        }
        // Evaluations in Double have the memory and the cores for themselves.
        let isNextReady = calibration.suffices(forRow: row + 1, stride: roundingStride)
        return try estimator.estimate(
            row: row, of: &source, isFollowed: isFollowed && isNextReady,
            calibration: calibration.calibration(ofRow: row, machineEpsilon: Double(Scalar.ulpOfOne)))
    }

    /// Measures what the estimate of a row needs to know: the calibration is complete for it afterwards, also where no row allows it to be measured.
    mutating func calibrate<Source: StepSource & ~Copyable>(
        forRow row: Int, of source: inout Source
    ) throws where Source.Scalar == Scalar {
        while calibration.repeatability == nil, calibration.unusableRows <= row {
            let place = calibration.unusableRows
            if let difference = try estimator.repeatability(row: place, of: &source) {
                calibration.repeatability = Calibration.Repeatability(row: place, difference: difference)
            } else {
                calibration.unusableRows += 1
            }
        }
        while let place = calibration.roundingRow(neededFor: row, stride: roundingStride) {
            calibration.add(
                Calibration.Rounding(row: place, level: try estimator.rounding(row: place, of: &source)))
        }
    }
}
