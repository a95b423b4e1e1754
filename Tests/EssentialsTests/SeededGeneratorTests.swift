import Essentials
import Testing

@Suite struct SeededGeneratorTests {
    @Test func drawsAreThePublishedSplitMix64Sequence() {
        // Reference: the SplitMix64 of Java's SplittableRandom from state 1234567, as printed in its public test vectors.
        #expect(SeededGenerator.mix(1_234_567 &+ SeededGenerator.increment) == 6_457_827_717_110_365_317)
        #expect(SeededGenerator.mix(1_234_567 &+ 2 &* SeededGenerator.increment) == 3_203_168_211_198_807_973)
        #expect(SeededGenerator.mix(1_234_567 &+ 3 &* SeededGenerator.increment) == 9_817_491_932_198_370_423)
    }

    @Test func generatorsDifferByEachOfSeedPurposeAndIndex() {
        func first(_ seed: UInt64, _ purpose: String, _ index: Int) -> UInt64 {
            var generator = SeededGenerator(seed: seed, purpose: purpose, index: index)
            return generator.next()
        }
        let draws = [first(1, "a", 0), first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)]
        #expect(Set(draws).count == 4)
        #expect(first(1, "a", 0) == draws[0])
    }

    @Test func momentsOfUniformAndNormalAreRight() {
        var generator = SeededGenerator(seed: 7, purpose: "moments")
        let count = 200_000
        let uniform = (0..<count).map { _ in generator.uniform() }
        let normal = (0..<count).map { _ in generator.normal() }
        // Five standard errors: 1/√12 and 1 over √count.
        #expect(abs(uniform.reduce(0, +) / Double(count) - 0.5) < 5 * 0.2887 / 447.2)
        #expect(abs(normal.reduce(0, +) / Double(count)) < 5 / 447.2)
        #expect(abs(normal.reduce(0) { $0 + $1 * $1 } / Double(count) - 1) < 5 * 1.4142 / 447.2)
        #expect(uniform.allSatisfy { (0..<1).contains($0) })
    }

    @Test func samplesAreDistinctSortedAndUniform() {
        var hits = [Int](repeating: 0, count: 10)
        for trial in 0..<5000 {
            var generator = SeededGenerator(seed: 3, purpose: "sample", index: trial)
            let sample = generator.sample(3, of: 10)
            #expect(sample == Array(Set(sample)).sorted() && sample.count == 3)
            for member in sample { hits[member] += 1 }
        }
        // Each member is drawn with probability 0.3: 1500 expected, standard deviation 32.
        #expect(hits.allSatisfy { abs($0 - 1500) < 5 * 33 })
    }
}
