import Essentials

/// Which component gives the gradient of iteration t. An epoch is m consecutive iterations, whatever the order.
///
/// The choice is a function of (seed, t) alone, so that a run can be continued at any iteration without a saved state:
/// - `cyclic`: component t mod m (incremental gradient; Qian et al. 2021, IGC);
/// - `reshuffle`: place t mod m of `SeededGenerator(seed, "component order", ⌊t/m⌋).permutation(of: m)`;
/// - `with-replacement`: `SeededGenerator(seed, "component choice", t).index(below: m)`, uniform over the components.
///
/// One component makes one step whatever its weight, as is customary: where a last batch is ragged, the expected step is
/// that of the mean over components, not over examples.
public struct ComponentOrder: Sendable {
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case cyclic
        case reshuffle
        case withReplacement = "with-replacement"
    }

    public let kind: Kind
    public let seed: UInt64
    /// m ≥ 1
    public let componentCount: Int
    private var shuffled: (epoch: Int, order: [Int])?

    public init(_ kind: Kind, seed: UInt64, componentCount: Int) {
        precondition(componentCount >= 1, "an objective without components has no order")
        self.kind = kind
        self.seed = seed
        self.componentCount = componentCount
    }

    /// The component of iteration `iteration` ≥ 0. Remembers the order of the epoch, hence mutating.
    public mutating func component(at iteration: Int) -> Int {
        let (epoch, place) = iteration.quotientAndRemainder(dividingBy: componentCount)
        switch kind {
        case .cyclic: return place
        case .reshuffle:
            if let shuffled, shuffled.epoch == epoch { return shuffled.order[place] }
            var generator = SeededGenerator(seed: seed, purpose: "component order", index: epoch)
            let order = generator.permutation(of: componentCount)
            shuffled = (epoch, order)
            return order[place]
        case .withReplacement:
            var generator = SeededGenerator(seed: seed, purpose: "component choice", index: iteration)
            return generator.index(below: componentCount)
        }
    }
}
