import Essentials
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import TestSupport
import Testing

@Suite("Logistic regression")
struct LogisticRegressionTests {
    static let samples = LabelledSamples(
        generated: GeneratedSamples(sampleCount: 103, featureCount: 6, seed: 9))

    @Test("derivatives, Hessian norm and supremum", arguments: [0.0, 0.3])
    func derivatives(regularization: Double) throws {
        let objective = LogisticRegression<Double>(
            samples: Self.samples, batchSize: 25, regularization: regularization)
        #expect(objective.componentCount == 5)
        let x = randomVector(7, index: 50)
        try expectGradientMatchesLoss(objective, at: x, scale: 10)
        try expectHessianMatchesGradient(objective, at: x, scale: 10)
        try expectSupremumBoundsSegments(objective, from: x, to: randomVector(7, index: 51))
        // The bound closes on the exact norm as the segment shrinks.
        let near = moved(x, 1e-7, randomVector(7, index: 52))
        let ratio = objective.hessianNormSupremum(from: x, to: near) / objective.hessianNorm(at: x)
        #expect(ratio >= 1 - 1e-12 && ratio < 1 + 1e-5)
        let L0 = try #require(objective.sufficientL0(forL1: 0))
        for index in 0..<20 {
            #expect(objective.hessianNorm(at: randomVector(7, scale: 0.5, index: 60 + index)) <= L0)
        }
        // At zero every σ′ is ¼.
        #expect(abs(objective.hessianNorm(at: Array(repeating: 0, count: 7)) / L0 - 1) < 1e-13)
    }

    @Test("the mean does not depend on how the samples are cut", arguments: [1, 7, 16, 100, 103, 500])
    func repartition(batchSize: Int) throws {
        let reference = Whole(LogisticRegression<Double>(samples: Self.samples, batchSize: 103, regularization: 0.1))
        let objective = LogisticRegression<Double>(
            samples: Self.samples, batchSize: batchSize, regularization: 0.1)
        #expect(objective.totalWeight(of: 0..<objective.componentCount) == 103)
        for index in 0..<3 {
            let x = randomVector(7, index: 70 + index)
            let whole = Whole(objective)
            let expected = try reference.loss(x)
            #expect(abs(try whole.loss(x) - expected) <= 1e-12 * expected)
            let gradient = try reference.gradient(x)
            #expect(norm(difference(try whole.gradient(x), gradient)) <= 1e-12 * norm(gradient))
            #expect(objective.hessianNorm(at: x) == reference.objective.hessianNorm(at: x))
        }
    }

    struct TwinAnswer: Decodable {
        var loss: Double
        var gradient: [Double]
        var hessian_norm: Double
        var hessian_product: [Double]
    }

    @Test("NumPy's answer from the same file", .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)))
    func twinAgrees() throws {
        let folder = try TemporaryFolder()
        let samples = Self.samples
        let lines = (0..<samples.count).map { row in
            let features = samples.features[row * 6..<(row + 1) * 6].map { "\($0)" }
            return (features + ["\(Int(samples.labels[row]) * 2 - 1)"]).joined(separator: ",")
        }
        let file = try folder.file("samples.csv", lines.joined(separator: "\n") + "\n")
        let description = try ObjectiveDescription.logisticRegression(
            file: file, batchSize: 10, regularization: 0.05)
        let made = try makeObjective(description, as: Double.self).training
        let objective = try #require(made as? any TwiceDifferentiableObjective<Double>)
        for index in 0..<3 {
            let (x, v) = (randomVector(7, index: 80 + index), randomVector(7, index: 90 + index))
            let request = try folder.file(
                "request.json", "{\"point\": \(x), \"vector\": \(v), \"regularization\": 0.05}")
            let answer = try twin("logistic.py", [file, request], as: TwinAnswer.self)
            let whole = Whole(objective)
            #expect(abs(try whole.loss(x) / answer.loss - 1) < 1e-12)
            #expect(norm(difference(try whole.gradient(x), answer.gradient)) < 1e-12 * norm(answer.gradient))
            #expect(abs(objective.hessianNorm(at: x) / answer.hessian_norm - 1) < 1e-12)
            let product = objective.hessianProduct(at: x, with: v)
            #expect(norm(difference(product, answer.hessian_product)) < 1e-12 * norm(answer.hessian_product))
        }
    }

    @Test("losses far out stay finite and exact")
    func extremeMargins() {
        let samples = LabelledSamples(featureCount: 1, features: [1, 1], labels: [1, 0])
        let objective = LogisticRegression<Double>(samples: samples, batchSize: 1, hasIntercept: false)
        var gradient = [0.0]
        #expect(objective.gradient(ofComponent: 0, at: [1000], into: &gradient) == 0)
        #expect(gradient == [0])
        #expect(objective.gradient(ofComponent: 1, at: [1000], into: &gradient) == 1000)
        #expect(gradient == [1])
        #expect(objective.gradient(ofComponent: 0, at: [-1000], into: &gradient) == 1000)
        #expect(gradient == [-1])
        #expect(objective.gradient(ofComponent: 0, at: [.nan], into: &gradient).isNaN)
        #expect(gradient[0].isNaN)
    }

    @Test("Float agrees with Double to its precision")
    func singlePrecision() {
        let single = LogisticRegression<Float>(samples: Self.samples, batchSize: 103, regularization: 0.1)
        let double = LogisticRegression<Double>(samples: Self.samples, batchSize: 103, regularization: 0.1)
        let x = randomVector(7, index: 99).map { Float($0) }
        var narrow = x
        var wide = x.map(Double.init)
        #expect(
            single.gradient(ofComponent: 0, at: x, into: &narrow)
                == double.gradient(ofComponent: 0, at: x.map(Double.init), into: &wide))
        #expect(narrow == wide.map { Float($0) })
    }

    // MARK: - Files

    private func read(_ text: String) throws -> LabelledSamples {
        try LabelledSamples(commaSeparated: Array(text.utf8), file: "data.csv")
    }

    @Test("headers, comments, line ends and both kinds of label")
    func fileForms() throws {
        let expected = LabelledSamples(featureCount: 2, features: [1, 2, 3.5, -4e-2], labels: [1, 0])
        #expect(try read("1,2,1\n3.5,-4e-2,0\n") == expected)
        #expect(try read("height,width,label\r\n1,2,+1\r\n3.5,-4e-2,-1") == expected)
        #expect(try read("# made by hand\n\n 1 , 2 ,1\n\n# more\n3.5,-0.04,0\n\n") == expected)
    }

    @Test(
        "faults name the line",
        arguments: [
            ("", "an empty file"), ("a,b,c\n", "no line of numbers"), ("1,2,1\n1,2\n", "line 2"),
            ("1,2,1\n1,x,0\n", "line 2"), ("1,2,1\n\n1,nan,0\n", "line 3"), ("1,2,3\n", "binary"),
            ("1\n", "at least one feature"), ("1,,1\n", "line 1"), ("1,x,1\n2,3,0\n", "line 1"),
        ])
    func fileFaults(text: String, fragment: String) {
        let error = #expect(throws: SmoothnessError.self) { try read(text) }
        #expect(error?.kind == .data)
        #expect(error?.file == "data.csv")
        #expect(error?.description.contains(fragment) == true, "\(String(describing: error))")
    }
}
