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
}

/// An estimates file that stands at the place of the output and might be continued.
struct StandingEstimate {
    let path: String
    let header: EstimatesHeader
    let committedRows: Int
    let hasRepeatability: Bool
    var rowCount: Int { header.rowCount }
    var state: RunState { header.state }

    /// `nil` where there is nothing, or it is to be replaced.
    init?(at path: String, isForced: Bool) throws {
        try FileInTheMaking.requireOrdinaryPlace(path)
        guard !isForced, FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            let reader = try EstimatesFileReader(path)
            self.path = path
            header = reader.header
            committedRows = reader.committedRows
            hasRepeatability = reader.repeatability != nil
        } catch let error as SmoothnessError {
            throw SmoothnessError(
                .cannotCreate, "the output exists and cannot be continued: \(error.message)", file: path,
                object: error.object, expected: error.expected, found: error.found, remedy: Self.remedy)
        }
    }

    static let remedy = "Replace it with --force or give another place with --output."

    /// Refuses to continue an estimate of another run or of another definition.
    func require(_ request: EstimationRequest) throws {
        let configuration = try (header.configuration.json(), request.configuration.json())
        for (what, expected, found) in [
            ("run_id", request.header.runID, header.runID), ("run_digest", request.digest, header.runDigest),
            ("configuration", configuration.1, configuration.0),
        ] where expected != found {
            throw SmoothnessError(
                .cannotCreate, "the output exists and is an estimate of something else", file: path, object: what,
                expected: expected, found: found, remedy: Self.remedy)
        }
    }
}

/// The part of an estimate that does not show its scalar.
protocol EstimationWork: Sendable {
    func plan(
        standing: StandingEstimate?, disposition: EstimationPlan.Disposition, uncoveredRows: Int
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
        let description = try ObjectiveDescription(json: request.header.objective)
        objective = try makeObjective(
            description, as: Scalar.self, options: request.configuration.evaluation,
            dataOverride: request.dataOverride ?? description.dataBeside(runFile: request.run)
        ).training
        guard objective.layout == request.header.layout else {
            throw SmoothnessError(
                .data, "the iterates do not fit the objective", file: request.run, object: "/parameters",
                expected: objective.layout.summary, found: request.header.layout.summary)
        }
        components = try request.configuration.subset.resolved(of: objective.componentCount)
        isShared = try RunFileReader(request.run).isConsecutive && gammas.last == 1
    }

    func plan(
        standing: StandingEstimate?, disposition: EstimationPlan.Disposition, uncoveredRows: Int
    ) -> EstimationPlan {
        let committed = standing?.committedRows ?? 0
        let gradients = EstimationPlan.gradientCount(
            rows: request.rowCount - committed, gammaCount: gammas.count, isShared: isShared,
            isProbed: standing?.hasRepeatability ?? false)
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
        var writer = try EstimatesFileWriter(continuing: request.output)
        var source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: request.rowCount)
        var estimator = StepEstimator(
            objective: objective, components: components, gammas: gammas, repeatability: writer.repeatability,
            isCancelled: isCancelled)
        do {
            for row in writer.committedRows..<request.rowCount {
                let estimate = try estimator.estimate(row: row, of: &source)
                if let repeatability = estimator.repeatability { try writer.store(repeatability: repeatability) }
                try writer.append(estimate)
                progress(
                    EstimationProgress(
                        rowsDone: row + 1, rowCount: request.rowCount, gradientCount: estimator.gradientCount,
                        latest: estimate))
            }
        } catch {
            let rows = writer.committedRows
            guard let known = error as? SmoothnessError, known.kind == .interrupted else {
                // The first error is the one to report; what is committed stays whatever happens here.
                try? writer.finish(.interrupted)
                throw error
            }
            try writer.finish(.interrupted)
            throw SmoothnessError(
                .interrupted, "interrupted; \(rows) of \(request.rowCount) rows are committed", file: request.output,
                remedy: "The same command continues where it stopped.")
        }
        try writer.finish(.complete)
    }

    func secondsPerComponentGradient() throws -> Double {
        let source = try RunStepSource<Scalar>(try RunFileReader(request.run), rowCount: request.rowCount)
        var point = [Scalar](repeating: 0, count: objective.layout.count)
        var gradient = point
        for row in source.iterations.indices {
            try source.readIterate(ofRow: row, into: &point)
            guard Scalar.nonfiniteCount(point, in: point.indices) > 0 else { break }
        }
        // The first one pays for what is set up once.
        _ = try objective.gradient(ofComponent: components[0], at: point, into: &gradient)
        let elapsed = try ContinuousClock().measure {
            _ = try objective.gradient(ofComponent: components[0], at: point, into: &gradient)
        }
        return elapsed / .seconds(1)
    }

    private func outputHeader() -> EstimatesHeader {
        EstimatesHeader(
            runID: request.header.runID, runDigest: request.digest,
            runFile: URL(filePath: request.run).lastPathComponent, created: Date.now.ISO8601Format(),
            software: Software.name, softwareVersion: Software.version, hdf5Version: HDF5.File.libraryVersion,
            state: .writing, objective: request.header.objective, optimizer: request.header.optimizer,
            configuration: request.configuration, gammas: gammas, components: components,
            componentWeights: components.map { objective.weight(ofComponent: $0) }, layout: objective.layout,
            rowCount: request.rowCount)
    }
}

extension ParameterLayout {
    /// `3 blocks, 1200 parameters: first [10, 20], second [50], …`
    fileprivate var summary: String {
        let names = blocks.prefix(4).map { "\($0.name) \($0.shape)" } + (blocks.count > 4 ? ["…"] : [])
        return "\(blocks.count) blocks, \(count) parameters: " + names.joined(separator: ", ")
    }
}
