import Essentials
import Foundation
import Testing

@Suite("What may be replaced, and how files in the making are told apart")
struct OutputKindTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "smoothness-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func isRefused(_ name: String, by kinds: [OutputKind], isForced: Bool = false) -> Bool {
        do {
            try OutputKind.requireReplaceable(path(name), by: kinds, isForced: isForced)
            return false
        } catch { return (error as? SmoothnessError)?.kind == .cannotCreate }
    }

    @Test("a former output and an empty file may be replaced, everything else only by force") func kinds() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let files: [(String, Data)] = [
            ("empty", Data()), ("svg", Data("<?xml version=\"1.0\"?>\n<svg width='1'>".utf8)),
            ("drawing", Data("<?xml version=\"1.0\"?>\n<mxfile>".utf8)),
            ("png", Data([0x89] + Array("PNG\r\n\u{1a}\n".utf8))),
            ("hdf5", Data([0x89] + Array("HDF\r\n\u{1a}\n".utf8))), ("notes", Data("what I found\n".utf8)),
            ("table", Data("iteration,loss\n".utf8)), ("paper", Data("% my paper\n\\documentclass{article}".utf8)),
        ]
        for (name, data) in files { try data.write(to: URL(filePath: path(name))) }
        try FileManager.default.createSymbolicLink(atPath: path("nowhere"), withDestinationPath: "absent")
        func replaced(by kinds: OutputKind...) -> Set<String> {
            Set((files.map(\.0) + ["absent", "nowhere"]).filter { !isRefused($0, by: kinds) })
        }
        #expect(replaced(by: .svg) == ["empty", "absent", "svg"])
        #expect(replaced(by: .png) == ["empty", "absent", "png"])
        #expect(replaced(by: .table, .latex) == ["empty", "absent", "table"])
        #expect(replaced(by: .text) == ["empty", "absent"])
        for (name, _) in files { #expect(!isRefused(name, by: [.svg], isForced: true), "\(name)") }
        try FileManager.default.createDirectory(atPath: path("folder"), withIntermediateDirectories: false)
        try #require(mkfifo(path("pipe"), 0o600) == 0)
        for name in ["folder", "pipe"] { #expect(isRefused(name, by: [.svg], isForced: true), "\(name)") }
    }

    @Test("only what can be waited for is read, and only as much as there may be") func bounded() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try #require(mkfifo(path("pipe"), 0o600) == 0)
        for name in [path("pipe"), "/dev/zero", folder.path] {
            #expect(throws: SmoothnessError.self, "\(name)") { _ = try BoundedFile(name).contents(upTo: 10) }
        }
        try Data("ten bytes.".utf8).write(to: URL(filePath: path("file")))
        #expect(try BoundedFile(path("file")).contents(upTo: 10) == Data("ten bytes.".utf8))
        #expect(try BoundedFile(path("file")).head(3) == Data("ten".utf8))
        #expect(BoundedFile.contents(of: path("file"), upTo: 9) == nil)
        #expect(truncate(path("file"), 1 << 40) == 0 && BoundedFile.contents(of: path("file"), upTo: 1 << 20) == nil)
    }

    @Test("marks of processes") func marks() throws {
        let own = ProcessMark.own
        #expect(own.isRunningHere == true && ProcessMark(beginning: "\(own.text)-1f.creating-x") == own)
        #expect(ProcessMark(host: own.host, process: own.process, start: own.start + 1).isRunningHere == false)
        #expect(ProcessMark(host: "00000000", process: own.process, start: own.start).isRunningHere == nil)
        for text in ["", "a-1-2", "00000000-0-2", "00000000--1-2", "00000000-1", "00000000-99999999999-2-3"] {
            #expect(ProcessMark(beginning: text[...]) == nil, "\(text)")
        }
        #expect(FileInTheMaking.isOne(FileInTheMaking.name(for: "a.csv")) && !FileInTheMaking.isOne("a.creating-b"))
    }
}
