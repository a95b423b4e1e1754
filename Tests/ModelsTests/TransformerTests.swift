import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing

@Suite("Transformer language model")
struct TransformerTests {
    static let configuration = TransformerConfiguration(
        vocabularySize: 23, contextLength: 9, width: 12, headCount: 3, layerCount: 2, dropout: 0.3)

    private func masks(_ batch: TokenBatch) -> DropoutMasks? {
        DropoutMasks(Self.configuration, seed: 41, component: 5, length: batch.length, count: batch.count)
    }

    /// Large enough that attention and gelu are far from linear.
    private func point<Scalar: ParameterScalar>(_ model: TransformerLanguageModel<Scalar>) -> [Scalar] {
        LSTMTestData.point(model.layout.count, bound: 0.6)
    }

    /// 124,439,808 is the number of parameters of the smallest GPT-2 (vocabulary 50,257, context 1,024, 12 × 768).
    @Test("GPT-2 has its published number of parameters")
    func parameterCount() {
        let small = TransformerConfiguration(
            vocabularySize: 50_257, contextLength: 1024, width: 768, headCount: 12, layerCount: 12)
        #expect(small.layout.count == 124_439_808)
        #expect(small.layout.block(named: "h.11.mlp.c_proj.weight")?.shape == [768, 3072])
    }

    @Test("at the zero point the loss is log V")
    func zeroPoint() throws {
        let model = try TransformerLanguageModel<Double>(Self.configuration)
        let batch = LSTMTestData.batch(length: 4, count: 3, vocabulary: 23)
        let zero = [Double](repeating: 0, count: model.layout.count)
        #expect(abs(try model.loss(batch, masks: nil, at: zero) - log(23)) < 1e-14)
    }

    @Test("the initial point is GPT-2's")
    func initialPoint() throws {
        let model = try TransformerLanguageModel<Double>(
            TransformerConfiguration(vocabularySize: 500, contextLength: 20, width: 60, headCount: 2, layerCount: 3))
        let point = model.initialPoint(seed: 1)
        for block in model.layout.blocks {
            let values = point[block.range]
            if block.shape.count == 1 {
                let expected = block.name.contains("ln_") && block.name.hasSuffix("weight") ? 1.0 : 0
                #expect(values.allSatisfy { $0 == expected }, "\(block.name)")
            } else {
                let deviation = block.name.hasSuffix("c_proj.weight") ? 0.02 / 6.0.squareRoot() : 0.02
                let measured = (values.reduce(0) { $0 + $1 * $1 } / Double(block.count)).squareRoot()
                // Five standard deviations of the estimate.
                #expect(abs(measured / deviation - 1) < 5 / (2 * Double(block.count)).squareRoot(), "\(block.name)")
            }
        }
        #expect(model.initialPoint(seed: 1) == point && model.initialPoint(seed: 2) != point)
    }

    @Test("gradients match the loss along every block")
    func finiteDifferences() throws {
        let model = try TransformerLanguageModel<Double>(Self.configuration)
        let batch = LSTMTestData.batch(length: 7, count: 3, vocabulary: 23)
        let masks = masks(batch)
        let point = point(model)
        var gradient = [Double](repeating: .nan, count: point.count)
        let loss = try model.gradient(batch, masks: masks, at: point, into: &gradient)
        #expect(abs(try model.loss(batch, masks: masks, at: point) - loss) < 1e-13)
        let direction: [Double] = LSTMTestData.point(point.count, bound: 1, seed: 99)
        for block in model.layout.blocks {
            var ahead = point
            var behind = point
            let step = 1e-5
            for index in block.range {
                ahead[index] += step * direction[index]
                behind[index] -= step * direction[index]
            }
            let slope =
                try (model.loss(batch, masks: masks, at: ahead) - model.loss(batch, masks: masks, at: behind))
                / (2 * step)
            let expected = Double.dot(gradient, direction, in: block.range)
            #expect(abs(slope - expected) < 2e-8 * max(1, abs(expected)), "\(block.name): \(slope) and \(expected)")
        }
    }

    /// A later token changes no earlier prediction: with targets at the first steps alone, what is read afterwards is the
    /// same whatever it is.
    @Test("attention does not look ahead")
    func causality() throws {
        let model = try TransformerLanguageModel<Double>(Self.configuration)
        let point = point(model)
        let batch = LSTMTestData.batch(length: 6, count: 2, vocabulary: 23)
        func losses(_ length: Int) throws -> Double {
            let tokens = 0..<(length * 2)
            let part = TokenBatch(
                length: length, count: 2, inputs: Array(batch.inputs[tokens]), targets: Array(batch.targets[tokens]))
            return try Double(length) * model.loss(part, masks: nil, at: point)
        }
        // The losses of the single steps, from prefixes that do not know what follows.
        let steps = try (1...6).map { try losses($0) - ($0 > 1 ? losses($0 - 1) : 0) }
        var other = batch
        for index in 8..<12 { other.inputs[index] = (other.inputs[index] + 7) % 23 }
        func total(_ batch: TokenBatch) throws -> Double { 6 * (try model.loss(batch, masks: nil, at: point)) }
        #expect(abs(try total(batch) - steps.reduce(0, +)) < 1e-12)
        #expect(abs(try total(other) - total(batch)) > 1e-3)
    }

    @Test("streams in pieces give the same value")
    func microBatches() throws {
        func compare<Scalar: ParameterScalar>(_: Scalar.Type, tolerance: Double) throws {
            let streams = try #require(
                TokenStreams(tokens: (0..<120).map { Int32(($0 * $0) % 23) }, count: 5, sequenceLength: 9))
            let model = try TransformerLanguageModel<Scalar>(Self.configuration)
            let point = point(model)
            var whole = point
            let loss = try TransformerObjective(model: model, streams: streams, seed: 3)
                .gradient(ofComponent: 1, at: point, into: &whole)
            for pieces in [1, 2, 4, 9] {
                let objective = TransformerObjective(model: model, streams: streams, seed: 3, microBatch: pieces)
                var found = point
                #expect(
                    abs(try objective.gradient(ofComponent: 1, at: point, into: &found) / loss - 1) < tolerance)
                #expect(abs(try objective.loss(ofComponent: 1, at: point) / loss - 1) < tolerance)
                #expect(largestBlockDistance(model.layout, found, whole) < tolerance)
            }
        }
        try compare(Double.self, tolerance: 1e-12)
        try compare(Float.self, tolerance: 1e-5)
    }

    @Test("masks are a function of seed, draw and component; two evaluations agree to the bit")
    func masksAndRepetition() throws {
        let streams = try #require(
            TokenStreams(tokens: (0..<120).map { Int32(($0 * $0) % 23) }, count: 5, sequenceLength: 9))
        let model = try TransformerLanguageModel<Double>(Self.configuration)
        let point = point(model)
        let objective = TransformerObjective(model: model, streams: streams, seed: 3)
        var first = point
        var second = point
        _ = try objective.gradient(ofComponent: 1, at: point, into: &first)
        _ = try objective.gradient(ofComponent: 0, at: point, into: &second)
        _ = try objective.gradient(ofComponent: 1, at: point, into: &second)
        #expect(first == second)
        let loss = try objective.loss(ofComponent: 1, at: point)
        #expect(try objective.redrawn(0).loss(ofComponent: 1, at: point) == loss)
        let drawn = try objective.redrawn(4).loss(ofComponent: 1, at: point)
        #expect(drawn != loss)
        #expect(try objective.redrawn(4).loss(ofComponent: 1, at: point) == drawn)
        let masks = try #require(
            DropoutMasks(Self.configuration, seed: 1, draw: 2, component: 4, length: 3, count: 2))
        #expect(
            masks.places.map(\.name) == ["embedding", "attention-0", "feedforward-0", "attention-1", "feedforward-1"])
        var generator = SeededGenerator(seed: 1, purpose: "dropout-feedforward-0-draw-2", index: 4)
        #expect(Array(masks.keep(at: 2)) == (0..<72).map { _ in generator.uniform() >= 0.3 })
    }

    @Test("what does not fit is refused")
    func refusals() throws {
        for change: @Sendable (inout TransformerConfiguration) -> Void in [
            { $0.headCount = 5 }, { $0.width = 0 }, { $0.dropout = 1 }, { $0.layerCount = 0 },
        ] {
            var configuration = Self.configuration
            change(&configuration)
            let error = #expect(throws: SmoothnessError.self) { try TransformerLanguageModel<Float>(configuration) }
            #expect(error?.kind == .usage)
        }
        let model = try TransformerLanguageModel<Double>(Self.configuration)
        let point = point(model)
        for batch in [
            LSTMTestData.batch(length: 10, count: 2, vocabulary: 23),
            LSTMTestData.batch(length: 3, count: 2, vocabulary: 40, seed: 3),
        ] {
            let error = #expect(throws: SmoothnessError.self) { try model.loss(batch, masks: nil, at: point) }
            #expect(error?.kind == .data)
        }
    }

    @Test(
        "PyTorch agrees on the initial point and a gradient",
        .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)))
    func pyTorchAgrees() throws {
        func compare<Scalar: ParameterScalar>(_: Scalar.Type, _ tolerance: Double) throws {
            let folder = try TemporaryFolder()
            let batch = LSTMTestData.batch(length: 8, count: 3, vocabulary: 23)
            let model = try TransformerLanguageModel<Scalar>(Self.configuration)
            let point = point(model)
            let network = String(decoding: try JSONEncoder().encode(Self.configuration), as: UTF8.self)
            try Data(
                "{\"network\":\(network),\"scalar\":\"\(Scalar.scalarName)\",\"length\":8,\"count\":3,\"seed\":41,\"component\":5}"
                    .utf8
            ).write(to: URL(filePath: folder.path("case.json")))
            for (name, bytes) in [
                ("point", point.withUnsafeBytes { Data($0) }), ("inputs", batch.inputs.withUnsafeBytes { Data($0) }),
                ("targets", batch.targets.withUnsafeBytes { Data($0) }),
            ] { try bytes.write(to: URL(filePath: folder.path(name))) }
            let loss = try twin("transformer_check.py", [folder.url.path], as: Double.self)
            func array(_ name: String) throws -> [Scalar] {
                let data = try Data(contentsOf: URL(filePath: folder.path(name)))
                try #require(data.count == point.count * MemoryLayout<Scalar>.size)
                return data.withUnsafeBytes { Array($0.bindMemory(to: Scalar.self)) }
            }
            var gradient = point
            let found = try model.gradient(batch, masks: masks(batch), at: point, into: &gradient)
            #expect(abs(found - loss) <= tolerance * loss)
            #expect(largestBlockDistance(model.layout, gradient, try array("gradient")) <= tolerance)
            // The logarithm and cosine of another library differ in the last place.
            let initial = model.initialPoint(seed: 41)
            expectAgreement(initial, try array("initial"), .unitsInTheLastPlace(4))
        }
        try compare(Double.self, 1e-10)
        try compare(Float.self, 1e-4)
    }
}
