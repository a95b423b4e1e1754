import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing

@Suite("Language-model objective")
struct LanguageModelObjectiveTests {
    static let text = TextDescription(
        source: .generated(GeneratedText(wordCount: 30, classCount: 4, lineCount: 20, seed: 5)), vocabularyLimit: 20)

    private func make<Scalar: ParameterScalar>(
        _ scalar: Scalar.Type, dropout: Double = 0, batchSize: Int = 5, options: EvaluationOptions = .init()
    ) throws -> ObjectiveSet<Scalar> {
        let description = try ObjectiveDescription.languageModel(
            Self.text, batchSize: batchSize, sequenceLength: 9, embeddingSize: 6, hiddenSize: 7, layerCount: 2,
            dropout: dropout, seed: 3)
        return try makeObjective(description, as: scalar, options: options)
    }

    @Test("components weigh their tokens, the ragged last one too")
    func weights() throws {
        let objective = try make(Double.self).training
        let data = try LanguageData(Self.text, batchSize: 5, sequenceLength: 9)
        let weights = (0..<objective.componentCount).map { objective.weight(ofComponent: $0) }
        #expect(weights.dropLast().allSatisfy { $0 == 45 })
        let last = try #require(weights.last)
        #expect(last < 45)
        #expect(weights.reduce(0, +) == Double(5 * (data.training.streamLength - 1)))
        #expect(objective.componentCount == data.trainingStatistics.componentCount)
    }

    /// At the zero point all words are equally likely, whatever the masks.
    @Test("at zero the loss is log V and the perplexity V")
    func zeroPoint() throws {
        let set = try make(Double.self, dropout: 0.5)
        let zero = [Double](repeating: 0, count: set.training.layout.count)
        let everything = 0..<set.training.componentCount
        #expect(abs(try set.training.subsetLoss(over: everything, at: zero) - log(20)) < 1e-13)
        let validation = try #require(set.validation)
        let loss = try validation.subsetLoss(over: 0..<validation.componentCount, at: zero)
        #expect(set.metricName == "perplexity")
        #expect(abs(set.metric(loss) - 20) < 1e-11)
    }

    /// The bits of two gradients and their losses.
    private func bits<Scalar: ParameterScalar>(_ losses: [Double], _ gradients: [[Scalar]]) -> [String] {
        losses.map { "\($0)" } + gradients.map { "\($0)" }
    }

    private func comparePairs<Scalar: ParameterScalar>(
        _ scalar: Scalar.Type, regularization: LSTMRegularization?, state: InitialState, microBatch: Int? = nil
    ) throws {
        let configuration = LSTMConfiguration(
            vocabularySize: 20, embeddingSize: 6, hiddenSize: 37, layerCount: 3, tiedWeights: true, dropout: 0,
            regularization: regularization)
        let data = try LanguageData(Self.text, batchSize: 5, sequenceLength: 9)
        let objective = LanguageModelObjective<Scalar>(
            model: try LSTMLanguageModel(configuration), streams: data.training, seed: 4, microBatch: microBatch,
            state: state)
        let x: [Scalar] = LSTMTestData.point(objective.layout.count, bound: 0.6)
        let last = objective.componentCount - 1
        // The last one is ragged: it has no partner of its sizes.
        #expect(objective.weight(ofComponent: last) != objective.weight(ofComponent: 0))
        #expect(objective.prefersPairs == (microBatch == nil && (regularization?.weightDropout ?? 0) == 0))
        func alone(_ component: Int) throws -> (Double, [Scalar]) {
            var gradient = [Scalar](repeating: .nan, count: x.count)
            return (try objective.gradient(ofComponent: component, at: x, into: &gradient), gradient)
        }
        for (a, b) in [(0, 1), (3, 2), (1, 1), (1, last), (last, 0)] {
            let (first, second) = (try alone(a), try alone(b))
            var gradients = [first.1.map { _ in Scalar.nan }, first.1.map { _ in Scalar.nan }]
            var other = gradients[1]
            let losses = try objective.gradients(ofComponents: a, b, at: x, into: &gradients[0], &other)
            gradients[1] = other
            #expect(bits([losses.0, losses.1], gradients) == bits([first.0, second.0], [first.1, second.1]))
        }
        var (sum, expected) = ([Double](repeating: 0, count: x.count), [Double](repeating: 0, count: x.count))
        var (scratch, loss) = (x, 0.0)
        let components = [2, 0, 3, last, 1]
        for component in components {
            let weight = objective.weight(ofComponent: component)
            let (own, gradient) = try alone(component)
            loss += weight * own
            Scalar.accumulate(into: &expected, scale: weight, gradient)
        }
        let added = try objective.addGradients(
            of: components, at: x, scratch: &scratch, into: &sum, isCancelled: { false })
        #expect(added == loss && sum == expected)
    }

    @Test("two components together have the bits of one after the other: any masks, a carried state, a ragged segment")
    func pairs() throws {
        try comparePairs(Double.self, regularization: nil, state: .zero)
        try comparePairs(Float.self, regularization: nil, state: .carried(segments: 2))
        try comparePairs(Float.self, regularization: LSTMTestData.awd, state: .carried(segments: 1))
        var locked = LSTMTestData.awd
        locked.weightDropout = 0
        try comparePairs(Float.self, regularization: locked, state: .zero)
        try comparePairs(Double.self, regularization: locked, state: .zero, microBatch: 2)
    }

    @Test("gradients match the loss, with masks and in pieces", arguments: [0.0, 0.4], [nil, 2])
    func gradients(dropout: Double, microBatch: Int?) throws {
        let objective = try make(Double.self, dropout: dropout, options: .init(microBatch: microBatch)).training
        let x = objective.initialPoint(seed: 8)
        for component in [0, objective.componentCount - 1] {
            var gradient = x
            let loss = try objective.gradient(ofComponent: component, at: x, into: &gradient)
            #expect(abs(try objective.loss(ofComponent: component, at: x) / loss - 1) < 1e-14)
            for trial in 0..<3 {
                let direction = randomVector(x.count, index: 100 + trial)
                // Truncation h²|f‴| and rounding 1e-16/h are both below 1e-8 here.
                let step = 1e-6
                let ahead = try objective.loss(ofComponent: component, at: moved(x, step, direction))
                let behind = try objective.loss(ofComponent: component, at: moved(x, -step, direction))
                #expect(abs((ahead - behind) / (2 * step) - dot(gradient, direction)) < 1e-8)
            }
        }
    }

    @Test("pieces of any size give the same value", arguments: [0.0, 0.4], [1, 2, 3, 4, 5, 100])
    func microBatches(dropout: Double, microBatch: Int) throws {
        func expectSame<Scalar: ParameterScalar>(_ scalar: Scalar.Type, tolerance: Double) throws {
            let whole = try make(scalar, dropout: dropout).training
            let pieces = try make(scalar, dropout: dropout, options: .init(microBatch: microBatch)).training
            let x = whole.initialPoint(seed: 8)
            for component in [0, whole.componentCount - 1] {
                var expected = x
                var found = x
                let loss = try whole.gradient(ofComponent: component, at: x, into: &expected)
                #expect(abs(try pieces.gradient(ofComponent: component, at: x, into: &found) / loss - 1) < tolerance)
                #expect(abs(try pieces.loss(ofComponent: component, at: x) / loss - 1) < tolerance)
                let distance = whole.layout.distance(from: expected, to: found)
                #expect(distance <= tolerance * whole.layout.norm(of: expected))
            }
        }
        try expectSame(Double.self, tolerance: 1e-13)
        try expectSame(Float.self, tolerance: 2e-6)
    }

    @Test("masks are a function of seed and component")
    func masks() throws {
        let objective = try make(Double.self, dropout: 0.4).training
        let again = try make(Double.self, dropout: 0.4).training
        let off = try make(Double.self, dropout: 0.4, options: .init(masks: .off)).training
        let plain = try make(Double.self).training
        let x = objective.initialPoint(seed: 8)
        var first = x
        var second = x
        _ = try objective.gradient(ofComponent: 1, at: x, into: &first)
        // Other components in between change nothing.
        _ = try again.gradient(ofComponent: 0, at: x, into: &second)
        _ = try again.gradient(ofComponent: 1, at: x, into: &second)
        #expect(first == second)
        #expect(try off.loss(ofComponent: 1, at: x) == plain.loss(ofComponent: 1, at: x))
        #expect(try off.loss(ofComponent: 1, at: x) != objective.loss(ofComponent: 1, at: x))
    }

    @Test("validation has no dropout")
    func validation() throws {
        let dropped = try #require(try make(Double.self, dropout: 0.4).validation)
        let plain = try #require(try make(Double.self).validation)
        let x = plain.initialPoint(seed: 8)
        for component in 0..<plain.componentCount {
            #expect(try dropped.loss(ofComponent: component, at: x) == plain.loss(ofComponent: component, at: x))
        }
    }

    @Test("the data decide: a description of other counts is refused")
    func otherCounts() throws {
        let description = try ObjectiveDescription.languageModel(Self.text, batchSize: 5, sequenceLength: 9)
        var parameters = try #require(description.value as? LanguageModelDescription)
        parameters.training.tokenCount += 1
        let error = #expect(throws: SmoothnessError.self) {
            try makeObjective(ObjectiveDescription(parameters), as: Double.self)
        }
        #expect(error?.kind == .data && error?.object == "training text")
    }
}
