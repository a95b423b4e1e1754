import Essentials
import Evaluation
import Foundation
import HDF5
import ParameterSpace
import RunFiles

/// What is to be estimated of which run, every choice made.
struct EstimationRequest: Sendable {
    var run: String
    var output: String
    var configuration: EstimationConfiguration
    var header: RunHeader
    /// The rows that there are to estimate, from the first.
    var rowCount: Int
    /// K: how many rows a new file gets room for.
    var capacity: Int
    /// How many rows the run has planned; rounding is measured at a share of these, however many there are yet.
    var plannedRows: Int
    /// Whether the next iterate of a row is the iterate of the row after it.
    var isConsecutive = false
    var digest: String
    /// Of a file that is begun before its run is at its end.
    var live: LiveRows?
    /// Whether to wait for the rows of a run that is being made.
    var isFollowing = false
    var dataOverride: String?
    var modulePath: String?
    var origin: AnalysisOrigin
    /// Groups that may be evaluated at the same time.
    var workerCount: Int
    /// Serves the objective in the place of the run's own.
    var oracle: (any ServedObjective)?
    /// Whether a new file gets checksums.
    var hasChecksums = true
}

extension EstimationRequest {
    /// The run's objective in the layout of the run; random parts are drawn anew by the estimator, where that is asked for.
    func makeObjective<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> any Objective<Scalar> {
        try ownObjective(as: scalar).fitted(to: header.layout, ofRun: run)
    }

    private func ownObjective<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> any Objective<Scalar> {
        if let oracle { return try oracle.objective(as: scalar) }
        let description = try configuration.objective ?? ObjectiveDescription(json: header.objective, file: run)
        return try Evaluation.makeObjective(
            description, as: scalar, options: configuration.evaluation,
            dataOverride: dataOverride ?? description.dataBeside(runFile: run), modulePath: modulePath
        ).training
    }
}

extension EstimationRequest {
    /// Lets `append` add the rows up to a number of those that there are, then those that a followed run still brings, and ends the file.
    func fill(
        _ writer: consuming AnalysisFileWriter, _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool,
        waiting: (String) -> Void, append: (inout AnalysisFileWriter, Int) throws -> Void
    ) throws {
        let followed = FollowedRun(path: run, runID: header.runID, capacity: capacity, isCancelled: isCancelled)
        try writer.finish(rowCount: plan.rowCount) { writer in
            var available: Int? = rowCount
            while let count = available {
                try append(&writer, count)
                available = isFollowing ? try followed.rows(after: count, note: waiting) : nil
            }
            guard let live else { return }
            let digest = try RunFileReader(run).digest(iterations: Array(live.iterations.prefix(writer.committedRows)))
            try writer.store { try LiveRows.store(digest: digest, in: $0) }
        }
    }
}

extension EstimatesFileAccess.Start {
    /// What is known of the calibration: the last committed row has the level of the rows before it.
    /// - Parameter stride: every how many rows rounding is measured.
    func calibration(in file: borrowing HDF5.File, stride: Int?) throws -> Calibration {
        guard committedRows > 0 else { return Calibration() }
        let last = try EstimatesFileAccess.estimate(row: committedRows - 1, of: file, header: header)
        let level = RoundingLevel(relative: last.relativeRounding, projection: last.roundingProjection)
        return Calibration(
            repeatability: repeatability.map { Calibration.Repeatability(row: 0, difference: $0) },
            unusableRows: repeatability == nil ? committedRows : 0,
            rounding: stride.map {
                [Calibration.Rounding(row: (committedRows - 1) / $0 * $0, level: level)]
            } ?? [])
    }
}

extension StandingAnalysis {
    init(estimates path: String) throws {
        let reader = try EstimatesFileReader(path)
        let header = reader.header
        self.init(
            path: path, runID: header.runID, runDigest: header.runDigest,
            configuration: try header.configuration.json(),
            rowCount: header.rowCount, committedRows: reader.committedRows, state: header.state,
            isProbed: reader.repeatability != nil, live: header.live)
    }
}

/// The part of an estimate that does not show its scalar.
protocol EstimationWork: Sendable {
    var request: EstimationRequest { get }
    /// The subset and its division.
    var groups: ComponentGroups { get }
    var gammas: [Double] { get }
    /// What was done to fit the objective to the run, for a person.
    var fittingNote: String? { get }
    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan
    func run(
        _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool, progress: (EstimationProgress) -> Void,
        waiting: (String) -> Void
    ) throws
    func forecast(_ plan: EstimationPlan, patience: Double) throws -> EstimationForecast
    func estimate(
        _ rows: inout EstimatedRows, until end: Int, isCancelled: @escaping @Sendable () -> Bool,
        progress: (EstimatedRows) throws -> Void
    ) throws
}

extension EstimationWork {
    var fittingNote: String? { nil }

    var extents: RowExtents {
        RowExtents(
            request.configuration, gammaCount: gammas.count, blockCount: request.header.layout.blocks.count,
            groupCount: groups.count)
    }

    /// Rows of which there is none yet.
    func begin(atRow row: Int, identity: String) -> EstimatedRows {
        EstimatedRows(
            header: EstimatedRows.Header(
                runID: request.header.runID, identity: identity, firstRow: row, rowCount: 0,
                components: groups.components, extents: extents, gammas: gammas,
                precision: request.configuration.precision ?? .float64),
            weights: groups.weights, populationWeight: groups.populationWeight)
    }
}

struct TypedEstimationWork<Scalar: ParameterScalar>: EstimationWork {
    let request: EstimationRequest
    let objective: any Objective<Scalar>
    let groups: ComponentGroups
    let options: EstimatorOptions<Scalar>
    let isShared: Bool
    var gammas: [Double] { options.gammas }
    var fittingNote: String? { objective.fittingNote }

    init(_ request: EstimationRequest) throws {
        self.request = request
        let configuration = request.configuration
        var options = try EstimatorOptions<Scalar>(configuration)
        options.workerCount = request.workerCount
        if let oracle = request.oracle {
            options.requireRepeatable = { try oracle.requireRepeatable(difference: $0, norm: $1) }
        }
        objective = try request.makeObjective(as: Scalar.self)
        try configuration.requireMeasurable(ofComponents: objective.componentCount)
        let groups = try ComponentGroups(configuration.subset, of: objective, count: configuration.groups)
        self.groups = configuration.mode == .gluon ? groups.alone(of: objective) : groups
        isShared = options.canShare && request.isConsecutive
        self.options = options
    }

    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan {
        let committed = standing?.committedRows ?? 0
        let rowCount = request.isFollowing ? request.capacity : request.rowCount
        let ascents = options.direction.ascentCount
        let rows = committed..<max(committed, rowCount)
        let gradients =
            EstimationPlan.gradientCount(
                rows: rows.count, gammaCount: options.gammas.count + ascents, isShared: isShared,
                isProbed: standing?.isProbed ?? false) + calibrationRows(rows) * gradientsPerCalibrationRow
        return EstimationPlan(
            run: request.run, output: request.output, disposition: disposition, rowCount: rowCount,
            committedRows: committed, uncoveredRows: uncoveredRows, parameterCount: objective.layout.count,
            blockCount: objective.layout.blocks.count, gammas: options.gammas, subsetSize: groups.components.count,
            componentCount: objective.componentCount, precision: request.configuration.precision ?? .float64,
            subsetGradientCount: gradients, componentGradientCount: gradients * groups.components.count,
            outputBytes: EstimationPlan.structureBytes
                + EstimationPlan.outputByteCount(rows: request.capacity, extents),
            workspaceBytes: workspaceBytes(of: groups, options))
    }

    /// How many of some rows are held against Double.
    func calibrationRows(_ rows: Range<Int>) -> Int {
        roundingStride.map { stride in rows.count { $0.isMultiple(of: stride) } } ?? 0
    }

    /// The end of the step once more, and both ends in Double.
    var gradientsPerCalibrationRow: Int { 3 + options.direction.ascentCount }

    /// The bytes of the parameter vectors that estimates on these components hold.
    func workspaceBytes(of groups: ComponentGroups, _ options: EstimatorOptions<Scalar>) -> Int {
        let parts = groups.parts(for: objective)
        return EstimationWorkspace<Scalar>.byteCount(
            parameterCount: objective.layout.count, groupCount: groups.count > 1 ? groups.count : 0,
            workerCount: busyWorkerCount(of: groups, options), sumsGroups: parts.components.count > parts.count,
            gradientCount: options.keepsEnd ? 3 : 2, probeCount: options.probeCount(of: groups, for: objective),
            looksAhead: options.canLookAhead, takesPairs: objective.prefersPairs) + hessianBytes
    }

    func run(
        _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool, progress: (EstimationProgress) -> Void,
        waiting: (String) -> Void
    ) throws {
        if plan.disposition == .create || plan.disposition == .replace {
            try create(isReplacing: plan.disposition == .replace)
        }
        var known = Calibration()
        let writer = try openWriter(&known)
        var rows = try makeRows(known, isCancelled: isCancelled)
        try request.fill(writer, plan, isCancelled: isCancelled, waiting: waiting) { writer, count in
            var source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: count)
            for row in writer.committedRows..<max(count, writer.committedRows) {
                let estimate = try rows.append(row: row, of: &source, isFollowed: row + 1 < count, to: &writer) {
                    try $0.check(stepNorm: $1, ofRow: row)
                }
                progress(
                    EstimationProgress(
                        rowsDone: row + 1, rowCount: plan.rowCount, gradientCount: rows.gradientCount,
                        latest: estimate))
            }
        }
    }

    /// What the norm of the Hessian takes besides, at most.
    private var hessianBytes: Int {
        guard options.direction == .hessian else { return 0 }
        return SubsetHessian<Scalar>.byteCount(
            dimension: objective.layout.count, workerCount: min(options.workerCount, groups.components.count),
            maximumIterations: options.hessian.maximumIterations)
    }

    /// Workers that have something to do while the probes of a row are evaluated.
    private func busyWorkerCount(of groups: ComponentGroups, _ options: EstimatorOptions<Scalar>) -> Int {
        let probes = options.probeCount(of: groups, for: objective)
        // At the first x_k there are its gradient and the first probe.
        let gradients = probes > 1 ? max(probes, 2) : 1
        return min(options.workerCount, groups.parts(for: objective).count * gradients)
    }

    func create(isReplacing: Bool) throws {
        try EstimatesFileSkeleton.create(at: request.output, header: outputHeader(), isReplacing: isReplacing)
    }

    /// Opens the file that is there; `known` becomes what its rows were calibrated with.
    func openWriter(_ known: inout Calibration) throws -> AnalysisFileWriter {
        try AnalysisFileWriter(continuing: request.output, EstimatesSchema.file) { file in
            let start = try EstimatesFileAccess.start(of: file)
            known = try start.calibration(in: file, stride: roundingStride)
            return start.committedRows
        }
    }

    func makeRows(
        _ known: Calibration, isCancelled: @escaping @Sendable () -> Bool
    ) throws -> EstimateRows<Scalar> {
        var options = options
        options.reference = try roundingReference()
        let estimator = StepEstimator(objective: objective, groups: groups, options: options, isCancelled: isCancelled)
        return EstimateRows(
            CalibratedEstimator(estimator, known, roundingStride: roundingStride),
            extents: try outputHeader().extents)
    }

    /// The objective in Double for a sample of the rows, where gradients are evaluated in Float.
    func roundingReference() throws -> (any Objective<Double>)? {
        roundingStride == nil ? nil : try request.makeObjective(as: Double.self)
    }

    /// Every how many rows rounding is measured; `nil` where it is not.
    var roundingStride: Int? {
        guard request.configuration.precision == .float32, !options.isFresh, options.mode != .gluon,
            options.control == .none, request.oracle?.precisions.contains(Double.scalarName) ?? true
        else { return nil }
        let count = request.configuration.roundingProbes ?? min(8, 1 + request.plannedRows / 25)
        // Rounded up, without a sum that may be too large for a number.
        return count > 0 ? max(1, request.plannedRows / count + (request.plannedRows % count > 0 ? 1 : 0)) : nil
    }

    private func outputHeader() throws -> EstimatesHeader {
        try EstimatesHeader(
            root: AnalysisRoot(
                EstimatesSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: request.run,
                origin: request.origin),
            objective: request.configuration.objective?.json() ?? request.header.objective,
            optimizer: request.header.optimizer,
            configuration: request.configuration, gammas: options.gammas, groups: groups, layout: objective.layout,
            rowCount: request.capacity, live: request.live, hasChecksums: request.hasChecksums)
    }
}

extension Objective {
    /// How long the gradient of a component takes: the second of two, at the first iterate that is finite.
    func secondsPerGradient(
        ofComponent component: Int, along source: consuming RunStepSource<Scalar>
    ) throws -> Double {
        var point = Scalar.zeros(layout.count)
        var gradient = point
        for row in source.iterations.indices {
            try source.readIterate(ofRow: row, into: &point)
            guard Scalar.nonfiniteCount(point, in: point.indices) > 0 else { break }
        }
        // The first one pays for what is set up once.
        _ = try self.gradient(ofComponent: component, at: point, into: &gradient)
        let elapsed = try ContinuousClock().measure {
            _ = try self.gradient(ofComponent: component, at: point, into: &gradient)
        }
        return elapsed / .seconds(1)
    }
}
