import Foundation
import HDF5
import Synchronization
import TestSupport
import Testing

@Suite("Damaged and hostile files")
struct ExaminationTests {
    let folder: TemporaryFolder

    /// So many that their heap is longer than a sector of a disk.
    private let names = (0..<60).map { "the name of block \($0)" }

    init() throws { folder = try TemporaryFolder() }

    /// A file of texts, numbers and groups, as bytes.
    private func sample() throws -> Data {
        let path = folder.path("sample.h5")
        if !FileManager.default.fileExists(atPath: path) {
            let file = try File.create(path)
            for name in ["first", "second", "third"] { try file.setAttribute(name, to: "the \(name) of three texts") }
            try file.writeStrings("/names", names)
            try file.createDataset("/group/numbers", of: Double.self, shape: [3, 5]).write(
                all: [Double](repeating: 1, count: 15))
            try file.close()
        }
        return try Data(contentsOf: URL(filePath: path))
    }

    /// Writes the sample after `change`, under a name of its own: a file is examined once as long as it does not change.
    private func damaged(_ name: String, _ change: (inout Data) throws -> Void) throws -> String {
        var bytes = try sample()
        try change(&bytes)
        let path = folder.path(name)
        try bytes.write(to: URL(filePath: path))
        return path
    }

    /// The first heap of texts, and where its objects begin.
    private func heap(of bytes: Data) throws -> (start: Int, objects: [Int]) {
        let start = try #require(bytes.firstRange(of: Data("GCOL".utf8))).lowerBound
        var (objects, place): ([Int], Int) = ([], start + 16)
        while place + 16 <= start + 4096 {
            objects.append(place)
            guard bytes[place] != 0 || bytes[place + 1] != 0 else { break }
            place += 16 + (Int(bytes[place + 8]) + 256 * Int(bytes[place + 9]) + 7) / 8 * 8
        }
        return (start, objects)
    }

    @Test("a heap of texts that libhdf5 would crash in, or never come out of, is refused")
    func heaps() throws {
        let bytes = try sample()
        let (start, objects) = try heap(of: bytes)
        let sector = (start + 16 + 511) / 512 * 512
        let cases: [(String, (inout Data) -> Void)] = [
            ("zeroed-sector.h5", { $0.replaceSubrange(sector..<(sector + 512), with: Data(count: 512)) }),
            // A mebibyte longer than it was.
            ("long-object.h5", { $0[objects[2] + 10] = 0x10 }),
            (
                "empty-object.h5",
                { $0.replaceSubrange((objects.last! + 8)..<(objects.last! + 16), with: Data(count: 8)) }
            ),
        ]
        for (name, change) in cases {
            let path = try damaged(name, change)
            let error = try #require(throws: HDF5Error.self, "\(name)") {
                let file = try File.open(path)
                _ = try file.readStrings("/names")
                for name in ["first", "second", "third"] { _ = try file.attribute(name, as: String.self) }
            }
            #expect(error.fault == .damaged && error.file == path, "\(name): \(error)")
            #expect(error.remedy != nil)
        }
        let whole = try File.open(try damaged("whole.h5") { _ in })
        #expect(try whole.readStrings("/names") == names)
    }

    @Test(
        "a group or an object whose members cannot be listed is refused, since what is opened by name would be unexamined"
    )
    func unlistedMembers() throws {
        let (_, objects) = try heap(of: sample())
        let cases: [(String, (inout Data) throws -> Void)] = [
            (
                "unlisted-links.h5",
                {
                    // The version of the message that holds the link; its flags and the length of the name come before the name.
                    let name = try #require($0.firstRange(of: Data("\u{5}group".utf8))).lowerBound
                    $0[name - 2] = 99
                }
            ),
            (
                "unlisted-attributes.h5",
                {
                    // The version of the message that holds the attribute.
                    let name = try #require($0.firstRange(of: Data("third\0".utf8))).lowerBound
                    $0[name - 8] = 99
                }
            ),
        ]
        for (name, change) in cases {
            let path = try damaged(name) {
                try change(&$0)
                // libhdf5 would copy so many bytes.
                $0[objects[2] + 15] = 1
            }
            let error = try #require(throws: HDF5Error.self, "\(name)") { _ = try File.open(path) }
            #expect(error.fault == .damaged && error.file == path && error.remedy != nil, "\(name): \(error)")
        }
    }

    @Test("whatever single byte of the structure is another, opening and reading ends in a value or an error")
    func changedBytes() throws {
        let size = try sample().count
        var generator = SeededGenerator(state: 14)
        for round in 0..<150 {
            let place = Int(generator.next() % UInt64(size))
            let value = UInt8(truncatingIfNeeded: generator.next())
            let path = try damaged("changed-\(round).h5") { $0[place] = value }
            _ = try? readAll(path)
            try FileManager.default.removeItem(atPath: path)
        }
        #expect(try readAll(try damaged("whole.h5") { _ in }) == 60 + 3 + 15)
    }

    @Test("what is opened is what was examined, though another file takes its place meanwhile", .timeLimit(.minutes(2)))
    func exchangedFiles() throws {
        let (start, objects) = try heap(of: sample())
        let sector = (start + 16 + 511) / 512 * 512
        let path = folder.path("exchanged.h5")
        let bad = try [
            damaged("zeroed.h5") { $0.replaceSubrange(sector..<(sector + 512), with: Data(count: 512)) },
            damaged("long.h5") { $0[objects[2] + 15] = 1 },
        ]
        try sample().write(to: URL(filePath: path))
        let isDone = Atomic(false)
        let turns = DispatchSemaphore(value: 0)
        var (read, refused) = (0, 0)
        try withThread {
            var round = 0
            while true {
                turns.wait()
                guard !isDone.load(ordering: .relaxed) else { return }
                // A new file each time: one that has been refused is examined again, one that was found readable is not.
                let source = round % 2 == 0 ? bad[round / 2 % 2] : folder.path("sample.h5")
                try? FileManager.default.copyItem(atPath: source, toPath: path + ".new")
                rename(path + ".new", path)
                round += 1
            }
        } during: {
            defer {
                isDone.store(true, ordering: .relaxed)
                turns.signal()
            }
            for _ in 0..<150 {
                turns.signal()
                do {
                    let count = try readAll(path)
                    #expect(count == 60 + 3 + 15)
                    read += 1
                } catch {
                    #expect((error as? HDF5Error)?.fault == .damaged, "\(error)")
                    refused += 1
                }
            }
        }
        #expect(read > 0 && refused > 0, "\(read) read, \(refused) refused")
    }

    /// Runs one thing on another thread while this one does something. The thread is its own: those of a pool may all be waiting for other tests.
    private func withThread(_ other: @escaping @Sendable () -> Void, during body: () throws -> Void) throws {
        let end = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            other()
            end.signal()
        }
        defer { end.wait() }
        try body()
    }

    /// How many texts and numbers are in the file.
    private func readAll(_ path: String) throws -> Int {
        let file = try File.open(path)
        var count = try file.readStrings("/names").count
        for name in try file.attributeNames() {
            _ = try file.attribute(name, as: String.self)
            count += 1
        }
        return count + (try file.dataset("/group/numbers").read(as: Double.self).count)
    }

    @Test("extents that no file has room for are refused when a dataset is opened, and no trap")
    func extents() throws {
        let path = folder.path("huge.h5")
        let file = try File.create(path)
        for (name, shape) in [
            ("/square", [1 << 33, 1 << 33]), ("/tall", [1 << 40, 1]), ("/wide", [5, 1 << 61]),
            ("/empty", [0, 1 << 62]),
        ] {
            try file.createDataset(
                name, of: Double.self, shape: shape,
                layout: .chunked(shape.map { _ in 1 }, maximum: shape.map { $0 })
            ).close()
        }
        try file.createDataset(
            "/growing", of: Double.self, shape: [1000, 100], layout: .chunked([10, 10], maximum: [nil, nil])
        ).close()
        try file.close()
        let again = try File.open(path)
        for name in ["/square", "/tall", "/wide", "/empty"] {
            let error = try #require(throws: HDF5Error.self) { _ = try again.dataset(name).shape }
            #expect(error.fault == .damaged && error.object == name, "\(error)")
        }
        #expect(try again.dataset("/growing").shape == [1000, 100])
    }

    @Test("elements that would lie behind the end of the file are not read")
    func place() throws {
        let whole = try File.open(folder.path("sample-for-place.h5", from: sample()))
        let place = try whole.dataset("/group/numbers").byteOffset
        let offset = try #require(place)
        let stored = withUnsafeBytes(of: UInt64(offset).littleEndian) { Data($0) }
        let path = try damaged("beyond.h5") { bytes in
            let place = try #require(bytes.firstRange(of: stored)).lowerBound
            bytes.replaceSubrange(
                place..<(place + 8), with: withUnsafeBytes(of: UInt64(bytes.count - 8).littleEndian) { Data($0) })
        }
        let error = try #require(throws: HDF5Error.self) {
            _ = try File.open(path).dataset("/group/numbers").read(as: Double.self)
        }
        #expect(error.object == "/group/numbers", "\(error)")
    }

    @Test("what is no text is not made into one")
    func encoding() throws {
        let path = try damaged("latin.h5") { bytes in
            let place = try #require(bytes.range(of: Data("block 7".utf8))).lowerBound
            bytes[place] = 0xE9
        }
        let error = try #require(throws: HDF5Error.self) { _ = try File.open(path).readStrings("/names") }
        #expect(error.message.contains("UTF-8") && error.object == "/names", "\(error)")
    }

    @Test("a file that is no file is refused and not waited for")
    func pipe() throws {
        let path = folder.path("pipe")
        #expect(mkfifo(path, 0o600) == 0)
        let error = try #require(throws: HDF5Error.self) { _ = try File.open(path) }
        #expect(error.message.contains("ordinary file"), "\(error)")
    }

    @Test("a file is read again after it was changed, and many threads may ask at once")
    func threads() async throws {
        let (bytes, folder) = (try sample(), folder)
        let (_, objects) = try heap(of: bytes)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask {
                    let path = folder.path("worker-\(worker).h5")
                    try bytes.write(to: URL(filePath: path))
                    _ = try File.open(path)
                    var changed = bytes
                    changed[objects[2] + 10] = 0x10
                    changed.append(0)
                    try changed.write(to: URL(filePath: path))
                    #expect(throws: HDF5Error.self) {
                        let file = try File.open(path)
                        _ = try file.attribute("first", as: String.self)
                        _ = try file.readStrings("/names")
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension TemporaryFolder {
    /// Writes the bytes under a name; its path.
    fileprivate func path(_ name: String, from bytes: Data) throws -> String {
        try bytes.write(to: URL(filePath: path(name)))
        return path(name)
    }
}

/// A generator whose numbers are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ (state >> 31)
    }
}
