import Essentials
import Evaluation
import Formulas
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing
import Torch

/// An objective with the request from which `hessian_check.py` makes the Hessian of one of its components.
struct SecondOrderCase: Sendable, CustomTestStringConvertible {
    var name: String
    var objective: any HessianProductObjective<Double>
    var component: Int
    var point: [Double]
    var request: String
    var tokens: TokenBatch?

    var testDescription: String { name }

    func product(with vector: [Double]) throws -> [Double] {
        var product = [Double](repeating: .nan, count: vector.count)
        try objective.hessianProduct(ofComponent: component, at: point, with: vector, into: &product)
        return product
    }
}

enum SecondOrderCases {
    static let streams = TokenStreams(
        tokens: (0..<70).map { Int32(($0 * $0 + $0 / 3) % 7) }, count: 3, sequenceLength: 5)!

    private static func lstm(_ name: String, _ configuration: LSTMConfiguration) -> SecondOrderCase {
        let model = try! LSTMLanguageModel<Double>(configuration)
        let objective = LanguageModelObjective(model: model, streams: streams, seed: 4)
        return text(name, "lstm", configuration, objective, model.layout)
    }

    private static func text(
        _ name: String, _ kind: String, _ configuration: some Encodable,
        _ objective: any HessianProductObjective<Double>, _ layout: ParameterLayout
    ) -> SecondOrderCase {
        let network = String(decoding: try! JSONEncoder().encode(configuration), as: UTF8.self)
        return SecondOrderCase(
            name: name, objective: objective, component: 2, point: LSTMTestData.point(layout.count, bound: 0.6),
            request:
                "{\"kind\":\"\(kind)\",\"network\":\(network),\"length\":5,\"count\":3,\"seed\":4,\"component\":2}",
            tokens: streams.segment(2))
    }

    private static func image(
        _ name: String, _ network: ImageClassifierOptions.Network, size: Int, component: Int = 0
    ) -> SecondOrderCase {
        let shape = ImageShape(channels: 1, height: size, width: size)
        let data = ImageDataDescription(
            source: .generated(GeneratedImages(imageCount: 30, classCount: 3, shape: shape, seed: 3)),
            heldOut: .fraction(0.2))
        var options = ImageClassifierOptions(network: network)
        options.batchSize = 10
        options.seed = 9
        options.labelSmoothing = 0.1
        let description = try! ObjectiveDescription.imageClassifier(data, options)
        let objective = try! makeObjective(description, as: Double.self).training
        let text = String(decoding: try! JSONEncoder().encode(description), as: UTF8.self)
        // Away from the start, where batch normalisations are 1 and 0.
        let start = objective.initialPoint(seed: 1)
        return SecondOrderCase(
            name: name, objective: objective as! any HessianProductObjective<Double>, component: component,
            point: moved(start, 0.1, randomVector(start.count, index: 400)),
            request: "{\"kind\":\"image\",\"description\":\(text),\"component\":\(component)}")
    }

    static let all: [SecondOrderCase] = [
        lstm(
            "LSTM, two layers, dropout",
            LSTMConfiguration(
                vocabularySize: 7, embeddingSize: 4, hiddenSize: 5, layerCount: 2, tiedWeights: false, dropout: 0.3)),
        lstm(
            "AWD-LSTM, tied",
            LSTMConfiguration(
                vocabularySize: 7, embeddingSize: 4, hiddenSize: 6, layerCount: 2, tiedWeights: true, dropout: 0,
                regularization: LSTMTestData.awd)),
        {
            let configuration = TransformerConfiguration(
                vocabularySize: 7, contextLength: 5, width: 6, headCount: 2, layerCount: 1, dropout: 0.2)
            let model = try! TransformerLanguageModel<Double>(configuration)
            return text(
                "Transformer", "transformer", configuration,
                TransformerObjective(model: model, streams: streams, seed: 4), model.layout)
        }(),
        image("perceptron, tanh", .perceptron(hiddenSizes: [8, 5], activation: .tanh), size: 6),
        image(
            "perceptron, gelu, ragged batch", .perceptron(hiddenSizes: [8], activation: .gelu), size: 6, component: 2),
        image("perceptron, ReLU", .perceptron(hiddenSizes: [8], activation: .relu), size: 6),
        image("ResNet-8, projections", .residual(family: .cifar, depth: 8, width: 2), size: 8),
    ]
}

@Suite("Hessian–vector products") struct HessianProductTests {
    @Test(
        "PyTorch's dense Hessian gives the same products",
        .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)),
        arguments: SecondOrderCases.all)
    func pyTorchAgrees(_ case: SecondOrderCase) throws {
        let (point, folder) = (`case`.point, try TemporaryFolder())
        _ = try folder.file("case.json", `case`.request)
        _ = try folder.file("point", point.withUnsafeBytes { Array($0) })
        if let tokens = `case`.tokens {
            _ = try folder.file("inputs", tokens.inputs.withUnsafeBytes { Array($0) })
            _ = try folder.file("targets", tokens.targets.withUnsafeBytes { Array($0) })
        }
        #expect(point.count <= 2000)
        let loss = try twin("hessian_check.py", [folder.url.path], as: Double.self)
        #expect(abs(try `case`.objective.loss(ofComponent: `case`.component, at: point) - loss) < 1e-12 * loss)
        let data = try Data(contentsOf: URL(filePath: folder.path("hessian")))
        try #require(data.count == 8 * point.count * point.count)
        let hessian = data.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
        for trial in 0..<4 {
            let vector = randomVector(point.count, index: 410 + trial)
            let expected = point.indices.map { row in
                vector.indices.reduce(0) { $0 + hessian[row * point.count + $1] * vector[$1] }
            }
            #expect(norm(expected) > 1e-3)
            #expect(norm(difference(try `case`.product(with: vector), expected)) < 1e-11 * norm(expected))
        }
    }

    @Test("products are symmetric and repeat to the bit", arguments: SecondOrderCases.all)
    func symmetry(_ case: SecondOrderCase) throws {
        let (u, v) = (randomVector(`case`.point.count, index: 420), randomVector(`case`.point.count, index: 421))
        let (Hu, Hv) = try (`case`.product(with: u), `case`.product(with: v))
        #expect(abs(dot(u, Hv) - dot(Hu, v)) < 1e-12 * norm(u) * norm(Hv))
        #expect(try `case`.product(with: u) == Hu)
    }

    @Test("differences agree to the error they state, and the error is small", arguments: SecondOrderCases.all)
    func differences(_ case: SecondOrderCase) throws {
        let byDifferences = DifferenceHessianProduct(`case`.objective)
        for trial in 0..<3 {
            // The step does not depend on the vector's length.
            let vector = randomVector(`case`.point.count, scale: [1, 1e-6, 1e5][trial], index: 430 + trial)
            let exact = try `case`.product(with: vector)
            let found = try byDifferences.product(
                ofComponent: `case`.component, at: `case`.point, with: vector)
            let error = norm(difference(found.values, exact))
            #expect(error <= found.error, "\(error) of \(norm(exact)), stated \(found.error)")
            #expect(found.error < 1e-4 * norm(exact))
            var product = vector
            try byDifferences.hessianProduct(
                ofComponent: `case`.component, at: `case`.point, with: vector, into: &product)
            #expect(product == found.values)
        }
        let zero = [Double](repeating: 0, count: `case`.point.count)
        let nothing = try byDifferences.product(ofComponent: 0, at: `case`.point, with: zero)
        #expect(nothing.values == zero && nothing.error == 0)
        #expect(try `case`.product(with: zero) == zero)
    }

    /// A kink of |x| within the step: the second derivative is 0 on either side, the difference 1/h.
    @Test("an error that two steps show is stated") func kinksAreStated() throws {
        let case_ = try #require(SecondOrderCases.all.first { $0.name == "perceptron, ReLU" })
        var point = case_.point
        let layout = case_.objective.layout
        // The first layer's weights and biases so small that the step crosses most kinks.
        for index in layout.blocks[0].range { point[index] *= 1e-6 }
        for index in layout.blocks[1].range { point[index] *= 1e-6 }
        let vector = randomVector(point.count, index: 440)
        var exact = point
        try case_.objective.hessianProduct(ofComponent: 0, at: point, with: vector, into: &exact)
        let found = try DifferenceHessianProduct(case_.objective).product(ofComponent: 0, at: point, with: vector)
        let error = norm(difference(found.values, exact))
        #expect(error > 1e-3 * norm(exact))
        #expect(error <= 3 * found.error, "\(error), stated \(found.error)")
    }

    @Test("Float agrees with Double to its precision") func singlePrecision() throws {
        let configuration = TransformerConfiguration(
            vocabularySize: 7, contextLength: 5, width: 6, headCount: 2, layerCount: 1, dropout: 0.2)
        let streams = SecondOrderCases.streams
        let double = TransformerObjective(
            model: try TransformerLanguageModel<Double>(configuration), streams: streams, seed: 4)
        let single = TransformerObjective(
            model: try TransformerLanguageModel<Float>(configuration), streams: streams, seed: 4)
        let point: [Float] = LSTMTestData.point(double.layout.count, bound: 0.6)
        let vector = randomVector(point.count, index: 441).map { Float($0) }
        var (found, exact) = (point, point.map { Double($0) })
        try single.hessianProduct(ofComponent: 1, at: point, with: vector, into: &found)
        try double.hessianProduct(
            ofComponent: 1, at: point.map { Double($0) }, with: vector.map { Double($0) }, into: &exact)
        #expect(norm(difference(found.map { Double($0) }, exact)) < 1e-5 * norm(exact))
        let estimate = try DifferenceHessianProduct(single).product(ofComponent: 1, at: point, with: vector)
        let error = norm(difference(estimate.values, exact))
        #expect(error <= estimate.error && estimate.error < 0.1 * norm(exact), "\(error), stated \(estimate.error)")
    }

    @Test("objectives without products of their own get them by differences") func fallback() throws {
        let own = Quadratic<Double>(spectrum: [1, -2], rotations: 1)
        #expect(own.withHessianProducts is Quadratic<Double>)
        let gradients = GradientsOnly(inner: own)
        #expect(gradients.withHessianProducts is DifferenceHessianProduct<Double>)
        var (exact, found) = ([0.0, 0], [0.0, 0])
        let (point, vector) = ([1.0, 3], [-2.0, 1])
        own.hessianProduct(ofComponent: 0, at: point, with: vector, into: &exact)
        try gradients.withHessianProducts.hessianProduct(ofComponent: 0, at: point, with: vector, into: &found)
        #expect(norm(difference(found, exact)) < 1e-9)
    }

    @Test("streams in pieces give the same product") func pieces() throws {
        let configuration = LSTMConfiguration(
            vocabularySize: 7, embeddingSize: 4, hiddenSize: 5, layerCount: 1, tiedWeights: false, dropout: 0.3)
        let model = try LSTMLanguageModel<Double>(configuration)
        let streams = SecondOrderCases.streams
        let point: [Double] = LSTMTestData.point(model.layout.count, bound: 0.6)
        let vector = randomVector(point.count, index: 450)
        for state in [InitialState.zero, .carried(segments: 2)] {
            var (whole, parts) = (point, point)
            try LanguageModelObjective(model: model, streams: streams, state: state)
                .hessianProduct(ofComponent: 3, at: point, with: vector, into: &whole)
            try LanguageModelObjective(model: model, streams: streams, microBatch: 2, state: state)
                .hessianProduct(ofComponent: 3, at: point, with: vector, into: &parts)
            #expect(norm(difference(whole, parts)) < 1e-13 * norm(whole))
        }
    }

    /// ∂²ℓ/∂x² at the state's value: differences of the loss's gradient from that very state.
    @Test("a carried state counts as a constant") func carriedState() throws {
        let configuration = LSTMConfiguration(
            vocabularySize: 7, embeddingSize: 4, hiddenSize: 5, layerCount: 1, tiedWeights: false, dropout: 0)
        let model = try LSTMLanguageModel<Double>(configuration)
        let streams = SecondOrderCases.streams
        let point: [Double] = LSTMTestData.point(model.layout.count, bound: 0.6)
        let objective = LanguageModelObjective(model: model, streams: streams, state: .carried(segments: 1))
        let (u, v) = (randomVector(point.count, index: 451), randomVector(point.count, index: 452))
        var (Hu, Hv) = (point, point)
        try objective.hessianProduct(ofComponent: 1, at: point, with: u, into: &Hu)
        try objective.hessianProduct(ofComponent: 1, at: point, with: v, into: &Hv)
        #expect(abs(dot(u, Hv) - dot(Hu, v)) < 1e-12 * norm(u) * norm(Hv))
        let state = try model.state(after: streams.segment(0), masks: nil, at: point)
        let batch = streams.segment(1)
        var (ahead, behind) = (point, point)
        let step = 1e-5
        _ = try model.gradient(batch, masks: nil, from: state, at: moved(point, step, u), into: &ahead)
        _ = try model.gradient(batch, masks: nil, from: state, at: moved(point, -step, u), into: &behind)
        let slope = difference(ahead, behind).map { $0 / (2 * step) }
        #expect(norm(difference(slope, Hu)) < 1e-7 * norm(Hu))
    }

    @Test("an operation without a second derivative is named") func missingSecondDerivative() throws {
        let leaf = try Tensor((0..<60).map { sin(Double($0)) }, shape: [1, 1, 5, 12]).requiringGradient()
        let vector = try Tensor([Double](repeating: 1, count: 60), shape: [1, 1, 5, 12])
        func products(fused: Bool) throws -> [Double] {
            let mixed = try Tensor.causalAttention(queries: leaf, keys: leaf, values: leaf, fused: fused)
            return try mixed.power(2).sum().hessianProducts(with: [leaf], [vector])[0].values(as: Double.self)
        }
        let composed = try products(fused: false)
        #expect(norm(composed) > 0)
        // LibTorch 1.13 has no fused attention: then the operations of the formula are what runs.
        do {
            #expect(norm(difference(try products(fused: true), composed)) < 1e-12 * norm(composed))
        } catch let error as TorchError {
            #expect(error.kind == .noDerivative)
        }
        #expect(try leaf.gradient() == nil)
    }

    @Test("a linear loss has the zero Hessian, and an unused leaf counts as zero") func linear() throws {
        let (a, b) = (
            try Tensor([1.0, 2], shape: [2]).requiringGradient(), try Tensor([3.0], shape: [1]).requiringGradient()
        )
        let vectors = [try Tensor([1.0, 1], shape: [2]), try Tensor([1.0], shape: [1])]
        let zero = try (a * 2).sum().hessianProducts(with: [a, b], vectors)
        #expect(try zero.map { try $0.values(as: Double.self) } == [[0, 0], [0]])
        let square = try (a * a).sum().hessianProducts(with: [a, b], vectors)
        #expect(try square.map { try $0.values(as: Double.self) } == [[2, 2], [0]])
        #expect(throws: TorchError.self) { try (a * a).sum().hessianProducts(with: [a, b], [vectors[0]]) }
        #expect(throws: TorchError.self) { try (a * a).sum().hessianProducts(with: [a], [vectors[1]]) }
    }

    static let formulas: [(name: String, objective: any TwiceDifferentiableObjective<Double>)] = [
        (
            "quadratic",
            Quadratic<Double>(spectrum: [3, -2, 0.5, 0], rotations: 3, componentCount: 5, noise: 2, seed: 1)
        ),
        ("exponentials", ExponentialSum<Double>(amplitudes: [0.3, -1], rates: [2, -0.5])),
        ("polynomial", Polynomial<Double>(coefficients: [1, -2, 0.5, 3, -1])),
        ("valley", QuarticValley<Double>()),
        ("Qian's example", QianExample<Double>()),
        ("walls", ExponentialWalls<Double>(growth: 2)),
        ("slope", SlowSlope<Double>(slope: 0.3)),
        (
            "logistic regression",
            LogisticRegression<Double>(
                samples: LabelledSamples(
                    featureCount: 3, features: randomVector(33, index: 460),
                    labels: (0..<11).map { Double($0 % 3 == 0 ? 1 : 0) }), batchSize: 4, regularization: 0.2)
        ),
        (
            "deep linear network",
            DeepLinearNetwork<Double>(
                widths: [3, 4, 2],
                samples: RegressionSamples(inputCount: 3, outputCount: 2, count: 11, noise: 0.3, seed: 2),
                batchSize: 4)
        ),
    ]

    /// Σ wᵢ∇²fᵢ·v / Σ wᵢ = ∇²f·v, and each ∇²fᵢ·v is the derivative of ∇fᵢ along v.
    @Test("formulas: every component's product", arguments: formulas.indices)
    func closedForms(_ index: Int) throws {
        let (name, objective) = Self.formulas[index]
        let x = randomVector(objective.layout.count, scale: 0.3, index: 470 + index)
        let vector = randomVector(x.count, index: 480 + index)
        var mean = [Double](repeating: 0, count: x.count)
        let total = objective.totalWeight(of: 0..<objective.componentCount)
        for component in 0..<objective.componentCount {
            var product = [Double](repeating: .nan, count: x.count)
            try objective.hessianProduct(ofComponent: component, at: x, with: vector, into: &product)
            mean = moved(mean, objective.weight(ofComponent: component) / total, product)
            let byDifferences = try DifferenceHessianProduct(objective)
                .product(ofComponent: component, at: x, with: vector)
            let error = norm(difference(byDifferences.values, product))
            #expect(error <= byDifferences.error, "\(name) \(component): \(error), stated \(byDifferences.error)")
            #expect(byDifferences.error < 1e-6 * (1 + norm(product)), "\(name): \(byDifferences.error)")
        }
        let whole = objective.hessianProduct(at: x, with: vector)
        #expect(norm(difference(mean, whole)) < 1e-13 * (1 + norm(whole)), "\(name)")
    }
}

/// Hides that an objective can be differentiated twice.
private struct GradientsOnly: Objective {
    var inner: Quadratic<Double>
    var layout: ParameterLayout { inner.layout }
    var componentCount: Int { inner.componentCount }
    func weight(ofComponent component: Int) -> Double { inner.weight(ofComponent: component) }
    func initialPoint(seed: UInt64) -> [Double] { inner.initialPoint(seed: seed) }
    func loss(ofComponent component: Int, at point: [Double]) throws -> Double {
        inner.loss(ofComponent: component, at: point)
    }
    func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) throws -> Double {
        inner.gradient(ofComponent: component, at: point, into: &gradient)
    }
}
