import Essentials

/// When averaging of the iterates begins (averaged SGD; Polyak, Juditsky 1992). From iteration τ on,
/// x̄ = (1/n) Σ_{j=1…n} x_{τ+j} is kept beside x, and evaluations measure x̄ instead of x; the steps are those of x.
///
/// As text, `from=E` or `nonmonotone=N`.
public enum AveragingTrigger: Sendable, Hashable, CustomStringConvertible {
    /// τ = E m: after E epochs.
    case from(epoch: Int)
    /// At the first evaluation whose validation loss is larger than the least of those at least N + 1 evaluations before it:
    /// the non-monotonic trigger of AWD-LSTM (Merity, Keskar, Socher 2018, algorithm 1, with N = 5).
    case nonMonotone(Int)

    /// - Throws: `SmoothnessError(.usage)`.
    public init(parsing text: String) throws {
        let pair = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard pair.count == 2, let number = Int(pair[1]), number >= (pair[0] == "from" ? 0 : 1) else {
            throw Self.unreadable(text)
        }
        switch pair[0] {
        case "from": self = .from(epoch: number)
        case "nonmonotone": self = .nonMonotone(number)
        default: throw Self.unreadable(text)
        }
    }

    private static func unreadable(_ text: String) -> SmoothnessError {
        SmoothnessError(
            .usage, "is no start of averaging", object: "--average",
            expected: "from=E with E ≥ 0 or nonmonotone=N with N ≥ 1", found: "“\(text)”")
    }

    public var description: String {
        switch self {
        case .from(let epoch): "from=\(epoch)"
        case .nonMonotone(let patience): "nonmonotone=\(patience)"
        }
    }

    /// The number of the evaluation, from 0, that triggers, given the validation losses so far; `nil` where none has.
    public func trigger(in losses: [Double]) -> Int? {
        guard case .nonMonotone(let patience) = self else { return nil }
        return losses.indices.first { index in
            guard index > patience, let least = losses[..<(index - patience)].min() else { return false }
            return losses[index] > least
        }
    }

    func validate(_ require: Requirement) throws {
        switch self {
        case .from(let epoch): try require(epoch >= 0, "average", "an epoch ≥ 0", epoch)
        case .nonMonotone(let patience): try require(patience >= 1, "average", "at least 1 evaluation", patience)
        }
    }
}

extension AveragingTrigger: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            self = try Self(parsing: try container.decode(String.self))
        } catch let error as SmoothnessError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
