import Evaluation
import ParameterSpace

extension SubsetHessian {
    /// The bytes of a spectral norm, at most: the basis of Lanczos' method, a product with what goes into it, and a vector a worker.
    package static func byteCount(dimension: Int, workerCount: Int, maximumIterations: Int) -> Int {
        let basis = lanczosCapacity(dimension: dimension, maximumIterations: maximumIterations)
        return dimension
            * ((basis + 3) * MemoryLayout<Double>.stride + (workerCount + 1) * MemoryLayout<Scalar>.stride)
    }

    /// ‖∇²f_S(x)‖₂, see `spectralNorm(ofDimension:product:seed:tolerance:maximumIterations:memoryBudget:)`.
    public func spectralNorm(
        seed: UInt64, tolerance: Double, maximumIterations: Int, memoryBudget: Int = standardLanczosBudget
    ) throws -> LanczosResult {
        try Measurement.spectralNorm(
            ofDimension: dimension, product: { try product(with: $0) }, seed: seed, tolerance: tolerance,
            maximumIterations: maximumIterations, memoryBudget: memoryBudget)
    }
}
