import Essentials
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Training

/// A run of 23 iterations with everything that has a state: momentum, a random order, epochs of 5 with evaluations, sparse
/// rows with gradients.
private func stateful(_ order: ComponentOrder.Kind, save: SaveSchedule = SaveSchedule(every: 3))
    -> TrainingConfiguration
{
    configuration(
        .clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, order: order, iterations: 23, save: save,
        storesGradients: true)
}

/// Holds files against a reference with h5py, byte for byte.
private func expectEqual(_ reference: String, _ others: [String]) throws {
    let comparison = try runTwin("compare_runs.py", [reference] + others)
    #expect(comparison.standardOutput.hasPrefix("PASS"), "\(comparison.standardOutput)\(comparison.standardError)")
}

@Suite("Resuming", .enabled(if: Workplace.python != nil, "needs SMOOTHNESS_PYTHON with h5py"))
struct ResumeTests {
    /// Stops at the n-th time that the trainer asks, for every n, and continues: iterations and validation components alike.
    @Test(arguments: ComponentOrder.Kind.allCases, [SaveSchedule(every: 3), SaveSchedule(every: 1)])
    func anInterruptionAnywhereChangesNoByte(order: ComponentOrder.Kind, save: SaveSchedule) throws {
        let task = try LogisticTask()
        let trainer = try Trainer(task.objectives(as: Double.self), stateful(order, save: save))
        let text = try task.description.json()
        let reference = task.folder.path("reference.h5")
        var pollCount = 0
        let whole = try trainer.train(
            creating: reference, objective: text,
            shouldStop: {
                pollCount += 1
                return false
            })
        #expect(whole.outcome == .complete)
        // 23 iterations and 5 evaluations of 2 components.
        #expect(pollCount == 33)
        var paths: [String] = []
        for stop in 1...pollCount {
            let path = task.folder.path("stopped-\(stop).h5")
            paths.append(path)
            var poll = 0
            let first = try trainer.train(
                creating: path, objective: text,
                shouldStop: {
                    poll += 1
                    return poll == stop
                })
            guard case .interrupted(let iteration) = first.outcome else {
                Issue.record("stop \(stop) ended as \(first.outcome)")
                continue
            }
            #expect(first.iterations == iteration)
            #expect(try RunFileReader(path).header.state == .interrupted)
            let rest = try trainer.train(continuing: path)
            #expect(rest.outcome == .complete)
            #expect(rest.iterations == 23)
            #expect(first.iterationsDone + rest.iterationsDone == 23)
            #expect(rest.clippedCount == whole.clippedCount)
            #expect(rest.lastEvaluation == whole.lastEvaluation)
            #expect(verifyRunFile(path).isValid)
        }
        try expectEqual(reference, paths)
    }

    /// Stops at every single poll, again and again.
    @Test func manyInterruptionsOfOneRunChangeNoByte() throws {
        let task = try LogisticTask()
        let trainer = try Trainer(task.objectives(as: Double.self), stateful(.reshuffle))
        let text = try task.description.json()
        _ = try trainer.train(creating: task.folder.path("reference.h5"), objective: text)
        let path = task.folder.path("stopped.h5")
        /// Lets `count` polls pass, so that one iteration and at most one evaluation gets done.
        func stopping(after count: Int) -> () -> Bool {
            var poll = 0
            return {
                poll += 1
                return poll > count
            }
        }
        var summary = try trainer.train(creating: path, objective: text, shouldStop: stopping(after: 3))
        var calls = 1
        while case .interrupted = summary.outcome {
            summary = try trainer.train(continuing: path, shouldStop: stopping(after: 3))
            calls += 1
        }
        #expect(calls > 8)
        try expectEqual(task.folder.path("reference.h5"), [path])
    }

    /// What a killed process leaves is what the operating system holds at that moment: the file is copied after every
    /// iteration of a run, and every copy continues to the same bytes.
    @Test(arguments: [Duration.zero, .milliseconds(3), .seconds(30)])
    func aKilledRunContinuesToTheSameBytes(resumePointInterval: Duration) throws {
        let task = try LogisticTask()
        var trainer = try Trainer(task.objectives(as: Double.self), stateful(.reshuffle))
        trainer.resumePointInterval = resumePointInterval
        let text = try task.description.json()
        let reference = task.folder.path("reference.h5")
        var copies: [String] = []
        _ = try trainer.train(
            creating: reference, objective: text,
            progress: { progress in
                let copy = task.folder.path("killed-\(progress.iteration).h5")
                try? FileManager.default.copyItem(atPath: reference, toPath: copy)
                copies.append(copy)
            })
        #expect(copies.count == 23)
        for copy in copies {
            #expect(try RunFileReader(copy).header.state == .writing)
            #expect(try trainer.train(continuing: copy).outcome == .complete)
        }
        try expectEqual(reference, copies)
    }

    @Test func anObjectiveThatFailsLeavesAResumableFile() throws {
        let task = try LogisticTask()
        let set = try task.objectives(as: Double.self)
        let configuration = stateful(.reshuffle)
        let text = try task.description.json()
        _ = try Trainer(set, configuration).train(creating: task.folder.path("reference.h5"), objective: text)
        var broken = set
        broken.training = Sabotaged(set.training, .error, after: 11)
        let path = task.folder.path("failed.h5")
        #expect(throws: Sabotaged.Failure.self) {
            try Trainer(broken, configuration).train(creating: path, objective: text)
        }
        #expect(try RunFileReader(path).header.state == .interrupted)
        #expect(try Trainer(set, configuration).train(continuing: path).outcome == .complete)
        try expectEqual(task.folder.path("reference.h5"), [path])
    }

    @Test func floatRunsContinueToo() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(
            .quadratic(spectrum: [1, 0.5, 0.25], componentCount: 4, noise: 0.2), as: Float.self)
        let rule = configuration(
            .heavyBall, learningRate: 0.1, clipping: .norm(0.5), beta: 0.9, order: .withReplacement, iterations: 15,
            precision: .float32)
        let trainer = try Trainer(set, rule)
        _ = try trainer.train(creating: folder.path("reference.h5"), objective: "{}")
        var paths: [String] = []
        for stop in 0..<15 {
            let path = folder.path("\(stop).h5")
            paths.append(path)
            var iteration = 0
            _ = try trainer.train(
                creating: path, objective: "{}", shouldStop: { iteration == stop },
                progress: { iteration = $0.iteration })
            #expect(try trainer.train(continuing: path).outcome == .complete)
        }
        try expectEqual(folder.path("reference.h5"), paths)
    }

    @Test func whatCannotBeContinuedIsRefused() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.quadratic(spectrum: [1, 0.5]), as: Double.self)
        let trainer = try Trainer(set, configuration(learningRate: 0.1, iterations: 6))
        _ = try trainer.train(creating: folder.path("done.h5"), objective: "{}")
        #expect(throws: SmoothnessError.self) { try trainer.train(continuing: folder.path("done.h5")) }
        let missing = #expect(throws: SmoothnessError.self) { try trainer.train(continuing: folder.path("absent.h5")) }
        #expect(missing?.kind == .noInput)

        _ = try trainer.train(creating: folder.path("stopped.h5"), objective: "{}", shouldStop: { true })
        let longer = try Trainer(set, configuration(learningRate: 0.1, iterations: 7))
        let other = try Trainer(
            makeObjective(.quadratic(spectrum: [1, 0.5, 2]), as: Double.self),
            configuration(learningRate: 0.1, iterations: 6))
        let faster = try Trainer(set, configuration(learningRate: 0.2, iterations: 6))
        for wrong in [longer, other, faster] {
            let error = #expect(throws: SmoothnessError.self) { try wrong.train(continuing: folder.path("stopped.h5")) }
            #expect(error?.kind == .data)
        }
        #expect(try trainer.train(continuing: folder.path("stopped.h5")).outcome == .complete)
    }
}

@Suite("Diverging runs")
struct DivergenceTests {
    private let description = ObjectiveDescription.quadratic(spectrum: [1, 0.5], componentCount: 2, noise: 0.1)

    private func train(
        _ sabotage: Sabotaged.Sabotage, after calls: Int, save: SaveSchedule, to path: String
    ) throws -> TrainingSummary {
        var set = try makeObjective(description, as: Double.self)
        set.training = Sabotaged(set.training, sabotage, after: calls)
        let rule = configuration(
            learningRate: 0.1, beta: 0.5, nu: 0.5, iterations: 20, save: save, storesGradients: true)
        return try Trainer(set, rule).train(creating: path, objective: description.json())
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity], [SaveSchedule(every: 1), SaveSchedule(every: 4)])
    func aRowThatIsNotFiniteIsTheLast(value: Double, save: SaveSchedule) throws {
        for (name, sabotage) in [("loss", .loss(value)), ("gradient", .gradient(value))]
            as [(String, Sabotaged.Sabotage)]
        {
            let folder = try TemporaryFolder()
            let path = folder.path("run.h5")
            let summary = try train(sabotage, after: 8, save: save, to: path)
            #expect(summary.outcome == .diverged(iteration: 8))
            let reader = try RunFileReader(path)
            #expect(reader.header.state == .complete)
            let history = try reader.history()
            #expect(history.count == 9)
            #expect(history.dropLast().allSatisfy { $0.status == .ok })
            #expect(history[8].status == .nonFinite)
            #expect(history[8].stepNorm == 0)
            #expect(history[8].gradientNorm.isFinite == (name == "loss"))
            #expect(history[8].loss.isFinite == (name == "gradient"))
            // Row 8 is saved under both schedules, and no step was taken from there.
            let row = try reader.snapshots().count - 1
            #expect(try reader.snapshots()[row].iteration == 8)
            var (iterate, next) = ([0.0, 0.0], [0.0, 0.0])
            try reader.iterate(row: row, into: &iterate)
            try reader.nextIterate(row: row, into: &next)
            #expect(iterate == next && iterate.allSatisfy(\.isFinite))
            #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
        }
    }

    @Test func theVeryFirstIterationCanDiverge() throws {
        let folder = try TemporaryFolder()
        let summary = try train(.loss(.nan), after: 0, save: SaveSchedule(every: 1), to: folder.path("run.h5"))
        #expect(summary.outcome == .diverged(iteration: 0))
        #expect(try RunFileReader(folder.path("run.h5")).history().count == 1)
    }

    /// η = 4/λ multiplies the iterate by −3 until a sum of squares overflows.
    @Test func aLearningRateThatIsTooLargeDiverges() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.quadratic(spectrum: [1, 1]), as: Double.self)
        let rule = configuration(.sgd, learningRate: 4, iterations: 1000)
        let summary = try Trainer(set, rule).train(creating: folder.path("run.h5"), objective: "{}")
        let reader = try RunFileReader(folder.path("run.h5"))
        // 3^t‖x₀‖ = 10^154 near t = 323.
        guard case .diverged(let iteration) = summary.outcome else {
            Issue.record("ended as \(summary.outcome)")
            return
        }
        #expect((315...330).contains(iteration))
        #expect(try reader.history().count == iteration + 1)
        #expect(try reader.snapshots().count == iteration + 1)
        #expect(verifyRunFile(folder.path("run.h5")).isValid)
    }

    /// Loss and gradient are finite here; the iterate that would follow is not a Float.
    @Test func aStepOutOfTheNumbersIsNotTaken() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.quadratic(spectrum: [1e20, 1e20]), as: Float.self)
        let rule = configuration(.sgd, learningRate: 1e30, iterations: 5, precision: .float32)
        let summary = try Trainer(set, rule).train(creating: folder.path("run.h5"), objective: "{}")
        #expect(summary.outcome == .diverged(iteration: 0))
        let reader = try RunFileReader(folder.path("run.h5"))
        let record = try reader.history()[0]
        #expect(record.status == .nonFinite && record.gradientNorm.isFinite && record.stepNorm == 0)
        var (iterate, next) = ([Float](repeating: 0, count: 2), [Float](repeating: 0, count: 2))
        try reader.iterate(row: 0, into: &iterate)
        try reader.nextIterate(row: 0, into: &next)
        #expect(iterate == next)
    }
}
