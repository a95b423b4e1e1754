import Essentials
import Evaluation
import HDF5
import ParameterSpace
import RunFiles

/// An estimate from the gradients that the run has recorded: no objective is made.
struct RecordedEstimationWork<Scalar: ParameterScalar & HDF5Scalar>: EstimationWork {
    let request: EstimationRequest
    private let subset: FixedSubset
    let groups: ComponentGroups
    let gammas: [Double]

    init(_ request: EstimationRequest) throws {
        self.request = request
        guard request.header.scalarName == Scalar.scalarName else {
            throw SmoothnessError(
                .usage, "recorded gradients are taken in the precision in which they were saved", file: request.run,
                expected: request.header.scalarName, found: Scalar.scalarName)
        }
        subset = try RecordedVectors<Scalar>(request.run).subset
        groups = subset.componentGroups
        gammas = try request.configuration.resolvedGammas
        guard gammas == subset.gammas + [1], request.configuration.groups == groups.count else {
            throw SmoothnessError(
                .data, "other gradients were recorded than this estimate is of", file: request.run,
                object: "/fixed_subset", expected: "γ = \(gammas), \(request.configuration.groups) groups",
                found: "γ = \(subset.gammas + [1]), \(groups.count) groups")
        }
    }

    private var layout: ParameterLayout { request.header.layout }

    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan {
        EstimationPlan(
            run: request.run, output: request.output, disposition: disposition,
            rowCount: request.isFollowing ? request.capacity : request.rowCount,
            committedRows: standing?.committedRows ?? 0, uncoveredRows: uncoveredRows, parameterCount: layout.count,
            blockCount: layout.blocks.count, gammas: gammas, subsetSize: groups.components.count,
            componentCount: groups.components.count, precision: request.configuration.precision ?? .float64,
            subsetGradientCount: 0, componentGradientCount: 0,
            outputBytes: EstimationPlan.outputByteCount(
                rows: request.capacity, extents),
            workspaceBytes: request.workerCount * (5 + 2 * subset.groupWeights.count) * (1 << 17))
    }

    func run(
        _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool, progress: (EstimationProgress) -> Void,
        waiting: (String) -> Void
    ) throws {
        if plan.disposition == .create || plan.disposition == .replace {
            try EstimatesFileSkeleton.create(
                at: request.output, header: outputHeader, isReplacing: plan.disposition == .replace)
        }
        let writer = try AnalysisFileWriter(continuing: request.output, EstimatesSchema.file) {
            try EstimatesFileAccess.start(of: $0).committedRows
        }
        try request.fill(writer, plan, isCancelled: isCancelled, waiting: waiting) { writer, count in
            try append(upTo: count, plan, to: &writer, isCancelled, progress)
        }
    }

    /// Estimates and commits the rows that there are, some at a time.
    private func append(
        upTo count: Int, _ plan: EstimationPlan, to writer: inout AnalysisFileWriter,
        _ isCancelled: @escaping @Sendable () -> Bool, _ progress: (EstimationProgress) -> Void
    ) throws {
        let rows = try RecordedRows<Scalar>(request.run, layout: layout, isCancelled: isCancelled)
        let reader = try RunFileReader(request.run)
        let losses = try reader.fixedSubsetLosses()
        let source = try RunStepSource<Scalar>(reader, rowCount: count)
        let (extents, length) = (outputHeader.extents, rows.rowsPerWorker * request.workerCount)
        while writer.committedRows < count {
            let range = writer.committedRows..<min(writer.committedRows + length, count)
            let sums = try rows.sums(of: range, workerCount: request.workerCount)
            let estimates = try zip(range, sums).map { row, sums in
                let estimate = estimator.estimate(
                    iteration: source.iterations[row], sums, losses: losses.map { RecordedLosses($0[row]) })
                try source.check(stepNorm: estimate.stepNorm, ofRow: row)
                return estimate
            }
            try writer.append(count: estimates.count) { file, first in
                for (index, estimate) in estimates.enumerated() {
                    try EstimatesFileAccess.write(estimate, extents, row: first + index, to: file)
                }
            }
            guard let latest = estimates.last else { return }
            progress(
                EstimationProgress(
                    rowsDone: writer.committedRows, rowCount: plan.rowCount, gradientCount: 0, latest: latest))
        }
    }

    func estimate(
        _ rows: inout EstimatedRows, until end: Int, isCancelled: @escaping @Sendable () -> Bool,
        progress: (EstimatedRows) throws -> Void
    ) throws {
        let recorded = try RecordedRows<Scalar>(request.run, layout: layout, isCancelled: isCancelled)
        let reader = try RunFileReader(request.run)
        let losses = try reader.fixedSubsetLosses()
        let source = try RunStepSource<Scalar>(reader, rowCount: request.rowCount)
        for row in rows.nextRow..<max(end, rows.nextRow) {
            let sums = try recorded.sums(of: row..<(row + 1), workerCount: 1)[0]
            let estimate = estimator.estimate(
                iteration: source.iterations[row], sums, losses: losses.map { RecordedLosses($0[row]) })
            try source.check(stepNorm: estimate.stepNorm, ofRow: row)
            rows.estimates.append(estimate)
            try progress(rows)
        }
    }

    /// From the first row of those to do; nothing is written.
    func forecast(_ plan: EstimationPlan, patience: Double) throws -> EstimationForecast {
        let rows = try RecordedRows<Scalar>(request.run, layout: layout, isCancelled: { false })
        let left = plan.rowCount - plan.committedRows
        guard left > 0, plan.committedRows < rows.rowCount else {
            return EstimationForecast(seconds: 0, peakBytes: ProcessMemory.peak())
        }
        let elapsed = try ContinuousClock().measure {
            _ = try rows.sums(of: plan.committedRows..<(plan.committedRows + 1), workerCount: 1)
        }
        return EstimationForecast(
            seconds: elapsed / .seconds(1) * Double(left) / Double(request.workerCount),
            peakBytes: ProcessMemory.peak() + plan.workspaceBytes)
    }

    private var estimator: RecordedEstimate {
        RecordedEstimate(
            layout: layout, gammas: gammas, groups: groups, mode: request.configuration.mode,
            machineEpsilon: Double(Scalar.ulpOfOne))
    }

    private var outputHeader: EstimatesHeader {
        EstimatesHeader(
            root: AnalysisRoot(
                EstimatesSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: request.run,
                origin: request.origin),
            objective: request.header.objective, optimizer: request.header.optimizer,
            configuration: request.configuration, gammas: gammas, groups: groups, layout: layout,
            rowCount: request.capacity, live: request.live, hasChecksums: request.hasChecksums)
    }
}
