import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing

@Suite("The rounding floor")
struct RoundingTests {
    /// Steps of relative length 1e-2 to 1e-8 from one iterate, in Float and in Double at the same iterates.
    private func compare(_ description: ObjectiveDescription) throws -> [(isSafe: Bool, error: Double, length: Double)]
    {
        let (single, double): (any Objective<Float>, any Objective<Double>) = (
            try makeObjective(description, as: Float.self).training,
            try makeObjective(description, as: Double.self).training
        )
        // Logistic regression starts at zero, where nothing is a relative step.
        let x = zip(single.initialPoint(seed: 2), normal(single.layout.count, seed: 7)).map { $0 + Float(0.3 * $1) }
        var gradient = x
        _ = try single.gradient(ofComponent: 0, at: x, into: &gradient)
        let (norm, size) = (single.layout.norm(of: gradient), single.layout.norm(of: x))
        let lengths = stride(from: -2.0, through: -8, by: -0.25).map { pow(10, $0) }
        let steps = lengths.enumerated().map { index, length in
            (
                iteration: index, iterate: x,
                next: zip(x, gradient).map { Float(Double($0) - length * size / norm * Double($1)) }
            )
        }
        let components = Array(0..<min(4, single.componentCount))
        let gammas = [0.1, 0.4, 1]
        let float = try estimates(
            of: MemorySteps(steps: steps), objective: single, components: components, gammas: gammas,
            roundingStride: 8
        ) { $0.reference = double }
        let exact = try estimates(
            of: MemorySteps(
                steps: steps.map { ($0.iteration, $0.iterate.map { Double($0) }, $0.next.map { Double($0) }) }),
            objective: double, components: components, gammas: [1])
        var points: [(isSafe: Bool, error: Double, length: Double)] = []
        for (index, row) in float.enumerated() {
            // γ = 1 is the same point in both; the others are rounded to Float.
            guard let point = row.curve.last, let other = exact[index].curve.last, other.smoothness.isFinite else {
                continue
            }
            points.append((point.isSafe, abs(point.smoothness / other.smoothness - 1), lengths[index]))
        }
        return points
    }

    private func check(_ points: [(isSafe: Bool, error: Double, length: Double)]) {
        for point in points where point.isSafe {
            #expect(point.error <= 0.01, "relative step \(point.length): off by \(point.error) and marked safe")
        }
        let good = points.filter { $0.error <= 0.01 }
        let marked = good.filter(\.isSafe).count
        #expect(good.count >= 8 && points.contains { !$0.isSafe })
        #expect(Double(marked) >= 0.8 * Double(good.count), "\(marked) of \(good.count) good points are marked safe")
    }

    @Test("an LSTM: what is marked safe is within 1 % of Double, and most of what is within 1 % is marked")
    func languageModel() throws {
        check(
            try compare(
                .languageModel(
                    TextDescription(
                        source: .generated(GeneratedText(wordCount: 60, classCount: 6, lineCount: 200, seed: 4)),
                        vocabularyLimit: 40), batchSize: 4, sequenceLength: 12, embeddingSize: 16, hiddenSize: 16,
                    layerCount: 1, tiedWeights: true, dropout: 0, seed: 8)))
    }

    @Test("logistic regression: the same")
    func logistic() throws {
        check(
            try compare(
                .logisticRegression(
                    generated: GeneratedSamples(sampleCount: 400, featureCount: 30, seed: 3), batchSize: 50)))
    }

    @Test("a deep linear network: the same")
    func deepLinearNetwork() throws {
        check(try compare(.deepLinearNetwork(widths: [6, 8, 8, 3], sampleCount: 60, batchSize: 20, seed: 4)))
    }

    @Test("a grid without γ = 1 is measured at its last probe, however it is searched")
    func withoutOne() throws {
        let curvatures = (0..<6).map { normal(40, seed: 30 + UInt64($0)) }
        let path = (0..<4).map { normal(40, seed: 40 + UInt64($0)).map { Float($0) } }
        func rows(_ configure: @escaping (inout EstimatorOptions<Float>) -> Void) throws -> [StepEstimate] {
            try estimates(
                of: MemorySteps(path: path), objective: diagonalQuadratic(Float.self, curvatures: curvatures),
                gammas: [0.25, 0.5], roundingStride: 1
            ) {
                $0.reference = diagonalQuadratic(Double.self, curvatures: curvatures)
                configure(&$0)
            }
        }
        let grid = try rows { _ in }
        for row in grid { #expect(row.relativeRounding > 0 && row.relativeRounding < 1e-6) }
        for other in [try rows { $0.search = .coarseToFine(tolerance: 0.01) }, try rows { $0.targetError = 0.5 }] {
            #expect(other.map(\.relativeRounding) == grid.map(\.relativeRounding))
        }
    }
}
