import Foundation
import TestSupport
import Testing
import Torch

/// Gradients against the derivative's closed form.
@Suite struct AutogradTests {
    /// ∂/∂x Σ w·f(x) for every differentiable operation of one argument; w makes the elements' gradients differ.
    @Test(arguments: [0.3, 1.7]) func unary(_ x: Double) throws {
        let sigmoid = 1 / (1 + exp(-x))
        let cases: [(name: String, derivative: Double, (Tensor) throws -> Tensor)] = [
            ("sigmoid", sigmoid * (1 - sigmoid), { try $0.sigmoid() }),
            ("tanh", 1 - tanh(x) * tanh(x), { try $0.tanh() }),
            ("relu", 1, { try $0.relu() }),
            ("exp", exp(x), { try $0.exp() }),
            ("log", 1 / x, { try $0.log() }),
            ("power", 3 * x * x, { try $0.power(3) }),
            ("scalars", -2, { try $0 * -2 + 5 }),
            ("product", 2 * x, { try $0 * $0 }),
            ("quotient", -1 / (x * x), { try Tensor(scalar: 1.0) / $0 }),
            ("mean", 1, { try $0.mean(dimension: 0, keepingDimension: true) * 2 }),
        ]
        for (name, derivative, operation) in cases {
            let leaf = try Tensor([x, x], shape: [2]).requiringGradient()
            let weights = try Tensor([1.0, 10], shape: [2])
            let result = try operation(leaf)
            try (result * (result.count == 2 ? weights : Tensor(scalar: 1.0))).sum().backward()
            let gradient = try #require(try leaf.gradient()).values(as: Double.self)
            let expected = result.count == 2 ? [derivative, 10 * derivative] : [derivative, derivative]
            for (found, wanted) in try paired(gradient, expected) {
                #expect(abs(found - wanted) < 1e-14 * max(1, abs(wanted)), "\(name)")
            }
        }
    }

    /// ∂/∂A tr(Cᵀ·A·B) = C·Bᵀ, through transpose, slice, chunk, stack and concatenation that change nothing.
    @Test func productThroughViews() throws {
        let a = try Tensor([1.0, 2, 3, 4], shape: [2, 2]).requiringGradient()
        let b = try Tensor([5.0, 6, 7, 8], shape: [2, 2])
        let c = try Tensor([1.0, -1, 2, 0.5], shape: [2, 2])
        let rows = try a.transposed().transposed().chunked(2, dimension: 0)
        let again = try Tensor.concatenated([rows[0], rows[1].sliced(0..<1)], dimension: 0)
        let stacked = try Tensor.stacked([again.selected(0), again.selected(1)])
        try (c * stacked.matmul(b)).sum().backward()
        let gradient = try #require(try a.gradient()).values(as: Double.self)
        // C·Bᵀ = [[5 − 6, 7 − 8], [10 + 3, 14 + 4]]
        #expect(gradient == [-1, -1, 13, 18])
    }

    /// ∂(mean cross-entropy)/∂logits = (softmax − one-hot)/N, and an embedding's gradient adds up over repeated rows.
    @Test func crossEntropyOfAnEmbedding() throws {
        let weight = try Tensor([0.0, 1, 2, -1], shape: [2, 2]).requiringGradient()
        let indices = try Tensor([Int64(0), 1, 0], shape: [3])
        let targets = try Tensor([Int64(1), 1, 0], shape: [3])
        try weight.embedding(indices).crossEntropy(targets).backward()
        let gradient = try #require(try weight.gradient()).values(as: Double.self)
        let first = 1 / (1 + exp(1.0))  // softmax of (0, 1) at 0
        let second = 1 / (1 + exp(-3.0))  // softmax of (2, −1) at 0
        let expected = [(2 * first - 1) / 3, (2 * (1 - first) - 1) / 3, second / 3, -second / 3]
        expectAgreement(gradient, expected, .absolute(1e-15))
    }

    @Test func gradientsAddUpAndGraphsEnd() throws {
        let leaf = try Tensor([2.0], shape: [1]).requiringGradient()
        #expect(leaf.requiresGradient)
        #expect(try leaf.gradient() == nil)
        try (leaf * leaf).sum().backward()
        try (leaf * leaf).sum().backward()
        #expect(try leaf.gradient()?.item(as: Double.self) == 8)
        let loss = try (leaf * leaf).sum()
        try loss.backward()
        #expect(throws: TorchError.self) { try loss.backward() }
    }

    @Test func outsideTheGraph() throws {
        let leaf = try Tensor([2.0], shape: [1]).requiringGradient()
        #expect(try !withoutGradients { try leaf * leaf }.requiresGradient)
        #expect(try (leaf * leaf).requiresGradient)
        #expect(try !(leaf * leaf).detached().requiresGradient)
        #expect(throws: TorchError.self) { try (leaf * leaf).detached().sum().backward() }
        #expect(throws: TorchError.self) { try Tensor([Int64(1)], shape: [1]).requiringGradient() }
        #expect(throws: TorchError.self) { try (leaf * leaf).requiringGradient() }
        // What a body throws passes through, and recording is on again afterwards.
        #expect(throws: TorchError.self) { try withoutGradients { try leaf.reshaped([5]) } }
        #expect(try (leaf * leaf).requiresGradient)
    }
}
