import ParameterSpace
import Synchronization

/// An objective whose random parts (masks, augmentation, cuts) are drawn anew at *every* evaluation.
///
/// It is not a function: two evaluations at one point differ. It exists to show what that does to a measurement
/// (`--masks fresh`): the difference of two gradients holds the noise of two draws, so L̂(γ) grows as 1/γ. The n-th evaluation of
/// this object, from 1, is draw n; weights are those of draw 0.
public final class FreshDraws<Scalar: ParameterScalar>: Objective {
    public let base: any Objective<Scalar>
    private let evaluations = Mutex<UInt64>(0)

    public init(_ base: any Objective<Scalar>) { self.base = base }

    public var layout: ParameterLayout { base.layout }
    public var componentCount: Int { base.componentCount }
    public func weight(ofComponent component: Int) -> Double { base.weight(ofComponent: component) }
    public func initialPoint(seed: UInt64) -> [Scalar] { base.initialPoint(seed: seed) }

    public func loss(ofComponent component: Int, at point: [Scalar]) throws -> Double {
        try next().loss(ofComponent: component, at: point)
    }

    public func gradient(
        ofComponent component: Int, at point: [Scalar], into gradient: inout [Scalar]
    ) throws -> Double {
        try next().gradient(ofComponent: component, at: point, into: &gradient)
    }

    private func next() -> any Objective<Scalar> {
        base.redrawn(
            evaluations.withLock {
                $0 += 1
                return $0
            })
    }
}
