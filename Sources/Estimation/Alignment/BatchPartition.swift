import Essentials
import Evaluation

/// In what a batch size is counted.
public enum BatchUnit: String, Sendable, Hashable, Codable, CaseIterable {
    /// Components of the objective: segments of all streams of a text.
    case components
    /// Examples: what a component weighs.
    case examples
}

extension ObjectiveDescription {
    /// Components for texts, whose components are segments of tokens that belong together; examples for everything else.
    public var batchUnit: BatchUnit { value.hasSegments ? .components : .examples }
}

/// One partition of the measured components into batches of consecutive ones. The gradient of a batch is the weighted mean of the
/// gradients of its components, which is the gradient of the mean over its examples as long as no example's loss
/// depends on the others of its batch: not with BatchNorm.
public struct BatchPartition: Sendable, Hashable {
    /// The batch size that was asked for, in its unit.
    public let size: Int
    /// The number of components that are merged.
    public let componentsPerBatch: Int
    /// Wⱼ, the examples of every batch; the last one may be ragged.
    public let weights: [Double]

    public var count: Int { weights.count }

    /// - Parameters:
    ///   - componentWeights: wᵢ of the measured components, in their order.
    /// - Throws: `SmoothnessError(.usage)` for a size that is no whole number of components or more than there are.
    public init(size: Int, unit: BatchUnit, componentWeights: [Double]) throws {
        let base = try Self.base(unit: unit, componentWeights: componentWeights)
        guard size > 0, size.isMultiple(of: base) else {
            throw SmoothnessError(
                .usage, "a batch is merged from whole components of \(base) \(unit.rawValue) each",
                object: "batch size",
                expected: "a multiple of \(base)", found: "\(size)",
                remedy: "Train with smaller batches to measure smaller ones")
        }
        let merged = size / base
        guard merged <= componentWeights.count else {
            throw SmoothnessError(
                .usage, "there are only \(componentWeights.count) components", object: "batch size",
                expected: "at most \(componentWeights.count * base)", found: "\(size)")
        }
        self.size = size
        componentsPerBatch = merged
        weights = stride(from: 0, to: componentWeights.count, by: merged).map {
            componentWeights[$0..<min($0 + merged, componentWeights.count)].reduce(0, +)
        }
    }

    /// One component, twice, four times and eight times as much, as long as four batches are left.
    public static func standardSizes(unit: BatchUnit, componentWeights: [Double]) throws -> [Int] {
        let base = try base(unit: unit, componentWeights: componentWeights)
        return [1, 2, 4, 8].filter { $0 == 1 || componentWeights.count >= 4 * $0 }.map { $0 * base }
    }

    /// The size of one component.
    private static func base(unit: BatchUnit, componentWeights: [Double]) throws -> Int {
        guard unit == .examples else { return 1 }
        let first = componentWeights[0]
        let isEven = componentWeights.dropLast().allSatisfy { $0 == first }
        // No component has more examples than a float can number, so that products with their number do not overflow.
        guard isEven, componentWeights.last ?? 0 <= first, let base = Int(exactly: first), base > 0, base < 1 << 24
        else {
            throw SmoothnessError(
                .usage, "components of different numbers of examples make no batches of one size",
                object: "batch unit", expected: "equal components but for a ragged last one",
                found: "\(componentWeights.prefix(5))", remedy: "Count batches in components")
        }
        return base
    }
}
