import Essentials
import Foundation

/// The fractions γ of the step at which the gradient is probed.
public enum GammaGrid: Sendable, Hashable, Codable {
    /// {δ, 2δ, …, 1} of eq. 20 (Zhang, He, Sra, Jadbabaie 2020); 1 is always in it, also where δ does not divide it.
    case spacing(delta: Double)
    /// The values themselves, in any order.
    case explicit(gammas: [Double])

    /// More probes than this on one step is taken for a mistyped δ.
    public static let maximumCount = 10_000

    /// The grid in increasing order, every γ in (0, 1] once.
    ///
    /// k·δ is rounded to 15 significant decimals, so that it is 0.3 and not 0.30000000000000004: a multiple has no drift
    /// and equals the literal that a person would write. Multiples within 10⁻⁹ of 1 are 1.
    /// - Throws: `SmoothnessError(.usage)` for a δ or γ outside (0, 1] and for an empty list.
    public func resolved() throws -> [Double] {
        switch self {
        case .spacing(let delta):
            try Self.check(delta, named: "δ")
            guard 1 / delta <= Double(Self.maximumCount) else {
                throw SmoothnessError(
                    .usage, "δ gives more than \(Self.maximumCount) gradients a step", found: "δ = \(delta)",
                    remedy: "Give a larger δ, or the few values you want with --gammas.")
            }
            var gammas: [Double] = []
            var multiple = 1
            while true {
                let gamma = Self.rounded(Double(multiple) * delta)
                if gamma >= 1 - 1e-9 { return gammas + [1] }
                gammas.append(gamma)
                multiple += 1
            }
        case .explicit(let gammas):
            guard !gammas.isEmpty else {
                throw SmoothnessError(.usage, "the γ grid is empty", remedy: "Give at least one γ in (0, 1].")
            }
            for gamma in gammas { try Self.check(gamma, named: "γ") }
            return Set(gammas).sorted()
        }
    }

    private static func check(_ value: Double, named name: String) throws {
        guard value > 0 && value <= 1 else {
            throw SmoothnessError(
                .usage, "\(name) is outside the step", expected: "a number in (0, 1]", found: "\(value)",
                remedy: "γ = 0 is the iterate itself and γ = 1 the next one.")
        }
    }

    private static func rounded(_ value: Double) -> Double { Double(String(format: "%.15g", value)) ?? value }
}
