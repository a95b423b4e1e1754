import Foundation
import TestSupport
import Testing
import Torch

/// What networks over images need, against numbers worked out by hand.
@Suite struct VisionTests {
    private func values(_ tensor: Tensor) throws -> [Double] { try tensor.values(as: Double.self) }

    private func expect(_ tensor: Tensor, _ shape: [Int], _ expected: [Double], within tolerance: Double = 1e-14) throws
    {
        let found = try values(tensor)
        #expect(tensor.shape == shape)
        #expect(found.count == expected.count)
        expectAgreement(found, expected, .mixed(tolerance))
    }

    @Test func convolution() throws {
        let x = try Tensor((1...9).map(Double.init), shape: [1, 1, 3, 3])
        // Not symmetric: a convolution of mathematics would turn it round.
        let weight = try Tensor([1.0, 10, 100, 1000], shape: [1, 1, 2, 2])
        try expect(x.convolved(with: weight), [1, 1, 2, 2], [5421, 6532, 8754, 9865])
        try expect(x.convolved(with: weight, stride: 2, padding: 1), [1, 1, 2, 2], [1000, 3200, 7040, 9865])
        // Two channels in, two out.
        let pair = try Tensor([1.0, 2, 3, 4], shape: [1, 2, 1, 2])
        let mix = try Tensor([1.0, 10, 100, 1000], shape: [2, 2, 1, 1])
        try expect(pair.convolved(with: mix), [1, 2, 1, 2], [31, 42, 3100, 4200])
        try expect(pair.channelsLast().convolved(with: mix), [1, 2, 1, 2], [31, 42, 3100, 4200])
    }

    @Test func batchNormalization() throws {
        // Channel 0 holds 1, 3, 5, 7 (mean 4, variance 5, unbiased 20/3), channel 1 holds 2, 2, 2, 2.
        let x = try Tensor([1.0, 3, 2, 2, 5, 7, 2, 2], shape: [2, 2, 1, 2])
        let weight = try Tensor([2.0, 3], shape: [2])
        let bias = try Tensor([0.5, -1], shape: [2])
        let deviation = 5.00001.squareRoot()
        let normalized = [-3.0, -1, 1, 3].map { 0.5 + 2 * $0 / deviation }
        let expected = [normalized[0], normalized[1], -1, -1, normalized[2], normalized[3], -1, -1]
        try expect(x.batchNormalized(weight: weight, bias: bias), [2, 2, 1, 2], expected)

        let mean = try Tensor([0.0, 1], shape: [2])
        let variance = try Tensor([0.0, 4], shape: [2])
        try expect(
            x.batchNormalized(
                weight: weight, bias: bias, statistics: .accumulating(mean: mean, variance: variance, momentum: 0.25)),
            [2, 2, 1, 2], expected)
        try expect(mean, [2], [1, 1.25])
        try expect(variance, [2], [5.0 / 3, 3])
        let given = try x.batchNormalized(
            weight: weight, bias: bias, statistics: .given(mean: mean, variance: variance), epsilon: 1)
        // (x − 1)/√(5/3 + 1)·2 + 0.5 in channel 0, (2 − 1.25)/√(3 + 1)·3 − 1 in channel 1.
        let slope: Double = 2 / (8.0 / 3).squareRoot()
        let first = [0.0, 2, 4, 6].map { (distance: Double) -> Double in 0.5 + slope * distance }
        try expect(given, [2, 2, 1, 2], [first[0], first[1], 0.125, 0.125, first[2], first[3], 0.125, 0.125])
    }

    /// ∂/∂x of Σ c·BN(x) is zero along x and along the ones: the batch's own statistics are differentiated through.
    @Test func batchNormalizationIsDifferentiatedThroughItsStatistics() throws {
        let numbers = [0.3, -1.2, 2.5, 0.7, 1.1, -0.4]
        let x = try Tensor(numbers, shape: [3, 1, 1, 2]).requiringGradient()
        let one = try Tensor([1.0], shape: [1])
        let normalized = try x.batchNormalized(
            weight: one, bias: Tensor([0.0], shape: [1]), epsilon: 0)
        try (normalized * Tensor([1.0, 2, -1, 0.5, 3, 0.25], shape: [3, 1, 1, 2])).sum().backward()
        let gradient = try #require(try x.gradient()).values(as: Double.self)
        #expect(abs(gradient.reduce(0, +)) < 1e-14)
        #expect(abs(zip(gradient, numbers).reduce(0) { $0 + $1.0 * $1.1 }) < 1e-14)
        #expect(gradient.contains { abs($0) > 0.1 })
    }

    @Test func pooling() throws {
        let x = try Tensor((1...16).map(Double.init), shape: [1, 1, 4, 4])
        try expect(x.maxPooled(kernel: 2, stride: 2), [1, 1, 2, 2], [6, 8, 14, 16])
        try expect(x.maxPooled(kernel: 3, stride: 2, padding: 1), [1, 1, 2, 2], [6, 8, 14, 16])
        let pair = try Tensor([1.0, 2, 3, 6, 5, 5, 5, 9], shape: [1, 2, 2, 2])
        try expect(pair.globallyAveraged(), [1, 2], [3, 6])
    }

    @Test func subsampling() throws {
        let x = try Tensor((1...9).map(Double.init), shape: [1, 1, 3, 3])
        try expect(
            x.subsampled(stride: 2, zeroChannelsBefore: 1, after: 2), [1, 4, 2, 2],
            [0, 0, 0, 0, 1, 3, 7, 9, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func activationsAndLoss() throws {
        let x = try Tensor([-1.5, 0, 0.7], shape: [3])
        let half = [-1.5, 0, 0.7].map { (x: Double) -> Double in x * erfc(-x / 2.0.squareRoot()) / 2 }
        try expect(x.gelu(), [3], half, within: 1e-7)
        let logits = try Tensor([1.0, 2, -1, 0.5, 0, 3], shape: [2, 3])
        let targets = try Tensor([Int64(1), 0], shape: [2])
        func logarithms(_ row: [Double]) -> [Double] {
            let total = log(row.reduce(0) { $0 + exp($1) })
            return row.map { $0 - total }
        }
        let rows = [logarithms([1, 2, -1]), logarithms([0.5, 0, 3])]
        let plain = [-rows[0][1], -rows[1][0]]
        let spread = rows.map { -$0.reduce(0, +) / 3 }
        let losses = zip(plain, spread).map { 0.9 * $0 + 0.1 * $1 }
        try expect(logits.crossEntropy(targets, labelSmoothing: 0.1), [], [losses.reduce(0, +) / 2])
        try expect(logits.crossEntropy(targets, labelSmoothing: 0.1, reduction: .sum), [], [losses.reduce(0, +)])
        try expect(logits.crossEntropy(targets, labelSmoothing: 0), [], [plain.reduce(0, +) / 2])
    }

    @Test func refusals() throws {
        let flat = try Tensor([1.0, 2], shape: [2])
        let image = try Tensor([1.0, 2], shape: [1, 2, 1, 1])
        func refused(_ body: () throws -> Tensor) -> String? {
            do {
                _ = try body()
                return nil
            } catch let error as TorchError {
                return error.description
            } catch {
                return "\(error)"
            }
        }
        #expect(
            refused { try flat.convolved(with: flat) } == "convolved: images have four dimensions: [N, C, H, W]")
        let one = try Tensor([1.0], shape: [1])
        #expect(
            refused { try image.batchNormalized(weight: one, bias: one) }
                == "batchNormalized: batch normalisation of 2 channels needs vectors of as many elements, found 1")
        #expect(
            refused { try image.subsampled(stride: 0, zeroChannelsBefore: 0, after: 0) }
                == "subsampled: the stride is at least 1 and the padding at least 0")
        #expect(
            refused { try image.reshaped([1, 2]).crossEntropy(Tensor([Int64(2)], shape: [1]), labelSmoothing: 0) }
                == "crossEntropy: targets must lie in 0..<2, found 2")
        #expect(
            refused { try image.reshaped([1, 2]).crossEntropy(Tensor([Int64(1)], shape: [1]), labelSmoothing: 1.5) }
                == "crossEntropy: label smoothing lies between 0 and 1")
    }
}
