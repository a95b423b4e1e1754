import Foundation
import Testing
import Torch

/// Failures that must not end the process, memory that must not dangle, and the process's settings.
@Suite(.serialized) struct HandleTests {
    private func failure(_ body: () throws -> Void) -> TorchError? {
        do {
            try body()
            return nil
        } catch { return error as? TorchError }
    }

    @Test func failuresAreErrors() throws {
        let matrix = try Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
        let mismatch = failure { _ = try matrix.matmul(matrix) }
        #expect(mismatch?.kind == .refused && mismatch?.operation == "matmul")
        #expect(mismatch?.message.contains("2x3") == true)
        #expect(failure { _ = try matrix + Tensor([1.0, 2], shape: [2]) }?.kind == .refused)
        #expect(failure { _ = try matrix.reshaped([4]) }?.kind == .refused)
        #expect(failure { _ = try matrix.transposed(0, 7) }?.kind == .refused)
        #expect(failure { _ = try matrix.selected(9) }?.kind == .refused)
        #expect(failure { _ = try matrix.sliced(1..<5) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.chunked(2, dimension: 1) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.chunked(0, dimension: 1) }?.kind == .badArgument)
        #expect(failure { _ = try Tensor([1.0], shape: [2]) }?.kind == .badArgument)
        #expect(failure { _ = try Tensor([1.0], shape: [-1]) }?.kind == .badArgument)
        #expect(failure { _ = try Tensor([Float16(1)], shape: [1]) }?.kind == .unsupportedElement)
        #expect(failure { _ = try matrix.values(as: Float.self) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.item(as: Double.self) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.backward() }?.kind == .refused)
        var short = [Double](repeating: 0, count: 6)
        #expect(failure { try matrix.copy(into: &short, at: 1) }?.kind == .badArgument)
        for index in [Int64(-1), 2] {
            let indices = try Tensor([index], shape: [1])
            let outside = failure { _ = try matrix.embedding(indices) }
            #expect(outside?.kind == .badArgument && outside?.message.contains("found \(index)") == true)
        }
        let three = try Tensor([Int64(3), 0], shape: [2])
        #expect(failure { _ = try matrix.crossEntropy(three) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.negativeLogLikelihood(three) }?.kind == .badArgument)
        #expect(failure { _ = try matrix.crossEntropy(matrix) }?.kind == .badArgument)
    }

    @Test func memoryThatDoesNotExist() throws {
        // A petabyte of Doubles.
        let error = failure { _ = try Tensor.zeros([1 << 47], type: .float64) }
        #expect(error?.kind == .outOfMemory, "\(String(describing: error))")
    }

    @Test func loans() throws {
        let array = [1.0, 2, 3, 4]
        var kept: Tensor?
        let sum = try Tensor.withLoan(of: array, shape: [2, 2]) { tensor in
            kept = try tensor.selected(1)
            return try tensor.sum().item(as: Double.self)
        }
        #expect(sum == 10)
        // The array's memory is written and freed; what was kept has its own copy.
        var changed = array
        changed[2] = -100
        #expect(changed[2] == -100)
        #expect(try kept?.values(as: Double.self) == [3, 4])
        #expect(failure { try Tensor.withLoan(of: array, shape: [3]) { _ in } }?.kind == .badArgument)
        #expect(try Tensor.withLoan(of: [Float](), shape: [0]) { $0.count } == 0)
    }

    /// A graph that outlives the loan of an operand it saved.
    @Test func aGraphOutlivesALoan() throws {
        let leaf = try Tensor([1.0, 2, 3], shape: [3]).requiringGradient()
        func makeLoss() throws -> Tensor {
            let large = (0..<3).map { Double(10 * $0) }
            return try Tensor.withLoan(of: large, shape: [3]) { try ($0 * leaf).sum() }
        }
        let loss = try makeLoss()
        try loss.backward()
        #expect(try leaf.gradient()?.values(as: Double.self) == [0, 10, 20])
    }

    @Test func threads() async throws {
        #expect(failure { try setThreadCount(0) }?.kind == .badArgument)
        #expect(failure { try setThreadCount(Int.max) }?.kind == .badArgument)
        // In a process of its own: other tests compare bits, which must not see the number change.
        await #expect(processExitsWith: .success) {
            #expect(threadCount >= 1)
            for count in [3, 1] {
                try setThreadCount(count)
                #expect(threadCount == count)
                // Other threads see it as well.
                #expect(await Task.detached { threadCount }.value == count)
            }
        }
    }

    @Test func devices() throws {
        #expect(Device.cpu.isCPU)
        #expect(try Device("cpu") == .cpu)
        try Device.cpu.synchronize()
        #expect(isCUDAAvailable == (cudaDeviceCount > 0))
        #expect(failure { _ = try Device("abacus") }?.kind == .noDevice)
        #expect(failure { _ = try Device("meta") }?.kind == .noDevice)
        #expect(failure { _ = try Device("cuda:999") }?.kind == .noDevice)
        guard isCUDAAvailable else {
            let error = failure { _ = try Device("cuda") }
            #expect(error?.kind == .noDevice && error?.message.contains("CUDA") == true)
            return
        }
        let there = try Tensor([1.0, 2], shape: [2], on: Device("cuda"))
        #expect(try (there * there).values(as: Double.self) == [1, 4])
    }

    @Test func versionHasThreeNumbers() {
        #expect(version.split(separator: ".").prefix(2).allSatisfy { Int($0) != nil })
        #expect(["avx512", "avx2", "portable"].contains(fusedKernels))
    }
}
