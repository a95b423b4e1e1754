import Essentials
import Foundation
import Testing

@Suite struct DigestTests {
    @Test func digestsAreThoseOfTheStandard() throws {
        // FIPS 180-4, the examples for "abc" and the empty message.
        #expect(
            Digest(of: Array("abc".utf8)).sha256
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            Digest(of: []).sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func filesAndBytesAgree() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "digest-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        let bytes = (0..<200_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try Data(bytes).write(to: url)
        #expect(try Digest(ofFile: url.path) == Digest(of: bytes))
        #expect(try Digest(ofFile: url.path).byteCount == 200_001)
    }

    @Test func aMissingFileIsNamed() throws {
        let error = try #require(throws: SmoothnessError.self) { try Digest(ofFile: "/nonexistent/file") }
        #expect(error.kind == .noInput)
        #expect(error.description.contains("/nonexistent/file"))
    }

    @Test func anErrorSaysEverythingThatItKnows() {
        let error = SmoothnessError(
            .data, "wrong length", file: "run.h5", object: "/trajectory/loss", expected: "10", found: "9",
            remedy: "Record the run again")
        #expect(
            error.description
                == "run.h5: /trajectory/loss: wrong length (expected 10, found 9). Record the run again")
    }
}
