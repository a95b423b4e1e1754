import Essentials
import Evaluation
import ParameterSpace
import RunFiles

/// One run, ready for any range of its rows to be estimated, in any order and by several processes: joined, the rows are those of an
/// `EstimationJob` in every bit. Nothing is written.
public struct RowRangeEstimation: Sendable {
    /// With the precision filled in.
    public let configuration: EstimationConfiguration
    private let work: any EstimationWork
    private let request: EstimationRequest

    /// - Parameters:
    ///   - rowCount: how many rows of the run belong to the estimate; those that it has beyond are as if they were not there.
    ///   - workerCount: how many groups of components may be evaluated at the same time; the numbers are the same.
    /// - Throws: as `EstimationJob`.
    public init(
        run path: String, rowCount: Int, configuration: EstimationConfiguration, dataOverride: String? = nil,
        workerCount: Int = 1
    ) throws {
        let request = try EstimationRequest(
            run: path, rowCount: rowCount, configuration: configuration, dataOverride: dataOverride,
            workerCount: workerCount)
        self.request = request
        self.configuration = request.configuration
        work =
            switch (request.configuration.source, request.configuration.precision) {
            case (.recorded, .float32): try RecordedEstimationWork<Float>(request)
            case (.recorded, _): try RecordedEstimationWork<Double>(request)
            case (nil, .float32): try TypedEstimationWork<Float>(request)
            case (nil, _): try TypedEstimationWork<Double>(request)
            }
    }

    /// A range without a row yet.
    /// - Parameter identity: see `EstimatedRows.Header`.
    public func begin(atRow row: Int, identity: String) -> EstimatedRows {
        work.begin(atRow: row, identity: identity)
    }

    /// Estimates rows until there are those below `end`; what is done stays in `rows` whatever happens.
    /// - Parameter progress: called after every row with all there are; what it throws ends the work.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; whatever else goes wrong.
    public func estimate(
        _ rows: inout EstimatedRows, until end: Int, isCancelled: @escaping @Sendable () -> Bool = { false },
        progress: (EstimatedRows) throws -> Void = { _ in }
    ) throws { try work.estimate(&rows, until: end, isCancelled: isCancelled, progress: progress) }

    /// What all rows together will take, roughly: from a rehearsal of a tenth of a second, or of a row where that takes longer.
    public func forecast() throws -> EstimationForecast {
        try work.forecast(work.plan(standing: nil, disposition: .create, uncoveredRows: 0), patience: 0.1)
    }
}

extension EstimationRequest {
    /// Of rows that are not written here.
    init(
        run path: String, rowCount: Int, configuration: EstimationConfiguration, dataOverride: String?, workerCount: Int
    ) throws {
        try configuration.validate()
        let reader = try RunFileReader(path)
        guard rowCount > 0, reader.snapshotCount >= rowCount else {
            throw SmoothnessError(
                .data, "holds fewer steps than it did", file: path, object: "/trajectory",
                expected: "at least \(rowCount) committed rows", found: "\(reader.snapshotCount)")
        }
        self.init(
            run: path, output: path, configuration: try configuration.resolved(forRun: path, reader.header),
            header: reader.header, rowCount: rowCount, capacity: rowCount, plannedRows: reader.plan.snapshotCount,
            isConsecutive: reader.isConsecutive, digest: try reader.digest(rows: rowCount), dataOverride: dataOverride,
            origin: AnalysisOrigin(output: path, run: path, data: dataOverride, threads: nil), workerCount: workerCount)
    }
}

extension EstimationConfiguration {
    /// With the run's precision where none is asked for.
    func resolved(forRun path: String, _ header: RunHeader) throws -> EstimationConfiguration {
        var resolved = self
        if resolved.precision == nil { resolved.precision = Precision(rawValue: header.scalarName) }
        guard resolved.precision != nil else {
            throw SmoothnessError(
                .data, "has iterates of an unknown scalar", file: path, expected: "float32 or float64",
                found: header.scalarName)
        }
        return resolved
    }
}

extension TypedEstimationWork {
    func estimate(
        _ rows: inout EstimatedRows, until end: Int, isCancelled: @escaping @Sendable () -> Bool,
        progress: (EstimatedRows) throws -> Void
    ) throws {
        let range = rows.nextRow..<max(end, rows.nextRow)
        var options = options
        options.reference = try roundingReference()
        var estimator = CalibratedEstimator(
            StepEstimator(objective: objective, groups: groups, options: options, isCancelled: isCancelled),
            roundingStride: roundingStride)
        var source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: request.rowCount)
        for row in range {
            let estimate = try estimator.estimate(row: row, of: &source, isFollowed: row + 1 < range.upperBound)
            try source.check(stepNorm: estimate.stepNorm, ofRow: row)
            rows.estimates.append(estimate)
            rows.repeatability = estimator.calibration.repeatability?.difference
            try progress(rows)
        }
    }
}
