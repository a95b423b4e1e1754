import Essentials
import Foundation

/// Tests of no association between two series whose neighbours depend on each other.
///
/// The second series is turned around its circle by a random number of points, cut into blocks of ℓ and the blocks are put into
/// random order: within a block everything stays as it is, so that the series keeps its autocorrelation. p = (1 + number of orders
/// with at least the found |r|)/(1 + number of orders) (Davison and Hinkley 1997, section 4.3). ℓ = 1 permutes single points.
public struct PermutationTest: Sendable {
    public var permutations: Int
    public var blockLength: Int
    public var seed: UInt64

    public init(permutations: Int, blockLength: Int, seed: UInt64) {
        self.permutations = permutations
        self.blockLength = blockLength
        self.seed = seed
    }

    /// The p-values of the correlations of several pairs of columns, all with the same orders; `nil` where a column is constant.
    /// - Parameters: `pairs`: columns of n values; `series`: the stretches that are permuted each by itself, one by default.
    public func probabilities(_ pairs: [(x: [Double], y: [Double])], series: [Range<Int>]? = nil) -> [Double?] {
        guard permutations > 0, let count = pairs.first?.x.count, count >= 3 else { return pairs.map { _ in nil } }
        let ranges = series ?? [0..<count]
        let columns = pairs.map { (x: centred($0.x), y: centred($0.y)) }
        let found = columns.map { abs(product($0.x, $0.y)) }
        var exceeded = [Int](repeating: 0, count: pairs.count)
        var order = Array(0..<count)
        for permutation in 0..<permutations {
            var generator = SeededGenerator(seed: seed, purpose: "fit.permutation", index: permutation)
            var place = 0
            for range in ranges {
                let turn = generator.index(below: range.count)
                let blocks = (range.count + blockLength - 1) / blockLength
                for block in generator.permutation(of: blocks) {
                    for index in block * blockLength..<min((block + 1) * blockLength, range.count) {
                        order[place] = range.lowerBound + (index + turn) % range.count
                        place += 1
                    }
                }
            }
            for (pair, column) in columns.enumerated() {
                var sum = 0.0
                for index in order.indices { sum += column.x[index] * column.y[order[index]] }
                // Equal up to rounding is equal.
                if abs(sum) >= found[pair] - 1e-12 { exceeded[pair] += 1 }
            }
        }
        return columns.indices.map { pair in
            isConstant(columns[pair].x) || isConstant(columns[pair].y)
                ? nil : Double(exceeded[pair] + 1) / Double(permutations + 1)
        }
    }

    /// Less the mean, of length 1; zeros for a constant column.
    private func centred(_ values: [Double]) -> [Double] {
        let center = mean(values)
        let length = values.reduce(0) { $0 + ($1 - center) * ($1 - center) }.squareRoot()
        return values.map { length > 0 ? ($0 - center) / length : 0 }
    }

    private func isConstant(_ centred: [Double]) -> Bool { !centred.contains { $0 != 0 } }

    private func product(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    }
}
