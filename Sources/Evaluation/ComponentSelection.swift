import Essentials

/// Which components make up the subset S on which every gradient of an estimate is taken.
public enum ComponentSelection: Sendable, Hashable, Codable {
    /// What is taken where nothing is asked for: a tenth of the components (Zhang et al. 2020, figure 6), or all of them where
    /// there are fewer than ten.
    case standard(seed: UInt64)
    /// A uniform sample without replacement of round(fraction·m) of the m components.
    case sample(fraction: Double, seed: UInt64)
    /// These components.
    case list(indices: [Int])

    /// A range of more components than this is taken for a slip of the finger.
    package static let maximumCount = 1 << 24

    /// Reads a list as `0,3,8-11` (ranges include both ends).
    /// - Throws: `SmoothnessError(.usage)` naming the part that is neither a number nor a range.
    public init(parsing text: String) throws {
        var indices: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
                last - first < Self.maximumCount
            else {
                throw SmoothnessError(
                    .usage, "'\(part)' names no component", expected: "numbers and ranges, as 0,3,8-11",
                    found: "'\(text)'")
            }
            indices += first...last
        }
        // A set: the order in which it was written makes no other definition.
        self = .list(indices: indices.sorted())
    }

    /// |S| of m components, without drawing them; `nil` where that is no number of components.
    package func size(of count: Int) -> Int? {
        switch self {
        case .standard: Self.sample(fraction: count < 10 ? 1 : 0.1, seed: 0).size(of: count)
        case .sample(let fraction, _): Int(exactly: (fraction * Double(count)).rounded())
        case .list(let indices): indices.count
        }
    }

    /// The component indices of S in increasing order.
    ///
    /// - Parameter count: m.
    /// - Throws: `SmoothnessError(.usage)` when S would be empty, or holds an index twice or outside 0 ..< m.
    public func resolved(of count: Int) throws -> [Int] { try drawn(of: count).sorted() }

    /// The component indices of S in the order in which they are drawn: for one seed the smaller sample begins the larger
    /// one. A list is in a random order that depends on its length alone.
    ///
    /// - Parameter count: m.
    /// - Throws: as `resolved(of:)`.
    public func drawn(of count: Int) throws -> [Int] {
        switch self {
        case .standard(let seed):
            return try Self.sample(fraction: count < 10 ? 1 : 0.1, seed: seed).drawn(of: count)
        case .sample(let fraction, let seed):
            guard fraction > 0 && fraction <= 1 else {
                throw SmoothnessError(
                    .usage, "the subset is not a part of the components", expected: "a fraction in (0, 1]",
                    found: "\(fraction)")
            }
            guard let size = self.size(of: count), size > 0 else {
                throw SmoothnessError(
                    .usage, "a fraction of \(fraction) of \(counted(count, "component")) is no component at all",
                    remedy: "Give --subset between \(1 / Double(count)) and 1, or name components with --components.")
            }
            var generator = SeededGenerator(seed: seed, purpose: "subset")
            return Array(generator.permutation(of: count).prefix(size))
        case .list(let indices):
            guard !indices.isEmpty else {
                throw SmoothnessError(
                    .usage, "the list of components is empty", remedy: "Name at least one of 0 … \(count - 1).")
            }
            for index in indices where !(0..<count).contains(index) {
                throw SmoothnessError(
                    .usage, "the objective has no component \(index)", expected: "0 … \(count - 1)", found: "\(index)")
            }
            let sorted = indices.sorted()
            for (index, following) in zip(sorted, sorted.dropFirst()) where index == following {
                throw SmoothnessError(
                    .usage, "component \(index) is named twice", remedy: "A component counts once in the mean.")
            }
            var generator = SeededGenerator(seed: 0, purpose: "subset")
            return generator.permutation(of: sorted.count).map { sorted[$0] }
        }
    }
}
