import Testing
import Torch

/// What the C function refuses. Its values are tested in ModelsTests, against the plain network and PyTorch.
@Suite struct FusedLSTMTests {
    static let sizes = LSTMSizes(vocabulary: 3, embedding: 2, hidden: [2], tied: true, steps: 2, streams: 1)

    private func refusal(
        _ sizes: LSTMSizes = sizes, inputs: [Int64] = [0, 1], targets: [Int64] = [1, 2], keep: [Bool]? = nil,
        count: Int = 3 * 2 + 8 * 4 + 16 + 3
    ) -> TorchError? {
        do {
            let point = [Double](repeating: 0.1, count: count)
            _ = try lstmLanguageModelLoss(
                sizes, inputs: inputs, targets: targets, dropout: keep.map { LSTMDropout(keep: $0, scales: [2, 2]) },
                at: point)
            return nil
        } catch { return error }
    }

    @Test func wrongArgumentsAreRefused() {
        #expect(refusal() == nil)
        #expect(refusal(keep: [Bool](repeating: true, count: 8)) == nil)
        #expect(refusal(keep: [true])?.kind == .badArgument)
        #expect(refusal(inputs: [0, 3])?.kind == .badArgument)
        #expect(refusal(targets: [-1, 0])?.kind == .badArgument)
        #expect(refusal(inputs: [0])?.kind == .badArgument)
        #expect(refusal(count: 5)?.kind == .badArgument)
        for change: (inout LSTMSizes) -> Void in [
            { $0.hidden = [3] }, { $0.hidden = [] }, { $0.hidden = [0] }, { $0.vocabulary = 0 }, { $0.embedding = -2 },
        ] {
            var sizes = Self.sizes
            change(&sizes)
            #expect(refusal(sizes)?.kind == .badArgument)
        }
        #expect(throws: TorchError.self) {
            var gradient = [Float16](repeating: 0, count: 57)
            _ = try lstmLanguageModelGradient(
                Self.sizes, inputs: [0, 1], targets: [1, 2], dropout: nil,
                at: [Float16](repeating: 0, count: 57), into: &gradient)
        }
        #expect(throws: TorchError.self) {
            let point = [Double](repeating: 0.1, count: 57)
            var (first, second) = (point, point)
            let batch = LSTMBatch<Double>(inputs: [0, 1], targets: [1, 2], dropout: nil)
            var masked = batch
            masked.dropout = LSTMDropout(recurrent: [Bool](repeating: true, count: 16), recurrentScale: 1)
            _ = try lstmLanguageModelGradients(Self.sizes, batch, masked, at: point, into: &first, &second)
        }
        #expect(throws: TorchError.self) { try limitFusedKernels(to: "abacus") }
    }
}
