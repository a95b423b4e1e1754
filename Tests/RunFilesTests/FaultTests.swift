import Essentials
import Foundation
import HDF5
import RunFileFixture
import RunFiles
import TestSupport
import Testing

@Suite("Run files, faults")
struct FaultTests {
    let folder: TemporaryFolder
    let toy = ToyRun(Float.self)

    init() throws { folder = try TemporaryFolder() }

    private func failure(_ path: String) throws -> SmoothnessError {
        try #require(throws: SmoothnessError.self) { _ = try RunFileReader(path) }
    }

    @Test("what cannot be opened is called what it is")
    func opening() throws {
        let missing = try failure(folder.path("missing.h5"))
        #expect(missing.kind == .noInput && missing.file == folder.path("missing.h5"))
        #expect(try failure(folder.url.path).kind == .data)

        let text = folder.path("text.h5")
        try Data("not HDF5".utf8).write(to: URL(filePath: text))
        #expect(try failure(text).kind == .data)
        #expect(try failure(text).message.contains("not an HDF5 file"))
        try Data().write(to: URL(filePath: text))
        #expect(try failure(text).kind == .data)

        let foreign = folder.path("foreign.h5")
        var file = try File.create(foreign)
        try file.setAttribute("format", to: "something-else")
        try file.close()
        let other = try failure(foreign)
        #expect(other.kind == .data && other.object == "/@format" && other.found == "\"something-else\"")

        let newer = folder.path("newer.h5")
        try toy.write(newer)
        file = try File.open(newer, .readWrite)
        try file.setAttribute("format_version", to: "2.0")
        try file.close()
        let future = try failure(newer)
        #expect(future.kind == .data && future.found == "2.0")
        #expect(future.remedy == "Use a newer smoothness")
        #expect(throws: SmoothnessError.self) { _ = try RunFileWriter<Float>(continuing: newer) }
        file = try File.open(newer, .readWrite)
        try file.setAttribute("format_version", to: "1.9")
        try file.close()
        let minor = try RunFileReader(newer)
        #expect(minor.header.formatVersion == "1.9")

        let short = folder.path("short.h5")
        try toy.write(short)
        let size = try #require(FileManager.default.attributesOfItem(atPath: short)[.size] as? Int)
        #expect(truncate(short, off_t(size / 2)) == 0)
        let truncated = try failure(short)
        #expect(truncated.kind == .data && truncated.message.contains("truncated"), "\(truncated)")
    }

    @Test("extents that no memory can number are bad data, and no trap")
    func senselessExtents() throws {
        let path = folder.path("a.h5")
        try toy.write(path)
        let file = try File.open(path, .readWrite)
        try file.dataset("/parameters/shape").write(Int64.max, at: [0, 0])
        try file.close()
        let error = try failure(path)
        #expect(error.kind == .data && error.object == "/parameters/shape", "\(error)")
        #expect(!verifyRunFile(path).isValid)
    }

    @Test("iterations that do not ascend and resume points outside of what is committed are bad data, and no trap")
    func disorder() throws {
        let path = folder.path("a.h5")
        try toy.write(path, state: .interrupted, until: 5)
        var file = try File.open(path, .readWrite)
        try file.dataset("/resume/iteration").write(all: [Int64.max, Int64.max])
        try file.close()
        let resume = try #require(throws: SmoothnessError.self) { _ = try RunFileWriter<Float>(continuing: path) }
        #expect(resume.kind == .data && resume.object == "/resume", "\(resume)")
        #expect(!verifyRunFile(path).isValid)
        for values in [[Int64.min, Int64.max], [3, 3], [-1, 2], [0, Int64.max]] {
            file = try File.open(path, .readWrite)
            for (row, value) in values.enumerated() {
                try file.dataset("/trajectory/iteration").write(value, at: [row])
            }
            try file.close()
            let error = try failure(path)
            #expect(error.kind == .data && error.object?.hasPrefix("/trajectory/iteration") == true, "\(error)")
            #expect(!verifyRunFile(path).isValid)
        }
    }

    @Test("a file that exists is not replaced, and a folder that does not is named")
    func exclusive() throws {
        let path = folder.path("a.h5")
        try Data("precious".utf8).write(to: URL(filePath: path))
        let error = try #require(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
        }
        #expect(error.kind == .cannotCreate && error.file == path)
        #expect(try Data(contentsOf: URL(filePath: path)) == Data("precious".utf8))
        let nowhere = try #require(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Float>(
                creating: folder.path("no/such/a.h5"), header: toy.header(), plan: toy.plan)
        }
        #expect(nowhere.kind == .cannotCreate && nowhere.expected?.contains("no/such") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.h5"])
    }

    @Test("plans and headers that make no sense leave nothing behind")
    func senselessPlans() throws {
        var plans = [toy.plan, toy.plan, toy.plan, toy.plan]
        plans[0].savedIterations = [3, 3]
        plans[1].savedIterations = [20]
        plans[2].savedIterations = [-1]
        plans[3].evaluationCount = -1
        for plan in plans {
            let error = try #require(throws: SmoothnessError.self) {
                _ = try RunFileWriter<Float>(creating: folder.path("a.h5"), header: toy.header(), plan: plan)
            }
            #expect(error.kind == .usage)
        }
        var header = toy.header()
        header.objective = "{not JSON"
        #expect(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Float>(creating: folder.path("a.h5"), header: header, plan: toy.plan)
        }
        #expect(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Double>(creating: folder.path("a.h5"), header: toy.header(), plan: toy.plan)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
    }

    @Test("a run that cannot fit says how much it needs and leaves nothing behind")
    func tooLarge() throws {
        for iterations in [1 << 50, Int.max / 4, Int.max] {
            var plan = toy.plan
            plan.iterationCount = iterations
            let error = try #require(throws: SmoothnessError.self) {
                _ = try RunFileWriter<Float>(creating: folder.path("a.h5"), header: toy.header(), plan: plan)
            }
            #expect(error.kind == .cannotCreate)
            #expect(error.expected?.hasSuffix(" bytes") == true && error.found?.hasSuffix(" bytes available") == true)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [])
    }

    @Test("what a process left that was killed while making the file is removed, what may be alive is not")
    func leftovers() throws {
        let path = folder.path("a.h5")
        let host = ProcessMark.own.host
        // No process has this number: it is above the largest that Linux gives.
        let names = [
            "a.h5.creating-\(host)-99999999-7-1", "b.h5.creating-\(host)-99999999-7-1",
            "a.h5.creating-\(ProcessMark.own.text)-1",
            "a.h5.creating-00000000-99999999-7-1", "a.h5.creating-notes",
        ]
        for name in names { try Data("x".utf8).write(to: URL(filePath: folder.path(name))) }
        // Of this number there is a process, but it began at another time; a day has passed since a process of another machine wrote.
        let others = ["a.h5.creating-\(host)-\(getpid())-7-1", "a.h5.creating-00000000-99999999-7-2"]
        for name in others { try Data("x".utf8).write(to: URL(filePath: folder.path(name))) }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: folder.path(others[1]))
        try toy.write(path)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
        #expect(left == (["a.h5"] + names.dropFirst()).sorted())
    }

    @Test(
        "a full disk: a run that just does not fit leaves nothing, one that was made is never short of space",
        .enabled(if: getuid() == 0, "needs root, to mount a small file system"))
    func diskFull() throws {
        let mount = folder.path("disk")
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        let mounted = try run("/usr/bin/env", ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount])
        guard mounted.exitCode == 0 else {
            // A container may forbid mounting even to root.
            print("SKIPPED: a small file system cannot be mounted: \(mounted.standardError)")
            return
        }
        defer { _ = try? run("/usr/bin/env", ["umount", "-l", mount]) }
        // 100 bytes a parameter: the data fit into what the filler leaves (983,040 bytes), data and structure do not, so
        // this is refused only when the blocks are reserved.
        var tight = toy
        tight.width = 3232
        let byteCount = tight.plan.byteCount(parameterCount: tight.layout.count, scalar: Float.self)
        #expect((960_000..<983_040).contains(byteCount))
        let filler = mount + "/filler"
        try Data(count: 64 << 10).write(to: URL(filePath: filler))
        let error = try #require(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Float>(creating: mount + "/a.h5", header: tight.header(), plan: tight.plan)
        }
        #expect(error.kind == .cannotCreate && error.expected?.hasSuffix(" bytes") == true, "\(error)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: mount) == ["filler"])

        // A run whose space is reserved goes to its end, though the disk fills up behind it.
        var writer = try RunFileWriter<Float>(creating: mount + "/b.h5", header: toy.header(), plan: toy.plan)
        let rest = open(filler, O_WRONLY | O_APPEND)
        let page = [UInt8](repeating: 1, count: 4096)
        while write(rest, page, page.count) == page.count {}
        close(rest)
        try toy.run(on: &writer)
        try writer.finish(.complete)
        let report = verifyRunFile(mount + "/b.h5")
        #expect(report.isValid, "\(report)")
    }

    @Test("a second writer is refused, in this process and in another")
    func secondWriter() throws {
        let path = folder.path("a.h5")
        let writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
        let error = try #require(throws: SmoothnessError.self) { _ = try RunFileWriter<Float>(continuing: path) }
        #expect(error.kind == .cannotCreate && error.message.contains("another process"))
        let other = try run(Workplace.products.appending(path: "run-file-writer").path, [path, "third", "5", "20"])
        #expect(other.exitCode == 1 && other.standardError.contains("another process is writing"))
        // Readers are welcome.
        _ = try RunFileReader(path)
        try writer.finish(.interrupted)
        let second = try RunFileWriter<Float>(continuing: path)
        try second.finish(.interrupted)
    }

    @Test("what does not continue is refused")
    func continuing() throws {
        let path = folder.path("a.h5")
        try toy.write(path)
        let complete = try #require(throws: SmoothnessError.self) { _ = try RunFileWriter<Float>(continuing: path) }
        #expect(complete.kind == .data && complete.found == "complete")
        try toy.write(folder.path("b.h5"), state: .interrupted, until: 5)
        let scalar = try #require(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Double>(continuing: folder.path("b.h5"))
        }
        #expect(scalar.expected == "float64" && scalar.found == "float32")
        let missing = try #require(throws: SmoothnessError.self) {
            _ = try RunFileWriter<Float>(continuing: folder.path("c.h5"))
        }
        #expect(missing.kind == .noInput)
    }

    @Test("records that do not fit the plan are refused")
    func misfits() throws {
        var writer = try RunFileWriter<Float>(creating: folder.path("a.h5"), header: toy.header(), plan: toy.plan)
        let (record, next, _, gradient) = toy.step(0, iterate: toy.initialPoint(), momentum: [])
        #expect(throws: SmoothnessError.self) { try writer.record(record, at: 1) }
        #expect(throws: SmoothnessError.self) { try writer.record(record, at: -1) }
        for iteration in [1, 3] {
            #expect(throws: SmoothnessError.self) {
                try writer.record(
                    SnapshotRecord(iteration: iteration, record), iterate: toy.initialPoint(), nextIterate: next,
                    gradient: gradient)
            }
        }
        #expect(throws: SmoothnessError.self) {
            try writer.record(
                SnapshotRecord(iteration: 0, record), iterate: [1, 2], nextIterate: next, gradient: gradient)
        }
        #expect(throws: SmoothnessError.self) {
            try writer.record(
                SnapshotRecord(iteration: 0, record), iterate: toy.initialPoint(), nextIterate: next, gradient: nil)
        }
        #expect(throws: SmoothnessError.self) {
            try writer.saveResumePoint(
                ResumePoint(iteration: 1, iterate: next, momentum: next, evaluationCount: 0))
        }
        #expect(throws: SmoothnessError.self) {
            try writer.saveResumePoint(ResumePoint(iteration: 0, iterate: next, momentum: [], evaluationCount: 0))
        }
        let committed = writer.committedSnapshots
        #expect(committed == 0)
        try writer.finish(.interrupted)
    }
}
