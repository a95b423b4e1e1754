import Essentials
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

@Suite("Words and vocabulary")
struct TokenizationTests {
    /// The training tokens of a text, as words, with nothing held out.
    private func words(
        _ text: String, _ tokenization: Tokenization = .whitespace, limit: Int? = nil
    ) throws -> [String] {
        let folder = try TemporaryFolder()
        let file = try DataFile(path: try folder.file("text.txt", text))
        let data = try LanguageData(
            TextDescription(
                source: .file(file), validation: .none, tokenization: tokenization, vocabularyLimit: limit),
            batchSize: 1, sequenceLength: 100)
        #expect(data.trainingStatistics.tokenCount == data.training.tokens.count)
        return data.training.tokens.map { data.vocabulary.words[Int($0)] }
    }

    @Test("every line ends in <eos>, with or without a last newline, LF or CRLF")
    func lineEnds() throws {
        let expected = ["a", "b", "<eos>", "c", "<eos>"]
        for text in ["a b\nc\n", "a b\nc", "a b\r\nc\r\n", "a b\r\nc", "\u{FEFF}a b\nc", "  a\tb \nc  "] {
            #expect(try words(text) == expected, "\(text.debugDescription)")
        }
    }

    @Test("an empty line is a lone <eos>; an <eos> of the file's own is not doubled")
    func emptyLines() throws {
        #expect(try words("a\n\nb\n") == ["a", "<eos>", "<eos>", "b", "<eos>"])
        #expect(try words("\na\n \t \n") == ["<eos>", "a", "<eos>", "<eos>"])
        #expect(try words("a b <eos>\nc <eos>\n") == ["a", "b", "<eos>", "c", "<eos>"])
    }

    @Test("UTF-8 words stay whole")
    func unicode() throws {
        #expect(try words("naïve 日本 e\u{301}te\u{2003}x\u{A0}y\n") == ["naïve", "日本", "e\u{301}te", "x", "y", "<eos>"])
        #expect(
            try words("Ätna, Ça! „Öl“ 日本。\n", .words)
                == ["ätna", ",", "ça", "!", "„", "öl", "“", "日本", "。", "<eos>"])
    }

    @Test("`words` splits punctuation off and keeps inner apostrophes and hyphens")
    func wordTokenization() throws {
        #expect(
            try words("We know't, 'tis well-known -- I say: o'er th' 3.5 <unk> x'-y\n", .words) == [
                "we", "know't", ",", "'", "tis", "well-known", "-", "-", "i", "say", ":", "o'er", "th", "'", "3", ".",
                "5", "<unk>", "x", "'", "-", "y", "<eos>",
            ])
        #expect(try words("We know't, 'tis.\n") == ["We", "know't,", "'tis.", "<eos>"])
    }

    @Test("frequent words first, ties by first appearance, the rest is <unk>")
    func vocabularyOrder() throws {
        let lines = [["b", "c", "a"], ["a", "d", "c"], ["e", "a", "d"]]
        #expect(Vocabulary(lines: lines).words == ["<unk>", "<eos>", "a", "c", "d", "b", "e"])
        let cut = Vocabulary(lines: lines, limit: 4)
        #expect(cut.words == ["<unk>", "<eos>", "a", "c"])
        #expect(cut.encode(lines) == [0, 3, 2, 1, 2, 0, 3, 1, 0, 2, 0, 1])
        #expect(
            try words("b c a\na d c\n", limit: 3) == ["<unk>", "c", "<unk>", "<eos>", "<unk>", "<unk>", "c", "<eos>"])
    }

    @Test("the file's own <unk> is the vocabulary's, and does not count as a word to keep")
    func ownUnknown() throws {
        let lines = [["<unk>", "a", "<unk>"], ["<unk>", "b", "a", "c"]]
        #expect(Vocabulary(lines: lines).words == ["<unk>", "<eos>", "a", "b", "c"])
        #expect(Vocabulary(lines: lines, limit: 3).encode(lines) == [0, 2, 0, 1, 0, 0, 2, 0, 1])
    }

    @Test("held-out words have no say in the vocabulary")
    func heldOutWords() throws {
        let folder = try TemporaryFolder()
        let file = try DataFile(path: try folder.file("text.txt", "a b a\nb a\na a\nz z z\n"))
        let data = try LanguageData(
            TextDescription(source: .file(file), validation: .lastLines(fraction: 0.3)), batchSize: 1,
            sequenceLength: 2)
        #expect(data.vocabulary.words == ["<unk>", "<eos>", "a", "b"])
        #expect(data.validation?.tokens == [0, 0, 0, 1])
        #expect(
            data.validationStatistics
                == TextStatistics(
                    lineCount: 1, tokenCount: 4, unknownCount: 3, droppedCount: 0, componentCount: 2))
        #expect(data.trainingStatistics.lineCount == 3)
        #expect(data.trainingStatistics.unknownCount == 0)
    }
}
