import Essentials
import Evaluation
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing

/// Carried states, random cuts, draws: what makes a component of a language model.
@Suite("Components of language models")
struct LanguageModelDrawTests {
    static let text = TextDescription(
        source: .generated(GeneratedText(wordCount: 30, classCount: 4, lineCount: 20, seed: 5)), vocabularyLimit: 20)

    private func make(
        awd: Bool = true, state: InitialState = .zero, lengths: SegmentLengths = .fixed,
        options: EvaluationOptions = EvaluationOptions()
    ) throws -> ObjectiveSet<Double> {
        let description = try ObjectiveDescription.languageModel(
            Self.text, batchSize: 5, sequenceLength: 9, embeddingSize: 6, hiddenSize: 7, layerCount: 2,
            regularization: awd ? LSTMRegularization() : nil, state: state, segmentLengths: lengths, seed: 3)
        #expect(try ObjectiveDescription(json: description.json()) == description)
        return try makeObjective(description, as: Double.self, options: options)
    }

    private func gradient(_ objective: any Objective<Double>, _ component: Int, at x: [Double]) throws -> [Double] {
        var gradient = x
        _ = try objective.gradient(ofComponent: component, at: x, into: &gradient)
        return gradient
    }

    @Test("random cuts: as many segments, the same tokens, at least one step each, another place in another draw")
    func cuts() throws {
        for (size, count, length) in [(2000, 3, 35), (500, 5, 9), (61, 2, 1), (4, 2, 5)] {
            let tokens = (0..<Int32(size)).map { $0 % 11 }
            let streams = try #require(TokenStreams(tokens: tokens, count: count, sequenceLength: length))
            let all = (0..<6).map { streams.recut(seed: 8, draw: $0) }
            for recut in all {
                #expect(recut.segmentCount == streams.segmentCount)
                #expect(recut.cuts.first == 0 && recut.cuts.last == streams.streamLength - 1)
                #expect(zip(recut.cuts, recut.cuts.dropFirst()).allSatisfy { $0 < $1 })
                let targets = (0..<recut.segmentCount).flatMap { recut.segment($0).targets }
                let expected = (0..<streams.segmentCount).flatMap { streams.segment($0).targets }
                #expect(targets.sorted() == expected.sorted())
            }
            #expect(streams.recut(seed: 8, draw: 2) == all[2])
            #expect(all[1].recut(seed: 8, draw: 2) == all[2])
            if size == 2000 {
                #expect(Set(all.map(\.cuts)).count == 6)
                #expect(streams.recut(seed: 9, draw: 2) != all[2])
            }
        }
    }

    @Test("a draw changes masks and cuts, not the number of components nor their total weight")
    func draws() throws {
        for lengths in SegmentLengths.allCases {
            let objective = try make(state: .carried(segments: 2), lengths: lengths).training
            let x = objective.initialPoint(seed: 8)
            let drawn = objective.redrawn(5)
            #expect(drawn.componentCount == objective.componentCount)
            let everything = 0..<objective.componentCount
            #expect(drawn.totalWeight(of: everything) == objective.totalWeight(of: everything))
            #expect(try objective.redrawn(0).loss(ofComponent: 1, at: x) == objective.loss(ofComponent: 1, at: x))
            #expect(try drawn.loss(ofComponent: 1, at: x) != objective.loss(ofComponent: 1, at: x))
            #expect(try drawn.loss(ofComponent: 1, at: x) == objective.redrawn(5).loss(ofComponent: 1, at: x))
            #expect(try drawn.redrawn(0).loss(ofComponent: 1, at: x) == objective.loss(ofComponent: 1, at: x))
            let weights = everything.map { drawn.weight(ofComponent: $0) }
            #expect((weights == everything.map { objective.weight(ofComponent: $0) }) == (lengths == .fixed))
        }
    }

    /// Without dropout the carried state of all segments before makes of the segments one long one, whatever the cuts.
    @Test("a state carried from the beginning makes the loss that of the whole stream")
    func carriedLoss() throws {
        let data = try LanguageData(Self.text, batchSize: 5, sequenceLength: 9)
        let long = try #require(
            TokenStreams(tokens: data.training.tokens, count: 5, sequenceLength: data.training.streamLength))
        let model = try LSTMLanguageModel<Double>(
            LSTMConfiguration(vocabularySize: 20, embeddingSize: 6, hiddenSize: 7, layerCount: 2))
        let x = model.initialPoint(seed: 8)
        let whole = try model.loss(long.segment(0), masks: nil, at: x)
        for lengths in SegmentLengths.allCases {
            for segments in [1, 2, 1000] {
                let objective = try make(awd: false, state: .carried(segments: segments), lengths: lengths).training
                let loss = try objective.subsetLoss(over: 0..<objective.componentCount, at: x)
                #expect((abs(loss - whole) < 1e-13) == (segments == 1000), "\(segments): \(loss) and \(whole)")
            }
        }
    }

    @Test("the first component starts from zero, later ones from the segments before, the same at every call")
    func carriedGradient() throws {
        let zero = try make().training
        let carried = try make(state: .carried(segments: 2)).training
        let x = zero.initialPoint(seed: 8)
        #expect(try gradient(carried, 0, at: x) == gradient(zero, 0, at: x))
        let found = try gradient(carried, 3, at: x)
        #expect(try found != gradient(zero, 3, at: x))
        _ = try gradient(carried, 1, at: x)
        #expect(try gradient(carried, 3, at: x) == found)
        // At the beginning of the stream fewer segments are there.
        let more = try make(state: .carried(segments: 3)).training
        #expect(try gradient(more, 2, at: x) == gradient(carried, 2, at: x))
        #expect(try gradient(more, 3, at: x) != found)
    }

    /// The gradient is that of the loss at a state that does not move: differences of the loss, whose state moves, disagree.
    @Test("no gradient flows into a carried state")
    func truncation() throws {
        for (state, agrees) in [(InitialState.zero, true), (.carried(segments: 2), false)] {
            let objective = try make(state: state).training
            let x: [Double] = LSTMTestData.point(objective.layout.count, bound: 0.6)
            let gradient = try gradient(objective, 2, at: x)
            let direction = randomVector(x.count, index: 4)
            let step = 1e-6
            let ahead = try objective.loss(ofComponent: 2, at: moved(x, step, direction))
            let behind = try objective.loss(ofComponent: 2, at: moved(x, -step, direction))
            let error = abs((ahead - behind) / (2 * step) - dot(gradient, direction))
            #expect((error < 1e-7) == agrees, "\(state): \(error)")
        }
    }

    @Test("carried states in pieces of streams", arguments: [1, 2, 3])
    func carriedPieces(_ microBatch: Int) throws {
        let whole = try make(state: .carried(segments: 2)).training
        let pieces = try make(state: .carried(segments: 2), options: .init(microBatch: microBatch)).training
        let x = whole.initialPoint(seed: 8)
        for component in [2, whole.componentCount - 1] {
            let expected = try gradient(whole, component, at: x)
            #expect(norm(difference(try gradient(pieces, component, at: x), expected)) < 1e-13 * norm(expected))
            let loss = try whole.loss(ofComponent: component, at: x)
            #expect(abs(try pieces.loss(ofComponent: component, at: x) / loss - 1) < 1e-13)
        }
    }

    @Test("held-out text is measured without dropout and without activation terms")
    func validation() throws {
        let dropped = try #require(try make().validation)
        let plain = try #require(try make(awd: false).validation)
        let x = plain.initialPoint(seed: 8)
        #expect(try dropped.loss(ofComponent: 0, at: x) == plain.loss(ofComponent: 0, at: x))
        let off = try make(options: .init(masks: .off)).training
        #expect(try off.loss(ofComponent: 1, at: x) > make(awd: false).training.loss(ofComponent: 1, at: x))
    }

    /// With one function at both points ‖Δ(γ)‖/γ tends to a limit; with a new draw at every evaluation ‖Δ(γ)‖ tends to the
    /// distance of two draws, so that the quotient grows as 1/γ.
    @Test("fresh masks make the measured smoothness grow as 1/γ, fixed ones keep it flat")
    func freshMasks() throws {
        let objective = try make().training
        var draws: UInt64 = 0
        func smoothness(_ masks: EvaluationOptions.Masks, _ gamma: Double) throws -> Double {
            let x: [Double] = LSTMTestData.point(objective.layout.count, bound: 0.3)
            let step = randomVector(x.count, scale: 1e-3, index: 1)
            var scratch = x
            var ends = [x, x]
            for (index, point) in [x, moved(x, gamma, step)].enumerated() {
                if masks == .fresh { draws += 1 }
                _ = try objective.redrawn(draws).subsetGradient(
                    over: 0..<objective.componentCount, at: point, scratch: &scratch, into: &ends[index])
            }
            return norm(difference(ends[1], ends[0])) / (gamma * norm(step))
        }
        let fixed = try [1, 1e-2, 1e-4].map { try smoothness(.fixed, $0) }
        #expect(fixed.max()! < 1.1 * fixed.min()!)
        let fresh = try [1, 1e-2, 1e-4].map { try smoothness(.fresh, $0) }
        // The distance of two draws is itself random, hence the margin of 2.
        #expect(fresh[0] > 10 * fixed[0])
        for (small, large) in [(1, 0), (2, 1)] {
            #expect(fresh[small] > 50 * fresh[large] && fresh[small] < 200 * fresh[large], "\(fresh)")
        }
        let x = objective.initialPoint(seed: 1)
        #expect(
            try objective.redrawn(1).loss(ofComponent: 0, at: x) != objective.redrawn(2).loss(ofComponent: 0, at: x))
    }

    @Test("what was not asked for leaves no trace in the description")
    func olderDescriptions() throws {
        let plain = try ObjectiveDescription.languageModel(Self.text, batchSize: 5, sequenceLength: 9).json()
        for key in ["state", "burn_in", "segment_lengths", "training_draws", "\"regularization\""] {
            #expect(!plain.contains("\(key)\":") && !plain.contains("\(key):"), "\(key)")
        }
        let error = #expect(throws: SmoothnessError.self) {
            try ObjectiveDescription(json: plain.replacing("\"seed\":0,", with: "\"seed\":0,\"state\":\"lost\","))
        }
        #expect(error?.kind == .data && error?.object == "state")
        let burnIn = #expect(throws: SmoothnessError.self) {
            try ObjectiveDescription.languageModel(
                Self.text, batchSize: 5, sequenceLength: 9, state: .carried(segments: 0))
        }
        #expect(burnIn?.object == "burn_in")
    }
}
