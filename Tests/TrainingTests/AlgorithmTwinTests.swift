import Essentials
import Evaluation
import RunFiles
import TestSupport
import Testing
import Training

/// A run of 200 iterations, and what its twin in NumPy must have seen.
struct TwinCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var configuration: TrainingConfiguration
    /// Bounds on the number of different learning rates and of averaged iterates.
    var rates = 1...1
    var averaged = 0...0
    /// Whether some steps are clipped and some are not.
    var mixesClipping = false

    init(
        _ name: String, _ configuration: TrainingConfiguration, rates: ClosedRange<Int> = 1...1,
        averaged: ClosedRange<Int> = 0...0, mixesClipping: Bool = false
    ) {
        testDescription = name
        self.configuration = configuration
        self.rates = rates
        self.averaged = averaged
        self.mixesClipping = mixesClipping
    }
}

private typealias Decay = TrainingConfiguration.WeightDecay

private func soft(_ configuration: inout TrainingConfiguration) { configuration.clippingForm = .soft }
private func blocks(_ configuration: inout TrainingConfiguration) { configuration.clippingScope = .block }
private func full(_ configuration: inout TrainingConfiguration) { configuration.gradient = .full }

@Suite(
    "Algorithms against their twin",
    .enabled(if: Workplace.python != nil, "needs SMOOTHNESS_PYTHON with NumPy and h5py"))
struct AlgorithmTwinTests {
    static let algorithms: [TwinCase] = [
        TwinCase("gradient descent", configuration(.sgd, learningRate: 0.5, iterations: 200, full)),
        TwinCase(
            "clipped gradient descent",
            configuration(.sgd, learningRate: 2, clipping: .norm(0.05), iterations: 200, full), mixesClipping: true),
        TwinCase(
            "deterministic mixed clipping",
            configuration(
                .clipping, learningRate: 3, clipping: .norm(0.03), beta: 0.9, nu: 0.7, iterations: 200, full),
            mixesClipping: true),
        TwinCase(
            "soft clipping",
            configuration(
                .clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 200, soft),
            mixesClipping: true),
        TwinCase(
            "soft clipping of SGD", configuration(.sgd, learningRate: 2, clipping: .gamma(0.5), iterations: 200, soft),
            mixesClipping: true),
        TwinCase(
            "soft heavy ball",
            configuration(.heavyBall, learningRate: 0.3, clipping: .norm(0.3), beta: 0.8, iterations: 200, soft),
            mixesClipping: true),
        TwinCase(
            "clipping by block",
            configuration(
                .clipping, learningRate: 2, clipping: .norm(0.15), beta: 0.9, nu: 0.7, iterations: 200, blocks)),
        TwinCase(
            "heavy ball by block",
            configuration(.heavyBall, learningRate: 0.3, clipping: .norm(0.2), beta: 0.8, iterations: 200, blocks)),
        TwinCase(
            "normalised GD of equation 6",
            configuration(.normalized, learningRate: 0.1, iterations: 200) { $0.offset = 0.5 }),
        TwinCase(
            "normalised GD, deterministic",
            configuration(.normalized, learningRate: 0.1, iterations: 200) {
                $0.offset = 0.5
                $0.gradient = .full
            }),
        TwinCase(
            "normalised momentum", configuration(.normalized, learningRate: 0.05, beta: 0.9, iterations: 200)),
        TwinCase(
            "normalised by block", configuration(.normalized, learningRate: 0.05, beta: 0.5, iterations: 200, blocks)),
        TwinCase(
            "normalised momentum as η → ∞",
            configuration(.clipping, learningRate: 1e300, clipping: .gamma(0.05), beta: 0.9, nu: 1, iterations: 200)),
        TwinCase("QHM", configuration(.clipping, learningRate: 1, beta: 0.999, nu: 0.7, iterations: 200)),
        TwinCase("Adam", configuration(.adam, learningRate: 0.05, beta: 0.9, iterations: 200)),
        TwinCase(
            "clipped Adam", configuration(.adam, learningRate: 0.05, clipping: .norm(0.3), beta: 0.9, iterations: 200),
            mixesClipping: true),
        TwinCase(
            "softly clipped Adam by block",
            configuration(.adam, learningRate: 0.05, clipping: .norm(0.3), beta: 0.8, iterations: 200) {
                $0.clippingForm = .soft
                $0.clippingScope = .block
                $0.adam = .init(beta2: 0.95, epsilon: 1e-4)
            }),
        TwinCase(
            "Adam with weight decay before clipping",
            configuration(.adam, learningRate: 0.05, clipping: .norm(0.3), beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .before)
            }, mixesClipping: true),
        TwinCase(
            "Adam with weight decay after clipping",
            configuration(.adam, learningRate: 0.05, clipping: .norm(0.3), beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .after)
            }, mixesClipping: true),
        TwinCase(
            "AdamW, clipped",
            configuration(.adamw, learningRate: 0.05, clipping: .norm(0.3), beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .decoupled)
            }, mixesClipping: true),
        TwinCase(
            "SGD with weight decay before clipping",
            configuration(.sgd, learningRate: 1, clipping: .norm(0.3), iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .before)
            }, mixesClipping: true),
        TwinCase(
            "SGD with weight decay after clipping",
            configuration(.sgd, learningRate: 1, clipping: .norm(0.25), iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .after)
            }, mixesClipping: true),
        TwinCase(
            "heavy ball with weight decay before clipping",
            configuration(.heavyBall, learningRate: 0.1, clipping: .norm(0.3), beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.05, place: .before)
            }, mixesClipping: true),
        TwinCase(
            "heavy ball with weight decay after clipping by block",
            configuration(.heavyBall, learningRate: 0.1, clipping: .norm(0.2), beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.05, place: .after)
                $0.clippingScope = .block
            }),
        TwinCase(
            "mixed clipping with weight decay before",
            configuration(.clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.05, place: .before)
                $0.clippingScope = .block
            }),
        TwinCase(
            "mixed clipping with weight decay after",
            configuration(.clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.05, place: .after)
            }, mixesClipping: true),
        TwinCase(
            "normalised with weight decay",
            configuration(.normalized, learningRate: 0.1, beta: 0.5, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.05, place: .after)
                $0.offset = 0.1
            }),
    ]

    /// 200 iterations are 40 epochs of the 5 components.
    static let schedules: [TwinCase] = [
        TwinCase(
            "divided by ten at epochs 20 and 30",
            configuration(.heavyBall, learningRate: 0.3, clipping: .norm(0.3), beta: 0.8, iterations: 200) {
                $0.schedule = .init(steps: .init(epochs: [20, 30]))
            }, rates: 3...3, mixesClipping: true),
        TwinCase(
            "warm-up and cosine",
            configuration(.adamw, learningRate: 0.1, beta: 0.9, iterations: 200) {
                $0.weightDecay = Decay(rate: 0.1, place: .decoupled)
                $0.schedule = .init(warmUp: 17, cosine: .init(last: 0.001))
            }, rates: 190...200),
        TwinCase(
            "cosine to zero of clipped momentum",
            configuration(.clipping, learningRate: 2, clipping: .norm(0.2), beta: 0.9, nu: 0.7, iterations: 200) {
                $0.schedule = .init(cosine: .init())
            }, rates: 200...200, mixesClipping: true),
        TwinCase(
            "plateau",
            configuration(.sgd, learningRate: 4, clipping: .norm(0.25), iterations: 200) {
                $0.schedule = .init(warmUp: 4, plateau: .init(patience: 3, factor: 4))
            }, rates: 6...18, mixesClipping: true),
        TwinCase(
            "warm-up of deterministic normalised descent",
            configuration(.normalized, learningRate: 0.1, iterations: 200) {
                $0.gradient = .full
                $0.offset = 0.5
                $0.schedule = .init(warmUp: 150, steps: .init(epochs: [100, 170], factor: 3))
            }, rates: 134...134),
        TwinCase(
            "averaged SGD from epoch 11",
            configuration(.sgd, learningRate: 4, clipping: .norm(0.25), iterations: 200) {
                $0.averaging = .from(epoch: 11)
            }, averaged: 145...145, mixesClipping: true),
        TwinCase(
            "averaged SGD at the non-monotonic trigger",
            configuration(.sgd, learningRate: 4, clipping: .norm(0.25), iterations: 200) {
                $0.averaging = .nonMonotone(3)
            }, averaged: 5...180, mixesClipping: true),
        TwinCase(
            "plateau and averaging of Adam",
            configuration(.adam, learningRate: 0.3, beta: 0.9, iterations: 200) {
                $0.averaging = .nonMonotone(2)
                $0.schedule = .init(plateau: .init(patience: 4))
            }, rates: 2...12, averaged: 5...190),
    ]

    /// Every case in a random order; in the others those that are stochastic and do not depend on which of two equal validation
    /// losses is the smaller (a cyclic order ends in a cycle, where they differ by rounding alone).
    @Test(arguments: [ComponentOrder.Kind.reshuffle, .cyclic, .withReplacement])
    func theTrajectoriesAreTheTwins(order: ComponentOrder.Kind) throws {
        let task = try LogisticTask()
        let cases = (Self.algorithms + Self.schedules).filter { twinCase in
            let configuration = twinCase.configuration
            let isWatching = configuration.averaging == .nonMonotone(3) || configuration.schedule?.plateau != nil
            return order == .reshuffle || (configuration.gradient == .component && !isWatching)
        }
        var (paths, clippedCounts) = ([String](), [Int]())
        for (number, twinCase) in cases.enumerated() {
            var configuration = twinCase.configuration
            configuration.order = order
            let trainer = try Trainer(task.objectives(as: Double.self), configuration)
            let path = task.folder.path("\(number).h5")
            let summary = try trainer.train(creating: path, objective: task.description.json())
            #expect(summary.outcome == .complete)
            #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
            paths.append(path)
            clippedCounts.append(summary.clippedCount)
        }
        let twin = try runTwin("repeat_run.py", paths + [task.validationPath])
        let lines = twin.standardOutput.split(separator: "\n").map(String.init)
        try #require(lines.count == cases.count, "\(twin.standardError)")
        for ((twinCase, line), clippedCount) in try paired(Array(paired(cases, lines)), clippedCounts) {
            let name = "\(twinCase.testDescription): \(line)"
            let words = line.split { " ,".contains($0) }.map(String.init)
            guard words.first == "PASS", let difference = Double(words[1]) else {
                Issue.record("\(name)")
                continue
            }
            #expect(difference <= 1e-12, "\(name)")
            #expect(Int(words[7]) == clippedCount, "\(name)")
            if twinCase.mixesClipping { #expect((1..<200).contains(clippedCount), "\(name)") }
            if order == .reshuffle {
                #expect(twinCase.rates.contains(Int(words[2]) ?? 0), "\(name)")
                #expect(twinCase.averaged.contains(Int(words[5]) ?? -1), "\(name)")
            }
        }
    }
}
