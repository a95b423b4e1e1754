import Testing
import Torch

/// Against LibTorch's automatic differentiation of the same network.
@Suite("The gradient of a perceptron in one call")
struct PerceptronGradientTests {
    /// Numbers in [−1, 1) by a linear congruence.
    private func numbers(_ count: Int, seed: UInt64) -> [Double] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Double(state >> 11) * 0x1p-52 - 1
        }
    }

    private func automatic<Scalar: BinaryFloatingPoint>(
        _ sizes: [Int], _ activation: PerceptronActivation, _ inputs: [Scalar], _ labels: [Int64], _ point: [Scalar]
    ) throws -> (loss: Double, gradient: [Scalar]) {
        var x = try Tensor(inputs, shape: [labels.count, sizes[0]])
        var leaves: [Tensor] = []
        var place = 0
        func leaf(_ shape: [Int]) throws -> Tensor {
            let count = shape.reduce(1, *)
            defer { place += count }
            leaves.append(
                try Tensor(Array(point[place..<(place + count)]), shape: shape).requiringGradient())
            return leaves[leaves.count - 1]
        }
        for (layer, size) in zip(sizes, sizes.dropFirst()).enumerated() {
            x = try x.linear(leaf([size.1, size.0]), leaf([size.1]))
            if layer + 2 < sizes.count { x = try activation == .rectifier ? x.relu() : x.tanh() }
        }
        let loss = try x.crossEntropy(Tensor(labels, shape: [labels.count]), labelSmoothing: 0)
        try loss.backward()
        let gradient = try leaves.flatMap { try #require(try $0.gradient()).values(as: Scalar.self) }
        return (Double(try loss.item(as: Scalar.self)), gradient)
    }

    /// Sizes within and beyond a panel of the products and their rows, a linear classifier, and products large enough for LibTorch.
    static let networks: [(sizes: [Int], samples: Int)] = [
        ([5, 3], 1), ([7, 4, 2], 3), ([64, 32, 32, 10], 32), ([65, 130, 67, 11], 70), ([300, 200, 10], 150),
    ]

    private func compare<Scalar: BinaryFloatingPoint>(
        _: Scalar.Type, _ network: (sizes: [Int], samples: Int), _ activation: PerceptronActivation, tolerance: Double
    ) throws {
        let (sizes, samples) = network
        let count = zip(sizes, sizes.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 + $1.1 }
        let point = numbers(count, seed: 1).map { Scalar($0 / 3) }
        let inputs = numbers(samples * sizes[0], seed: 2).map { Scalar($0) }
        let labels = (0..<samples).map { Int64($0 * 7 % sizes[sizes.count - 1]) }
        let expected = try automatic(sizes, activation, inputs, labels, point)
        var gradient = [Scalar](repeating: .nan, count: count)
        let loss = try perceptronGradient(
            sizes: sizes, activation: activation, inputs: inputs, labels: labels, at: point, into: &gradient)
        #expect(abs(loss - expected.loss) <= tolerance * abs(expected.loss))
        let squared = zip(gradient, expected.gradient).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
        let norm = expected.gradient.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot()
        #expect(norm > 0 && squared.squareRoot() <= tolerance * norm, "\(squared.squareRoot() / norm)")
        let again = try perceptronLoss(
            sizes: sizes, activation: activation, inputs: inputs, labels: labels, at: point)
        #expect(again == loss)
    }

    @Test(
        "equals automatic differentiation", arguments: networks, [PerceptronActivation.rectifier, .hyperbolicTangent])
    func equality(network: (sizes: [Int], samples: Int), activation: PerceptronActivation) throws {
        try compare(Double.self, network, activation, tolerance: 1e-12)
        try compare(Float.self, network, activation, tolerance: 3e-6)
    }

    @Test("a value that is not finite stays visible")
    func nonFinite() throws {
        var point = numbers(4 * 3 + 3 + 3 * 2 + 2, seed: 3)
        point[0] = .nan
        var gradient = [Double](repeating: 0, count: point.count)
        let loss = try perceptronGradient(
            sizes: [4, 3, 2], inputs: [1, 2, 3, 4], labels: [1], at: point, into: &gradient)
        #expect(loss.isNaN && gradient.contains { $0.isNaN })
    }

    @Test("arrays that do not fit are refused")
    func refusals() throws {
        var gradient = [Float](repeating: 0, count: 8)
        let point = gradient
        #expect(throws: TorchError.self) {
            try perceptronGradient(sizes: [3, 2], inputs: [1, 2], labels: [0], at: point, into: &gradient)
        }
        #expect(throws: TorchError.self) {
            try perceptronGradient(sizes: [3, 2], inputs: [1, 2, 3], labels: [2], at: point, into: &gradient)
        }
        #expect(throws: TorchError.self) {
            try perceptronGradient(sizes: [4, 2], inputs: [1, 2, 3, 4], labels: [0], at: point, into: &gradient)
        }
        var short = [Float](repeating: 0, count: 7)
        #expect(throws: TorchError.self) {
            try perceptronGradient(sizes: [3, 2], inputs: [1, 2, 3], labels: [0], at: point, into: &short)
        }
    }
}
