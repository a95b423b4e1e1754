import Evaluation
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Training

/// (x − c)²/2 with c = draw + component/10; as held-out data it counts right answers and must be settled first.
private struct Parabolas: Objective {
    var draw: UInt64 = 0
    var settledAt: Double?

    let layout = ParameterLayout([("x", [1])])
    let componentCount = 2
    func weight(ofComponent component: Int) -> Double { Double(4 - component) }
    func initialPoint(seed: UInt64) -> [Double] { [0] }
    func redrawn(_ draw: UInt64) -> any Objective<Double> { Parabolas(draw: draw) }
    func settled(at point: [Double]) -> any Objective<Double> { Parabolas(settledAt: point[0]) }

    private func distance(_ component: Int, _ x: Double) -> Double { x - Double(draw) - Double(component) / 10 }

    func loss(ofComponent component: Int, at point: [Double]) -> Double {
        distance(component, point[0]) * distance(component, point[0]) / 2
    }

    func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) -> Double {
        gradient = [distance(component, point[0])]
        return loss(ofComponent: component, at: point)
    }

    /// 3 of 4 are right in component 0, 1 of 3 in component 1.
    func evaluation(ofComponent component: Int, at point: [Double]) -> ComponentEvaluation {
        #expect(settledAt == point[0])
        return ComponentEvaluation(loss: loss(ofComponent: component, at: point), correctCount: component == 0 ? 3 : 1)
    }
}

@Suite("Draws of training and accuracy") struct EvaluationTests {
    private func train(_ draws: TrainingDraws, to path: String) throws {
        let set = ObjectiveSet<Double>(
            training: Parabolas(), validation: Parabolas(), metricName: "accuracy", trainingDraws: draws)
        _ = try Trainer(set, configuration(learningRate: 0.25, order: .cyclic, iterations: 7))
            .train(creating: path, objective: "{}")
    }

    /// The iterates by hand: x ← x − (x − draw − component/10)/4.
    @Test(arguments: TrainingDraws.allCases) func epochsDraw(draws: TrainingDraws) throws {
        let folder = try TemporaryFolder()
        try train(draws, to: folder.path("run.h5"))
        var x = 0.0
        let history = try RunFileReader(folder.path("run.h5")).history()
        for (iteration, record) in history.enumerated() {
            let epoch = draws == .fresh ? iteration / 2 : 0
            let distance = x - Double(epoch) - Double(iteration % 2) / 10
            #expect(record.loss == distance * distance / 2, "iteration \(iteration)")
            x -= 0.25 * distance
        }
        #expect(history.count == 7)
    }

    @Test func accuracyIsTheShareOfRightAnswers() throws {
        let folder = try TemporaryFolder()
        try train(.fixed, to: folder.path("run.h5"))
        let evaluations = try RunFileReader(folder.path("run.h5")).evaluations()
        #expect(evaluations.map(\.metric) == [Double](repeating: 4.0 / 7, count: 4))
    }

    @Test func aResumedRunDrawsAsOneThatWasNeverInterrupted() throws {
        let folder = try TemporaryFolder()
        try train(.fresh, to: folder.path("whole.h5"))
        let set = ObjectiveSet<Double>(
            training: Parabolas(), validation: Parabolas(), metricName: "accuracy", trainingDraws: .fresh)
        let trainer = try Trainer(set, configuration(learningRate: 0.25, order: .cyclic, iterations: 7))
        let path = folder.path("stopped.h5")
        var poll = 0
        let stopped = try trainer.train(creating: path, objective: "{}") {
            poll += 1
            return poll == 8
        }
        guard case .interrupted = stopped.outcome else {
            Issue.record("\(stopped.outcome)")
            return
        }
        #expect(try trainer.train(continuing: path).outcome == .complete)
        #expect(try RunFileReader(path).history() == RunFileReader(folder.path("whole.h5")).history())
    }
}
