import Dispatch
import Essentials
import ParameterSpace
import Synchronization

/// ∇²f_S(x) as an operator, f_S = Σ wᵢ fᵢ / Σ wᵢ over a list of components. Products are summed in Double in the order of the
/// list, however many of them are evaluated at the same time.
///
/// The vector is rounded to the scalar once, relative to its largest element.
public struct SubsetHessian<Scalar: ParameterScalar>: Sendable {
    public let objective: any HessianProductObjective<Scalar>
    /// In the order of summation.
    public let components: [Int]
    /// wᵢ of every one of them.
    public let weights: [Double]
    /// x
    public let point: [Scalar]
    private let workerCount: Int
    private let isCancelled: @Sendable () -> Bool

    /// - Parameters:
    ///   - objective: with products of its own, or a `DifferenceHessianProduct`.
    ///   - components: at least one.
    ///   - weights: one a component, with a positive sum; the objective's, where `nil`.
    ///   - workerCount: how many components may be evaluated at the same time; each needs a vector of the scalar. One where they share work.
    ///   - isCancelled: asked before every component.
    public init(
        objective: any HessianProductObjective<Scalar>, components: [Int], weights: [Double]? = nil,
        point: [Scalar], workerCount: Int = 1, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) {
        let weights = weights ?? components.map { objective.weight(ofComponent: $0) }
        precondition(
            weights.count == components.count && weights.reduce(0, +) > 0 && point.count == objective.layout.count,
            "components, weights and point do not belong together")
        self.objective = objective
        self.components = components
        self.weights = weights
        self.point = point
        self.workerCount = objective.sharesWorkOfComponents ? 1 : max(1, min(workerCount, components.count))
        self.isCancelled = isCancelled
    }

    /// P
    public var dimension: Int { point.count }

    /// ∇²f_S(x)·v
    /// - Throws: `SmoothnessError` of kind `.interrupted` where it is cancelled; what the objective throws.
    public func product(with vector: [Double]) throws -> [Double] {
        // Scaled by a power of two, so that Float neither overflows nor loses a small vector.
        let exponent = vector.reduce(0) { max($0, abs($1)) }.exponent
        let scale = exponent > -1000 && exponent < 1000 ? Double(sign: .plus, exponent: exponent, significand: 1) : 1
        let direction = vector.map { Scalar($0 / scale) }
        var sum = Double.zeros(dimension)
        // One a worker.
        var products: [[Scalar]] = Array(repeating: [], count: workerCount)
        for first in stride(from: 0, to: components.count, by: workerCount) {
            let part = components[first..<min(first + workerCount, components.count)]
            try evaluateProducts(ofComponents: Array(part), with: direction, into: &products)
            for (product, weight) in zip(products, weights[first...].prefix(part.count)) {
                Scalar.accumulate(into: &sum, scale: weight, product)
            }
        }
        let factor = scale / weights.reduce(0, +)
        for index in sum.indices { sum[index] *= factor }
        return sum
    }

    /// ∇²fᵢ(x)·v of as many components as there are workers, at the same time, in the vectors given, which are made where they are empty.
    private func evaluateProducts(
        ofComponents components: [Int], with direction: [Scalar], into vectors: inout [[Scalar]]
    ) throws {
        let state = Mutex((vectors: vectors, failures: [(any Error)?](repeating: nil, count: components.count)))
        // With a second owner every write would be a copy.
        vectors = []
        @Sendable func evaluate(_ index: Int) {
            var vector: [Scalar] = []
            state.withLock { swap(&vector, &$0.vectors[index]) }
            if vector.isEmpty { vector = Scalar.zeros(dimension) }
            let failure: (any Error)?
            do {
                guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two products") }
                try objective.hessianProduct(ofComponent: components[index], at: point, with: direction, into: &vector)
                failure = nil
            } catch { failure = error }
            state.withLock { [vector] in ($0.vectors[index], $0.failures[index]) = (vector, failure) }
        }
        if components.count == 1 {
            evaluate(0)
        } else {
            DispatchQueue.concurrentPerform(iterations: components.count) { evaluate($0) }
        }
        try state.withLock {
            // The first in the order of the components, whoever failed first.
            if let failure = $0.failures.compactMap({ $0 }).first { throw failure }
            swap(&vectors, &$0.vectors)
        }
    }
}
