import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// Estimates the steps of a run while it is made, from the vectors that the loop has at hand: the numbers are those of saving them
/// and estimating afterwards, bit for bit.
///
/// Every row is committed before the loop goes on, so that a run that is continued from a point of its past hands over rows that are there
/// already; those are left alone, and none can be missing.
public final class EstimationInLoop<RunScalar: ParameterScalar> {
    private let iterations: [Int]
    private let output: String
    private let rows: any HandedRows<RunScalar>

    /// Makes the estimates file, or opens it where the run is continued.
    ///
    /// - Parameters:
    ///   - iterations: of every row, increasing.
    ///   - firstIteration: where the loop begins; rows before it must be there.
    ///   - isForced: replaces an estimate of something else, once this one is whole: `sealEstimateInLoop` says where it is until then.
    ///   - workerCount: as of `EstimationJob`.
    /// - Throws: `SmoothnessError`: `.usage` for a definition that needs other rows than the one at hand; `.cannotCreate` where something else
    ///   stands at the place of the output; `.data` where rows are missing that cannot be made any more.
    public init(
        run path: String, header: RunHeader, iterations: [Int], firstIteration: Int,
        configuration: EstimationConfiguration, isForced: Bool = false, dataOverride: String? = nil,
        modulePath: String? = nil, hasChecksums: Bool = true, workerCount: Int = 1, threads: Int? = nil,
        isCancelled: @escaping @Sendable () -> Bool = { false }
    ) throws {
        try configuration.requireStepsInHand()
        var resolved = configuration
        if resolved.precision == nil { resolved.precision = Precision(rawValue: header.scalarName) }
        let place = ResumableOutput(estimatesInLoopOf: path, runID: header.runID, isForced: isForced)
        let (run, target) = (ResumableOutput.finalPath(of: path), place.place)
        try StandingAnalysis.refuseRun(run, as: place.path)
        try place.requirePlaces()
        var standing =
            try place.isBeside
            ? try? StandingAnalysis(estimates: target)
            : StandingAnalysis.find(at: target, isForced: false) { try StandingAnalysis(estimates: $0) }
        // What stands there of this run is never begun anew: its rows could not be made again.
        if place.isBeside, standing?.runID != header.runID { standing = nil }
        let request = EstimationRequest(
            run: run, output: target, configuration: resolved, header: header, rowCount: iterations.count,
            capacity: iterations.count, plannedRows: iterations.count, digest: header.digest(of: []),
            live: LiveRows(maker: .train, iterations: iterations), dataOverride: dataOverride,
            modulePath: modulePath,
            origin: AnalysisOrigin(output: place.path, run: run, data: dataOverride, threads: threads),
            workerCount: workerCount, hasChecksums: hasChecksums)
        try standing?.require(
            runID: header.runID, runDigest: request.digest, configuration: resolved.json(), noun: "an estimate")
        guard standing == nil || standing?.live == request.live?.with(digest: standing?.live?.digest) else {
            throw SmoothnessError(
                .cannotCreate, "the output exists and has other rows than the run is to have", file: target,
                object: LiveRows.iteration, remedy: "Move it away and begin the run anew with --force.")
        }
        let (committed, due) = (standing?.committedRows ?? 0, iterations.prefix { $0 < firstIteration }.count)
        guard committed >= due else {
            throw SmoothnessError(
                .data, "rows are missing whose iterates are gone", file: target, object: EstimatesSchema.commit,
                expected: "\(due) rows before iteration \(firstIteration)", found: "\(committed)",
                remedy: "Begin the run anew with --force.")
        }
        let disposition = StandingAnalysis.disposition(standing, output: place)
        rows =
            switch resolved.precision ?? .float64 {
            case .float32:
                try TypedHandedRows<RunScalar, Float>(request, disposition, isCancelled: isCancelled)
            case .float64:
                try TypedHandedRows<RunScalar, Double>(request, disposition, isCancelled: isCancelled)
            }
        self.iterations = iterations
        output = target
    }

    /// Estimates the step of an iteration and commits its row, unless it is there.
    /// - Returns: the row that was made.
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled; the row is then to be handed over again.
    public func add(iteration: Int, iterate: [RunScalar], next: [RunScalar]) throws -> StepEstimate? {
        let row = iterations.partitioningIndex { $0 >= iteration }
        guard row < iterations.count, iterations[row] == iteration, row <= rows.committed else {
            throw SmoothnessError(
                .internalFailure, "iteration \(iteration) is not the next row", file: output,
                object: EstimatesSchema.iteration, expected: "\(iterations.dropFirst(rows.committed).first ?? -1)",
                found: "\(iteration)")
        }
        guard row == rows.committed else { return nil }
        return try rows.add(row: row, iterate: iterate, next: next)
    }

    /// Closes the file; `seal` calls it complete when the run is.
    public func close() throws { try rows.close() }
}

extension ResumableOutput {
    /// Where the estimates lie that are made in the loop of a run: where they have been begun, else beside those of another run.
    /// - Parameters:
    ///   - run: where it is made.
    ///   - isForced: whether estimates of another run are to be replaced.
    init(estimatesInLoopOf run: String, runID: String, isForced: Bool) {
        let finalRun = Self.finalPath(of: run)
        let target = EstimationJob.defaultOutput(forRun: finalRun)
        func holds(_ path: String) -> Bool { (try? StandingAnalysis(estimates: path))?.runID == runID }
        if holds(target + Self.ending) {
            self.init(target, isBeside: true)
        } else if holds(target) {
            self.init(target, isBeside: false)
        } else {
            self.init(target, isBeside: run != finalRun || (isForced && FileInTheMaking.isTaken(target)))
        }
    }
}

extension Array where Element == Int {
    /// The first index whose element fulfils a condition that all after it fulfil too.
    fileprivate func partitioningIndex(where condition: (Int) -> Bool) -> Int {
        var range = indices
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = condition(self[middle]) ? range.lowerBound..<middle : (middle + 1)..<range.upperBound
        }
        return range.lowerBound
    }
}

extension LiveRows {
    fileprivate func with(digest: String?) -> LiveRows {
        var copy = self
        copy.digest = digest ?? copy.digest
        return copy
    }
}

extension EstimationConfiguration {
    /// Refuses what needs more than x_k and x_{k+1}.
    /// - Throws: `SmoothnessError(.usage)`
    public func requireStepsInHand() throws {
        try validate()
        try requireRowsOneByOne()
        guard direction == .momentum else { return }
        throw SmoothnessError(
            .usage,
            "the direction of the momentum needs the iterate before, which the loop no longer has when it is continued",
            found: direction.rawValue, remedy: "Save every iterate and estimate the run when it is complete.")
    }
}

extension EstimationConfiguration {
    /// How many gradients of single components `EstimationInLoop` takes for so many rows of an objective of m components, at most.
    public func componentGradientsInLoop(rows: Int, componentCount: Int) throws -> Int {
        let gradients = EstimationPlan.gradientCount(
            rows: rows, gammaCount: try resolvedGammas.count + direction.ascentCount, isShared: false, isProbed: false)
        return gradients * (try subset.resolved(of: componentCount).count)
    }
}

/// The part that does not show the scalar of the estimate.
private protocol HandedRows<RunScalar>: AnyObject {
    associatedtype RunScalar: ParameterScalar
    var committed: Int { get }
    func add(row: Int, iterate: [RunScalar], next: [RunScalar]) throws -> StepEstimate
    func close() throws
}

private final class TypedHandedRows<RunScalar: ParameterScalar, Scalar: ParameterScalar>: HandedRows {
    private(set) var committed: Int
    private var writer: AnalysisFileWriter?
    private var rows: EstimateRows<Scalar>
    private var source: HandedStep<RunScalar, Scalar>

    init(
        _ request: EstimationRequest, _ disposition: AnalysisDisposition,
        isCancelled: @escaping @Sendable () -> Bool
    ) throws {
        let work = try TypedEstimationWork<Scalar>(request)
        if disposition == .create || disposition == .replace {
            try work.create(isReplacing: disposition == .replace)
        }
        var known = Calibration()
        let writer = try work.openWriter(&known)
        rows = try work.makeRows(known, isCancelled: isCancelled)
        source = HandedStep(iterations: request.live?.iterations ?? [])
        committed = writer.committedRows
        self.writer = consume writer
    }

    func add(row: Int, iterate: [RunScalar], next: [RunScalar]) throws -> StepEstimate {
        guard var writer = writer.take() else {
            throw SmoothnessError(.internalFailure, "the estimates file is closed")
        }
        source.hold(row: row, iterate: iterate, next: next)
        let outcome = Result { try rows.append(row: row, of: &source, to: &writer) }
        // The loop goes on in the same buffers: with a second owner it would copy them.
        source.release()
        committed = writer.committedRows
        self.writer = consume writer
        return try outcome.get()
    }

    func close() throws {
        guard let writer = writer.take() else { return }
        try writer.finish(.interrupted)
    }
}

/// The step in hand.
private struct HandedStep<RunScalar: ParameterScalar, Scalar: ParameterScalar>: StepSource {
    let iterations: [Int]
    private var row = 0
    private var iterate: [RunScalar] = []
    private var next: [RunScalar] = []

    init(iterations: [Int]) { self.iterations = iterations }

    mutating func hold(row: Int, iterate: [RunScalar], next: [RunScalar]) {
        (self.row, self.iterate, self.next) = (row, iterate, next)
    }

    mutating func release() { (iterate, next) = ([], []) }

    func readIterate(ofRow row: Int, into point: inout [Scalar]) throws { try copy(iterate, ofRow: row, into: &point) }
    func readNextIterate(ofRow row: Int, into point: inout [Scalar]) throws { try copy(next, ofRow: row, into: &point) }

    private func copy(_ vector: [RunScalar], ofRow row: Int, into point: inout [Scalar]) throws {
        guard row == self.row, vector.count == point.count else {
            throw SmoothnessError(.internalFailure, "row \(row) is not the one in hand", expected: "\(self.row)")
        }
        for index in point.indices { point[index] = Scalar(Double(vector[index])) }
    }
}
