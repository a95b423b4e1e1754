import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// How far an estimate is.
public struct EstimationProgress: Sendable {
    public var rowsDone: Int
    public var rowCount: Int
    /// Subset gradients evaluated by this call.
    public var gradientCount: Int
    /// The row that was just committed.
    public var latest: StepEstimate
}

/// One estimate of one run, checked and planned, not begun.
///
/// Nothing is written before `run`, and what `run` commits stays: a second job of the same definition continues at the
/// first uncommitted row, with the same bits as if it had never stopped.
public struct EstimationJob: Sendable {
    public let plan: EstimationPlan
    /// With the precision filled in.
    public let configuration: EstimationConfiguration
    /// What was done to fit the objective to the run, for a person; `nil` where nothing was.
    public var fittingNote: String? { work.fittingNote }
    private let work: any EstimationWork
    private let output: ResumableOutput

    /// RUN.estimates.h5 beside RUN.h5.
    public static func defaultOutput(forRun path: String) -> String {
        StandingAnalysis.defaultOutput(forRun: path, ending: "estimates")
    }

    /// - Parameters:
    ///   - output: `nil` for `defaultOutput`.
    ///   - isForced: replaces what stands at the place of the output, when the new file is whole; see `ResumableOutput`.
    ///   - dataOverride: where the objective's data is now, if it has moved.
    ///   - modulePath: where the scripted module of the objective is, which only the caller may say.
    ///   - threads: how many tensor operations are set to, for the record.
    ///   - isFollowing: makes room for all rows that the run has planned, and waits for them.
    ///   - oracle: gradient processes that serve the objective, in the place of the one that the run describes.
    ///   - hasChecksums: whether a new file gets checksums.
    ///   - workerCount: how many groups of components may be evaluated at the same time; the numbers are the same.
    /// - Throws: `SmoothnessError`: `.data` for a run without a step or one that its objective does not fit; `.usage` for a grid or a subset
    ///   that is none; `.cannotCreate` where the output is something else or an estimate of another definition.
    public init(
        run path: String, configuration: EstimationConfiguration, output: String? = nil, isForced: Bool = false,
        isFollowing: Bool = false, dataOverride: String? = nil, modulePath: String? = nil,
        oracle: (any ServedObjective)? = nil, workerCount: Int = 1, threads: Int? = nil,
        hasChecksums: Bool = true
    ) throws {
        try configuration.validate()
        let reader = try RunFileReader(path)
        let header = reader.header
        var resolved = try configuration.resolved(forRun: path, header)
        resolved.oracle = oracle?.identity
        let target = output ?? Self.defaultOutput(forRun: path)
        try StandingAnalysis.refuseRun(path, as: target)
        let output = ResumableOutput(target, isForced: isForced)
        (plan, work) = try StandingAnalysis.continuing(output, read: StandingAnalysis.init(estimates:)) {
            standing in
            let rows = try RowsToEstimate(of: reader, standing: standing, isFollowing: isFollowing)
            if isFollowing { try resolved.requireRowsOneByOne() }
            let request = EstimationRequest(
                run: path, output: output.place, configuration: resolved, header: header, rowCount: rows.available,
                capacity: rows.capacity, plannedRows: rows.planned, isConsecutive: reader.isConsecutive,
                digest: try reader.digest(rows: rows.digestRows), live: rows.live, isFollowing: isFollowing,
                dataOverride: dataOverride, modulePath: modulePath,
                origin: AnalysisOrigin(output: target, run: path, data: dataOverride, threads: threads),
                workerCount: workerCount, oracle: oracle, hasChecksums: hasChecksums)
            // Faults of the grid and of the subset come before a comparison with what stands there.
            let work = try Self.work(request)
            try standing?.requireData(of: resolved)
            try standing?.require(
                runID: header.runID, runDigest: request.digest, configuration: resolved.json(), noun: "an estimate")
            try standing?.requireDigest(of: reader)
            var plan = work.plan(
                standing: standing,
                disposition: StandingAnalysis.disposition(standing, output: output, goal: rows.goal),
                uncoveredRows: rows.uncovered)
            plan.output = target
            return (plan, work)
        }
        self.configuration = resolved
        self.output = output
    }

    private static func work(_ request: EstimationRequest) throws -> any EstimationWork {
        switch (request.configuration.source, request.configuration.precision) {
        case (.recorded, .float32): try RecordedEstimationWork<Float>(request)
        case (.recorded, _): try RecordedEstimationWork<Double>(request)
        case (nil, .float32): try TypedEstimationWork<Float>(request)
        case (nil, _): try TypedEstimationWork<Double>(request)
        }
    }

    /// Evaluates and commits what is left, row by row.
    ///
    /// - Parameters:
    ///   - progress: called after every committed row.
    ///   - isCancelled: asked before every component gradient; the row under way is then abandoned.
    ///   - waiting: told what is waited for, when following a run takes long.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled, or the writer of a followed run has died; the file is then whole and says
    ///   `interrupted`.
    public func run(
        progress: (EstimationProgress) -> Void = { _ in }, isCancelled: @escaping @Sendable () -> Bool = { false },
        waiting: (String) -> Void = { _ in }
    ) throws {
        guard plan.disposition != .complete else { return }
        try work.run(plan, isCancelled: isCancelled, progress: progress, waiting: waiting)
        try output.publish()
    }

    /// What `run` will take, from a rehearsal that writes nothing: a component gradient of every worker, or some rows where they are quick.
    public func forecast() throws -> EstimationForecast { try work.forecast(plan, patience: 1) }
}
