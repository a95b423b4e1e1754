import Archives
import Essentials
import Foundation
import TestSupport
import Testing

@Suite("Archives and packed bytes") struct ArchiveTests {
    /// "smoothness" a hundred times, packed by Python's gzip with a modification time of 0.
    private static let packed = Data(
        base64Encoded: "H4sIAAAAAAACAyvOzc8vychLLS4uHmWNskZZw5QFAFqXsqHoAwAA")

    @Test func storedMembersComeBack() throws {
        let folder = try TemporaryFolder()
        let members = [("a.npy", Data([1, 2, 3])), ("empty", Data()), ("b", Data(repeating: 7, count: 5_000_000))]
        try ZipArchive.stored(members).write(to: URL(filePath: folder.path("a.zip")))
        let archive = try ZipArchive(FileBytes(folder.path("a.zip")))
        try #require(archive.members.map(\.name) == members.map(\.0))
        for (member, given) in zip(archive.members, members) {
            #expect(try archive.contents(of: member) == [UInt8](given.1))
            try archive.requireChecksum(of: member)
        }
        #expect(!archive.isWithoutChecksums)
    }

    @Test("a changed bit of a member is found") func refusesChangedBits() throws {
        let folder = try TemporaryFolder()
        var bytes = try ZipArchive.stored([("a", Data(repeating: 7, count: 100))])
        bytes[60] ^= 1
        try bytes.write(to: URL(filePath: folder.path("a.zip")))
        let archive = try ZipArchive(FileBytes(folder.path("a.zip")))
        let error = #expect(throws: SmoothnessError.self) { try archive.contents(of: archive.members[0]) }
        #expect(error?.message.contains("CRC-32") == true)
    }

    @Test("two members in one place or of one name are refused") func refusesSharedPlaces() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("a.zip")
        try ZipArchive.stored([("a", Data([1])), ("a", Data([2]))]).write(to: URL(filePath: path))
        #expect(throws: SmoothnessError.self) { try ZipArchive(FileBytes(path)) }
    }

    @Test func gzipIsUnpackedUpToALimit() throws {
        let packed = [UInt8](try #require(Self.packed))
        let text = Array(String(repeating: "smoothness", count: 100).utf8)
        #expect(Packing.isGzip(packed))
        #expect(try Packing.gzip.unpacked(packed, file: "x", atMost: 1000) == text)
        #expect(try Packing.gzip.unpacked(packed + packed, file: "x", atMost: 2000) == text + text)
        #expect(Packing.gzip.beginning(of: packed, count: 10) == Array("smoothness".utf8))
        func refusal(_ bytes: [UInt8], atMost most: Int) -> String? {
            #expect(throws: SmoothnessError.self) { try Packing.gzip.unpacked(bytes, file: "x", atMost: most) }?.found
        }
        #expect(refusal(packed, atMost: 999) == "unpacks to more than it may hold")
        #expect(refusal(packed.dropLast(), atMost: 1000) == "ends in the middle of the compressed data")
        var damaged = packed
        damaged[packed.count - 8] ^= 1
        #expect(refusal(damaged, atMost: 1000) == "incorrect data check")
        #expect(refusal([], atMost: 1000) == "ends in the middle of the compressed data")
    }
}
