import Essentials

/// The same run measured on nested subsets of its components: how much data is enough (Zhang, He, Sra, Jadbabaie 2020, figure 6).
public struct SubsetComparison: Sendable {
    /// What one subset gives.
    public struct Subset: Sendable {
        /// Of the components.
        public var share: Double
        /// |S|
        public var componentCount: Int
        public var rows: [EstimateRow]

        public init(share: Double, componentCount: Int, rows: [EstimateRow]) {
            self.share = share
            self.componentCount = componentCount
            self.rows = rows
        }
    }

    /// One subset against the largest one.
    public struct Summary: Sendable {
        public var share: Double
        public var componentCount: Int
        /// Rows that have a smoothness on this subset and on the largest.
        public var rowCount: Int
        /// Median of |L̂ − L̂*| / L̂*, with L̂* of the largest subset.
        public var medianDeviation: Double
        /// The share of rows whose 95 % interval for L̂ covers L̂*; NaN where there are no intervals.
        public var coveredShare: Double
        /// Median of the standard error of L̂ over L̂.
        public var medianRelativeError: Double
        /// Gradients of single components.
        public var componentGradientCount: Int
    }

    /// By increasing share.
    public let subsets: [Subset]

    public init(_ subsets: [Subset]) { self.subsets = subsets.sorted { $0.share < $1.share } }

    public var summaries: [Summary] {
        guard let largest = subsets.last else { return [] }
        return subsets.map { subset in
            let pairs = zip(subset.rows, largest.rows).filter { $0.status.hasValue && $1.status.hasValue }
            let intervals = pairs.map {
                (low: $0.0["smoothness_low"], high: $0.0["smoothness_high"], truth: $0.1.smoothness)
            }
            // The interval of everything is a point.
            let covered = intervals.filter { $0.low <= $0.truth * (1 + 1e-12) && $0.truth <= $0.high * (1 + 1e-12) }
            return Summary(
                share: subset.share, componentCount: subset.componentCount, rowCount: pairs.count,
                medianDeviation: median(pairs.map { abs($0.smoothness - $1.smoothness) / $1.smoothness }),
                coveredShare: pairs.isEmpty || intervals.contains { $0.low.isNaN }
                    ? .nan : Double(covered.count) / Double(pairs.count),
                medianRelativeError: median(pairs.map { $0.0.smoothnessError / $0.0.smoothness }),
                componentGradientCount: subset.rows.reduce(0) { $0 + Int($1["component_gradients"]) })
        }
    }

    /// Refuses shares of which one is no component, before anything is measured.
    /// - Parameter count: m.
    /// - Throws: `SmoothnessError(.usage)` naming the smallest share that is possible.
    public static func require(_ shares: [Double], ofComponents count: Int) throws {
        for share in shares {
            guard share > 0 && share <= 1 else {
                throw SmoothnessError(
                    .usage, "the subset is not a part of the components", object: "--compare-subsets",
                    expected: "shares in (0, 1]", found: "\(share)")
            }
            guard ComponentSelection.sample(fraction: share, seed: 0).size(of: count) ?? 0 > 0 else {
                throw SmoothnessError(
                    .usage, "a share of \(share) of \(count) components is no component at all",
                    object: "--compare-subsets", remedy: "The smallest that is one component is \(1 / Double(count)).")
            }
        }
    }

    /// NaN for none; what is not finite is left out.
    private func median(_ values: [Double]) -> Double {
        let sorted = values.filter(\.isFinite).sorted()
        guard !sorted.isEmpty else { return .nan }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}
