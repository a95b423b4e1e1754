import Essentials
import Evaluation
import Formulas
import Foundation
import Models
import TestSupport
import Testing
import Training

@Suite("Schedules")
struct ScheduleTests {
    /// f_t for η = 2, m = 10 and T = 100.
    private func factors(_ schedule: LearningRateSchedule, reductions: Int = 0) -> [Double] {
        (0..<100).map {
            schedule.factor(at: $0, learningRate: 2, epochLength: 10, iterationCount: 100, reductions: reductions)
        }
    }

    @Test func warmUpIsEven() {
        let factors = factors(LearningRateSchedule(warmUp: 4))
        #expect(factors.prefix(6) == [0.25, 0.5, 0.75, 1, 1, 1])
        #expect(factors.dropFirst(4).allSatisfy { $0 == 1 })
    }

    @Test func stepsAreAtTheBeginningOfTheirEpochs() {
        let factors = factors(LearningRateSchedule(steps: .init(epochs: [3, 5])))
        #expect(factors[29] == 1 && factors[30] == 0.1 && factors[49] == 0.1 && factors[50] == 0.01)
        #expect(Set(factors) == [1, 0.1, 0.01])
    }

    @Test func aCosineGoesFromOneToItsEnd() {
        let schedule = LearningRateSchedule(cosine: .init(last: 0.5))
        let factors = factors(schedule)
        #expect(factors[0] == 1 && abs(factors[50] - 0.625) < 1e-15)
        #expect(zip(factors, factors.dropFirst()).allSatisfy { $0 > $1 })
        #expect(factors[99] > 0.25 && factors[99] < 0.251)
        // Behind a warm-up the cosine begins where that ends, and it never reaches zero inside the run.
        let warm = self.factors(LearningRateSchedule(warmUp: 20, cosine: .init()))
        #expect(warm[19] == 1 && warm[20] == 1 && abs(warm[60] - 0.5) < 1e-15 && warm[99] > 0)
        let long = LearningRateSchedule(cosine: .init())
        #expect(
            long.factor(
                at: 99_999_999, learningRate: 1, epochLength: 1, iterationCount: 100_000_000, reductions: 0) > 0)
    }

    /// A run that is shorter than its warm-up only warms up.
    @Test func aWarmUpMayBeLongerThanTheRun() {
        let factors = factors(LearningRateSchedule(warmUp: 200, cosine: .init()))
        #expect(factors.allSatisfy { $0 > 0 && $0 <= 0.5 })
    }

    @Test(arguments: [
        ([3.0, 2, 1], 0), ([1, 1], 0), ([1, 1, 1], 1), ([1, 2, 0.5, 2, 2], 1), ([1, 2, 2, 2, 2], 2),
        ([1, .nan, .nan], 1), ([1, 2, 2, 2, 0.5, 1, 1, 1], 2), ([], 0),
    ])
    func plateausCount(losses: [Double], expected: Int) {
        #expect(LearningRateSchedule.Plateau(patience: 2).reductions(after: losses) == expected)
    }

    @Test func reductionsDivide() {
        #expect(Set(factors(LearningRateSchedule(plateau: .init(patience: 2, factor: 4)), reductions: 3)) == [1 / 64.0])
    }

    /// Against the published code of AWD-LSTM: `len(best) > N and loss > min(best[:-N])` with `best` the losses before.
    @Test func theNonMonotonicTrigger() {
        func published(_ losses: [Double], _ patience: Int) -> Int? {
            losses.indices.first { index in
                let before = Array(losses[..<index])
                guard before.count > patience else { return false }
                return losses[index] > before.dropLast(patience).min()!
            }
        }
        #expect(AveragingTrigger.nonMonotone(2).trigger(in: [5, 4, 3, 2, 3.9]) == nil)
        #expect(AveragingTrigger.nonMonotone(2).trigger(in: [5, 4, 3, 2, 4]) == nil)
        #expect(AveragingTrigger.nonMonotone(2).trigger(in: [5, 4, 3, 2, 4.1, 1, 9]) == 4)
        #expect(AveragingTrigger.nonMonotone(1).trigger(in: [1, 9]) == nil)
        var generator = SeededGenerator(seed: 1, purpose: "losses")
        var triggered = 0
        for _ in 0..<300 {
            let losses = (0..<12).map { 3 - 0.1 * Double($0) + 0.2 * generator.normal() }
            for patience in 1...5 {
                let found = AveragingTrigger.nonMonotone(patience).trigger(in: losses)
                #expect(found == published(losses, patience))
                triggered += found == nil ? 0 : 1
            }
        }
        #expect(triggered > 100 && triggered < 1500)
    }

    @Test(arguments: ["from=0", "from=12", "nonmonotone=5"]) func averagingIsReadAndWritten(text: String) throws {
        #expect(try AveragingTrigger(parsing: text).description == text)
    }

    @Test(arguments: ["", "from", "from=", "from=-1", "nonmonotone=0", "always=3", "from=x", "from=1=2"])
    func averagingIsRefused(text: String) {
        let error = #expect(throws: SmoothnessError.self) { try AveragingTrigger(parsing: text) }
        #expect(error?.kind == .usage && error?.object == "--average")
    }
}

@Suite("Configurations of the algorithms")
struct AlgorithmConfigurationTests {
    private static let changes: [@Sendable (inout TrainingConfiguration) -> Void] = [
        { _ in }, { $0.clippingForm = .soft }, { $0.clippingScope = .block }, { $0.gradient = .full },
        { $0.schedule = .init(warmUp: 5, steps: .init(epochs: [1, 2], factor: 4)) },
        { $0.schedule = .init(plateau: .init(patience: 3)) }, { $0.schedule = .init(cosine: .init(last: 0.01)) },
        { $0.averaging = .nonMonotone(5) }, { $0.averaging = .from(epoch: 3) },
        { $0.weightDecay = .init(rate: 0.1, place: .before) }, { $0.weightDecay = .init(rate: 0.1, place: .after) },
    ]

    @Test func theTextRepeatsTheRun() throws {
        var texts: Set<String> = []
        for algorithm in [TrainingConfiguration.Algorithm.clipping, .adam, .heavyBall] {
            for change in Self.changes {
                let original = configuration(algorithm, clipping: .norm(0.1), beta: 0.5, iterations: 10, change)
                try original.validate()
                #expect(try TrainingConfiguration(json: original.json) == original)
                texts.insert(try original.json)
            }
        }
        let others = [
            configuration(.normalized, beta: 0.5, iterations: 10) { $0.offset = 0.25 },
            configuration(.adamw, beta: 0.5, iterations: 10) {
                $0.adam = .init(beta2: 0.95, epsilon: 1e-5)
                $0.weightDecay = .init(rate: 0.1, place: .decoupled)
            },
        ]
        for original in others {
            #expect(try TrainingConfiguration(json: original.json) == original)
            texts.insert(try original.json)
        }
        #expect(texts.count == 3 * Self.changes.count + 2)
    }

    /// What the first version could describe has the text of the first version, to the letter.
    @Test func oldRunsKeepTheirText() throws {
        let text = """
            {"algorithm":"clipping","beta":0.9,"clip_norm":0.25,"device":"cpu","gamma":7.5,"iterations":10,\
            "learning_rate":30,"nu":0.7,"order":"reshuffle","precision":"float64","save":{"every":1},"seed":7,\
            "stores_gradients":false,"threads":1}
            """
        let old = configuration(.clipping, learningRate: 30, clipping: .norm(0.25), beta: 0.9, nu: 0.7, iterations: 10)
        #expect(try old.json == text)
        #expect(try TrainingConfiguration(json: text) == old)
    }

    @Test func whatDoesNotGoTogetherIsRefused() {
        let wrong: [(String, TrainingConfiguration)] = [
            ("offset", configuration(.sgd, iterations: 1) { $0.offset = 1 }),
            ("offset", configuration(.normalized, iterations: 1) { $0.offset = -1 }),
            ("clip norm", configuration(.normalized, clipping: .norm(1), iterations: 1)),
            ("clip form", configuration(.normalized, iterations: 1) { $0.clippingForm = .soft }),
            ("nu", configuration(.adam, beta: 0.9, nu: 0.5, iterations: 1)),
            ("beta2", configuration(.sgd, iterations: 1) { $0.adam = .init() }),
            ("beta2", configuration(.adam, iterations: 1) { $0.adam = nil }),
            ("beta2", configuration(.adam, iterations: 1) { $0.adam = .init(beta2: 1) }),
            ("epsilon", configuration(.adam, iterations: 1) { $0.adam = .init(epsilon: 0) }),
            ("weight decay", configuration(.sgd, iterations: 1) { $0.weightDecay = .init(rate: -1, place: .before) }),
            ("weight decay", configuration(.sgd, iterations: 1) { $0.weightDecay = .init(rate: 1, place: .after) }),
            (
                "weight decay place",
                configuration(.sgd, iterations: 1) { $0.weightDecay = .init(rate: 0.1, place: .decoupled) }
            ),
            (
                "weight decay place",
                configuration(.adamw, iterations: 1) { $0.weightDecay = .init(rate: 0.1, place: .after) }
            ),
            ("warm-up", configuration(iterations: 1) { $0.schedule = .init(warmUp: 0) }),
            ("decay epochs", configuration(iterations: 1) { $0.schedule = .init(steps: .init(epochs: [2, 2])) }),
            ("decay epochs", configuration(iterations: 1) { $0.schedule = .init(steps: .init(epochs: [0])) }),
            (
                "decay factor",
                configuration(iterations: 1) { $0.schedule = .init(steps: .init(epochs: [1], factor: 1)) }
            ),
            ("plateau", configuration(iterations: 1) { $0.schedule = .init(plateau: .init(patience: 0)) }),
            ("last learning rate", configuration(iterations: 1) { $0.schedule = .init(cosine: .init(last: 1)) }),
            (
                "schedule",
                configuration(iterations: 1) {
                    $0.schedule = .init(plateau: .init(patience: 1), cosine: .init())
                }
            ),
            ("average", configuration(iterations: 1) { $0.averaging = .from(epoch: -1) }),
        ]
        for (name, configuration) in wrong {
            let error = #expect(throws: SmoothnessError.self) { try configuration.validate() }
            #expect(error?.object == name, "\(error.map(String.init(describing:)) ?? "")")
            #expect(error?.kind == .usage)
        }
    }

    /// Without held-out data there is no validation loss to watch.
    @Test func whatWatchesTheValidationLossNeedsOne() throws {
        let set = try makeObjective(.quadratic(spectrum: [1, 2]), as: Double.self)
        for rule in [
            configuration(iterations: 5) { $0.averaging = .nonMonotone(2) },
            configuration(iterations: 5) { $0.schedule = .init(plateau: .init(patience: 2)) },
        ] {
            let error = #expect(throws: SmoothnessError.self) { try Trainer(set, rule) }
            #expect(error?.kind == .usage)
        }
        #expect(throws: Never.self) {
            try Trainer(set, configuration(iterations: 5) { $0.averaging = .from(epoch: 2) })
        }
    }

    /// The closed form of the plan is the plan, for every schedule of saves.
    @Test func theExtentsAreThoseOfThePlan() throws {
        let set = try makeObjective(.quadratic(spectrum: [1, 2, 3]), as: Double.self)
        for every in [1, 2, 3, 7, 50] {
            for first in [nil, 1, 2, 6, 7, 8, 40] as [Int?] {
                for iterations in [1, 2, 7, 8, 23] {
                    var rule = configuration(
                        .adam, beta: 0.9, iterations: iterations, save: SaveSchedule(every: every, first: first),
                        storesGradients: every == 2)
                    rule.averaging = every == 3 ? .from(epoch: 1) : nil
                    let trainer = try Trainer(set, rule)
                    #expect(trainer.extents == trainer.plan.extents)
                    #expect(
                        trainer.extents.byteCount(parameterCount: 3, scalar: Double.self)
                            == trainer.plan.byteCount(parameterCount: 3, scalar: Double.self))
                }
            }
        }
    }

    /// A run of 10⁸ saved iterations is refused by its extents, before its plan, which alone would take gigabytes, is made.
    @Test func aRunTooLongIsRefusedByItsExtents() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(
            .quadratic(spectrum: [Double](repeating: 1, count: 20_000)), as: Double.self)
        let rule = configuration(.sgd, learningRate: 0.1, iterations: 100_000_000)
        let trainer = try Trainer(set, rule)
        let bytes = trainer.extents.byteCount(parameterCount: 20_000, scalar: Double.self)
        #expect(bytes > 100_000_000 * 20_000 * 8)
        let error = #expect(throws: SmoothnessError.self) {
            try trainer.train(creating: folder.path("run.h5"), objective: "{}")
        }
        #expect(error?.kind == .cannotCreate && error?.expected == "\(bytes) bytes")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
}
