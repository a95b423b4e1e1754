import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing
import Torch

extension LSTM {
    @Suite struct Values {
        /// At the zero point every logit is zero, so the loss is log V and the decoder's bias has the gradient
        /// 1/V − frequency.
        @Test func zeroPointGivesLogOfTheVocabulary() throws {
            let configuration = LSTMConfiguration(vocabularySize: 11, embeddingSize: 5, hiddenSize: 7, layerCount: 2)
            let model = try LSTMLanguageModel<Double>(configuration)
            let batch = LSTMTestData.batch(length: 3, count: 4, vocabulary: 11)
            let point = [Double](repeating: 0, count: model.layout.count)
            let (loss, gradient) = try model.lossAndGradient(batch, masks: nil, at: point)
            #expect(abs(loss - 2.397895272798370544) < 1e-14)
            let bias = try #require(model.layout.block(named: "decoder.bias"))
            for token in 0..<11 {
                let frequency = Double(batch.targets.count { $0 == Int64(token) }) / 12
                #expect(abs(gradient[bias.offset + token] - (1.0 / 11 - frequency)) < 1e-15)
            }
        }

        @Test(arguments: LSTMTestData.cases) func fusedEqualsPlainInDouble(_ example: LSTMCase) throws {
            try compareWithPlain(example, Double.self, tolerance: 1e-12)
        }

        @Test(arguments: LSTMTestData.cases) func fusedEqualsPlainInFloat(_ example: LSTMCase) throws {
            try compareWithPlain(example, Float.self, tolerance: 1e-5)
        }

        /// What processors without AVX-512 or AVX2 would compute.
        @Test func kernelsOfOlderProcessors() async {
            // In a process of its own: the kernels are the process's, and other tests compare bits.
            await #expect(processExitsWith: .success) {
                let tests = Values()
                for kernels in ["avx2", "portable"] {
                    try limitFusedKernels(to: kernels)
                    for example in LSTMTestData.cases {
                        try tests.compareWithPlain(example, Double.self, tolerance: 1e-12)
                        try tests.compareWithPlain(example, Float.self, tolerance: 1e-5)
                    }
                }
            }
        }

        private func compareWithPlain<Scalar: ParameterScalar>(
            _ example: LSTMCase, _: Scalar.Type, tolerance: Double
        ) throws {
            let model = try LSTMLanguageModel<Scalar>(example.configuration)
            // 0.5: ordinary; 8: gates saturate and exponentials leave the range of the polynomial near zero.
            for bound in [0.5, 8] {
                let point: [Scalar] = LSTMTestData.point(model.layout.count, bound: bound)
                let fused = try model.lossAndGradient(example.batch, masks: example.masks, at: point)
                let plain = try model.lossAndGradient(example.batch, masks: example.masks, at: point, plain: true)
                let scale = max(1, abs(plain.loss))
                #expect(abs(fused.loss - plain.loss) <= tolerance * scale)
                #expect(try model.loss(example.batch, masks: example.masks, at: point) == fused.loss)
                let plainLoss = try model.plainLoss(example.batch, masks: example.masks, at: point)
                #expect(abs(plainLoss - plain.loss) <= tolerance * scale)
                // Saturated networks amplify rounding: the tolerance is for the ordinary ones, the bound of 8 for values
                // that are not finite or grossly wrong.
                let distance = largestBlockDistance(model.layout, fused.gradient, plain.gradient)
                #expect(distance <= (bound == 8 ? 1000 : 1) * tolerance)
            }
        }

        /// From a given state: loss, gradient, and the state after the last step.
        @Test(arguments: [0, 3, 4, 7]) func fusedEqualsPlainFromAState(_ index: Int) throws {
            func compare<Scalar: ParameterScalar>(_: Scalar.Type, tolerance: Double) throws {
                let example = LSTMTestData.cases[index]
                let model = try LSTMLanguageModel<Scalar>(example.configuration)
                let state = try LSTMTestData.state(model, count: example.batch.count)
                let point: [Scalar] = LSTMTestData.point(model.layout.count, bound: 0.5)
                let fused = try model.lossAndGradient(example.batch, masks: example.masks, from: state, at: point)
                let plain = try model.lossAndGradient(
                    example.batch, masks: example.masks, from: state, at: point, plain: true)
                #expect(abs(fused.loss - plain.loss) <= tolerance * plain.loss)
                #expect(largestBlockDistance(model.layout, fused.gradient, plain.gradient) <= tolerance)
                #expect(try model.loss(example.batch, masks: example.masks, from: state, at: point) == fused.loss)
                #expect(try model.loss(example.batch, masks: example.masks, at: point) != fused.loss)
                let after = try model.state(after: example.batch, masks: example.masks, from: state, at: point)
                let plainAfter = try model.plainState(
                    after: example.batch, masks: example.masks, from: state, at: point)
                expectAgreement(after.values, plainAfter.values, .absolute(tolerance))
                #expect(after.values.count == 2 * example.batch.count * after.hidden.reduce(0, +))
            }
            try compare(Double.self, tolerance: 1e-12)
            try compare(Float.self, tolerance: 1e-5)
        }

        /// Two segments with the state carried over are the long segment, where nothing is dropped and there is no other term.
        @Test func carriedStateContinuesTheSegment() throws {
            let configuration = LSTMConfiguration(vocabularySize: 12, embeddingSize: 5, hiddenSize: 7, layerCount: 2)
            let model = try LSTMLanguageModel<Double>(configuration)
            let point: [Double] = LSTMTestData.point(model.layout.count, bound: 0.5)
            let long = LSTMTestData.batch(length: 9, count: 4, vocabulary: 12)
            func part(_ steps: Range<Int>) -> TokenBatch {
                let places = (steps.lowerBound * 4)..<(steps.upperBound * 4)
                return TokenBatch(
                    length: steps.count, count: 4, inputs: Array(long.inputs[places]),
                    targets: Array(long.targets[places]))
            }
            let first = try model.loss(part(0..<4), masks: nil, at: point)
            let state = try model.state(after: part(0..<4), masks: nil, at: point)
            let second = try model.loss(part(4..<9), masks: nil, from: state, at: point)
            let whole = try model.loss(long, masks: nil, at: point)
            #expect(abs((4 * first + 5 * second) / 9 - whole) < 1e-14)
            let end = try model.state(after: part(4..<9), masks: nil, from: state, at: point)
            // A matrix library may sum a product over nine steps otherwise than those over four and five: rounding only.
            let wholeEnd = try model.state(after: long, masks: nil, at: point)
            #expect(wholeEnd.values.count == end.values.count && wholeEnd.hidden == end.hidden)
            expectAgreement(wholeEnd.values, end.values, .absolute(1e-14))
        }

        /// Central differences in Double along directions that move one block each.
        @Test func finiteDifferences() throws {
            for example in LSTMTestData.cases.prefix(4) + LSTMTestData.cases.suffix(3) {
                let model = try LSTMLanguageModel<Double>(example.configuration)
                let point: [Double] = LSTMTestData.point(model.layout.count, bound: 0.5)
                let gradient = try model.lossAndGradient(example.batch, masks: example.masks, at: point).gradient
                let direction: [Double] = LSTMTestData.point(model.layout.count, bound: 1, seed: 99)
                for block in model.layout.blocks {
                    let step = 1e-5
                    var ahead = point
                    var behind = point
                    for index in block.range {
                        ahead[index] += step * direction[index]
                        behind[index] -= step * direction[index]
                    }
                    let slope =
                        try
                        (model.loss(example.batch, masks: example.masks, at: ahead)
                        - model.loss(example.batch, masks: example.masks, at: behind)) / (2 * step)
                    let expected = Double.dot(gradient, direction, in: block.range)
                    // Truncation is about step² times third derivatives, rounding about 1e-16 / step.
                    #expect(abs(slope - expected) < 1e-8, "\(example.testDescription) \(block.name)")
                }
            }
        }

        @Test func notANumberComesOutAndNothingCrashes() throws {
            let example = LSTMTestData.cases[0]
            let model = try LSTMLanguageModel<Float>(example.configuration)
            for value in [Float.nan, .infinity] {
                var point: [Float] = LSTMTestData.point(model.layout.count, bound: 0.5)
                let weight = try #require(model.layout.block(named: "lstm.weight_hh_l0"))
                for index in weight.range { point[index] = value }
                let (loss, gradient) = try model.lossAndGradient(example.batch, masks: nil, at: point)
                #expect(loss.isNaN)
                #expect(gradient.contains { !$0.isFinite })
            }
        }
    }

    @Suite struct Twin {
        /// The same network in PyTorch with nn.LSTM, from the same flat vector, making its own masks and initial point.
        @Test(
            .enabled(if: Workplace.python != nil, "needs the Python of `make python` (SMOOTHNESS_PYTHON)"),
            arguments: [0, 1, 2, 4, 6, 7, 9])
        func pyTorchAgrees(_ index: Int) throws {
            let example = LSTMTestData.cases[index]
            try compareWithPyTorch(example, Double.self, loss: 1e-12, gradient: 1e-10)
            try compareWithPyTorch(example, Float.self, loss: 1e-5, gradient: 1e-4)
        }

        private struct Case: Encodable {
            var configuration: LSTMConfiguration
            var scalar: String
            var length: Int
            var count: Int
            var seed: UInt64
            var component: Int
        }

        private func compareWithPyTorch<Scalar: ParameterScalar>(
            _ example: LSTMCase, _: Scalar.Type, loss lossTolerance: Double, gradient gradientTolerance: Double
        ) throws {
            let folder = try TemporaryFolder()
            let model = try LSTMLanguageModel<Scalar>(example.configuration)
            let point: [Scalar] = LSTMTestData.point(model.layout.count, bound: 0.5)
            let description = Case(
                configuration: example.configuration, scalar: Scalar.scalarName, length: example.batch.length,
                count: example.batch.count, seed: LSTMCase.seed, component: LSTMCase.component)
            try JSONEncoder().encode(description).write(to: URL(filePath: folder.path("case.json")))
            try bytes(of: point).write(to: URL(filePath: folder.path("point")))
            try bytes(of: example.batch.inputs).write(to: URL(filePath: folder.path("inputs")))
            try bytes(of: example.batch.targets).write(to: URL(filePath: folder.path("targets")))
            let script = Workplace.packageRoot.appending(path: "Tests/ModelsTests/Twins/lstm_check.py").path
            let outcome = try run(try #require(Workplace.python), [script, folder.url.path])
            try #require(outcome.exitCode == 0, "\(outcome.standardError)")
            let loss = try #require(Double(outcome.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)))
            let expected: [Scalar] = try array(folder.path("gradient"), count: model.layout.count)
            let initial: [Scalar] = try array(folder.path("initial"), count: model.layout.count)

            let fused = try model.lossAndGradient(example.batch, masks: example.masks, at: point)
            #expect(abs(fused.loss - loss) <= lossTolerance * max(1, loss))
            #expect(largestBlockDistance(model.layout, fused.gradient, expected) <= gradientTolerance)
            #expect(model.initialPoint(seed: LSTMCase.seed) == initial)
        }

        private func bytes<Element: Numeric>(of values: [Element]) -> Data {
            values.withUnsafeBytes { Data($0) }
        }

        private func array<Scalar: ParameterScalar>(_ path: String, count: Int) throws -> [Scalar] {
            let data = try Data(contentsOf: URL(filePath: path))
            try #require(data.count == count * MemoryLayout<Scalar>.size)
            return data.withUnsafeBytes { bytes in
                (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Scalar>.size, as: Scalar.self) }
            }
        }
    }
}
