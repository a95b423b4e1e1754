import TestSupport
import Testing
import Torch

/// The operations of a Transformer against their formulas.
@Suite("Operations of a Transformer") struct TransformerOperationTests {
    private func values(_ count: Int, _ phase: Double) -> [Double] {
        (0..<count).map { 2 * (Double($0) * 1.7 + phase).truncatingRemainder(dividingBy: 1.3) - 1.1 }
    }

    private func expectClose(_ a: [Double], _ b: [Double], _ tolerance: Double) {
        #expect(a.count == b.count)
        expectAgreement(a, b, .absolute(tolerance))
    }

    @Test func gelu() throws {
        // x·Φ(x) at −3, −1, 0, ½, 2, from tables of the normal distribution.
        let x = try Tensor([-3.0, -1, 0, 0.5, 2], shape: [5])
        let expected = [-0.00404969409489031, -0.158655253931457, 0, 0.345731230637007, 1.95449973610364]
        expectClose(try x.gelu().values(as: Double.self), expected, 1e-14)
    }

    @Test func layerNorm() throws {
        let rows = values(12, 0.3)
        let (weight, bias) = ([0.5, 2, -1, 1.5], [0.1, 0, -0.3, 1])
        let x = try Tensor(rows, shape: [3, 4])
        let found = try x.layerNormalized(
            weight: Tensor(weight, shape: [4]), bias: Tensor(bias, shape: [4]), epsilon: 1e-5)
        var expected: [Double] = []
        for row in 0..<3 {
            let part = rows[(4 * row)..<(4 * row + 4)]
            let mean = part.reduce(0, +) / 4
            let variance = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4
            expected += zip(part, zip(weight, bias)).map { ($0 - mean) / (variance + 1e-5).squareRoot() * $1.0 + $1.1 }
        }
        expectClose(try found.values(as: Double.self), expected, 1e-13)
    }

    @Test func softmax() throws {
        let found = try Tensor([1.0, 2, 3, -1000, 0, 0], shape: [2, 3]).softmax(dimension: 1)
        expectClose(
            try found.values(as: Double.self), [0.0900305731703805, 0.244728471054798, 0.665240955774822, 0, 0.5, 0.5],
            1e-14)
    }

    /// Attention and its gradients, composed of matrix products and softmax.
    @Test func causalAttention() throws {
        let shape = [2, 3, 5, 4]
        let leaves = try (0..<3).map { try Tensor(values(120, Double($0)), shape: shape).requiringGradient() }
        let twins = try (0..<3).map { try Tensor(values(120, Double($0)), shape: shape).requiringGradient() }
        let fused = try Tensor.causalAttention(queries: leaves[0], keys: leaves[1], values: leaves[2])
        let later = (0..<25).map { $0 % 5 > $0 / 5 ? -Double.infinity : 0 }
        let scores = try twins[0].matmul(twins[1].transposed(2, 3)) * 0.5 + Tensor(later, shape: [5, 5])
        let plain = try scores.softmax(dimension: 3).matmul(twins[2])
        expectClose(try fused.values(as: Double.self), try plain.values(as: Double.self), 1e-14)
        try fused.power(3).sum().backward()
        try plain.power(3).sum().backward()
        for (leaf, twin) in try paired(leaves, twins) {
            let found = try #require(try leaf.gradient()).values(as: Double.self)
            expectClose(found, try #require(try twin.gradient()).values(as: Double.self), 1e-12)
        }
        #expect(throws: TorchError.self) {
            try Tensor.causalAttention(
                queries: leaves[0], keys: leaves[1].sliced(0..<4, dimension: 2), values: leaves[2])
        }
    }
}
