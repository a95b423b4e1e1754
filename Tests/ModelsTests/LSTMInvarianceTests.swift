import Essentials
import Evaluation
import Models
import ParameterSpace
import TestSupport
import Testing
import Torch

extension LSTM {
    @Suite struct Invariance {
        static let example = LSTMCase(300, 24, 96, 2, tied: true, dropout: 0.2, length: 12, count: 20)

        /// The same component in micro-batches, ragged ones too, weighted by tokens: the same gradient, and the same
        /// difference of gradients along steps of relative size 1e-2 and 1e-3, which is what smoothness is made of.
        @Test(arguments: [[0, 7, 14, 20], [0, 1, 20], [0, 10, 20], [0, 3, 6, 9, 12, 15, 18, 20]])
        func microBatches(_ cuts: [Int]) throws {
            try compareMicroBatches(cuts, Double.self, gradient: 1e-13, difference: 1e-10)
            try compareMicroBatches(cuts, Float.self, gradient: 1e-5, difference: 1e-5)
        }

        /// The same for AWD-LSTM: its terms are means over streams too.
        @Test func microBatchesOfAWD() throws {
            let example = LSTMCase(
                300, 24, 96, 2, tied: true, dropout: 0, awd: LSTMTestData.awd, length: 12, count: 20)
            try compareMicroBatches([0, 1, 8, 20], Double.self, of: example, gradient: 1e-13, difference: 1e-10)
            try compareMicroBatches([0, 1, 8, 20], Float.self, of: example, gradient: 1e-5, difference: 1e-5)
        }

        private func compareMicroBatches<Scalar: ParameterScalar>(
            _ cuts: [Int], _: Scalar.Type, of example: LSTMCase = example, gradient gradientTolerance: Double,
            difference: Double
        ) throws {
            let model = try LSTMLanguageModel<Scalar>(example.configuration)
            let point: [Scalar] = LSTMTestData.point(model.layout.count, bound: 0.2)
            let whole = try gradient(model, example, [0, 20], at: point)
            let pieces = try gradient(model, example, cuts, at: point)
            #expect(abs(whole.loss - pieces.loss) <= gradientTolerance * whole.loss)
            #expect(model.layout.distance(from: whole.sum, to: pieces.sum) <= gradientTolerance * norm(whole.sum))
            // Steps as training makes them, against the gradient. (Across a direction of no curvature the difference
            // sinks to the rounding of Float, about 1e-7 of the gradient, and no order of summation can help.)
            let direction = whole.sum.map { Scalar($0) }
            let unit = -model.layout.norm(of: point) / norm(whole.sum)
            for relativeStep in [1e-2, 1e-3] {
                var ahead = point
                Scalar.axpby(relativeStep * unit, direction, 1, into: &ahead)
                let wholeChange = distance(try gradient(model, example, [0, 20], at: ahead).sum, whole.sum)
                let piecesChange = distance(try gradient(model, example, cuts, at: ahead).sum, pieces.sum)
                #expect(abs(wholeChange - piecesChange) <= difference * wholeChange)
            }
        }

        /// Σ over the pieces of (their streams / all streams) × gradient, in Double.
        private func gradient<Scalar: ParameterScalar>(
            _ model: LSTMLanguageModel<Scalar>, _ example: LSTMCase, _ cuts: [Int], at point: [Scalar]
        ) throws -> (loss: Double, sum: [Double]) {
            var sum = [Double](repeating: 0, count: model.layout.count)
            var loss = 0.0
            for (start, end) in zip(cuts, cuts.dropFirst()) {
                let share = Double(end - start) / 20
                let piece = try model.lossAndGradient(
                    example.batch.columns(start..<end), masks: example.masks?.columns(start..<end), at: point)
                loss += share * piece.loss
                Scalar.accumulate(into: &sum, scale: share, piece.gradient)
            }
            return (loss, sum)
        }

        private func norm(_ x: [Double]) -> Double { Double.squaredNorm(x, in: x.indices).squareRoot() }
        private func distance(_ x: [Double], _ y: [Double]) -> Double {
            Double.squaredDistance(x, y, in: x.indices).squareRoot()
        }

        /// The recurrence, softmax and loss have a fixed order; only the matrix library's products may be split otherwise.
        @Test func threads() async {
            // In a process of its own: the number of threads is the process's, and other tests compare bits.
            await #expect(processExitsWith: .success) {
                let tests = Invariance()
                try tests.compareThreads(Double.self, tolerance: 1e-12)
                try tests.compareThreads(Float.self, tolerance: 1e-6)
            }
        }

        private func compareThreads<Scalar: ParameterScalar>(_: Scalar.Type, tolerance: Double) throws {
            let model = try LSTMLanguageModel<Scalar>(Self.example.configuration)
            let point: [Scalar] = LSTMTestData.point(model.layout.count, bound: 0.2)
            try setThreadCount(1)
            let one = try model.lossAndGradient(Self.example.batch, masks: Self.example.masks, at: point)
            for count in 2...5 {
                try setThreadCount(count)
                let many = try model.lossAndGradient(Self.example.batch, masks: Self.example.masks, at: point)
                #expect(abs(one.loss - many.loss) <= tolerance * one.loss)
                #expect(largestBlockDistance(model.layout, many.gradient, one.gradient) <= tolerance)
            }
        }

        /// Two calls give the same bits, from several tasks at once as well: an interrupted run can be repeated exactly.
        @Test func repetition() async throws {
            let model = try LSTMLanguageModel<Float>(Self.example.configuration)
            let point: [Float] = LSTMTestData.point(model.layout.count, bound: 0.2)
            let first = try model.lossAndGradient(Self.example.batch, masks: Self.example.masks, at: point)
            try await withThrowingTaskGroup(of: (loss: Double, gradient: [Float]).self) { group in
                for shift in 0..<4 {
                    group.addTask {
                        // Copies at other addresses, because a matrix library may treat alignments differently.
                        let shifted = Array([Float](repeating: 0, count: shift) + point).suffix(point.count)
                        return try model.lossAndGradient(
                            Self.example.batch, masks: Self.example.masks, at: Array(shifted))
                    }
                }
                for try await again in group {
                    #expect(again.loss == first.loss)
                    #expect(again.gradient == first.gradient)
                }
            }
            releaseFusedMemory()
            let after = try model.lossAndGradient(Self.example.batch, masks: Self.example.masks, at: point)
            #expect(after.gradient == first.gradient)
        }
    }
}
