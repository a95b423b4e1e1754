import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// What an alignment will do and what it will take, known before the first gradient.
public struct AlignmentPlan: Sendable, Hashable {
    public var run: String
    public var output: String
    public var disposition: AnalysisDisposition
    public var rowCount: Int
    public var committedRows: Int
    public var parameterCount: Int
    /// Measured components, and those of the whole objective.
    public var subsetSize: Int
    public var componentCount: Int
    public var partitions: [BatchPartition]
    public var unit: BatchUnit
    /// Gradients of single components still to evaluate, at most: two passes a row.
    public var componentGradientCount: Int
    /// Of the row datasets.
    public var outputBytes: Int
    /// Of the parameter vectors that are held; the objective needs its own memory besides.
    public var workspaceBytes: Int
}

/// How far an alignment is.
public struct AlignmentProgress: Sendable {
    public var rowsDone: Int
    public var rowCount: Int
    /// The row that was just committed.
    public var latest: AlignmentRow
}

/// One alignment of one run, checked and planned, not begun. What `run` commits stays: a second job of the same definition
/// continues at the first uncommitted row.
public struct AlignmentJob: Sendable {
    public let plan: AlignmentPlan
    /// What was done to fit the objective to the run, for a person; `nil` where nothing was.
    public var fittingNote: String? { work.fittingNote }
    private let work: any AlignmentWork
    private let output: ResumableOutput

    /// RUN.alignment.h5 beside RUN.h5.
    public static func defaultOutput(forRun path: String) -> String {
        StandingAnalysis.defaultOutput(forRun: path, ending: "alignment")
    }

    /// - Parameters:
    ///   - output: `nil` for `defaultOutput`.
    ///   - isForced: replaces what stands at the place of the output, when the new file is whole; see `ResumableOutput`.
    ///   - dataOverride: where the objective's data is now, if it has moved.
    ///   - threads: how many tensor operations are set to, for the record.
    ///   - hasChecksums: whether a new file gets checksums.
    /// - Throws: `SmoothnessError`: `.data` for a run without an iterate or one that its objective does not fit; `.usage` for
    ///   rows, batch sizes or a subset that are none; `.cannotCreate` where the output is something else.
    public init(
        run path: String, configuration: AlignmentConfiguration, output: String? = nil, isForced: Bool = false,
        dataOverride: String? = nil, modulePath: String? = nil, threads: Int? = nil, hasChecksums: Bool = true
    ) throws {
        try configuration.validate()
        let reader = try RunFileReader(path)
        guard reader.snapshotCount > 0 else {
            throw SmoothnessError(
                .data, "holds no iterate", file: path, object: "/trajectory", found: "no committed row",
                remedy: "Train for at least one iteration, and save at least one.")
        }
        let target = output ?? Self.defaultOutput(forRun: path)
        try StandingAnalysis.refuseRun(path, as: target)
        let output = ResumableOutput(target, isForced: isForced)
        let header = reader.header
        let precision = configuration.precision ?? Precision(rawValue: header.scalarName)
        guard let precision else {
            throw SmoothnessError(
                .data, "has iterates of an unknown scalar", file: path, expected: "float32 or float64",
                found: header.scalarName)
        }
        (plan, work) = try StandingAnalysis.continuing(output, read: StandingAnalysis.init(alignment:)) {
            standing in
            // A run that has grown since keeps the rows that were chosen then.
            let rows = try configuration.rows.resolved(of: reader.snapshotCount).prefix(standing?.rowCount ?? .max)
            let request = AlignmentRequest(
                run: path, output: output.place, configuration: configuration, header: header, rows: Array(rows),
                digest: try reader.digest(rows: (rows.last ?? -1) + 1), dataOverride: dataOverride,
                modulePath: modulePath,
                origin: AnalysisOrigin(output: target, run: path, data: dataOverride, threads: threads),
                hasChecksums: hasChecksums)
            let work: any AlignmentWork =
                switch precision {
                case .float32: try TypedAlignmentWork<Float>(request)
                case .float64: try TypedAlignmentWork<Double>(request)
                }
            try standing?.require(
                runID: header.runID, runDigest: request.digest, configuration: work.header.configuration.json(),
                noun: "an alignment")
            var plan = work.plan(standing: standing, output: output)
            plan.output = target
            return (plan, work)
        }
        self.output = output
    }

    /// Evaluates and commits what is left, row by row.
    /// - Parameters:
    ///   - progress: called after every committed row.
    ///   - isCancelled: asked before every component gradient; the row under way is then abandoned.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; the file is then whole and says `interrupted`.
    public func run(
        progress: (AlignmentProgress) -> Void = { _ in }, isCancelled: @escaping () -> Bool = { false }
    ) throws {
        guard plan.disposition != .complete else { return }
        try work.run(plan, isCancelled: isCancelled, progress: progress)
        try output.publish()
    }

    /// How long one component gradient takes, in seconds.
    public func secondsPerComponentGradient() throws -> Double { try work.secondsPerComponentGradient() }
}

struct AlignmentRequest: Sendable {
    var run: String
    var output: String
    var configuration: AlignmentConfiguration
    var header: RunHeader
    var rows: [Int]
    var digest: String
    var dataOverride: String?
    var modulePath: String?
    var origin: AnalysisOrigin
    /// Whether a new file gets checksums.
    var hasChecksums = true
}

extension StandingAnalysis {
    init(alignment path: String) throws {
        let reader = try AlignmentFileReader(path)
        let header = reader.header
        self.init(
            path: path, runID: header.runID, runDigest: header.runDigest,
            configuration: try header.configuration.json(),
            rowCount: header.rowCount, committedRows: reader.committedRows, state: header.state)
    }
}

/// The part of an alignment that does not show its scalar.
protocol AlignmentWork: Sendable {
    var header: AlignmentHeader { get }
    /// What was done to fit the objective to the run, for a person.
    var fittingNote: String? { get }
    func plan(standing: StandingAnalysis?, output: ResumableOutput) -> AlignmentPlan
    func run(_ plan: AlignmentPlan, isCancelled: @escaping () -> Bool, progress: (AlignmentProgress) -> Void) throws
    func secondsPerComponentGradient() throws -> Double
}

struct TypedAlignmentWork<Scalar: ParameterScalar>: AlignmentWork {
    let request: AlignmentRequest
    let objective: any Objective<Scalar>
    let header: AlignmentHeader
    var fittingNote: String? { objective.fittingNote }

    init(_ request: AlignmentRequest) throws {
        self.request = request
        let description = try ObjectiveDescription(json: request.header.objective, file: request.run)
        objective = try makeObjective(
            description, as: Scalar.self, options: request.configuration.evaluation,
            dataOverride: request.dataOverride ?? description.dataBeside(runFile: request.run),
            modulePath: request.modulePath
        ).training.fitted(to: request.header.layout, ofRun: request.run)
        var configuration = request.configuration
        let components = try configuration.subset.resolved(of: objective.componentCount)
        let weights = components.map { [objective] in objective.weight(ofComponent: $0) }
        let unit = configuration.unit ?? description.batchUnit
        let standard = try BatchPartition.standardSizes(unit: unit, componentWeights: weights)
        let sizes = configuration.batchSizes ?? (description.value.mixesExamples ? [standard[0]] : standard)
        configuration.unit = unit
        configuration.batchSizes = sizes
        configuration.precision = Scalar.scalarName == Precision.float32.rawValue ? .float32 : .float64
        header = AlignmentHeader(
            root: AnalysisRoot(
                AlignmentSchema.file, runID: request.header.runID, runDigest: request.digest, runPath: request.run,
                origin: request.origin),
            objective: request.header.objective, optimizer: request.header.optimizer, configuration: configuration,
            layout: objective.layout, components: components, componentWeights: weights,
            componentCount: objective.componentCount, rows: request.rows,
            partitions: try sizes.map { try BatchPartition(size: $0, unit: unit, componentWeights: weights) },
            hasChecksums: request.hasChecksums)
        try description.requireMergeable(header.partitions)
    }

    func plan(standing: StandingAnalysis?, output: ResumableOutput) -> AlignmentPlan {
        let committed = standing?.committedRows ?? 0
        return AlignmentPlan(
            run: request.run, output: request.output,
            disposition: StandingAnalysis.disposition(standing, output: output), rowCount: header.rowCount,
            committedRows: committed, parameterCount: objective.layout.count, subsetSize: header.components.count,
            componentCount: objective.componentCount, partitions: header.partitions,
            unit: header.configuration.unit ?? .components,
            componentGradientCount: 2 * header.components.count * (header.rowCount - committed),
            outputBytes: AlignmentFile.rowBytes(header),
            workspaceBytes: AlignmentEstimator<Scalar>.byteCount(
                parameterCount: objective.layout.count, sizeCount: header.partitions.count))
    }

    func run(_ plan: AlignmentPlan, isCancelled: @escaping () -> Bool, progress: (AlignmentProgress) -> Void) throws {
        if plan.disposition == .create || plan.disposition == .replace {
            try AlignmentFile.create(at: request.output, header: header, isReplacing: plan.disposition == .replace)
        }
        let writer = try AnalysisFileWriter(continuing: request.output, AlignmentSchema.file) { file in
            try AlignmentFile.start(of: file).committedRows
        }
        let source = try RunStepSource<Scalar>(
            try RunFileReader(request.run), rowCount: (header.rows.last ?? -1) + 1)
        var estimator = AlignmentEstimator(
            objective: objective, components: header.components, partitions: header.partitions,
            clipNorms: header.configuration.clipNorms, isCancelled: isCancelled)
        try writer.finish(rowCount: header.rowCount) { writer in
            for index in writer.committedRows..<header.rowCount {
                let runRow = header.rows[index]
                let row = try estimator.measure(iteration: source.iterations[runRow]) {
                    try source.readIterate(ofRow: runRow, into: &$0)
                }
                try writer.append { file, index in
                    try AlignmentFile.write(row, at: index, header: header, to: file)
                }
                progress(AlignmentProgress(rowsDone: index + 1, rowCount: header.rowCount, latest: row))
            }
        }
    }

    func secondsPerComponentGradient() throws -> Double {
        try objective.secondsPerGradient(
            ofComponent: header.components[0],
            along: RunStepSource<Scalar>(RunFileReader(request.run), rowCount: (header.rows.last ?? -1) + 1))
    }
}

extension ObjectiveDescription {
    /// Refuses to merge batches whose gradients are not those of the merged batch.
    func requireMergeable(_ partitions: [BatchPartition]) throws {
        guard value.mixesExamples, let merged = partitions.first(where: { $0.componentsPerBatch > 1 }) else {
            return
        }
        throw SmoothnessError(
            .usage, "with BatchNorm the gradient of a larger batch is not the mean of its parts' gradients",
            object: "batch size", expected: "\(merged.size / merged.componentsPerBatch), the run's own",
            found: "\(merged.size)", remedy: "Train with larger batches to measure larger ones")
    }
}
