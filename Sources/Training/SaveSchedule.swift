import Essentials

/// Which iterates of a run are saved, as `every=N[,first=M]`: x_k and x_{k+1} for k = 0, N, 2N, … below min(M, T).
///
/// "Snapshots of the model every 5 iterations in the first epoch" (Zhang, He, Sra, Jadbabaie 2020, appendix H) is
/// `every=5,first=m` with m iterations an epoch.
public struct SaveSchedule: Sendable, Hashable, Codable, CustomStringConvertible {
    /// N ≥ 1.
    public var every: Int
    /// M ≥ 1; absent: the whole run; 0 for no iteration at all.
    public var first: Int?

    /// Saves nothing.
    public static let none = SaveSchedule(every: 1, first: 0)

    public init(every: Int, first: Int? = nil) {
        self.every = every
        self.first = first
    }

    /// Reads `every=N[,first=M]` or, where that is allowed, `none`.
    /// - Parameter option: what the text was given to.
    /// - Throws: `SmoothnessError(.usage)`.
    public init(parsing text: String, option: String = "--save", allowsNone: Bool = true) throws {
        if allowsNone && text == "none" {
            self = .none
            return
        }
        var fields: [String: Int] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard pair.count == 2, ["every", "first"].contains(pair[0]), fields[pair[0]] == nil,
                let value = Int(pair[1]), value >= 1
            else { throw Self.unreadable(text, option) }
            fields[pair[0]] = value
        }
        guard let every = fields["every"] else { throw Self.unreadable(text, option) }
        self.init(every: every, first: fields["first"])
    }

    private static func unreadable(_ text: String, _ option: String) -> SmoothnessError {
        SmoothnessError(
            .usage, "is no save schedule", object: option, expected: "every=N[,first=M] with N, M ≥ 1",
            found: "“\(text)”")
    }

    public var description: String { first == 0 ? "none" : "every=\(every)" + (first.map { ",first=\($0)" } ?? "") }

    /// The k of every snapshot of a run of `iterationCount` iterations, ascending.
    public func savedIterations(of iterationCount: Int) -> [Int] {
        Array(stride(from: 0, to: min(first ?? iterationCount, iterationCount), by: every))
    }

    /// How many that are, without making the list: ⌈min(M, T)/N⌉.
    public func savedCount(of iterationCount: Int) -> Int {
        let end = min(first ?? iterationCount, iterationCount)
        return end <= 0 ? 0 : (end - 1) / every + 1
    }

    /// Whether x_k and x_{k+1} are saved.
    public func saves(_ iteration: Int) -> Bool { iteration % every == 0 && iteration < first ?? .max }
}
