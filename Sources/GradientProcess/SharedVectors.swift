import CInterprocess
import Essentials
import Foundation
import ParameterSpace

/// Three vectors in memory that a gradient process maps too: a point, and two gradients, so that one can be read while the other is made.
/// Each has room for P elements of Double.
final class SharedVectors {
    static let slotCount = 2

    private let memory: OpaquePointer
    private let parameterCount: Int
    let byteCount: Int

    /// - Throws: `SmoothnessError(.inputOutput)` where there is no memory for them.
    init(parameterCount: Int) throws {
        // Whole pages, and room for a vector of no element.
        let vector = (max(1, parameterCount) * MemoryLayout<Double>.stride + 4095) / 4096 * 4096
        var failure: Int32 = 0
        guard let memory = smoothness_shared_create(vector * (1 + Self.slotCount), &failure) else {
            throw SmoothnessError(
                .inputOutput, "there is no shared memory for the vectors: \(String(cString: strerror(failure)))",
                found: "\(vector * (1 + Self.slotCount)) bytes wanted")
        }
        self.memory = memory
        self.parameterCount = parameterCount
        byteCount = vector * (1 + Self.slotCount)
    }

    /// Where another process of this user finds it.
    var path: String { "/proc/\(getpid())/fd/\(smoothness_shared_descriptor(memory))" }
    /// Bytes before the point.
    var pointOffset: Int { 0 }
    /// Bytes before a gradient.
    func offset(ofSlot slot: Int) -> Int { byteCount / (1 + Self.slotCount) * (1 + slot) }

    func write<Scalar: ParameterScalar>(_ vector: [Scalar], at offset: Int) {
        precondition(vector.count == parameterCount, "a point has P elements")
        smoothness_shared_write(memory, offset, vector, vector.count * MemoryLayout<Scalar>.stride)
    }

    func read<Scalar: ParameterScalar>(_ offset: Int, into vector: inout [Scalar]) {
        precondition(vector.count == parameterCount, "a gradient has P elements")
        smoothness_shared_read(memory, offset, &vector, vector.count * MemoryLayout<Scalar>.stride)
    }

    deinit { smoothness_shared_free(memory) }
}
