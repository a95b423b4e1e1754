import Essentials
import Foundation
import HDF5
import Objectives
import ParameterSpace
import RunFiles

/// What is to be estimated of which run, every choice made.
struct EstimationRequest: Sendable {
    var run: String
    var output: String
    var configuration: EstimationConfiguration
    var header: RunHeader
    var rowCount: Int
    var digest: String
    var dataOverride: String?
    var origin: AnalysisOrigin
    /// Groups that may be evaluated at the same time.
    var workerCount: Int
}

extension EstimationRequest {
    /// The run's objective; random parts are drawn anew by the estimator, where that is asked for.
    func makeObjective<Scalar: ParameterScalar>(as scalar: Scalar.Type) throws -> any Objective<Scalar> {
        let description = try ObjectiveDescription(json: header.objective, file: run)
        return try Objectives.makeObjective(
            description, as: scalar, options: configuration.evaluation,
            dataOverride: dataOverride ?? description.dataBeside(runFile: run)
        ).training
    }
}

extension EstimatesFileAccess.Start {
    /// Rounding as the last committed row knew it.
    func rounding(in file: borrowing HDF5.File) throws -> RoundingLevel? {
        guard committedRows > 0 else { return nil }
        let last = try EstimatesFileAccess.estimate(row: committedRows - 1, of: file, header: header)
        return RoundingLevel(relative: last.relativeRounding, projection: last.roundingProjection)
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
            isProbed: reader.repeatability != nil)
    }
}

/// The part of an estimate that does not show its scalar.
protocol EstimationWork: Sendable {
    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan
    func run(
        _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool, progress: (EstimationProgress) -> Void
    ) throws
    func secondsPerComponentGradient() throws -> Double
}

struct TypedEstimationWork<Scalar: ParameterScalar>: EstimationWork {
    let request: EstimationRequest
    let objective: any Objective<Scalar>
    let groups: ComponentGroups
    let options: EstimatorOptions<Scalar>
    let isShared: Bool

    init(_ request: EstimationRequest) throws {
        self.request = request
        let configuration = request.configuration
        var options = try EstimatorOptions<Scalar>(configuration)
        options.workerCount = request.workerCount
        objective = try request.makeObjective(as: Scalar.self)
        try objective.requireLayout(request.header.layout, ofRun: request.run)
        let groups = try ComponentGroups(configuration.subset, of: objective, count: configuration.groups)
        self.groups = configuration.mode == .gluon ? groups.alone(of: objective) : groups
        isShared = try options.canShare && RunFileReader(request.run).isConsecutive
        self.options = options
    }

    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan {
        let committed = standing?.committedRows ?? 0
        let gradients = EstimationPlan.gradientCount(
            rows: request.rowCount - committed, gammaCount: options.gammas.count, isShared: isShared,
            isProbed: standing?.isProbed ?? false)
        let (parameterCount, blockCount) = (objective.layout.count, objective.layout.blocks.count)
        return EstimationPlan(
            run: request.run, output: request.output, disposition: disposition, rowCount: request.rowCount,
            committedRows: committed, uncoveredRows: uncoveredRows, parameterCount: parameterCount,
            blockCount: blockCount, gammas: options.gammas, subsetSize: groups.components.count,
            componentCount: objective.componentCount, precision: request.configuration.precision ?? .float64,
            subsetGradientCount: gradients, componentGradientCount: gradients * groups.components.count,
            outputBytes: EstimationPlan.outputByteCount(
                rows: request.rowCount,
                RowExtents(
                    gammaCount: options.gammas.count, blockCount: blockCount, groupCount: groups.count,
                    hasNorm: options.norm != .euclidean, hasHessian: options.direction == .hessian)),
            workspaceBytes: EstimationWorkspace<Scalar>.byteCount(
                parameterCount: parameterCount, groupCount: groups.count > 1 ? groups.count : 0,
                workerCount: min(options.workerCount, groups.count), gradientCount: options.keepsEnd ? 3 : 2))
    }

    func run(
        _ plan: EstimationPlan, isCancelled: @escaping @Sendable () -> Bool, progress: (EstimationProgress) -> Void
    ) throws {
        if plan.disposition == .create || plan.disposition == .replace {
            try EstimatesFileSkeleton.create(
                at: request.output, header: outputHeader(), isReplacing: plan.disposition == .replace)
        }
        var known: Double?
        var rounding: RoundingLevel?
        let writer = try AnalysisFileWriter(continuing: request.output, EstimatesSchema.file) { file in
            let start = try EstimatesFileAccess.start(of: file)
            known = start.repeatability
            rounding = try start.rounding(in: file)
            return start.committedRows
        }
        var source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: request.rowCount)
        let extents = outputHeader().extents
        var options = options
        options.reference = try roundingReference()
        var estimator = StepEstimator(
            objective: objective, groups: groups, options: options, repeatability: known, rounding: rounding,
            isCancelled: isCancelled)
        try writer.finish(rowCount: request.rowCount) { writer in
            for row in writer.committedRows..<request.rowCount {
                let estimate = try estimator.estimate(row: row, of: &source)
                try source.check(stepNorm: estimate.stepNorm, ofRow: row)
                // Once, before the first row that depends on it is committed.
                if known == nil, let measured = estimator.repeatability {
                    try writer.store { try $0.dataset(EstimatesSchema.repeatability).write(all: [measured]) }
                    known = measured
                }
                try writer.append { file, row in
                    try EstimatesFileAccess.write(estimate, extents, row: row, to: file)
                }
                progress(
                    EstimationProgress(
                        rowsDone: row + 1, rowCount: request.rowCount, gradientCount: estimator.gradientCount,
                        latest: estimate))
            }
        }
    }

    /// The objective in Double for a sample of the rows, where gradients are evaluated in Float.
    private func roundingReference() throws -> (objective: any Objective<Double>, stride: Int)? {
        guard request.configuration.precision == .float32, !options.isFresh, options.mode != .gluon,
            options.control == .none
        else { return nil }
        let count = request.configuration.roundingProbes ?? min(8, 1 + request.rowCount / 25)
        guard count > 0 else { return nil }
        return (try request.makeObjective(as: Double.self), (request.rowCount + count - 1) / count)
    }

    func secondsPerComponentGradient() throws -> Double {
        try objective.secondsPerGradient(
            ofComponent: groups.components[0],
            along: RunStepSource<Scalar>(RunFileReader(request.run), rowCount: request.rowCount))
    }

    private func outputHeader() -> EstimatesHeader {
        EstimatesHeader(
            root: AnalysisRoot(
                EstimatesSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: request.run,
                origin: request.origin),
            objective: request.header.objective, optimizer: request.header.optimizer,
            configuration: request.configuration, gammas: options.gammas, groups: groups, layout: objective.layout,
            rowCount: request.rowCount)
    }
}

extension Objective {
    /// How long the gradient of a component takes: the second of two, at the first iterate that is finite.
    func secondsPerGradient(
        ofComponent component: Int, along source: consuming RunStepSource<Scalar>
    ) throws -> Double {
        var point = [Scalar](repeating: 0, count: layout.count)
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

    /// Refuses iterates of another layout.
    func requireLayout(_ found: ParameterLayout, ofRun run: String) throws {
        guard layout == found else {
            throw SmoothnessError(
                .data, "the iterates do not fit the objective", file: run, object: "/parameters",
                expected: layout.summary, found: found.summary)
        }
    }
}

extension ParameterLayout {
    /// `3 blocks, 1200 parameters: first [10, 20], second [50], …`
    fileprivate var summary: String {
        let names = blocks.prefix(4).map { "\($0.name) \($0.shape)" } + (blocks.count > 4 ? ["…"] : [])
        return "\(blocks.count) blocks, \(count) parameters: " + names.joined(separator: ", ")
    }
}
