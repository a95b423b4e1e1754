import Essentials
import ParameterSpace

/// What Lanczos' method finds of a symmetric operator A.
public struct LanczosResult: Sendable, Hashable {
    /// ‖A‖₂ = max |λ|: the larger magnitude of the two ends of the spectrum.
    public var norm: Double
    /// The Ritz value at the upper end, λ_max from below (but for rounding).
    public var largest: Double
    /// The Ritz value at the lower end, λ_min from above.
    public var smallest: Double
    /// ‖Ay − θy‖ of the unit Ritz vector y at the end that gives `norm`, computed by one more product: some eigenvalue of A lies
    /// within it of ±`norm`. Where A is symmetric only up to rounding, as in Float, that is part of it.
    public var residual: Double
    /// The same for the other end, as the recurrence has it.
    public var otherResidual: Double
    /// Products that the recurrence made; one more gave the residual.
    public var iterations: Int
    /// Whether `residual` ≤ tolerance · `norm`, and the other end cannot be the larger one by its residual, up to that tolerance.
    public var converged: Bool
}

/// ‖A‖₂ of a symmetric operator by Lanczos' method (Golub and Van Loan, Matrix Computations, §10.1) with full
/// reorthogonalisation; a thick restart (Wu and Simon 2000) where the basis outgrows the memory. All is in Double and in a fixed order.
///
/// A residual bounds the distance to *an* eigenvalue. That it is the outermost one is certain only up to the chance that the random
/// start is all but orthogonal to its eigenvector (Kuczyński and Woźniakowski 1992).
///
/// - Parameters:
///   - dimension: P ≥ 1
///   - product: v ↦ Av, P elements each.
///   - seed: of the start, standard normal from `SeededGenerator(seed, "lanczos start")`.
///   - tolerance: of the residual, relative to the norm. Double allows some 1e-12, a product in Float 1e-5.
///   - maximumIterations: the most products of the recurrence, at least 1.
///   - memoryBudget: bytes for the basis, at least six vectors' worth.
/// - Throws: `SmoothnessError` of kind `.data` for a product that is not finite, `.usage` for a budget that is too small; what
///   `product` throws.
public func spectralNorm(
    ofDimension dimension: Int, product: ([Double]) throws -> [Double], seed: UInt64, tolerance: Double,
    maximumIterations: Int, memoryBudget: Int = standardLanczosBudget
) throws -> LanczosResult {
    precondition(
        dimension > 0 && maximumIterations > 0 && tolerance >= 0, "Lanczos' method needs a dimension and a step")
    let needed = min(dimension, maximumIterations) + 1
    let capacity = lanczosCapacity(
        dimension: dimension, maximumIterations: maximumIterations, memoryBudget: memoryBudget)
    guard capacity >= min(needed, 6) else {
        throw SmoothnessError(
            .usage, "the memory for Lanczos' method is too small",
            expected: "\(8 * dimension * min(needed, 6)) bytes", found: "\(memoryBudget)")
    }
    var generator = SeededGenerator(seed: seed, purpose: "lanczos start")
    var process = LanczosProcess(
        start: (0..<dimension).map { _ in generator.normal() }, capacity: capacity)
    var ends: SpectrumEnds
    var iterations = 0
    repeat {
        let wait = min(max(1, process.count / 8), maximumIterations - iterations)
        for _ in 0..<wait where !process.isExhausted {
            try process.step(product)
            iterations += 1
        }
        ends = process.ends()
    } while !process.isExhausted && iterations < maximumIterations && !ends.isWithin(tolerance)
    let (value, residual) = try process.rayleighQuotient(of: ends.outer, product)
    return ends.result(value: value, residual: residual, iterations: iterations, tolerance: tolerance)
}

/// Bytes for the vectors of Lanczos' method where nothing else is said.
public let standardLanczosBudget = 1 << 30

/// How many vectors Lanczos' method keeps before it has to restart.
package func lanczosCapacity(dimension: Int, maximumIterations: Int, memoryBudget: Int = standardLanczosBudget) -> Int {
    min(min(dimension, maximumIterations) + 1, memoryBudget / (8 * dimension))
}
