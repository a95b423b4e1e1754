import Essentials
import Evaluation
import Models
import ParameterSpace
import Testing
import Torch

extension LSTM {
    @Suite struct Inputs {
        @Test func layoutOfTheAWDNetwork() throws {
            let configuration = LSTMConfiguration(
                vocabularySize: 10_000, embeddingSize: 400, hiddenSize: 1150, layerCount: 3)
            let layout = configuration.layout
            #expect(
                layout.blocks.map(\.name) == [
                    "encoder.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "lstm.bias_ih_l0", "lstm.bias_hh_l0",
                    "lstm.weight_ih_l1", "lstm.weight_hh_l1", "lstm.bias_ih_l1", "lstm.bias_hh_l1",
                    "lstm.weight_ih_l2", "lstm.weight_hh_l2", "lstm.bias_ih_l2", "lstm.bias_hh_l2", "decoder.bias",
                ])
            #expect(layout.block(named: "lstm.weight_ih_l0")?.shape == [4600, 400])
            #expect(layout.block(named: "lstm.weight_hh_l2")?.shape == [1600, 400])
            // 10000·400 + 4·1150·(400 + 1150 + 2) + 4·1150·(2·1150 + 2) + 4·400·(1150 + 400 + 2) + 10000
            #expect(layout.count == 24_221_600)
        }

        @Test func untiedDecoderReadsTheHiddenSize() {
            let configuration = LSTMConfiguration(
                vocabularySize: 10, embeddingSize: 3, hiddenSize: 5, layerCount: 2, tiedWeights: false)
            #expect(configuration.layout.block(named: "decoder.weight")?.shape == [10, 5])
            #expect(configuration.layout.block(named: "lstm.weight_hh_l1")?.shape == [20, 5])
        }

        @Test func initialPointFillsItsBounds() throws {
            let configuration = LSTMConfiguration(vocabularySize: 40, embeddingSize: 9, hiddenSize: 25, layerCount: 2)
            let model = try LSTMLanguageModel<Double>(configuration)
            let point = model.initialPoint(seed: 1)
            for block in model.layout.blocks {
                let largest = point[block.range].map(abs).max()!
                switch block.name {
                case "decoder.bias": #expect(largest == 0)
                case "encoder.weight": #expect(largest <= 0.1 && largest > 0.099)
                case let name where name.hasSuffix("l0"): #expect(largest <= 0.2 && largest > 0.19)
                default: #expect(largest <= 1.0 / 3 && largest > 0.3)
                }
            }
            #expect(model.initialPoint(seed: 1) == point)
            #expect(model.initialPoint(seed: 2) != point)
        }

        @Test func masksAreAFunctionOfSeedAndComponent() throws {
            var configuration = LSTMConfiguration(
                vocabularySize: 10, embeddingSize: 6, hiddenSize: 8, layerCount: 3, dropout: 0.25)
            let make = { (seed: UInt64, component: Int) in
                try #require(DropoutMasks(configuration, seed: seed, component: component, length: 50, count: 40))
            }
            let masks = try make(1, 2)
            #expect(masks.places.map(\.name) == ["embedding", "layer-0", "layer-1", "output"])
            #expect(masks.places.map(\.width) == [6, 8, 8, 6])
            #expect(masks.places.allSatisfy { $0.scale == 4.0 / 3 })
            #expect(try make(1, 2) == masks)
            #expect(try make(1, 3).keep != masks.keep)
            #expect(try make(2, 2).keep != masks.keep)
            var generator = SeededGenerator(seed: 1, purpose: "dropout-layer-1", index: 2)
            #expect(Array(masks.keep(at: 2)) == (0..<(50 * 40 * 8)).map { _ in generator.uniform() >= 0.25 })
            // 56,000 draws: the share lies within five standard deviations of 0.75.
            let share = Double(masks.keep.count { $0 }) / Double(masks.keep.count)
            #expect(abs(share - 0.75) < 5 * (0.75 * 0.25 / 56_000).squareRoot())
            // Another draw is other masks, and draw 0 the ones without a number.
            let drawn = DropoutMasks(configuration, seed: 1, draw: 3, component: 2, length: 50, count: 40)
            #expect(drawn?.keep != masks.keep)
            #expect(
                DropoutMasks(configuration, seed: 1, draw: 3, component: 2, length: 50, count: 40)?.keep == drawn?.keep)
            #expect(DropoutMasks(configuration, seed: 1, draw: 0, component: 2, length: 50, count: 40) == masks)
            configuration.dropout = 0
            #expect(DropoutMasks(configuration, seed: 1, component: 2, length: 5, count: 4) == nil)
        }

        @Test func masksOfAWDAreTheSameAtEveryStep() throws {
            let regularization = LSTMRegularization(
                wordDropout: 0.2, inputDropout: 0.4, hiddenDropout: 0, outputDropout: 0.5, weightDropout: 0.3)
            let configuration = LSTMConfiguration(
                vocabularySize: 1000, embeddingSize: 6, hiddenSize: 8, layerCount: 2, regularization: regularization)
            let masks = try #require(DropoutMasks(configuration, seed: 1, component: 2, length: 50, count: 40))
            #expect(masks.isLocked)
            #expect(masks.places.map(\.probability) == [0.4, 0, 0.5])
            #expect(masks.keep.count == 40 * (6 + 8 + 6))
            #expect(masks.keep(at: 1).allSatisfy { $0 })
            let words = try #require(masks.words)
            let recurrent = try #require(masks.recurrent)
            #expect(words.count == 1000 && recurrent.count == 4 * 8 * 8 + 4 * 6 * 6)
            var generator = SeededGenerator(seed: 1, purpose: "dropout-recurrent-1", index: 2)
            #expect(Array(recurrent.suffix(144)) == (0..<144).map { _ in generator.uniform() >= 0.3 })
            // Five standard deviations.
            #expect(abs(Double(words.count { $0 }) / 1000 - 0.8) < 5 * (0.8 * 0.2 / 1000).squareRoot())
            // A longer segment of the same component sees the same masks; a micro-batch takes its columns.
            let longer = DropoutMasks(configuration, seed: 1, component: 2, length: 90, count: 40)
            #expect(longer?.keep == masks.keep && longer?.recurrent == masks.recurrent)
            #expect(Array(masks.columns(3..<5).keep(at: 0)) == Array(masks.keep(at: 0)[18..<30]))
            let off = LSTMRegularization(
                wordDropout: 0, inputDropout: 0, hiddenDropout: 0, outputDropout: 0, weightDropout: 0)
            var undropped = configuration
            undropped.regularization = off
            #expect(DropoutMasks(undropped, seed: 1, component: 2, length: 5, count: 4) == nil)
        }

        @Test func columnsTakeWholeStreams() throws {
            let batch = TokenBatch(length: 2, count: 3, inputs: [0, 1, 2, 3, 4, 5], targets: [6, 7, 8, 9, 10, 11])
            #expect(
                batch.columns(1..<3) == TokenBatch(length: 2, count: 2, inputs: [1, 2, 4, 5], targets: [7, 8, 10, 11]))
        }

        @Test func wrongInputIsRefused() throws {
            let example = LSTMTestData.cases[0]
            let model = try LSTMLanguageModel<Double>(example.configuration)
            let point = [Double](repeating: 0, count: model.layout.count)
            func refusal(_ change: (inout TokenBatch, inout DropoutMasks?, inout [Double]) -> Void) -> SmoothnessError?
            {
                var batch = example.batch
                var masks = example.masks
                var point = point
                change(&batch, &masks, &point)
                return #expect(throws: SmoothnessError.self) { try model.loss(batch, masks: masks, at: point) }
            }
            #expect(refusal { batch, _, _ in batch.inputs[3] = 11 }?.found == "11")
            #expect(refusal { batch, _, _ in batch.targets[0] = -1 }?.expected == "0..<11")
            #expect(refusal { batch, _, _ in batch.inputs.removeLast() }?.kind == .data)
            #expect(refusal { batch, _, _ in batch.length = 0 }?.kind == .data)
            #expect(refusal { _, masks, _ in masks = masks?.columns(0..<2) }?.found == "2")
            #expect(refusal { _, _, point in point.removeLast() }?.kind == .data)
            #expect(throws: SmoothnessError.self) {
                try LSTMLanguageModel<Double>(example.configuration, device: "tpu")
            }
            if !isCUDAAvailable {
                let error = #expect(throws: SmoothnessError.self) {
                    try LSTMLanguageModel<Double>(example.configuration, device: "cuda")
                }
                #expect(error?.kind == .usage)
                #expect(error?.message.contains("CUDA") == true)
            }
            for change: @Sendable (inout LSTMConfiguration) -> Void in [
                { $0.hiddenSize = 0 }, { $0.dropout = 1 }, { $0.dropout = .nan }, { $0.layerCount = 0 },
                { $0.regularization = LSTMRegularization() },
                {
                    $0.dropout = 0
                    $0.regularization = LSTMRegularization(weightDropout: 1)
                },
                {
                    $0.dropout = 0
                    $0.regularization = LSTMRegularization(activation: -1)
                },
            ] {
                var configuration = example.configuration
                change(&configuration)
                #expect(throws: SmoothnessError.self) { try LSTMLanguageModel<Float>(configuration) }
            }
        }
    }
}
