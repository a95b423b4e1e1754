import Foundation

/// SplitMix64 (Steele, Lea, Flood 2014): the one source of randomness of this project.
///
/// A generator is a function of (seed, purpose, index) alone, so that whatever is random about component `index` can be
/// made again at any time, in any order, by any program: state₀ = mix(seed ⊕ mix(FNV-1a(purpose)) ⊕ mix(index + 1)), and
/// the n-th draw is mix(state₀ + n·0x9E3779B97F4A7C15), n = 1, 2, …
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    public static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
    public private(set) var state: UInt64

    public init(seed: UInt64, purpose: String, index: Int = 0) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in purpose.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        state = Self.mix(seed ^ Self.mix(hash) ^ Self.mix(UInt64(bitPattern: Int64(index)) &+ 1))
    }

    /// The finaliser of SplitMix64, a bijection of 64-bit words.
    public static func mix(_ value: UInt64) -> UInt64 {
        var word = value
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mix(state)
    }

    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Uniform on {0, …, bound − 1}: Lemire's multiplication with rejection, so without bias.
    public mutating func index(below bound: Int) -> Int {
        precondition(bound > 0, "there is no index below \(bound)")
        let range = UInt64(bound)
        let threshold = (0 &- range) % range
        while true {
            let product = next().multipliedFullWidth(by: range)
            if product.low >= threshold { return Int(product.high) }
        }
    }

    /// Standard normal by Box and Muller's transform; uses two draws.
    public mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }

    /// A uniformly random order of 0 ..< count (Fisher and Yates).
    public mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) { order.swapAt(last, index(below: last + 1)) }
        return order
    }

    /// `sampleCount` distinct members of 0 ..< count, uniformly without replacement, in increasing order.
    public mutating func sample(_ sampleCount: Int, of count: Int) -> [Int] {
        precondition((0...count).contains(sampleCount), "cannot draw \(sampleCount) of \(count) without replacement")
        return permutation(of: count).prefix(sampleCount).sorted()
    }
}
