/// The words that a model knows, numbered: `<unk>` is 0, `<eos>` is 1, then the words of the training text by falling
/// frequency; among equally frequent ones the one that appears first comes first.
public struct Vocabulary: Sendable, Hashable {
    /// Every word outside the vocabulary.
    public static let unknown = "<unk>"
    /// The end of a line.
    public static let endOfSentence = "<eos>"
    static let unknownToken: Int32 = 0
    static let endToken: Int32 = 1

    /// In the order of their numbers.
    public let words: [String]
    private let tokens: [String: Int32]

    public var count: Int { words.count }

    /// - Parameters:
    ///   - lines: the words of every line of the *training* text; held-out text has no say.
    ///   - limit: the number of words kept, `<unk>` and `<eos>` included, as the 10,000 of the Penn Treebank; `nil`
    ///     keeps all.
    public init(lines: [[String]], limit: Int? = nil) {
        var counts: [String: (count: Int, first: Int)] = [:]
        for line in lines {
            for word in line {
                let first = counts.count
                counts[word, default: (0, first)].count += 1
            }
        }
        let special = [Self.unknown, Self.endOfSentence]
        for word in special { counts[word] = nil }
        let ordered = counts.sorted { ($1.value.count, $0.value.first) < ($0.value.count, $1.value.first) }
        let kept = limit.map { max($0 - special.count, 0) } ?? ordered.count
        words = special + ordered.prefix(kept).map(\.key)
        tokens = Dictionary(uniqueKeysWithValues: zip(words, Int32(0)...))
    }

    /// The 256 bytes, `0x00` to `0xff`, numbered by their values.
    static let bytes = Vocabulary(
        words: (0..<256).map { "0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) })

    private init(words: [String]) {
        self.words = words
        tokens = Dictionary(uniqueKeysWithValues: zip(words, Int32(0)...))
    }

    /// The number of a word; that of `<unk>` if it is not here.
    public func token(of word: String) -> Int32 { tokens[word] ?? Self.unknownToken }

    /// All lines one after another, each closed by `<eos>` unless its own last word is one.
    public func encode(_ lines: [[String]]) -> [Int32] {
        var encoded: [Int32] = []
        encoded.reserveCapacity(lines.reduce(lines.count) { $0 + $1.count })
        for line in lines {
            for word in line { encoded.append(token(of: word)) }
            if line.last != Self.endOfSentence { encoded.append(Self.endToken) }
        }
        return encoded
    }
}
