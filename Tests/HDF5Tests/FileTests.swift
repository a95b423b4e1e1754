import Foundation
import HDF5
import TestSupport
import Testing

@Suite("Files, groups and errors")
struct FileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("a created file is HDF5 and opens again")
    func createAndOpen() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        try file.createGroup("/one/two").close()
        try file.createGroup("/one/three").close()
        try file.close()
        #expect(try File.isHDF5(path))
        let again = try File.open(path)
        #expect(again.path == path)
        #expect(try again.members(of: "/") == ["one"])
        #expect(try again.members(of: "/one") == ["three", "two"])
        #expect(try again.exists("/one/two"))
        #expect(try again.exists("/"))
        #expect(try !again.exists("/one/four"))
        #expect(try !again.exists("/nowhere/at/all"))
        #expect(try again.kind(of: "/one") == .group)
        try again.close()
    }

    @Test("the superblock is the earliest, and the same contents give the same bytes")
    func reproducibleBytes() throws {
        func write(_ path: String) throws {
            let file = try File.create(path)
            let dataset = try file.createDataset("/x", of: Double.self, shape: [3])
            try dataset.write(all: [1, 2, 3])
            try dataset.close()
            try file.writeString("/text", "öffentlich")
            try file.setAttribute("a", to: Int64(4))
            try file.close()
        }
        try write(folder.path("a.h5"))
        try write(folder.path("b.h5"))
        let bytes = try Data(contentsOf: URL(filePath: folder.path("a.h5")))
        #expect(bytes[8] == 0, "version of the superblock")
        #expect(bytes == (try Data(contentsOf: URL(filePath: folder.path("b.h5")))))
    }

    @Test("creating refuses to replace a file")
    func exclusiveCreation() throws {
        let path = folder.path("a.txt")
        try Data("precious".utf8).write(to: URL(filePath: path))
        let error = try #require(throws: HDF5Error.self) { _ = try File.create(path) }
        #expect(error.operation == "H5Fcreate")
        #expect(error.file == path)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("precious".utf8))
    }

    @Test("the whole error stack arrives in the error")
    func errorStack() throws {
        let path = folder.path("missing.h5")
        let error = try #require(throws: HDF5Error.self) { _ = try File.open(path) }
        #expect(error.stack.count >= 3, "\(error)")
        #expect(error.stack.first?.function == "H5Fopen")
        #expect(error.stack.last?.description.contains("No such file or directory") == true, "\(error)")
        #expect(error.stack.allSatisfy { !$0.major.isEmpty && !$0.minor.isEmpty && $0.line > 0 && !$0.file.isEmpty })
        #expect(error.description.contains(path))
        #expect(error.message.contains("No such file or directory"))
        // A later success starts from an empty stack, and a later failure has its own.
        let file = try File.create(folder.path("b.h5"))
        let second = try #require(throws: HDF5Error.self) { _ = try file.dataset("/absent") }
        #expect(second.stack.first?.function == "H5Dopen2")
        #expect(second.object == "/absent")
        #expect(!second.description.contains("missing.h5"))
    }

    @Test("errors are not printed")
    func silence() throws {
        // The library prints to the file descriptor 2: point it at a file for the length of one failure.
        let path = folder.path("stderr.txt")
        let saved = dup(2)
        let target = open(path, O_CREAT | O_WRONLY, 0o600)
        dup2(target, 2)
        let failed = (try? HDF5.File.open(folder.path("missing.h5")).close()) == nil
        dup2(saved, 2)
        close(target)
        close(saved)
        #expect(failed)
        #expect(!(try String(contentsOf: URL(filePath: path), encoding: .utf8)).contains("HDF5-DIAG"))
    }

    @Test("what is not HDF5 is said not to be, what is missing throws")
    func signature() throws {
        let path = folder.path("a.txt")
        try Data("not at all".utf8).write(to: URL(filePath: path))
        #expect(try !File.isHDF5(path))
        #expect(throws: HDF5Error.self) { try File.isHDF5(folder.path("missing.h5")) }
        let error = try #require(throws: HDF5Error.self) { _ = try File.open(path) }
        #expect(error.description.contains("signature"), "\(error)")
    }

    @Test("a truncated file is refused")
    func truncated() throws {
        let path = folder.path("a.h5")
        let file = try File.create(path)
        let dataset = try file.createDataset("/x", of: Double.self, shape: [1000])
        try dataset.write(all: (0..<1000).map(Double.init))
        try dataset.close()
        try file.close()
        #expect(truncate(path, 4000) == 0)
        let error = try #require(throws: HDF5Error.self) { _ = try File.open(path) }
        #expect(error.description.contains("truncated"), "\(error)")
    }

    @Test("a read-only file refuses to be written")
    func readOnly() throws {
        let path = folder.path("a.h5")
        try File.create(path).close()
        let file = try File.open(path, .readOnly)
        #expect(throws: HDF5Error.self) { try file.createGroup("/g").close() }
        #expect(throws: HDF5Error.self) { try file.setAttribute("a", to: 1.0) }
    }

    @Test("many threads at once work on many files")
    func threads() async throws {
        let folder = folder
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    let path = folder.path("thread-\(worker).h5")
                    let file = try File.create(path)
                    let dataset = try file.createDataset("/x", of: Int64.self, shape: [64, 16])
                    for row in 0..<64 {
                        let values = (0..<16).map { Int64(worker * 10_000 + row * 16 + $0) }
                        try dataset.write(values, start: [row, 0], count: [1, 16])
                        #expect(throws: HDF5Error.self) { _ = try file.dataset("/absent-\(worker)-\(row)") }
                        try file.flush()
                    }
                    let values = try dataset.read(as: Int64.self)
                    return values == (0..<1024).map { Int64(worker * 10_000 + $0) }
                }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
    }

    @Test("the library's version has three numbers")
    func version() {
        #expect(File.libraryVersion.split(separator: ".").compactMap { Int($0) }.count == 3)
    }
}
