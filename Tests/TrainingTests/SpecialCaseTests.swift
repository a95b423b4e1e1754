import Essentials
import Evaluation
import Formulas
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Training

/// Rules that are the same in exact arithmetic and written so that they are the same in every bit.
@Suite("Special cases of the rules")
struct SpecialCaseTests {
    /// Every algorithm with a clip norm that some gradients exceed, where it has one.
    static let variants: [TrainingConfiguration] = [
        configuration(.clipping, learningRate: 0.5, clipping: .norm(2), beta: 0.9, nu: 0.7, iterations: 1),
        configuration(.clipping, learningRate: 0.5, clipping: .norm(2), beta: 0.9, nu: 1, iterations: 1),
        configuration(.sgd, learningRate: 0.5, clipping: .norm(2), iterations: 1),
        configuration(.heavyBall, learningRate: 0.5, clipping: .norm(2), beta: 0.9, iterations: 1),
        configuration(.normalized, learningRate: 0.5, beta: 0.9, iterations: 1),
        configuration(.normalized, learningRate: 0.5, iterations: 1) { $0.offset = 0.1 },
        configuration(.adam, learningRate: 0.5, clipping: .norm(2), beta: 0.9, iterations: 1),
        configuration(.adamw, learningRate: 0.5, clipping: .norm(2), beta: 0.9, iterations: 1) {
            $0.weightDecay = .init(rate: 0.1, place: .decoupled)
        },
    ]

    private func points(_ configuration: TrainingConfiguration) throws -> [[Double]] {
        try configuration.validate()
        return iterates(UpdateRule(configuration), from: start, gradients()).points
    }

    private func changed(
        _ configuration: TrainingConfiguration, _ change: (inout TrainingConfiguration) -> Void
    ) -> TrainingConfiguration {
        var configuration = configuration
        change(&configuration)
        return configuration
    }

    @Test(arguments: variants) func oneBlockIsTheWhole(configuration: TrainingConfiguration) throws {
        let byBlock = changed(configuration) { $0.clippingScope = .block }
        #expect(try points(byBlock) == points(configuration))
    }

    @Test(arguments: variants) func noWeightDecayIsNone(configuration: TrainingConfiguration) throws {
        let without = changed(configuration) { $0.weightDecay = nil }
        let places: [TrainingConfiguration.WeightDecay.Place] =
            configuration.algorithm == .adamw ? [.decoupled] : [.before, .after]
        for place in places {
            let zero = changed(configuration) { $0.weightDecay = .init(rate: 0, place: place) }
            #expect(try points(zero) == points(without))
            let some = changed(configuration) { $0.weightDecay = .init(rate: 0.1, place: place) }
            #expect(try points(some) != points(without))
        }
    }

    /// γ = ∞, in the hard and in the soft form, is SGD, momentum and Adam without clipping; so is a clip norm that nothing
    /// reaches in the hard form.
    @Test(arguments: variants.filter { $0.gamma != nil }, TrainingConfiguration.ClippingForm.allCases)
    func withoutGammaNothingIsClipped(
        configuration: TrainingConfiguration, form: TrainingConfiguration.ClippingForm
    ) throws {
        func with(_ clipping: TrainingConfiguration.Clipping) -> TrainingConfiguration {
            var other = TrainingConfiguration(
                algorithm: configuration.algorithm, learningRate: configuration.learningRate, clipping: clipping,
                beta: configuration.beta, nu: configuration.nu, iterations: 1, save: configuration.save)
            other.adam = configuration.adam
            other.weightDecay = configuration.weightDecay
            return other
        }
        let unclipped = try points(with(.none))
        #expect(try points(changed(with(.none)) { $0.clippingForm = form }) == unclipped)
        #expect(try points(with(.norm(1e9))) == unclipped)
        #expect(try points(configuration) != unclipped)
        #expect(try points(changed(configuration) { $0.clippingForm = .soft }) != points(configuration))
    }

    @Test func mixedWithoutNuIsClipping() throws {
        for (form, scope) in [
            (TrainingConfiguration.ClippingForm.hard, TrainingConfiguration.ClippingScope.global),
            (.soft, .global), (.hard, .block), (.soft, .block),
        ] {
            func with(_ algorithm: TrainingConfiguration.Algorithm, beta: Double) -> TrainingConfiguration {
                configuration(algorithm, learningRate: 0.5, clipping: .norm(2), beta: beta, iterations: 1) {
                    $0.clippingForm = form
                    $0.clippingScope = scope
                }
            }
            #expect(try points(with(.clipping, beta: 0.999)) == points(with(.sgd, beta: 0)))
        }
    }

    /// ν = 1 and η → ∞ with γ: every step has length γ. `normalized` has that length as its η.
    @Test(arguments: [0, 0.5, 0.9]) func normalisedMomentumIsTheLimitOfMomentumClipping(beta: Double) throws {
        let normalized = configuration(.normalized, learningRate: 0.25, beta: beta, iterations: 1)
        let limit = configuration(
            .clipping, learningRate: 1e300, clipping: .gamma(0.25), beta: beta, nu: 1, iterations: 1)
        #expect(try points(normalized) == points(limit))
    }

    /// η/(‖g‖ + b) is soft clipping with η/b and γ = η.
    @Test func normalisedDescentIsSoftClipping() throws {
        let normalized = configuration(.normalized, learningRate: 0.25, iterations: 1) { $0.offset = 0.5 }
        let clipped = configuration(.sgd, learningRate: 0.5, clipping: .gamma(0.25), iterations: 1) {
            $0.clippingForm = .soft
        }
        #expect(try largestDifference(points(normalized), points(clipped)) < 1e-14)
    }

    @Test func adamWWithoutDecayIsAdam() throws {
        let adam = configuration(.adam, learningRate: 0.1, clipping: .norm(2), beta: 0.9, iterations: 1)
        let decoupled = configuration(.adamw, learningRate: 0.1, clipping: .norm(2), beta: 0.9, iterations: 1) {
            $0.weightDecay = .init(rate: 0, place: .decoupled)
        }
        #expect(try points(adam) == points(decoupled))
    }

    /// The first step of Adam is η along the signs, whatever β and β₂: g₀ = (3, −4), ε = 1 makes η g/(|g| + 1).
    @Test func adamByHand() throws {
        let adam = configuration(.adam, learningRate: 0.1, beta: 0.9, iterations: 1) { $0.adam = .init(epsilon: 1) }
        let first = iterates(UpdateRule(adam), from: [1.0, 2.0], [[3, -4]]).points
        #expect(largestDifference(first, [[1 - 0.1 * 0.75, 2 + 0.1 * 0.8]]) < 1e-15)
        // Clipped to the norm 2.5: g = (1.5, −2).
        let clipped = configuration(.adam, learningRate: 0.1, clipping: .norm(2.5), beta: 0.9, iterations: 1) {
            $0.adam = .init(epsilon: 1)
        }
        let second = iterates(UpdateRule(clipped), from: [1.0, 2.0], [[3, -4]])
        #expect(largestDifference(second.points, [[1 - 0.1 * 0.6, 2 + 0.1 * 2 / 3]]) < 1e-15)
        #expect(second.clipped == [true])
        // AdamW with λ = ½ takes ηλ = 1/20 of x off besides.
        let decoupled = configuration(.adamw, learningRate: 0.1, beta: 0.9, iterations: 1) {
            $0.adam = .init(epsilon: 1)
            $0.weightDecay = .init(rate: 0.5, place: .decoupled)
        }
        let third = iterates(UpdateRule(decoupled), from: [1.0, 2.0], [[3, -4]]).points
        #expect(largestDifference(third, [[0.95 - 0.1 * 0.75, 1.9 + 0.1 * 0.8]]) < 1e-15)
    }

    /// λ = ½, c = 1, η = 1, x = (4, 0), g = (1, 0). Before: g + λx = (3, 0) is cut to (1, 0). After: (1, 0) + (2, 0).
    @Test(arguments: [(TrainingConfiguration.WeightDecay.Place.before, 3.0), (.after, 1.0)])
    func weightDecayByHand(place: TrainingConfiguration.WeightDecay.Place, expected: Double) throws {
        for (algorithm, beta, nu) in [
            (TrainingConfiguration.Algorithm.sgd, 0.0, 0.0), (.clipping, 0.0, 0.0),
            (.heavyBall, 0.5, 0.0), (.heavyBall, 0.0, 0.0),
        ] {
            let rule = configuration(
                algorithm, learningRate: 1, clipping: .norm(1), beta: beta, nu: nu, iterations: 1
            ) { $0.weightDecay = .init(rate: 0.5, place: place) }
            #expect(iterates(UpdateRule(rule), from: [4.0, 0.0], [[1, 0]]).points == [[expected, 0]])
        }
    }

    /// Two blocks with gradients (3, 4) and (0.5): the first is cut to 1, the second left alone.
    @Test func eachBlockIsClippedOnItsOwn() throws {
        let rule = UpdateRule(
            configuration(.sgd, learningRate: 1, clipping: .norm(1), iterations: 1) { $0.clippingScope = .block })
        let layout = ParameterLayout([("weight", [2]), ("bias", [1])])
        let gradient = [3.0, 4, 0.5]
        var (next, memory) = ([0.0, 0, 0], UpdateMemory<Double>(for: rule, parameterCount: 3))
        let isClipped = rule.advance(
            from: [0, 0, 0], gradient: gradient, gradientNorm: layout.norm(of: gradient), iteration: 0,
            memory: &memory, into: &next, layout: layout)
        #expect(isClipped)
        #expect(largestDifference([next], [[-0.6, -0.8, -0.5]]) < 1e-15)
    }

    /// 1/(1 + u) lies between ½ min(1, 1/u) and min(1, 1/u).
    @Test func softIsBetweenHalfOfHardAndHard() {
        let hard = rule(clipping: .norm(2))
        let soft = UpdateRule(
            configuration(.sgd, learningRate: 0.5, clipping: .norm(2), iterations: 1) { $0.clippingForm = .soft })
        for norm in [0, 1e-12, 0.1, 1.9, 2, 2.1, 50, 1e12] {
            let (h, s) = (
                hard.step(gradientNorm: norm, momentumNorm: .nan), soft.step(gradientNorm: norm, momentumNorm: .nan)
            )
            #expect(s.gradientFactor <= h.gradientFactor && s.gradientFactor >= h.gradientFactor / 2)
            #expect(s.isClipped == h.isClipped)
            #expect(soft.gain(gradientNorm: norm).factor * 0.5 == s.gradientFactor)
        }
    }

    @Test(arguments: variants) func aZeroGradientIsFinite(configuration: TrainingConfiguration) {
        let zero = [Double](repeating: 0, count: start.count)
        var rule = configuration
        rule.weightDecay = nil
        if rule.algorithm == .adamw { rule.weightDecay = .init(rate: 0, place: .decoupled) }
        #expect(iterates(UpdateRule(rule), from: start, [zero, zero]).points == [start, start])
    }
}

/// The same for whole runs.
@Suite("Special cases of runs")
struct SpecialRunTests {
    private func iterates(_ configuration: TrainingConfiguration) throws -> (points: [[Double]], rates: [Double]) {
        let task = try LogisticTask()
        let path = task.folder.path("run.h5")
        _ = try Trainer(task.objectives(as: Double.self), configuration).train(creating: path, objective: "{}")
        let reader = try RunFileReader(path)
        var points: [[Double]] = []
        for row in 0..<reader.snapshotCount {
            var point: [Double] = []
            try reader.nextIterate(row: row, into: &point)
            points.append(point)
        }
        return (points, try reader.history().map(\.learningRate))
    }

    @Test(arguments: [
        LearningRateSchedule(warmUp: 1), LearningRateSchedule(steps: .init(epochs: [6, 7])),
        LearningRateSchedule(plateau: .init(patience: 7)),
    ])
    func aScheduleThatDoesNothingIsNone(schedule: LearningRateSchedule) throws {
        let plain = configuration(learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 30)
        var scheduled = plain
        scheduled.schedule = schedule
        let (expected, found) = (try iterates(plain), try iterates(scheduled))
        #expect(expected.points == found.points && expected.rates == found.rates)
        #expect(Set(found.rates) == [2])
    }

    /// Averaging changes what is evaluated, not where the run goes.
    @Test func averagingChangesNoIterate() throws {
        let plain = configuration(.adam, learningRate: 0.1, beta: 0.9, iterations: 30)
        var averaged = plain
        averaged.averaging = .from(epoch: 0)
        #expect(try iterates(plain).points == iterates(averaged).points)
    }

    @Test func theFullGradientOfOneComponentIsTheComponent() throws {
        let folder = try TemporaryFolder()
        let set = try makeObjective(.quadratic(spectrum: [1, 0.25, 3]), as: Double.self)
        var histories: [[IterationRecord]] = []
        for (name, kind) in [("a", TrainingConfiguration.GradientKind.component), ("b", .full)] {
            let rule = configuration(.heavyBall, learningRate: 0.1, beta: 0.9, iterations: 12) { $0.gradient = kind }
            _ = try Trainer(set, rule).train(creating: folder.path(name), objective: "{}")
            histories.append(try RunFileReader(folder.path(name)).history())
        }
        #expect(histories[0] == histories[1])
    }
}
