import Foundation
import RunFiles
import TestSupport
import Testing

@Suite("Files that are made elsewhere")
struct StagedFileTests {
    private struct Failure: Error {}

    /// A folder on another file system than that of temporary folders; `nil` where there is none.
    private static let otherFileSystem: String? = {
        var (here, there) = (stat(), stat())
        let isThere = stat("/dev/shm", &there) == 0 && access("/dev/shm", W_OK) == 0
        return isThere && stat(FileManager.default.temporaryDirectory.path, &here) == 0 && here.st_dev != there.st_dev
            ? "/dev/shm" : nil
    }()

    /// Makes a file; where it was made.
    private func make(_ output: String, byteCount: Int = 5, scratch: String?) throws -> String {
        var place = ""
        try StagedFile.make(output, byteCount: byteCount, environment: scratch.map { ["TMPDIR": $0] } ?? [:]) { path in
            place = path
            try Data("whole".utf8).write(to: URL(filePath: path))
        }
        #expect(try String(contentsOfFile: output, encoding: .utf8) == "whole")
        return place
    }

    @Test("TMPDIR is used where it is on another file system and has room", .enabled(if: otherFileSystem != nil))
    func scratch() throws {
        let folder = try TemporaryFolder()
        let scratch = try #require(Self.otherFileSystem) + "/smoothness-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        #expect(try make(folder.path("a"), scratch: scratch).hasPrefix(scratch + "/"))
        // Again over the first one; too large for the place; no place; the same file system; no folder that is known to all processes alike.
        #expect(try make(folder.path("a"), scratch: scratch).hasPrefix(scratch + "/"))
        let beside = folder.path("a")
        #expect(try make(beside, byteCount: 1 << 60, scratch: scratch).hasPrefix(beside))
        for other in [nil, scratch + "/absent", folder.url.path, "relative"] {
            #expect(try make(beside, scratch: other).hasPrefix(beside))
        }
        #expect(throws: Failure.self) {
            try StagedFile.make(folder.path("b"), byteCount: 5, environment: ["TMPDIR": scratch]) { path in
                try Data("half".utf8).write(to: URL(filePath: path))
                throw Failure()
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a"])
    }
}
