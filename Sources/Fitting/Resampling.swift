import Essentials
import Foundation

/// How a bootstrap draws points that depend on their neighbours.
public enum BootstrapScheme: String, Sendable, Codable, CaseIterable {
    /// Blocks of ℓ consecutive points, the series closed to a circle (Künsch 1989; Politis and Romano 1992).
    case movingBlocks = "moving-block"
    /// Blocks of geometric length with mean ℓ, the series closed to a circle (Politis and Romano 1994, Journal of the American
    /// Statistical Association 89, 1303–1313).
    case stationary
    /// Single points, as if they were independent: too short intervals for a trajectory, for comparison only.
    case points

    var explanation: String {
        switch self {
        case .movingBlocks: "circular moving blocks of points"
        case .stationary: "stationary bootstrap: circular blocks of geometric length"
        case .points: "single points, as if they were independent"
        }
    }
}

/// Draws resamples of one or several series as the number of times that every point occurs. No block crosses from one series
/// into another, and every series keeps its number of points.
struct Resampler {
    let series: [Range<Int>]
    let blockLength: Int
    let scheme: BootstrapScheme
    let seed: UInt64

    var count: Int { series.reduce(0) { $0 + $1.count } }

    /// What is drawn independently, in number.
    var blockCount: Double {
        Double(count) / (scheme == .points ? 1 : Double(blockLength))
    }

    /// Fills `counts` with the draw of one replicate.
    func draw(_ replicate: Int, into counts: inout [Double]) {
        var generator = SeededGenerator(seed: seed, purpose: "fit.block-bootstrap", index: replicate)
        for index in counts.indices { counts[index] = 0 }
        for range in series {
            var left = range.count
            while left > 0 {
                var next = generator.index(below: range.count)
                var length = min(length(&generator), left)
                left -= length
                while length > 0 {
                    counts[range.lowerBound + next] += 1
                    next = next + 1 == range.count ? 0 : next + 1
                    length -= 1
                }
            }
        }
    }

    private func length(_ generator: inout SeededGenerator) -> Int {
        switch scheme {
        case .points: return 1
        case .movingBlocks: return blockLength
        case .stationary:
            guard blockLength > 1 else { return 1 }
            let gap = log(1 - generator.uniform()) / log1p(-1 / Double(blockLength))
            return 1 + Int(min(gap, 1e9))
        }
    }
}
