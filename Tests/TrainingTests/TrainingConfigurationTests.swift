import Essentials
import Evaluation
import Foundation
import Testing
import Training

@Suite("Training configuration")
struct TrainingConfigurationTests {
    private func configuration(
        _ algorithm: TrainingConfiguration.Algorithm = .clipping, learningRate: Double = 30,
        clipping: TrainingConfiguration.Clipping = .norm(0.1), beta: Double = 0, nu: Double = 0, iterations: Int = 10,
        save: SaveSchedule = SaveSchedule(every: 5), threads: Int = 1
    ) -> TrainingConfiguration {
        TrainingConfiguration(
            algorithm: algorithm, learningRate: learningRate, clipping: clipping, beta: beta, nu: nu,
            iterations: iterations, save: save, seed: .max, threads: threads)
    }

    @Test(arguments: [TrainingConfiguration.Clipping.none, .norm(0.1), .gamma(0.3)])
    func theTextRepeatsTheRun(clipping: TrainingConfiguration.Clipping) throws {
        let original = configuration(
            learningRate: 0.1 + 0.2, clipping: clipping, beta: 0.999, nu: 0.7, save: SaveSchedule(every: 5, first: 7))
        let again = try TrainingConfiguration(json: original.json)
        #expect(again == original)
        #expect(try again.json == original.json)
    }

    @Test func theTextIsReadableByOthers() throws {
        let text = try configuration(clipping: .gamma(7.5), beta: 0.5, nu: 0.7).json
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["learning_rate"] as? Double == 30)
        #expect(object["gamma"] as? Double == 7.5)
        #expect(object["clip_norm"] as? Double == 0.25)
        #expect(object["seed"] as? UInt64 == .max)
        #expect(object["algorithm"] as? String == "clipping")
        let unclipped = try configuration(clipping: .none).json
        #expect(!unclipped.contains("gamma") && !unclipped.contains("clip_norm"))
    }

    @Test func clipNormIsGammaOverLearningRate() {
        #expect(configuration(clipping: .gamma(7.5)).clipNorm == 0.25)
        #expect(configuration(clipping: .norm(0.25)).gamma == 7.5)
        #expect(configuration(clipping: .none).gamma == nil)
    }

    @Test func whatIsOutOfRangeIsNamed() {
        let wrong: [(String, TrainingConfiguration)] = [
            ("learning rate", configuration(learningRate: 0)),
            ("learning rate", configuration(learningRate: .infinity, clipping: .gamma(1))),
            ("learning rate", configuration(learningRate: .nan, clipping: .none)),
            ("gamma", configuration(clipping: .gamma(-1))),
            ("gamma", configuration(clipping: .gamma(.infinity))),
            ("gamma", configuration(clipping: .norm(0))),
            ("beta", configuration(beta: 1)),
            ("beta", configuration(beta: -0.1)),
            ("beta", configuration(.sgd, beta: 0.5)),
            ("nu", configuration(nu: 1.1)),
            ("nu", configuration(.heavyBall, beta: 0.5, nu: 0.5)),
            ("iterations", configuration(iterations: 0)),
            ("save every", configuration(save: SaveSchedule(every: 0))),
            ("save first", configuration(save: SaveSchedule(every: 2, first: 0))),
            ("save first", configuration(save: SaveSchedule(every: 1, first: -1))),
            ("estimate every", observing(SaveSchedule(every: 0))),
            ("estimate first", observing(.none)),
            ("threads", configuration(threads: 0)),
        ]
        for (name, configuration) in wrong {
            let error = #expect(throws: SmoothnessError.self) { try configuration.validate() }
            #expect(error?.object == name)
            #expect(error?.kind == .usage)
        }
        #expect(throws: Never.self) { try configuration().validate() }
        #expect(throws: Never.self) { try configuration(save: .none).validate() }
        #expect(throws: Never.self) { try observing(SaveSchedule(every: 3)).validate() }
    }

    /// With something that is measured in the loop.
    private func observing(_ schedule: SaveSchedule) -> TrainingConfiguration {
        var observing = configuration()
        observing.observation = TrainingConfiguration.Observation(schedule: schedule, definition: "{}")
        return observing
    }

    @Test func aWrongTextIsBadData() throws {
        let good = try configuration(clipping: .gamma(7.5)).json
        let wrong = [
            "", "{}", good.replacing("\"clipping\"", with: "\"adam\""), good.replacing("\"clip_norm\":0.25,", with: ""),
            good.replacing("\"clip_norm\":0.25,", with: "\"clip_norm\":0.5,"),
            good.replacing("\"iterations\":10", with: "\"iterations\":-3"),
        ]
        for text in wrong {
            #expect(text != good)
            let error = #expect(throws: SmoothnessError.self) { try TrainingConfiguration(json: text, file: "run.h5") }
            #expect(error?.kind == .data)
            #expect(error?.file == "run.h5")
        }
    }
}
