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
    func run(_ plan: EstimationPlan, isCancelled: @escaping () -> Bool, progress: (EstimationProgress) -> Void) throws
    func secondsPerComponentGradient() throws -> Double
}

struct TypedEstimationWork<Scalar: ParameterScalar>: EstimationWork {
    let request: EstimationRequest
    let objective: any Objective<Scalar>
    let gammas: [Double]
    let components: [Int]
    let isShared: Bool

    init(_ request: EstimationRequest) throws {
        self.request = request
        gammas = try request.configuration.grid.resolved()
        let description = try ObjectiveDescription(json: request.header.objective, file: request.run)
        objective = try makeObjective(
            description, as: Scalar.self, options: request.configuration.evaluation,
            dataOverride: request.dataOverride ?? description.dataBeside(runFile: request.run)
        ).training
        try objective.requireLayout(request.header.layout, ofRun: request.run)
        components = try request.configuration.subset.resolved(of: objective.componentCount)
        isShared = try RunFileReader(request.run).isConsecutive && gammas.last == 1
    }

    func plan(
        standing: StandingAnalysis?, disposition: AnalysisDisposition, uncoveredRows: Int
    ) -> EstimationPlan {
        let committed = standing?.committedRows ?? 0
        let gradients = EstimationPlan.gradientCount(
            rows: request.rowCount - committed, gammaCount: gammas.count, isShared: isShared,
            isProbed: standing?.isProbed ?? false)
        let blockCount = objective.layout.blocks.count
        return EstimationPlan(
            run: request.run, output: request.output, disposition: disposition, rowCount: request.rowCount,
            committedRows: committed, uncoveredRows: uncoveredRows, parameterCount: objective.layout.count,
            blockCount: blockCount, gammas: gammas, subsetSize: components.count,
            componentCount: objective.componentCount, precision: request.configuration.precision ?? .float64,
            subsetGradientCount: gradients, componentGradientCount: gradients * components.count,
            outputBytes: EstimationPlan.outputByteCount(
                rows: request.rowCount, gammaCount: gammas.count, blockCount: blockCount),
            workspaceBytes: EstimationWorkspace<Scalar>.byteCount(parameterCount: objective.layout.count))
    }

    func run(_ plan: EstimationPlan, isCancelled: @escaping () -> Bool, progress: (EstimationProgress) -> Void) throws {
        if plan.disposition == .create || plan.disposition == .replace {
            try EstimatesFileSkeleton.create(
                at: request.output, header: outputHeader(), isReplacing: plan.disposition == .replace)
        }
        var known: Double?
        let writer = try AnalysisFileWriter(continuing: request.output, EstimatesSchema.file) { file in
            let start = try EstimatesFileAccess.start(of: file)
            known = start.repeatability
            return start.committedRows
        }
        var source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: request.rowCount)
        var estimator = StepEstimator(
            objective: objective, components: components, gammas: gammas, repeatability: known,
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
                try writer.append { file, row in try EstimatesFileAccess.write(estimate, row: row, to: file) }
                progress(
                    EstimationProgress(
                        rowsDone: row + 1, rowCount: request.rowCount, gradientCount: estimator.gradientCount,
                        latest: estimate))
            }
        }
    }

    func secondsPerComponentGradient() throws -> Double {
        try objective.secondsPerGradient(
            ofComponent: components[0],
            along: RunStepSource<Scalar>(RunFileReader(request.run), rowCount: request.rowCount))
    }

    private func outputHeader() -> EstimatesHeader {
        EstimatesHeader(
            root: AnalysisRoot(
                EstimatesSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: request.run,
                origin: request.origin),
            objective: request.header.objective, optimizer: request.header.optimizer,
            configuration: request.configuration, gammas: gammas, components: components,
            componentWeights: components.map { objective.weight(ofComponent: $0) }, layout: objective.layout,
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
