import HDF5
import ParameterSpace

/// Writes the values of a row under `/fixed_subset`.
public struct FixedSubsetRow<Scalar: ParameterScalar>: Sendable {
    /// ∇f_S(x_k)
    public var gradient: [Scalar]
    /// ∇f_S(x_{k+1})
    public var nextGradient: [Scalar]
    public var losses: FixedSubset.Losses?

    public init(gradient: [Scalar], nextGradient: [Scalar], losses: FixedSubset.Losses? = nil) {
        self.gradient = gradient
        self.nextGradient = nextGradient
        self.losses = losses
    }
}

/// The open datasets of `/fixed_subset` of a file that is written.
struct FixedSubsetColumns: ~Copyable {
    private let gradient: Dataset
    private let nextGradient: Dataset?
    private let loss: Dataset?
    private let nextLoss: Dataset?

    /// Writes the values at x_k. Where the end of a row is the beginning of the next one, only the first row has such values of its own.
    func write<Scalar: ParameterScalar>(_ row: FixedSubsetRow<Scalar>, row index: Int) throws {
        if nextGradient != nil || index == 0 {
            try gradient.write(row.gradient, row: index)
            if let losses = row.losses { try loss?.write(losses.atIterate, at: [index]) }
        }
        if nextGradient != nil {
            try nextGradient?.write(row.nextGradient, row: index)
            if let losses = row.losses { try nextLoss?.write(losses.atNextIterate, at: [index]) }
        } else {
            try gradient.write(row.nextGradient, row: index + 1)
            if let losses = row.losses { try loss?.write(losses.atNextIterate, at: [index + 1]) }
        }
    }
}

extension FixedSubsetColumns {
    /// `nil` where there are none.
    init?(_ file: borrowing File) throws {
        func optional(_ name: String) throws -> Dataset? {
            try file.exists(FixedSubset.path(name)) ? try file.dataset(FixedSubset.path(name)) : nil
        }
        guard let gradient = try optional("gradient") else { return nil }
        self.init(
            gradient: gradient, nextGradient: try optional("next_gradient"), loss: try optional("loss"),
            nextLoss: try optional("next_loss"))
    }
}
