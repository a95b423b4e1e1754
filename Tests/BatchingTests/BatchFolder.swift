import Batching
import Essentials
import Estimation
import Evaluation
import Fitting
import Formulas
import Foundation
import RunFiles
import TestSupport
import Training

/// A folder with small runs, and the program that measures them.
struct BatchFolder {
    let folder: TemporaryFolder
    var runs: String { folder.path("runs") }

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: folder.path("runs"), withIntermediateDirectories: true)
    }

    func path(_ name: String) -> String { folder.path(name) }

    /// A run of gradient descent whose seed gives its start.
    func train(
        _ name: String, seed: UInt64 = 0, iterations: Int = 12, description: ObjectiveDescription? = nil,
        precision: Precision = .float64, capacity: Int? = nil
    ) throws {
        let path = "\(runs)/\(name)"
        try FileManager.default.createDirectory(
            atPath: URL(filePath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
        var generator = SeededGenerator(seed: seed, purpose: "start")
        let description =
            description ?? .quarticValley(start: [-2 - generator.uniform(), 2 + generator.uniform()])
        let total = capacity ?? iterations
        let configuration = TrainingConfiguration(
            learningRate: 0.002, clipping: .norm(100), iterations: total, save: SaveSchedule(every: 1), seed: seed,
            precision: precision)
        let stop = StopAfter(iterations)
        switch precision {
        case .float64:
            let set = try makeObjective(description, as: Double.self, options: EvaluationOptions())
            _ = try? Trainer(set, configuration).train(
                creating: path, objective: try description.json(), shouldStop: { stop.next() }, progress: { _ in })
        case .float32:
            let set = try makeObjective(description, as: Float.self, options: EvaluationOptions())
            _ = try? Trainer(set, configuration).train(
                creating: path, objective: try description.json(), shouldStop: { stop.next() }, progress: { _ in })
        }
    }

    /// Runs the program in the folder.
    @discardableResult
    func smoothness(_ arguments: [String]) throws -> ProcessOutcome {
        try run(Workplace.program, arguments, directory: folder.url.path)
    }

    /// Runs the program in the folder.
    @discardableResult
    func smoothness(_ arguments: String..., environment: [String: String] = [:]) throws -> ProcessOutcome {
        try run(Workplace.program, arguments, environment: environment, directory: folder.url.path)
    }

    // MARK: - In this process, where no program has to be started and nothing disturbs

    func plan(
        _ name: String, _ definition: EstimationConfiguration, unitRows: Int, replicates: Int = 20
    ) throws {
        _ = try BatchPlanner(
            BatchConfiguration(
                paths: [runs], estimation: definition, fit: FitOptions(replicates: replicates),
                sizing: BatchConfiguration.Sizing(rows: unitRows))
        ).plan(in: PlanFolder(path(name)))
    }

    /// - Returns: what became of the units.
    @discardableResult
    func measure(_ name: String) throws -> [UnitOutcome] {
        var worker = try UnitWorker(PlanFolder(path(name)), workerCount: 1, threads: 1)
        return try worker.manifest.units.map { unit in try worker.work(unit.name) { false } }
    }

    @discardableResult
    func merge(_ name: String) throws -> BatchResults {
        let plan = PlanFolder(path(name))
        let merge = try BatchMerge(plan)
        let results = try merge.run()
        _ = try results.save(in: plan, configuration: merge.configuration)
        return results
    }

    func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path(name)) ?? Data(), as: UTF8.self)
    }

    func failures(_ plan: String) throws -> [BatchFailure] {
        try text("\(plan)/failures.jsonl").split(separator: "\n").map {
            try JSONDecoder().decode(BatchFailure.self, from: Data($0.utf8))
        }
    }

    /// Every log of units, as lines.
    func logs(_ plan: String) -> [String: [Substring]] {
        let folder = PlanFolder(path(plan))
        let names = FileManager.default.enumerator(atPath: folder.logs)?.compactMap { $0 as? String } ?? []
        return Dictionary(
            uniqueKeysWithValues: names.filter { $0.hasSuffix(".log") }.map { name in
                (name, text("\(plan)/logs/\(name)").split(separator: "\n"))
            })
    }
}

/// Asks for the end of a training once it has come so far.
private final class StopAfter: @unchecked Sendable {
    private var left: Int
    init(_ iterations: Int) { left = iterations }

    func next() -> Bool {
        left -= 1
        return left < 0
    }
}

/// Everything in an estimates file that counts, as text: equal text means equal bits.
func contents(ofEstimates path: String) throws -> String {
    let reader = try EstimatesFileReader(path)
    let header = reader.header
    let rows = try (0..<reader.committedRows).map { "\(try reader.estimate(row: $0))" }
    return
        "\(header.configuration) \(header.gammas) \(header.components) \(header.componentWeights) \(header.runID) \(header.runDigest) "
        + "\(String(describing: reader.repeatability)) \(header.state) \(header.rowCount)\n"
        + rows.joined(separator: "\n")
}

/// Runs work on a thread of its own. Tests share as many threads as there are processors: one that waits, or has to act at the right moment,
/// would keep the others from theirs, or come too late.
func onOwnThread(_ work: @escaping @Sendable () throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let thread = Thread { continuation.resume(with: Result { try work() }) }
        thread.stackSize = 8 << 20
        thread.start()
    }
}
