import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Training

/// Quadratics ½‖x − c‖² whose centres and weights are another draw's in every epoch; the weights add up to 6.
struct RedrawnObjective: Objective {
    typealias Scalar = Double
    var draw: UInt64 = 0
    let layout = ParameterLayout([("x", [2])])
    let componentCount = 3

    private func centre(_ component: Int) -> [Double] {
        var generator = SeededGenerator(seed: draw, purpose: "centre of a test", index: component)
        return (0..<2).map { _ in generator.normal() }
    }
    func weight(ofComponent component: Int) -> Double { Double(1 + (component + Int(draw % 3)) % 3) }
    func loss(ofComponent component: Int, at point: [Double]) -> Double {
        zip(point, centre(component)).reduce(0) { $0 + 0.5 * ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
    func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) -> Double {
        for (index, value) in centre(component).enumerated() { gradient[index] = point[index] - value }
        return loss(ofComponent: component, at: point)
    }
    func initialPoint(seed: UInt64) -> [Double] { [1, -1] }
    func redrawn(_ draw: UInt64) -> any Objective<Double> { RedrawnObjective(draw: draw) }
}

@Suite("Resuming algorithms", .enabled(if: Workplace.python != nil, "needs SMOOTHNESS_PYTHON with h5py"))
struct AlgorithmResumeTests {
    /// All that has a state, 24 iterations of 5 components: momentum, second moments, averages from both triggers, the schedules,
    /// weight decay and the full gradient.
    static let variants: [TrainingConfiguration] = [
        configuration(.adam, learningRate: 0.5, clipping: .norm(0.2), beta: 0.9, iterations: 24) {
            $0.averaging = .nonMonotone(1)
            $0.schedule = .init(plateau: .init(patience: 1, factor: 3))
        },
        configuration(.adamw, learningRate: 0.1, beta: 0.9, iterations: 24, save: SaveSchedule(every: 4)) {
            $0.weightDecay = .init(rate: 0.1, place: .decoupled)
            $0.averaging = .from(epoch: 2)
            $0.schedule = .init(warmUp: 7, cosine: .init(last: 0.01))
        },
        configuration(.sgd, learningRate: 6, clipping: .norm(0.5), order: .withReplacement, iterations: 24) {
            $0.averaging = .nonMonotone(1)
        },
        configuration(.heavyBall, learningRate: 0.3, clipping: .norm(0.3), beta: 0.8, iterations: 24) {
            $0.weightDecay = .init(rate: 0.05, place: .after)
            $0.clippingScope = .block
            $0.schedule = .init(steps: .init(epochs: [1, 3]))
        },
        configuration(.normalized, learningRate: 0.2, beta: 0.9, order: .cyclic, iterations: 24) {
            $0.weightDecay = .init(rate: 0.05, place: .before)
        },
        configuration(
            .clipping, learningRate: 2, clipping: .norm(0.1), beta: 0.9, nu: 0.7, iterations: 9, storesGradients: true
        ) {
            $0.clippingForm = .soft
            $0.gradient = .full
            $0.averaging = .from(epoch: 3)
        },
    ]

    private func expectEqual(_ reference: String, _ others: [String]) throws {
        let comparison = try runTwin("compare_runs.py", [reference] + others)
        #expect(comparison.standardOutput.hasPrefix("PASS"), "\(comparison.standardOutput)\(comparison.standardError)")
    }

    @Test(arguments: variants) func anInterruptionAnywhereChangesNoByte(rule: TrainingConfiguration) throws {
        let task = try LogisticTask()
        try expectResumes(Trainer(task.objectives(as: Double.self), rule), in: task.folder)
    }

    @Test func aFreshDrawInEveryEpochGoesOnToo() throws {
        var set = ObjectiveSet<Double>(training: RedrawnObjective(), validation: RedrawnObjective(draw: 99))
        set.trainingDraws = .fresh
        let rule = configuration(.adam, learningRate: 0.1, beta: 0.9, iterations: 14)
        let folder = try TemporaryFolder()
        try expectResumes(Trainer(set, rule), in: folder)
        var other = rule
        other.gradient = .full
        try expectResumes(Trainer(set, other), in: folder)
    }

    /// Stops at every poll, continues, and copies the file of a run after every iteration, as a kill would leave it.
    private func expectResumes(_ original: Trainer<Double>, in folder: TemporaryFolder) throws {
        var trainer = original
        trainer.resumePointInterval = .zero
        let name = UUID().uuidString
        let reference = folder.path("\(name)-reference.h5")
        var (polls, copies) = (0, [String]())
        _ = try trainer.train(
            creating: reference, objective: "{}",
            shouldStop: {
                polls += 1
                return false
            },
            progress: { progress in
                let copy = folder.path("\(name)-killed-\(progress.iteration).h5")
                try? FileManager.default.copyItem(atPath: reference, toPath: copy)
                copies.append(copy)
            })
        #expect(copies.count == trainer.configuration.iterations)
        for copy in copies { #expect(try trainer.train(continuing: copy).outcome == .complete) }
        var stopped: [String] = []
        for stop in 1...polls {
            let path = folder.path("\(name)-stopped-\(stop).h5")
            stopped.append(path)
            var poll = 0
            let first = try trainer.train(
                creating: path, objective: "{}",
                shouldStop: {
                    poll += 1
                    return poll == stop
                })
            guard case .interrupted = first.outcome else {
                Issue.record("stop \(stop) of \(polls) ended as \(first.outcome)")
                continue
            }
            #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
            #expect(try trainer.train(continuing: path).outcome == .complete)
        }
        try expectEqual(reference, copies + stopped)
        #expect(verifyRunFile(reference).isValid, "\(verifyRunFile(reference))")
    }

    /// Epoch e sees draw e; an objective that does not ask for it sees draw 0 throughout.
    @Test(arguments: [true, false]) func theDrawIsTheEpoch(redraws: Bool) throws {
        var set = ObjectiveSet<Double>(training: RedrawnObjective(), validation: RedrawnObjective(draw: 99))
        set.trainingDraws = redraws ? .fresh : .fixed
        let folder = try TemporaryFolder()
        let rule = configuration(.sgd, learningRate: 0.1, order: .cyclic, iterations: 12)
        _ = try Trainer(set, rule).train(creating: folder.path("run.h5"), objective: "{}")
        let reader = try RunFileReader(folder.path("run.h5"))
        var point: [Double] = []
        for (iteration, record) in try reader.history().enumerated() {
            try reader.iterate(row: iteration, into: &point)
            let drawn = RedrawnObjective(draw: redraws ? UInt64(iteration / 3) : 0)
            #expect(record.loss == drawn.loss(ofComponent: iteration % 3, at: point))
        }
        // The mean over an epoch weighs its components as that draw does.
        let history = try reader.history()
        for (epoch, evaluation) in try reader.evaluations().enumerated() {
            let drawn = RedrawnObjective(draw: redraws ? UInt64(epoch) : 0)
            let mean = (0..<3).reduce(0) { $0 + drawn.weight(ofComponent: $1) * history[3 * epoch + $1].loss } / 6
            #expect(abs(evaluation.trainingLoss - mean) < 1e-15)
        }
    }

    /// The last resume point of a finished run holds x̄, the mean of the iterates since averaging began.
    @Test func theAverageStaysInTheFile() throws {
        let task = try LogisticTask()
        let rule = configuration(.sgd, learningRate: 1, iterations: 25) { $0.averaging = .from(epoch: 2) }
        let path = task.folder.path("run.h5")
        _ = try Trainer(task.objectives(as: Double.self), rule).train(creating: path, objective: "{}")
        let outcome = try runTwin("average.py", [path, "10"])
        #expect(outcome.standardOutput.hasPrefix("PASS"), "\(outcome.standardOutput)\(outcome.standardError)")
    }
}
