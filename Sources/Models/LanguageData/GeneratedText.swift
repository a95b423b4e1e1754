import Essentials

/// A seeded text for machines without data: a class-based bigram model (Brown et al. 1992) with Zipf's law.
///
/// - Words `w1` … `wV` have probabilities π(r) ∝ 1/r (Zipf's law), r the rank.
/// - Every word belongs to one of C classes: the first C words to one each, the others to a class drawn uniformly.
/// - The class of the next word depends on the class of this one: the joint probability J of neighbouring classes is a
///   random non-negative matrix whose entries are u⁸, u uniform, scaled alternately by rows and columns until both
///   margins are the classes' probabilities under π (Sinkhorn's iteration, 200 rounds). So every word's probability
///   stays π(r) at every place of a sentence. A sentence's first class is drawn from the classes' probabilities.
/// - Given its class, a word is drawn from π restricted to that class.
/// - A line has 4 to 36 words, uniformly, so 20 on average.
///
/// Probabilities need only the four operations of arithmetic, so the text is the same on every machine.
public struct GeneratedText: Sendable, Hashable, Codable {
    /// V, without `<unk>` and `<eos>`.
    public var wordCount: Int
    /// C
    public var classCount: Int
    public var lineCount: Int
    public var seed: UInt64

    enum CodingKeys: String, CodingKey {
        case wordCount = "word_count"
        case classCount = "class_count"
        case lineCount = "line_count"
        case seed
    }

    public init(wordCount: Int = 2000, classCount: Int = 16, lineCount: Int = 5000, seed: UInt64 = 0) {
        self.wordCount = wordCount
        self.classCount = classCount
        self.lineCount = lineCount
        self.seed = seed
    }

    /// The words of every line.
    public func lines() -> [[String]] {
        let model = ClassBigramModel(self)
        return (0..<lineCount).map { line in
            var generator = SeededGenerator(seed: seed, purpose: "text line", index: line)
            let length = 4 + generator.index(below: 33)
            return model.sentence(length: length, from: &generator).map { "w\($0 + 1)" }
        }
    }
}

/// The probabilities behind a generated text.
private struct ClassBigramModel {
    /// The words (ranks from zero) of each class and their cumulative probabilities.
    private var members: [[Int]]
    private var memberDraws: [CumulativeDraw]
    private let firstClass: CumulativeDraw
    private let nextClass: [CumulativeDraw]

    init(_ text: GeneratedText) {
        var generator = SeededGenerator(seed: text.seed, purpose: "text model")
        let weights = (0..<text.wordCount).map { 1 / Double($0 + 1) }
        var members = [[Int]](repeating: [], count: text.classCount)
        for word in weights.indices {
            members[word < text.classCount ? word : generator.index(below: text.classCount)].append(word)
        }
        let total = weights.reduce(0, +)
        let margins = members.map { $0.reduce(0) { $0 + weights[$1] } / total }
        let joint = Self.joint(margins: margins, from: &generator)
        self.members = members
        memberDraws = members.map { CumulativeDraw($0.map { weights[$0] }) }
        firstClass = CumulativeDraw(margins)
        nextClass = joint.map { CumulativeDraw($0) }
    }

    func sentence(length: Int, from generator: inout SeededGenerator) -> [Int] {
        var current = firstClass.draw(from: &generator)
        return (0..<length).map { place in
            if place > 0 { current = nextClass[current].draw(from: &generator) }
            return members[current][memberDraws[current].draw(from: &generator)]
        }
    }

    /// Sinkhorn's iteration on a random matrix.
    private static func joint(margins: [Double], from generator: inout SeededGenerator) -> [[Double]] {
        var joint = margins.map { _ in
            margins.map { _ in
                let u = generator.uniform()
                let fourth = (u * u) * (u * u)
                return fourth * fourth
            }
        }
        for _ in 0..<200 {
            for row in joint.indices {
                let sum = joint[row].reduce(0, +)
                joint[row] = joint[row].map { $0 * margins[row] / sum }
            }
            for column in joint.indices {
                let sum = joint.reduce(0) { $0 + $1[column] }
                for row in joint.indices { joint[row][column] *= margins[column] / sum }
            }
        }
        return joint
    }
}

/// Draws an index with probability proportional to its weight.
private struct CumulativeDraw {
    private let sums: [Double]

    init(_ weights: [Double]) {
        var sum = 0.0
        sums = weights.map {
            sum += $0
            return sum
        }
    }

    func draw(from generator: inout SeededGenerator) -> Int {
        let target = generator.uniform() * sums[sums.count - 1]
        var (low, high) = (0, sums.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
