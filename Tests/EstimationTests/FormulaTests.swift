import Estimation
import Evaluation
import Formulas
import Models
import ParameterSpace
import TestSupport
import Testing

@Suite("L̂ against the exact Hessian")
struct FormulaTests {
    /// Points around which each function bends differently, and the objective.
    static let cases: [(name: String, objective: any TwiceDifferentiableObjective<Double>, path: [[Double]])] = {
        func make(_ description: ObjectiveDescription) -> any TwiceDifferentiableObjective<Double> {
            try! makeObjective(description, as: Double.self).training as! any TwiceDifferentiableObjective<Double>
        }
        let line = [[-1.4], [-0.3], [0.2], [0.9], [2.5], [-0.7]]
        let samples = GeneratedSamples(sampleCount: 60, featureCount: 4, seed: 3)
        return [
            ("x⁴", make(.polynomial(coefficients: [0, 0, 0, 0, 1])), line),
            ("polynomial of degree 5", make(.polynomial(coefficients: [1, -2, 0.5, 3, -1, 0.25])), line),
            ("quartic valley", make(.quarticValley()), [[1, -1], [0.8, 0.5], [-0.2, -2], [0.1, 0.3], [0, -2]]),
            ("exponential walls", make(.exponentialWalls(growth: 2)), line),
            ("slow slope", make(.slowSlope(slope: 0.1)), line),
            (
                "rotated quadratic",
                make(.quadratic(spectrum: [4, 1, -0.5, 9], rotations: 2, componentCount: 3, noise: 1)),
                (0..<4).map { normal(4, seed: 60 + $0) }
            ),
            (
                "logistic regression",
                make(.logisticRegression(generated: samples, batchSize: 7, regularization: 0.1)),
                (0..<4).map { normal(5, seed: 70 + $0) }
            ),
        ]
    }()

    @Test("never above the supremum over the segment, and ‖∇²f·d‖/‖d‖ as γ → 0", arguments: cases.map(\.name))
    func bounds(name: String) throws {
        let (_, objective, path) = try #require(Self.cases.first { $0.name == name })
        let gammas = [1e-6] + (try GammaGrid.spacing(delta: 0.05).resolved())
        let rows = try estimates(of: MemorySteps(path: path), objective: objective, gammas: gammas)
        #expect(rows.count == path.count - 1)
        for (row, (x, next)) in try paired(rows, Array(zip(path, path.dropFirst()))) {
            let supremum = objective.hessianNormSupremum(from: x, to: next)
            for point in row.curve {
                // The differences at γ = 1e-6 have lost six digits.
                #expect(point.smoothness <= supremum * (1 + 1e-9) + 2 * point.roundingFloor, "γ = \(point.gamma)")
            }
            let d = zip(next, x).map { $0 - $1 }
            let limit = euclidean(objective.hessianProduct(at: x, with: d)) / euclidean(d)
            // Δ(γ)/γ = ∇²f·d + O(γ‖d‖²·sup ‖∇³f‖): the third derivatives along these paths stay below 10⁴.
            #expect(abs(row.curve[0].smoothness - limit) <= 1e-4 * max(limit, 1) + 2 * row.curve[0].roundingFloor)
            #expect(row.identityHolds)
        }
    }
}

@Suite("The same subset, cut and computed otherwise")
struct CutTests {
    private func rows<Scalar: ParameterScalar>(
        _ description: ObjectiveDescription, _: Scalar.Type, path: [[Double]], microBatch: Int? = nil
    ) throws -> [StepEstimate] {
        let objective = try makeObjective(
            description, as: Scalar.self, options: EvaluationOptions(microBatch: microBatch)
        ).training
        return try estimates(
            of: MemorySteps(path: path.map { $0.map { Scalar($0) } }), objective: objective, gammas: [0.1, 0.4, 0.7, 1])
    }

    private func expectSame(_ a: [StepEstimate], _ b: [StepEstimate], _ tolerance: Double, _ what: String) throws {
        for (p, q) in try paired(a, b) {
            #expect(isClose(p.smoothness, q.smoothness, tolerance), "\(what)")
            #expect(isClose(p.gradientNorm, q.gradientNorm, tolerance), "\(what)")
            #expect(isClose(p.loss, q.loss, tolerance), "\(what)")
            for (point, other) in try paired(p.curve, q.curve) {
                #expect(isClose(point.smoothness, other.smoothness, tolerance), "\(what), γ = \(point.gamma)")
            }
            for (block, other) in try paired(p.blocks, q.blocks) where !block.smoothness.isNaN {
                #expect(isClose(block.smoothness, other.smoothness, 10 * tolerance), "\(what)")
            }
        }
    }

    @Test(
        "logistic regression in batches of 1, 7 and 16, ragged at the end, is one function", arguments: [1, 7, 16, 59])
    func logisticRegression(batchSize: Int) throws {
        let samples = GeneratedSamples(sampleCount: 60, featureCount: 6, seed: 5)
        let path = (0..<4).map { normal(7, seed: 80 + $0) }
        let whole = ObjectiveDescription.logisticRegression(generated: samples, batchSize: 60)
        let cut = ObjectiveDescription.logisticRegression(generated: samples, batchSize: batchSize)
        try expectSame(
            try rows(whole, Double.self, path: path), try rows(cut, Double.self, path: path), 1e-10,
            "Double, \(batchSize)")
        try expectSame(
            try rows(whole, Float.self, path: path), try rows(cut, Float.self, path: path), 1e-5, "Float, \(batchSize)")
    }

    @Test("the language model in micro-batches of 1, 2 and 3 of 5 streams is one function, dropout included")
    func languageModel() throws {
        let text = TextDescription(source: .generated(GeneratedText(wordCount: 60, classCount: 4, lineCount: 40)))
        let description = try ObjectiveDescription.languageModel(
            text, batchSize: 5, sequenceLength: 9, embeddingSize: 6, hiddenSize: 8, layerCount: 2, dropout: 0.2, seed: 4
        )
        let start = try makeObjective(description, as: Double.self).training.initialPoint(seed: 1)
        let path = [start, zip(start, normal(start.count, seed: 90)).map { $0 + 0.1 * $1 }]
        let double = try rows(description, Double.self, path: path)
        let float = try rows(description, Float.self, path: path)
        #expect(double[0].status == .ok && double[0].smoothness > 0)
        try expectSame(double, float, 1e-4, "Float against Double")
        for microBatch in [1, 2, 3] {
            try expectSame(
                double, try rows(description, Double.self, path: path, microBatch: microBatch), 1e-10,
                "Double, \(microBatch)")
            try expectSame(
                float, try rows(description, Float.self, path: path, microBatch: microBatch), 1e-5,
                "Float, \(microBatch)")
        }
    }
}
