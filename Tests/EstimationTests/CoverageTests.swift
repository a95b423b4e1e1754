import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import Models
import ParameterSpace
import Testing

/// An objective whose gradients at a few points have been evaluated before: a thousand subsets cost no more than their sums.
private struct RecordedObjective<Scalar: ParameterScalar>: Objective {
    let base: any Objective<Scalar>
    private let values: [[Scalar]: [(loss: Double, gradient: [Scalar])]]

    init(_ base: any Objective<Scalar>, at points: [[Scalar]]) throws {
        self.base = base
        var values: [[Scalar]: [(loss: Double, gradient: [Scalar])]] = [:]
        for point in points {
            values[point] = try (0..<base.componentCount).map { component in
                var gradient = point
                let loss = try base.gradient(ofComponent: component, at: point, into: &gradient)
                return (loss, gradient)
            }
        }
        self.values = values
    }

    var layout: ParameterLayout { base.layout }
    var componentCount: Int { base.componentCount }
    func weight(ofComponent component: Int) -> Double { base.weight(ofComponent: component) }
    func initialPoint(seed: UInt64) -> [Scalar] { base.initialPoint(seed: seed) }
    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double { values[point]![component].loss }
    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double {
        let (loss, value) = values[point]![component]
        for index in gradient.indices { gradient[index] = value[index] }
        return loss
    }
}

@Suite("95 % intervals cover the value of all data")
struct CoverageTests {
    private static let gammas = [0.5, 1.0]

    /// What a thousand subsets say of one step.
    private struct Outcome {
        /// Of ‖∇f‖, L̂(½) and L̂(1).
        var covered = [0, 0, 0]
        /// Sums of unbiased and plain squares over their true value, and of the squares of these quotients.
        var unbiased = [0.0, 0, 0]
        var unbiasedSquares = [0.0, 0, 0]
        var plain = [0.0, 0, 0]
        /// Standard error as reported, and the values, to compare with their spread.
        var count = 0
    }

    private func simulate<Scalar: ParameterScalar>(
        _ objective: any Objective<Scalar>, from x: [Scalar], to next: [Scalar], fraction: Double, subsets: Int = 1000
    ) throws -> Outcome {
        var middle = x
        Scalar.pointAlong(into: &middle, from: x, to: next, fraction: 0.5)
        let recorded = try RecordedObjective(objective, at: [x, middle, next])
        let steps = MemorySteps(steps: [(0, x, next)])
        func row(_ components: [Int]) throws -> StepEstimate {
            try estimates(of: steps, objective: recorded, components: components, gammas: Self.gammas)[0]
        }
        let truth = try row(Array(0..<objective.componentCount))
        let exact = [truth.gradientNorm] + truth.curve.map(\.smoothness)
        var outcome = Outcome()
        for seed in 0..<subsets {
            let components = try ComponentSelection.sample(fraction: fraction, seed: UInt64(seed))
                .drawn(of: objective.componentCount)
            let estimate = try row(components)
            let intervals = [estimate.gradientNormInterval()] + (0..<2).map { estimate.smoothnessInterval(at: $0) }
            let squares =
                [estimate.unbiasedSquaredGradientNorm]
                + estimate.curve.map { $0.unbiasedSquaredDifference / ($0.displacementNorm * $0.displacementNorm) }
            let plain = [estimate.gradientNorm] + estimate.curve.map(\.smoothness)
            for index in 0..<3 {
                if (intervals[index].low...intervals[index].high).contains(exact[index]) { outcome.covered[index] += 1 }
                let quotient = squares[index] / (exact[index] * exact[index])
                outcome.unbiased[index] += quotient
                outcome.unbiasedSquares[index] += quotient * quotient
                outcome.plain[index] += plain[index] * plain[index] / (exact[index] * exact[index])
            }
            outcome.count += 1
        }
        return outcome
    }

    private func check(_ outcome: Outcome) {
        let count = Double(outcome.count)
        for index in 0..<3 {
            let share = Double(outcome.covered[index]) / count
            #expect((0.92...0.98).contains(share), "number \(index): \(share)")
            let mean = outcome.unbiased[index] / count
            let error = ((outcome.unbiasedSquares[index] / count - mean * mean) / count).squareRoot()
            #expect(abs(mean - 1) <= 3 * error, "number \(index): unbiased \(mean) ± \(error)")
            let plain = outcome.plain[index] / count
            #expect(plain - 1 > 3 * error, "number \(index): plain \(plain), unbiased \(mean) ± \(error)")
        }
    }

    private func logisticRegression() throws -> (objective: any Objective<Double>, from: [Double], to: [Double]) {
        let description = ObjectiveDescription.logisticRegression(
            generated: GeneratedSamples(sampleCount: 2400, featureCount: 12, seed: 3), batchSize: 6)
        let objective = try makeObjective(description, as: Double.self).training
        let x = normal(objective.layout.count, seed: 5).map { 0.3 * $0 }
        return (objective, x, zip(x, normal(objective.layout.count, seed: 6)).map { $0 + 0.2 * $1 })
    }

    @Test("logistic regression", arguments: [0.08, 0.3])
    func logistic(fraction: Double) throws {
        let (objective, x, next) = try logisticRegression()
        check(try simulate(objective, from: x, to: next, fraction: fraction))
    }

    private func smallLanguageModel() throws -> (objective: any Objective<Float>, from: [Float], to: [Float]) {
        let description = try ObjectiveDescription.languageModel(
            TextDescription(
                source: .generated(GeneratedText(wordCount: 60, classCount: 6, lineCount: 500, seed: 4)),
                vocabularyLimit: 40),
            batchSize: 2, sequenceLength: 10, embeddingSize: 8, hiddenSize: 8, layerCount: 1, tiedWeights: true,
            dropout: 0, seed: 8)
        let objective = try makeObjective(description, as: Float.self).training
        let x = objective.initialPoint(seed: 1)
        var gradient = x
        _ = try objective.gradient(ofComponent: 0, at: x, into: &gradient)
        return (objective, x, zip(x, gradient).map { $0 - 2 * $1 })
    }

    @Test("a small LSTM")
    func languageModel() throws {
        let (objective, x, next) = try smallLanguageModel()
        check(try simulate(objective, from: x, to: next, fraction: 0.1))
    }

    /// Rows of one step on many subsets.
    private func rows<Scalar: ParameterScalar>(
        _ objective: any Objective<Scalar>, from x: [Scalar], to next: [Scalar], fraction: Double, subsets: Int,
        configure: (inout EstimatorOptions<Scalar>) -> Void
    ) throws -> [StepEstimate] {
        var middle = x
        Scalar.pointAlong(into: &middle, from: x, to: next, fraction: 0.5)
        let recorded = try RecordedObjective(objective, at: [x, middle, next])
        let steps = MemorySteps(steps: [(0, x, next)])
        return try (0..<subsets).map { seed in
            let components = try ComponentSelection.sample(fraction: fraction, seed: UInt64(seed))
                .drawn(of: objective.componentCount)
            return try estimates(
                of: steps, objective: recorded, components: components, gammas: Self.gammas, configure: configure)[0]
        }
    }

    @Test("errors in other norms are as large as the spread of the values", arguments: StepNorm.allCases)
    func norms(norm: StepNorm) throws {
        let (objective, x, next) = try smallLanguageModel()
        let found = try rows(objective, from: x, to: next, fraction: 0.2, subsets: 300) { $0.norm = norm }
        func check(_ name: String, _ value: (StepEstimate) -> Double, _ error: (StepEstimate) -> Double) {
            let (values, errors) = (found.map(value), found.map(error))
            let mean = values.reduce(0, +) / Double(values.count)
            let spread = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
            let reported = (errors.reduce(0) { $0 + $1 * $1 } / Double(errors.count)).squareRoot()
            #expect(abs(reported / spread - 1) < 0.15, "\(name) in \(norm): \(reported) for \(spread)")
        }
        check("gradient norm", { $0.isNormed ? $0.normed.gradientDualNorm : $0.gradientNorm }) {
            $0.isNormed ? $0.normed.gradientDualNormError : $0.gradientNormError
        }
        check("L̂(½)", { $0.curve[0].smoothness }) { $0.curve[0].smoothnessError }
        check("L̂", { $0.smoothness }) { $0.smoothnessError }
        for block in objective.layout.blocks.indices {
            check("gradient of block \(block)", { $0.blocks[block].gradientNormAsked.value }) {
                $0.blocks[block].gradientNormAsked.error
            }
            check("L̂ of block \(block)", { $0.blocks[block].smoothness }) { $0.blocks[block].smoothnessError }
        }
    }

    @Test("the curvature along the step", arguments: [0.08, 0.3])
    func directional(fraction: Double) throws {
        let (objective, x, next) = try logisticRegression()
        let exact = try rows(objective, from: x, to: next, fraction: 1, subsets: 1) { $0.mode = .directional }[0]
        #expect(exact.smoothnessError == 0)
        let found = try rows(objective, from: x, to: next, fraction: fraction, subsets: 1000) {
            $0.mode = .directional
        }
        let covered = found.count {
            let interval = $0.smoothnessInterval()
            return (interval.low...interval.high).contains(exact.smoothness)
        }
        #expect((0.92...0.98).contains(Double(covered) / Double(found.count)), "\(covered) of \(found.count)")
    }
}
