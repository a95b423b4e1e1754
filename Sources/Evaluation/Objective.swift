import Essentials
import ParameterSpace

/// A finite sum f(x) = Σᵢ wᵢ fᵢ(x) / Σᵢ wᵢ over m components.
///
/// Component i is *deterministic*: whatever is random about it (its data, its masks) is a function of (seed, i) alone, so
/// that two gradients of the same component are gradients of the same function. fᵢ is the mean over the component's
/// examples (samples or tokens) and wᵢ is their number, so f is the mean over examples and does not depend on how the data
/// were cut into components.
public protocol Objective<Scalar>: Sendable {
    associatedtype Scalar: ParameterScalar

    /// The blocks of x; P = layout.count.
    var layout: ParameterLayout { get }
    /// m
    var componentCount: Int { get }
    /// wᵢ > 0, the number of examples (samples, tokens) of component i.
    func weight(ofComponent component: Int) -> Double
    /// fᵢ(x). `point` has P elements.
    func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double
    /// Returns fᵢ(x) and overwrites `gradient` (P elements) with ∇fᵢ(x).
    func gradient(ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]) throws -> Double
    /// The point where training starts: a function of the seed alone.
    func initialPoint(seed: UInt64) -> [Scalar]
    /// The same finite sum with its random parts (masks, augmentation, cuts) of another draw: component i of draw n is a
    /// function of (seed, n, i). Draw 0 is the objective itself. The number of components and Σ wᵢ do not depend on the draw.
    func redrawn(_ draw: UInt64) -> any Objective<Scalar>
    /// What an evaluation at the end of an epoch wants to know of component i: fᵢ(x) and, where the examples have right
    /// answers, how many of them the model gives.
    func evaluation(ofComponent component: Int, at point: [Scalar]) throws -> ComponentEvaluation
    /// This objective for evaluations at one point: what all components share there (population statistics of batch
    /// normalisation) is worked out once. A function of the objective and the point alone.
    func settled(at point: [Scalar]) throws -> any Objective<Scalar>
    /// The same objective for many gradients at one point: what has to be done once a point (handing it to another process) is done once.
    func focused(on point: [Scalar]) -> any Objective<Scalar>
    /// Whether the gradients of several components cost less together than one after the other, as through a pipe.
    var sharesWorkOfComponents: Bool { get }
    /// Whether two components are evaluated faster together than one after the other.
    var prefersPairs: Bool { get }
    /// Returns the losses of two components at one point and overwrites both gradients: the numbers of `gradient(ofComponent:at:into:)`, bit for bit.
    func gradients(
        ofComponents first: Int, _ second: Int, at point: [Scalar], into firstGradient: inout [Scalar],
        _ secondGradient: inout [Scalar]
    ) throws -> (Double, Double)
    /// Adds Σ wᵢ∇fᵢ(x) over several components to a sum, in the order given.
    ///
    /// - Parameters:
    ///   - scratch: P elements that are overwritten.
    ///   - isCancelled: asked between two gradients, or pairs of them.
    /// - Returns: Σ wᵢfᵢ(x)
    /// - Throws: `SmoothnessError(.interrupted)` when cancelled.
    func addGradients(
        of components: [Int], at point: [Scalar], scratch: inout [Scalar], into sum: inout [Double],
        isCancelled: () -> Bool
    ) throws -> Double
}

/// What an evaluation finds of one component.
public struct ComponentEvaluation: Sendable, Hashable {
    /// fᵢ(x)
    public var loss: Double
    /// How many of the component's examples are answered correctly; `nil` where there are no right answers.
    public var correctCount: Int?

    public init(loss: Double, correctCount: Int? = nil) {
        self.loss = loss
        self.correctCount = correctCount
    }
}

extension Objective {
    public var sharesWorkOfComponents: Bool { false }

    /// Nothing is random.
    public func redrawn(_ draw: UInt64) -> any Objective<Scalar> { self }

    /// The loss alone.
    public func evaluation(ofComponent component: Int, at point: [Scalar]) throws -> ComponentEvaluation {
        ComponentEvaluation(loss: try loss(ofComponent: component, at: point))
    }

    /// Nothing is shared.
    public func settled(at point: [Scalar]) throws -> any Objective<Scalar> { self }

    /// Nothing has to be done once.
    public func focused(on point: [Scalar]) -> any Objective<Scalar> { self }

    public var prefersPairs: Bool { false }

    /// One after the other.
    public func gradients(
        ofComponents first: Int, _ second: Int, at point: [Scalar], into firstGradient: inout [Scalar],
        _ secondGradient: inout [Scalar]
    ) throws -> (Double, Double) {
        (
            try gradient(ofComponent: first, at: point, into: &firstGradient),
            try gradient(ofComponent: second, at: point, into: &secondGradient)
        )
    }

    /// One component after the other, or two at a time.
    public func addGradients(
        of components: [Int], at point: [Scalar], scratch: inout [Scalar], into sum: inout [Double],
        isCancelled: () -> Bool
    ) throws -> Double {
        var loss = 0.0
        var other: [Scalar] = []
        for start in stride(from: 0, to: components.count, by: prefersPairs ? 2 : 1) {
            guard !isCancelled() else { throw SmoothnessError(.interrupted, "stopped between two gradients") }
            let first = components[start]
            let weight = weight(ofComponent: first)
            guard prefersPairs, start + 1 < components.count else {
                loss += weight * (try gradient(ofComponent: first, at: point, into: &scratch))
                Scalar.accumulate(into: &sum, scale: weight, scratch)
                continue
            }
            if other.isEmpty { other = Scalar.zeros(scratch.count) }
            let second = components[start + 1]
            let secondWeight = self.weight(ofComponent: second)
            let losses = try gradients(ofComponents: first, second, at: point, into: &scratch, &other)
            loss += weight * losses.0
            Scalar.accumulate(into: &sum, scale: weight, scratch)
            loss += secondWeight * losses.1
            Scalar.accumulate(into: &sum, scale: secondWeight, other)
        }
        return loss
    }
}

/// An objective with a known Hessian, so that L̂ can be held against ‖∇²f‖.
public protocol TwiceDifferentiableObjective<Scalar>: HessianProductObjective {
    /// The spectral norm ‖∇²f(x)‖₂ of the whole objective.
    func hessianNorm(at point: [Scalar]) -> Double
    /// ∇²f(x)·v of the whole objective.
    func hessianProduct(at point: [Scalar], with vector: [Double]) -> [Double]
    /// sup of ‖∇²f‖ over the segment between two points, exact or an upper bound that is attained in the limit.
    func hessianNormSupremum(from first: [Scalar], to second: [Scalar]) -> Double
}

extension Objective {
    /// Σ wᵢ over the given components.
    public func totalWeight(of components: some Collection<Int>) -> Double {
        components.reduce(0) { $0 + weight(ofComponent: $1) }
    }

    /// f_S(x) and ∇f_S(x) over a subset of components, accumulated in Double in the order given.
    ///
    /// - Parameters:
    ///   - scratch: P elements that are overwritten.
    ///   - gradient: P elements that are overwritten with ∇f_S(x).
    /// - Returns: f_S(x).
    public func subsetGradient(
        over components: some Collection<Int>, at point: [Scalar], scratch: inout [Scalar],
        into gradient: inout [Double]
    ) throws -> Double {
        for index in gradient.indices { gradient[index] = 0 }
        var loss = 0.0
        var total = 0.0
        for component in components {
            let weight = weight(ofComponent: component)
            loss += weight * (try self.gradient(ofComponent: component, at: point, into: &scratch))
            Scalar.accumulate(into: &gradient, scale: weight, scratch)
            total += weight
        }
        scale(&gradient, by: 1 / total)
        return loss / total
    }

    /// f_S(x) over a subset of components.
    public func subsetLoss(over components: some Collection<Int>, at point: [Scalar]) throws -> Double {
        try components.reduce(0) { try $0 + weight(ofComponent: $1) * loss(ofComponent: $1, at: point) }
            / totalWeight(of: components)
    }
}
