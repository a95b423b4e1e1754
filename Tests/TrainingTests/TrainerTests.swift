import Essentials
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Training

private let twins = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Twins")

func runTwin(_ script: String, _ arguments: [String]) throws -> ProcessOutcome {
    try run(#require(Workplace.python), [twins.appending(path: script).path] + arguments)
}

func configuration(
    _ algorithm: TrainingConfiguration.Algorithm = .clipping, learningRate: Double = 1,
    clipping: TrainingConfiguration.Clipping = .none, beta: Double = 0, nu: Double = 0,
    order: ComponentOrder.Kind = .reshuffle, iterations: Int, save: SaveSchedule = SaveSchedule(every: 1),
    storesGradients: Bool = false, seed: UInt64 = 7, precision: Precision = .float64,
    _ change: (inout TrainingConfiguration) -> Void = { _ in }
) -> TrainingConfiguration {
    var configuration = TrainingConfiguration(
        algorithm: algorithm, learningRate: learningRate, clipping: clipping, beta: beta, nu: nu, order: order,
        iterations: iterations, save: save, storesGradients: storesGradients, seed: seed, precision: precision)
    if algorithm.isAdam { configuration.adam = TrainingConfiguration.AdamConstants() }
    change(&configuration)
    return configuration
}

@Suite("Trainer against its twin", .enabled(if: Workplace.python != nil, "needs SMOOTHNESS_PYTHON with NumPy and h5py"))
struct TrainerTwinTests {
    private static let rules: [TrainingConfiguration] = [
        configuration(.clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 50),
        configuration(.clipping, learningRate: 2, clipping: .gamma(0.3), beta: 0.5, nu: 1, iterations: 50),
        configuration(.clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0, iterations: 50),
        configuration(.clipping, learningRate: 1, beta: 0.8, nu: 0.4, iterations: 50),
        configuration(.sgd, learningRate: 0.5, iterations: 50),
        configuration(.sgd, learningRate: 2, clipping: .norm(0.25), iterations: 50),
        configuration(.heavyBall, learningRate: 0.3, clipping: .gamma(0.1), beta: 0.8, iterations: 50),
        configuration(.heavyBall, learningRate: 0.1, beta: 0.9, iterations: 50),
    ]

    /// 50 iterations of every rule in every order, with the validation loss at ten epochs of 5 components.
    @Test(arguments: rules, ComponentOrder.Kind.allCases)
    func logisticRegression(rule: TrainingConfiguration, order: ComponentOrder.Kind) throws {
        let task = try LogisticTask()
        var configuration = rule
        configuration.order = order
        // Consecutive and sparse rows, with and without gradients.
        configuration.storesGradients = rule.beta > 0.5
        configuration.save = rule.nu > 0 ? SaveSchedule(every: 1) : SaveSchedule(every: 4, first: 23)
        let trainer = try Trainer(task.objectives(as: Double.self), configuration)
        let path = task.folder.path("run.h5")
        let summary = try trainer.train(creating: path, objective: task.description.json())
        #expect(summary.outcome == .complete)
        let twin = try runTwin("repeat_run.py", [path, task.validationPath])
        #expect(twin.standardOutput.hasPrefix("PASS"), "\(twin.standardOutput)\(twin.standardError)")
        #expect(twin.standardOutput.hasSuffix("\(summary.clippedCount) of 50 clipped\n"))
        if rule.gamma != nil { #expect((1..<50).contains(summary.clippedCount)) }
    }

    @Test(arguments: rules) func noisyQuadratic(rule: TrainingConfiguration) throws {
        let folder = try TemporaryFolder()
        let description = ObjectiveDescription.quadratic(
            spectrum: geometricSpectrum(from: 0.01, to: 0.9, count: 11), componentCount: 4, noise: 0.05, seed: 3)
        let trainer = try Trainer(makeObjective(description, as: Double.self), rule)
        _ = try trainer.train(creating: folder.path("run.h5"), objective: description.json())
        let twin = try runTwin("repeat_run.py", [folder.path("run.h5")])
        #expect(twin.standardOutput.hasPrefix("PASS"), "\(twin.standardOutput)\(twin.standardError)")
    }
}

@Suite("Trainer")
struct TrainerTests {
    private let quadratic = ObjectiveDescription.quadratic(spectrum: [1, 0.5, 0.1], componentCount: 3, noise: 0.1)

    private func train<Scalar: ParameterScalar>(
        _ set: ObjectiveSet<Scalar>, _ configuration: TrainingConfiguration, to path: String
    ) throws -> TrainingSummary {
        try Trainer(set, configuration).train(creating: path, objective: "{}")
    }

    @Test func whatTheFileSaysOfItself() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("run.h5")
        let configuration = configuration(
            .sgd, learningRate: 0.1, iterations: 20, save: SaveSchedule(every: 5, first: 12), precision: .float32)
        let trainer = try Trainer(makeObjective(quadratic, as: Float.self), configuration)
        let summary = try trainer.train(creating: path, objective: quadratic.json())
        #expect(summary.iterations == 20 && summary.iterationsDone == 20)
        let reader = try RunFileReader(path)
        #expect(reader.header.state == .complete)
        #expect(reader.header.scalarName == "float32")
        #expect(try TrainingConfiguration(json: reader.header.optimizer) == configuration)
        #expect(try ObjectiveDescription(json: reader.header.objective) == quadratic)
        #expect(reader.plan == trainer.plan)
        #expect(try reader.snapshots().map(\.iteration) == [0, 5, 10])
        #expect(try reader.history().count == 20)
        #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
    }

    @Test func everyIterateIsTheNextOfTheOneBefore() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("run.h5")
        let set = try makeObjective(quadratic, as: Float.self)
        _ = try train(
            set, configuration(learningRate: 0.3, beta: 0.5, nu: 1, iterations: 10, precision: .float32), to: path)
        let reader = try RunFileReader(path)
        let history = try reader.history()
        var first = [Float](repeating: 0, count: 3)
        var second = first
        for row in 0..<10 {
            try reader.iterate(row: row, into: &first)
            try reader.nextIterate(row: row, into: &second)
            #expect(history[row].stepNorm == set.training.layout.distance(from: first, to: second))
            if row < 9 {
                try reader.iterate(row: row + 1, into: &first)
                #expect(first == second)
            }
        }
    }

    @Test func theSeedDecidesTheRun() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(quadratic, as: Double.self)
        for (name, seed) in [("a", 1), ("b", 1), ("c", 2)] as [(String, UInt64)] {
            _ = try train(set, configuration(learningRate: 0.3, iterations: 10, seed: seed), to: folder.path(name))
        }
        let losses = try ["a", "b", "c"].map { try RunFileReader(folder.path($0)).history().map(\.loss) }
        #expect(losses[0] == losses[1])
        #expect(losses[0] != losses[2])
    }

    @Test func oneComponentIsDeterministicGradientDescent() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.quadratic(spectrum: [1, 0.25]), as: Double.self)
        _ = try train(set, configuration(.sgd, learningRate: 0.5, iterations: 8), to: folder.path("run.h5"))
        let reader = try RunFileReader(folder.path("run.h5"))
        var (first, last) = ([0.0, 0.0], [0.0, 0.0])
        try reader.iterate(row: 0, into: &first)
        try reader.nextIterate(row: 7, into: &last)
        // x_T = (1 − ηλ)^T x₀
        #expect(abs(last[0] - pow(0.5, 8) * first[0]) < 1e-15)
        #expect(abs(last[1] - pow(0.875, 8) * first[1]) < 1e-15)
    }

    @Test func aMinimiserStaysWhereItIs() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.polynomial(coefficients: [1, 0, 1], start: 0), as: Double.self)
        let summary = try train(set, configuration(.sgd, learningRate: 0.5, iterations: 3), to: folder.path("run.h5"))
        #expect(summary.outcome == .complete)
        #expect(try RunFileReader(folder.path("run.h5")).history().map(\.status) == [.zeroStep, .zeroStep, .zeroStep])
    }

    @Test func progressCountsAndShares() throws {
        let folder = try TemporaryFolder()
        let task = try LogisticTask()
        var seen: [TrainingProgress] = []
        let rule = configuration(learningRate: 2, clipping: .norm(0.3), iterations: 12)
        let summary = try Trainer(task.objectives(as: Double.self), rule)
            .train(creating: folder.path("run.h5"), objective: "{}", progress: { seen.append($0) })
        #expect(seen.map(\.iteration) == Array(1...12))
        #expect(seen.map(\.epoch) == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3])
        #expect(seen.allSatisfy { $0.iterationCount == 12 && $0.remaining >= .zero })
        let history = try RunFileReader(folder.path("run.h5")).history()
        #expect(seen.map(\.loss) == history.map(\.loss))
        #expect(seen.map(\.gradientNorm) == history.map(\.gradientNorm))
        for (index, progress) in seen.enumerated() {
            let clipped = history[...index].count(where: \.clipped)
            #expect(progress.clippedShare == Double(clipped) / Double(index + 1))
        }
        #expect(seen[11].remaining == .zero)
        #expect(seen[4].evaluation == nil && seen[5].evaluation?.epoch == 1)
        #expect(summary.lastEvaluation?.iteration == 12)
        #expect(summary.elapsed >= summary.gradientTime + summary.writingTime + summary.evaluationTime)
    }

    @Test func evaluationsAreAtTheEndsOfEpochsAndOfTheRun() throws {
        let folder = try TemporaryFolder()
        let task = try LogisticTask()
        let set = try task.objectives(as: Double.self)
        _ = try train(set, configuration(learningRate: 1, iterations: 12), to: folder.path("run.h5"))
        let reader = try RunFileReader(folder.path("run.h5"))
        let evaluations = try reader.evaluations()
        #expect(evaluations.map(\.iteration) == [5, 10, 12])
        #expect(evaluations.map(\.epoch) == [1, 2, 3])
        #expect(evaluations.allSatisfy { $0.metric == exp($0.validationLoss) })
        #expect(reader.plan.metricName == "perplexity")
        // x₁₂ is stored as the next iterate of the last row.
        var last = [Double](repeating: 0, count: 4)
        try reader.nextIterate(row: 11, into: &last)
        let loss = try #require(set.validation).subsetLoss(over: 0..<2, at: last)
        #expect(abs(evaluations[2].validationLoss - loss) < 1e-15)
        #expect(try Trainer(set, configuration(iterations: 10)).plan.evaluationCount == 2)
        #expect(try Trainer(set, configuration(iterations: 3)).plan.evaluationCount == 1)
    }

    @Test func thePrecisionMustFitTheObjective() throws {
        let set = try makeObjective(quadratic, as: Double.self)
        let error = #expect(throws: SmoothnessError.self) {
            try Trainer(set, configuration(iterations: 3, precision: .float32))
        }
        #expect(error?.kind == .usage)
    }

    @Test func anExistingFileIsNotOverwritten() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("run.h5")
        try "precious".write(toFile: path, atomically: true, encoding: .utf8)
        let set = try makeObjective(quadratic, as: Double.self)
        let error = #expect(throws: SmoothnessError.self) { try train(set, configuration(iterations: 3), to: path) }
        #expect(error?.kind == .cannotCreate)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
    }

    /// Theorem 3 of Zhang, He, Sra, Jadbabaie 2020: gradient descent with η = 1/(10 L0), clipped at the norm
    /// min{1/η, 1/(10 L1 η)}, reaches ‖∇f‖ ≤ ε within 20 L0 Δ/ε² + 20 max(1, L1²) Δ/L0 iterations.
    @Test(arguments: [(1.0, 10.0, 0.5), (2.0, 40.0, 1.0)])
    func clippedGradientDescentKeepsItsBound(L1: Double, initialGradient: Double, epsilon: Double) throws {
        let folder = try TemporaryFolder()
        let description = ObjectiveDescription.exponentialWalls(growth: L1, initialGradient: initialGradient)
        let set = try makeObjective(description, as: Double.self)
        let known = try #require(set.training as? any KnownSmoothness)
        let L0 = try #require(known.sufficientL0(forL1: L1))
        let start = set.training.initialPoint(seed: 0)
        let gap = try set.training.loss(ofComponent: 0, at: start) - set.training.loss(ofComponent: 0, at: [0])
        let bound = 20 * L0 * gap / (epsilon * epsilon) + 20 * max(1, L1 * L1) * gap / L0
        let learningRate = 1 / (10 * L0)
        let rule = configuration(
            .sgd, learningRate: learningRate, clipping: .norm(min(1 / learningRate, 1 / (10 * L1 * learningRate))),
            iterations: Int(bound), save: SaveSchedule(every: 1, first: 1))
        _ = try train(set, rule, to: folder.path("run.h5"))
        let history = try RunFileReader(folder.path("run.h5")).history()
        #expect(history[0].gradientNorm > epsilon)
        #expect(history.contains { $0.gradientNorm <= epsilon })
        #expect(history.contains { $0.clipped })
    }
}
