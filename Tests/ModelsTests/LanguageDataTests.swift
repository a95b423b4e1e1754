import Essentials
import Evaluation
import Foundation
import Models
import TestSupport
import Testing

@Suite("Streams, segments and files of text")
struct LanguageDataTests {
    @Test("streams and segments by hand, remainder dropped, last segment ragged")
    func segments() throws {
        let streams = try #require(TokenStreams(tokens: Array(0..<17), count: 2, sequenceLength: 3))
        #expect(streams.streamLength == 8)
        #expect(streams.droppedCount == 1)
        #expect(streams.segmentCount == 3)
        #expect(
            streams.segment(0)
                == TokenBatch(length: 3, count: 2, inputs: [0, 8, 1, 9, 2, 10], targets: [1, 9, 2, 10, 3, 11]))
        #expect(streams.segment(2) == TokenBatch(length: 1, count: 2, inputs: [6, 14], targets: [7, 15]))
    }

    @Test("every token but the first of a stream is predicted once")
    func coverage() throws {
        for (size, count, length) in [(2, 1, 5), (100, 3, 7), (101, 10, 9), (64, 8, 7), (40, 20, 1)] {
            let streams = try #require(
                TokenStreams(tokens: Array(0..<Int32(size)), count: count, sequenceLength: length))
            var targets: [Int64] = []
            for segment in 0..<streams.segmentCount {
                let batch = streams.segment(segment)
                #expect(batch.length == streams.length(ofSegment: segment) && batch.length > 0)
                #expect(zip(batch.inputs, batch.targets).allSatisfy { $0 + 1 == $1 })
                targets += batch.targets
            }
            let expected = (0..<size - streams.droppedCount).filter { $0 % streams.streamLength != 0 }
            #expect(targets.sorted() == expected.map { Int64($0) })
        }
        #expect(TokenStreams(tokens: [1, 2, 3], count: 2, sequenceLength: 1) == nil)
    }

    // MARK: - Twin

    struct TwinPart: Decodable {
        var tokens: Int
        var unknown: Int
        var dropped: Int
        var lengths: [Int]
        var sha256: String
    }

    struct TwinAnswer: Decodable {
        var vocabulary: [String]
        var training: TwinPart
        var validation: TwinPart
    }

    private func digest(_ streams: TokenStreams) -> String {
        var bytes: [UInt8] = []
        for segment in 0..<streams.segmentCount {
            let batch = streams.segment(segment)
            for token in batch.inputs + batch.targets {
                withUnsafeBytes(of: token.littleEndian) { bytes += $0 }
            }
        }
        return Digest(of: bytes).sha256
    }

    private func expectTwinAgrees(
        file: String, tokenization: Tokenization, limit: Int?, batchSize: Int, sequenceLength: Int
    ) throws {
        let data = try LanguageData(
            TextDescription(
                source: .file(try DataFile(path: file)), tokenization: tokenization, vocabularyLimit: limit),
            batchSize: batchSize, sequenceLength: sequenceLength)
        let answer = try twin(
            "streams.py",
            [
                file, tokenization.rawValue, limit.map { "\($0)" } ?? "none", "0.1", "\(batchSize)",
                "\(sequenceLength)",
            ], as: TwinAnswer.self)
        #expect(data.vocabulary.words == answer.vocabulary)
        let validation = try #require(data.validation)
        let statistics = try #require(data.validationStatistics)
        for (streams, counts, expected) in [
            (data.training, data.trainingStatistics, answer.training), (validation, statistics, answer.validation),
        ] {
            #expect(counts.tokenCount == expected.tokens)
            #expect(counts.unknownCount == expected.unknown)
            #expect(counts.droppedCount == expected.dropped)
            #expect((0..<streams.segmentCount).map { streams.length(ofSegment: $0) } == expected.lengths)
            #expect(digest(streams) == expected.sha256)
        }
    }

    @Test(
        "NumPy makes the same of a small text", .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)),
        arguments: Tokenization.allCases, [nil, 12])
    func twinAgrees(tokenization: Tokenization, limit: Int?) throws {
        let folder = try TemporaryFolder()
        let text = (0..<40).map { "Line \($0 % 7): naïve <unk>, o'er \($0 * $0 % 11) 日本 — well-known.\r" }
        let file = try folder.file("text.txt", text.joined(separator: "\n\n"))
        try expectTwinAgrees(
            file: file, tokenization: tokenization, limit: limit, batchSize: 3, sequenceLength: 8)
    }

    static let shakespeare = Workplace.sharedData("tinyshakespeare.txt")

    @Test(
        "NumPy makes the same of Shakespeare",
        .enabled(if: Workplace.python != nil && shakespeare != nil, "no Python with NumPy, or no tinyshakespeare.txt"),
        arguments: Tokenization.allCases)
    func twinAgreesOnShakespeare(tokenization: Tokenization) throws {
        try expectTwinAgrees(
            file: try #require(Self.shakespeare), tokenization: tokenization, limit: 10_000, batchSize: 20,
            sequenceLength: 35)
    }

    // MARK: - Faults

    private func expectFault(
        _ bytes: [UInt8], batchSize: Int = 4, _ validation: TextDescription.Validation = .none,
        _ fragments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("text.txt", bytes)
        let text = TextDescription(source: .file(try DataFile(path: path)), validation: validation)
        let error = expectRefusal(.data, file: path, sourceLocation: sourceLocation) {
            try LanguageData(text, batchSize: batchSize, sequenceLength: 5)
        }
        #expect(error?.expected != nil && error?.found != nil, sourceLocation: sourceLocation)
        for fragment in fragments {
            #expect(
                error?.description.contains(fragment) == true, "\(String(describing: error))",
                sourceLocation: sourceLocation)
        }
    }

    @Test("what cannot be read as text is refused with what was found")
    func faults() throws {
        try expectFault([], .none, "is empty", "0 bytes")
        try expectFault(Array(" \n\n\t\n".utf8), .none, "holds no words", "3 lines")
        try expectFault(Array("a b\n".utf8), .none, "too short", "training text", "at least 8 tokens", "3 tokens")
        try expectFault(
            Array("a b c d e f g h\ni\n".utf8), .lastLines(fraction: 0.1), "too short", "held-out text", "2 tokens")
        try expectFault(
            Array("a b c d e f g h".utf8), .lastLines(fraction: 0.1), "at least 2 lines", "found 1")
        try expectFault(Array("a b\nc ".utf8) + [0xFF, 0x0A], .none, "not text in UTF-8", "byte 6 (line 2)")
        try expectFault(
            [0x1F, 0x8B, 8, 0, 1, 2], .none, "not text in UTF-8", "It begins as gzip does: unpack it with gunzip")
    }

    @Test("a missing file, a folder, a changed file")
    func changedFiles() throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("text.txt", "a b c d e f\ng h i\n")
        let text = TextDescription(source: .file(try DataFile(path: path)), validation: .none)
        #expect(throws: Never.self) { try LanguageData(text, batchSize: 2, sequenceLength: 2) }

        #expect(#expect(throws: SmoothnessError.self) { try DataFile(path: folder.path("none.txt")) }?.kind == .noInput)
        #expect(#expect(throws: SmoothnessError.self) { try DataFile(path: folder.url.path) }?.kind == .data)

        // One byte differs, the length is the same.
        let copy = try folder.file("copy.txt", "a b c d e f\ng h i\n")
        _ = try folder.file("text.txt", "a b c d e f\ng h j\n")
        let changed = #expect(throws: SmoothnessError.self) { try LanguageData(text, batchSize: 2, sequenceLength: 2) }
        #expect(changed?.kind == .data && changed?.file == path)
        #expect(changed?.expected?.contains(Digest(of: Array("a b c d e f\ng h i\n".utf8)).sha256) == true)
        #expect(changed?.found?.contains(Digest(of: Array("a b c d e f\ng h j\n".utf8)).sha256) == true)
        let moved = try LanguageData(text, batchSize: 2, sequenceLength: 2, dataOverride: copy)
        #expect(moved.trainingStatistics.tokenCount == 11)

        try FileManager.default.removeItem(atPath: path)
        let gone = #expect(throws: SmoothnessError.self) { try LanguageData(text, batchSize: 2, sequenceLength: 2) }
        #expect(gone?.kind == .noInput)
    }

    @Test("a validation file that moved with its text is found beside it")
    func movedValidation() throws {
        let folder = try TemporaryFolder()
        let here = try folder.file("train.txt", "a b c d e f\ng h i\n")
        let valid = try folder.file("valid.txt", "a x b\n")
        let text = TextDescription(
            source: .file(try DataFile(path: here)), validation: .file(try DataFile(path: valid)))
        let before = try LanguageData(text, batchSize: 2, sequenceLength: 2)
        #expect(before.validationStatistics?.unknownCount == 1)
        let other = try TemporaryFolder()
        for name in ["train.txt", "valid.txt"] {
            try FileManager.default.moveItem(atPath: folder.path(name), toPath: other.path(name))
        }
        let after = try LanguageData(
            text, batchSize: 2, sequenceLength: 2, dataOverride: other.path("train.txt"))
        #expect(after == before)
        _ = try other.file("valid.txt", "a x c\n")
        let error = #expect(throws: SmoothnessError.self) {
            try LanguageData(text, batchSize: 2, sequenceLength: 2, dataOverride: other.path("train.txt"))
        }
        #expect(error?.kind == .data && error?.file == other.path("valid.txt"))
    }
}
