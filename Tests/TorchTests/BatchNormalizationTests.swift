import Foundation
import Testing
import Torch

/// Float images with the channels of a pixel side by side have sums in Double: against LibTorch in Double.
@Suite("Batch normalisation with sums in Double")
struct BatchNormalizationTests {
    /// Numbers around a mean of 3 that differ from channel to channel, so that plain sums in Float would lose digits.
    private func numbers(_ count: Int, seed: UInt64) -> [Float] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(3 + Double(state >> 11) * 0x1p-52 - 1)
        }
    }

    private struct Outcome {
        var values: [Double]
        var input: [Double]
        var weight: [Double]
        var bias: [Double]
    }

    /// The result, and the gradients of Σ c·BN(x) for fixed c, by x, weight and bias.
    private func outcome<Scalar: BinaryFloatingPoint>(
        _: Scalar.Type, shape: [Int], channelsLast: Bool
    ) throws -> Outcome {
        let count = shape.reduce(1, *)
        func tensor(_ values: [Float], _ shape: [Int]) throws -> Tensor {
            try Tensor(values.map { Scalar($0) }, shape: shape)
        }
        let leaf = try tensor(numbers(count, seed: 1), shape).requiringGradient()
        let weight = try tensor(numbers(shape[1], seed: 2), [shape[1]]).requiringGradient()
        let bias = try tensor(numbers(shape[1], seed: 3), [shape[1]]).requiringGradient()
        let x = channelsLast ? try leaf.channelsLast() : leaf
        let result = try x.batchNormalized(weight: weight, bias: bias)
        try (result * tensor(numbers(count, seed: 4).map { $0 - 3 }, shape)).sum().backward()
        func doubles(_ tensor: Tensor?) throws -> [Double] {
            try #require(tensor).converted(to: .float64).values(as: Double.self)
        }
        return try Outcome(
            values: doubles(result.reshaped([count])), input: doubles(leaf.gradient()),
            weight: doubles(weight.gradient()), bias: doubles(bias.gradient()))
    }

    private func distance(_ values: [Double], _ expected: [Double]) -> Double {
        let squared = zip(values, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        return (squared / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }

    /// Fewer and more pixels than are summed together, channels that fill no vector, and a single one.
    @Test(
        "agrees with Double as far as Float goes",
        arguments: [[2, 3, 2, 3], [4, 16, 32, 32], [3, 37, 30, 31], [5, 1, 9, 9]])
    func accuracy(shape: [Int]) throws {
        let exact = try outcome(Double.self, shape: shape, channelsLast: false)
        let found = try outcome(Float.self, shape: shape, channelsLast: true)
        #expect(distance(found.values, exact.values) < 2e-7)
        #expect(distance(found.input, exact.input) < 4e-7)
        #expect(distance(found.weight, exact.weight) < 4e-7)
        #expect(distance(found.bias, exact.bias) < 2e-7)
    }

    @Test("does not depend on the number of threads")
    func threads() async {
        // In a process of its own: the number of threads is the process's, and other tests compare bits.
        await #expect(processExitsWith: .success) {
            let tests = BatchNormalizationTests()
            let outcomes = try [1, 2, 3].map { count in
                try setThreadCount(count)
                return try tests.outcome(Float.self, shape: [4, 16, 33, 32], channelsLast: true)
            }
            for other in outcomes.dropFirst() {
                #expect(other.values == outcomes[0].values)
                #expect(other.input == outcomes[0].input)
                #expect(other.weight == outcomes[0].weight)
            }
        }
    }

    @Test("is differentiable twice")
    func hessian() throws {
        func product<Scalar: BinaryFloatingPoint>(_: Scalar.Type, channelsLast: Bool) throws -> [Double] {
            let shape = [4, 5, 6, 7]
            let count = shape.reduce(1, *)
            func tensor(_ seed: UInt64, _ shape: [Int], mean: Float = 3) throws -> Tensor {
                let values = numbers(shape.reduce(1, *), seed: seed)
                return try Tensor(values.map { Scalar($0 - 3 + mean) }, shape: shape)
            }
            let leaf = try tensor(1, shape).requiringGradient()
            let weight = try tensor(2, [5]).requiringGradient()
            let bias = try tensor(3, [5]).requiringGradient()
            let x = channelsLast ? try leaf.channelsLast() : leaf
            let y = try x.batchNormalized(weight: weight, bias: bias)
            let loss = try (y * y * tensor(4, shape, mean: 0)).sum()
            let products = try loss.hessianProducts(
                with: [leaf, weight, bias], [tensor(5, shape, mean: 0), tensor(6, [5]), tensor(7, [5])])
            #expect(products[0].shape == shape && count > 0)
            return try products.flatMap { try $0.converted(to: .float64).values(as: Double.self) }
        }
        let exact = try product(Double.self, channelsLast: false)
        let found = try product(Float.self, channelsLast: true)
        #expect(distance(found, exact) < 2e-6)
    }
}
