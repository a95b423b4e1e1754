import Essentials
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

@Suite("Generated text")
struct GeneratedTextTests {
    static let text = GeneratedText()
    static let lines = text.lines()

    @Test("a function of its seed, the same on every machine")
    func determinism() throws {
        #expect(Self.text.lines() == Self.lines)
        #expect(GeneratedText(seed: 1).lines() != Self.lines)
        // A shorter text is the beginning of a longer one.
        #expect(GeneratedText(lineCount: 10).lines() == Array(Self.lines.prefix(10)))
        let joined = Self.lines.map { $0.joined(separator: " ") }.joined(separator: "\n")
        #expect(
            Digest(of: Array(joined.utf8)).sha256 == "b79740a4cc8e2e8f43d64de9a644179fc172566b00d031939ed76deb3b12baca")
    }

    private struct TwinAnswer: Decodable { var sha256: String }

    @Test(
        "plain Python makes the same from the description",
        .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)))
    func twinAgrees() throws {
        let text = GeneratedText(wordCount: 150, classCount: 7, lineCount: 80, seed: .max)
        let joined = text.lines().map { $0.joined(separator: " ") }.joined(separator: "\n")
        let answer = try twin("generated_text.py", ["150", "7", "80", "\(UInt64.max)"], as: TwinAnswer.self)
        #expect(Digest(of: Array(joined.utf8)).sha256 == answer.sha256)
    }

    @Test("lines of 4 to 36 words, 20 on average")
    func lineLengths() {
        let lengths = Self.lines.map(\.count)
        #expect(lengths.min() == 4)
        #expect(lengths.max() == 36)
        let mean = Double(lengths.reduce(0, +)) / Double(lengths.count)
        // The standard error is 9.52/√5000 = 0.135.
        #expect(abs(mean - 20) < 4 * 0.135)
    }

    /// Counts by rank.
    private func counts(_ words: some Sequence<String>) -> [Int] {
        words.reduce(into: [Int](repeating: 0, count: Self.text.wordCount)) { counts, word in
            if let rank = Int(word.dropFirst()) { counts[rank - 1] += 1 }
        }
    }

    @Test("frequencies fall as 1/rank")
    func zipf() throws {
        let counts = counts(Self.lines.joined())
        let total = Double(counts.reduce(0, +))
        let harmonic = (1...Self.text.wordCount).reduce(0.0) { $0 + 1 / Double($1) }
        for rank in 1...16 {
            let expected = 1 / (Double(rank) * harmonic)
            // Neighbouring words depend on each other, which widens the binomial error; five times covers it.
            let error = 5 * (expected * (1 - expected) / total).squareRoot()
            #expect(abs(Double(counts[rank - 1]) / total - expected) < error, "rank \(rank)")
        }
        let points = (1...300).map { (x: log(Double($0)), y: log(Double(max(counts[$0 - 1], 1)))) }
        let mean = (
            x: points.reduce(0) { $0 + $1.x } / 300, y: points.reduce(0) { $0 + $1.y } / 300
        )
        let slope =
            points.reduce(0) { $0 + ($1.x - mean.x) * ($1.y - mean.y) }
            / points.reduce(0) { $0 + ($1.x - mean.x) * ($1.x - mean.x) }
        #expect(abs(slope + 1) < 0.05, "slope \(slope)")
    }

    @Test("the law holds at every place of a sentence")
    func stationarity() {
        let harmonic = (1...Self.text.wordCount).reduce(0.0) { $0 + 1 / Double($1) }
        for place in 0..<4 {
            let counts = counts(Self.lines.map { $0[place] })
            for rank in 1...8 {
                let expected = 1 / (Double(rank) * harmonic)
                // Lines are independent: the binomial error, four times.
                let error = 4 * (expected * (1 - expected) / Double(Self.lines.count)).squareRoot()
                #expect(abs(Double(counts[rank - 1]) / Double(Self.lines.count) - expected) < error)
            }
        }
    }

    /// H(next) − H(next | this) in nats over pairs of the 16 most frequent words, each of a class of its own. With 16 ×
    /// 16 cells and N pairs the estimate is too large by about 225/(2N).
    private func mutualInformation(_ pairs: [(String, String)]) -> Double {
        let ranks = pairs.compactMap { pair -> (Int, Int)? in
            guard let first = Int(pair.0.dropFirst()), let second = Int(pair.1.dropFirst()), max(first, second) <= 16
            else { return nil }
            return (first - 1, second - 1)
        }
        var joint = [[Double]](repeating: Array(repeating: 0, count: 16), count: 16)
        for (first, second) in ranks { joint[first][second] += 1 / Double(ranks.count) }
        let rows = joint.map { $0.reduce(0, +) }
        let columns = (0..<16).map { column in joint.reduce(0) { $0 + $1[column] } }
        func entropy(_ probabilities: [Double]) -> Double {
            -probabilities.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }
        }
        let conditional = entropy(joint.flatMap(\.self)) - entropy(rows)
        #expect(ranks.count > 10_000)
        return entropy(columns) - conditional
    }

    @Test("the next word depends on this one: bigram entropy is well below unigram entropy")
    func markovStructure() {
        let pairs = Self.lines.flatMap { zip($0, $0.dropFirst()).map { ($0, $1) } }
        #expect(mutualInformation(pairs) > 0.3)
        // The same words in a random order: what chance alone gives.
        var generator = SeededGenerator(seed: 1, purpose: "shuffle")
        let order = generator.permutation(of: pairs.count)
        let shuffled = pairs.indices.map { (pairs[$0].0, pairs[order[$0]].1) }
        #expect(mutualInformation(shuffled) < 0.02)
    }
}
