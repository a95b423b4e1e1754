import Foundation
import TestSupport
import Testing
import Torch

/// Every operation against numbers worked out by hand, in the closed forms of its definition.
@Suite struct OperationTests {
    let a: Tensor
    let b: Tensor

    init() throws {
        a = try Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
        b = try Tensor([-1.0, 0.5, 2, 3, -4, 0.25], shape: [2, 3])
    }

    private func values(_ tensor: Tensor) throws -> [Double] { try tensor.values(as: Double.self) }

    private func expect(_ tensor: Tensor, _ expected: [Double], within tolerance: Double = 1e-15) throws {
        let found = try values(tensor)
        #expect(found.count == expected.count)
        expectAgreement(found, expected, .mixed(tolerance))
    }

    @Test func elementwise() throws {
        try expect(a + b, [0, 2.5, 5, 7, 1, 6.25])
        try expect(a - b, [2, 1.5, 1, 1, 9, 5.75])
        try expect(a * b, [-1, 1, 6, 12, -20, 1.5])
        try expect(a / b, [-1, 4, 1.5, 4.0 / 3, -1.25, 24])
        try expect(a + 2.5, [3.5, 4.5, 5.5, 6.5, 7.5, 8.5])
        try expect(a * -2, [-2, -4, -6, -8, -10, -12])
        try expect(a.power(2), [1, 4, 9, 16, 25, 36])
        try expect(b.relu(), [0, 0.5, 2, 3, 0, 0.25])
        let x = try values(b)
        try expect(b.sigmoid(), x.map { 1 / (1 + exp(-$0)) })
        try expect(b.tanh(), x.map { tanh($0) })
        try expect(b.exp(), x.map { exp($0) })
        try expect(a.log(), (1...6).map { log(Double($0)) })
    }

    @Test func broadcasting() throws {
        try expect(a + Tensor([10.0, 20, 30], shape: [3]), [11, 22, 33, 14, 25, 36])
        try expect(a * Tensor(scalar: 3.0), [3, 6, 9, 12, 15, 18])
    }

    @Test func reductions() throws {
        #expect(try a.sum().item(as: Double.self) == 21)
        #expect(try a.mean().item(as: Double.self) == 3.5)
        #expect(try a.sum().shape == [])
        try expect(a.sum(dimension: 0), [5, 7, 9])
        try expect(a.mean(dimension: 1), [2, 5])
        #expect(try a.sum(dimension: -1, keepingDimension: true).shape == [2, 1])
    }

    @Test func products() throws {
        try expect(a.matmul(b.transposed()), [-1 + 1 + 6, 3 - 8 + 0.75, -4 + 2.5 + 12, 12 - 20 + 1.5])
        let bias = try Tensor([100.0, 200], shape: [2])
        try expect(a.linear(b, bias), [106, 195.75, 110.5, 193.5])
        try expect(a.linear(b), [6, -4.25, 10.5, -6.5])
        let batched = try Tensor([1.0, 2, 3, 4], shape: [2, 1, 2]).matmul(Tensor([1.0, 1, 2, 0], shape: [2, 2, 1]))
        try expect(batched, [3, 6])
    }

    @Test func views() throws {
        try expect(a.transposed(), [1, 4, 2, 5, 3, 6])
        #expect(try a.transposed().contiguous().shape == [3, 2])
        try expect(a.reshaped([3, 2]).selected(1), [3, 4])
        try expect(a.sliced(1..<3, dimension: 1), [2, 3, 5, 6])
        #expect(try a.sliced(2..<2, dimension: 1).count == 0)
        try expect(a.selected(2, dimension: 1), [3, 6])
        let pieces = try a.chunked(3, dimension: 1)
        #expect(pieces.count == 3)
        try expect(pieces[2], [3, 6])
        try expect(Tensor.concatenated(pieces.reversed(), dimension: 1), [3, 2, 1, 6, 5, 4])
        let stack = try Tensor.stacked([a, b])
        #expect(stack.shape == [2, 2, 3])
        try expect(stack.selected(1), values(b))
    }

    @Test func language() throws {
        let indices = try Tensor([Int64(1), 0, 1], shape: [3])
        try expect(a.embedding(indices), [4, 5, 6, 1, 2, 3, 4, 5, 6])
        #expect(try a.embedding(indices.reshaped([3, 1])).shape == [3, 1, 3])
        let logarithms = try b.logSoftmax(dimension: 1)
        let x = try values(b)
        let rows = [Array(x[..<3]), Array(x[3...])]
        let normalizers = rows.map { log($0.reduce(0) { $0 + exp($1) }) }
        try expect(logarithms, (0..<6).map { x[$0] - normalizers[$0 / 3] })
        let targets = try Tensor([Int64(2), 0], shape: [2])
        let losses = [normalizers[0] - 2, normalizers[1] - 3]
        try expect(logarithms.negativeLogLikelihood(targets), [(losses[0] + losses[1]) / 2])
        try expect(logarithms.negativeLogLikelihood(targets, reduction: .sum), [losses[0] + losses[1]])
        try expect(b.crossEntropy(targets), [(losses[0] + losses[1]) / 2])
        try expect(b.crossEntropy(targets, reduction: .sum), [losses[0] + losses[1]])
    }

    @Test func creationAndConversion() throws {
        let zeros = try Tensor.zeros([2, 2], type: .float32)
        #expect(zeros.type == .float32 && zeros.shape == [2, 2] && zeros.deviceName == "cpu")
        #expect(try zeros.values(as: Float.self) == [0, 0, 0, 0])
        #expect(try Tensor.full([3], value: 7, type: .int64).values(as: Int.self) == [7, 7, 7])
        #expect(try Tensor([true, false], shape: [2]).values(as: Bool.self) == [true, false])
        #expect(try Tensor([true, false], shape: [2]).converted(to: .float64).values(as: Double.self) == [1, 0])
        #expect(try a.converted(to: .float32).values(as: Float.self) == [1, 2, 3, 4, 5, 6])
        #expect(try Tensor([Double](), shape: [0, 4]).values(as: Double.self) == [])
        var array = [Double](repeating: -1, count: 8)
        try a.copy(into: &array, at: 1)
        #expect(array == [-1, 1, 2, 3, 4, 5, 6, -1])
    }
}
