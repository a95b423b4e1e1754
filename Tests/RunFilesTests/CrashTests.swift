import Essentials
import Foundation
import HDF5
import RunFileFixture
import RunFiles
import TestSupport
import Testing

@Suite("Run files, killed and continued")
struct CrashTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let program = Workplace.products.appending(path: "run-file-writer").path

    /// Where the numbers of two files lie and that they are the same; the identifiers and times may differ.
    private func requireSameNumbers(_ left: String, _ right: String) throws {
        let first = try RunFileReader(left)
        let second = try RunFileReader(right)
        #expect(try first.history() == second.history())
        #expect(try first.snapshots() == second.snapshots())
        #expect(try first.evaluations() == second.evaluations())
        #expect(try first.digest() == second.digest())
        var (x, y): ([Float], [Float]) = ([], [])
        for row in 0..<first.snapshotCount {
            try first.iterate(row: row, into: &x)
            try second.iterate(row: row, into: &y)
            #expect(x == y)
            try first.nextIterate(row: row, into: &x)
            try second.nextIterate(row: row, into: &y)
            #expect(x == y)
            try first.gradient(row: row, into: &x)
            try second.gradient(row: row, into: &y)
            #expect(x == y)
        }
    }

    @Test(
        "killed at random moments, every committed row is whole, and the continued run equals the undisturbed one",
        arguments: ["third", "every"])
    func killed(_ kind: String) throws {
        let arguments = [kind, "200", "240"]
        let whole = folder.path("whole.h5")
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try run(Self.program, [whole] + arguments).exitCode == 0)
        let duration = (clock.now - start) / .seconds(1)
        var generator = SeededGenerator(seed: 7, purpose: "moments of killing " + kind)
        let path = folder.path("killed.h5")
        var rows: [Int] = []
        for _ in 0..<30 {
            let process = try RunningProcess(Self.program, [path] + arguments)
            Thread.sleep(forTimeInterval: duration * generator.uniform())
            process.send(signal: SIGKILL)
            let outcome = process.wait()
            guard FileManager.default.fileExists(atPath: path) else { continue }
            let report = verifyRunFile(path)
            #expect(report.isValid, "\(report)")
            let reader = try RunFileReader(path)
            // What was committed stays committed.
            #expect(reader.snapshotCount >= rows.last ?? 0)
            rows.append(reader.snapshotCount)
            if reader.header.state == .complete {
                #expect(outcome.wasSignalled || outcome.exitCode == 0, "\(outcome.standardError)")
                try requireSameNumbers(path, whole)
                try FileManager.default.removeItem(atPath: path)
                rows = []
            }
        }
        let last = try run(Self.program, [path] + arguments)
        #expect(last.exitCode == 0, "\(last.standardError)")
        try requireSameNumbers(path, whole)
        #expect(verifyRunFile(path).isValid)
        // Names of files that were killed while they were made are gone as well.
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(Set(names) == ["whole.h5", "killed.h5"], "\(names)")
    }

    @Test("an interrupted run continues to the same bytes of data as an undisturbed one")
    func resumed() throws {
        let toy = ToyRun(Float.self)
        let (whole, parts) = (folder.path("whole.h5"), folder.path("parts.h5"))
        var header = toy.header()
        header.created = "2026-01-31T12:00:00Z"
        var writer = try RunFileWriter<Float>(creating: whole, header: header, plan: toy.plan)
        try toy.run(on: &writer)
        try writer.finish(.complete)
        try toy.write(parts, state: .interrupted, until: 6)
        for stop in [7, 13, 20] {
            var continued = try RunFileWriter<Float>(continuing: parts)
            let count = continued.committedIterations
            #expect(count < stop)
            try toy.run(on: &continued, until: stop)
            try continued.finish(stop == 20 ? .complete : .interrupted)
        }
        try requireSameNumbers(whole, parts)
        let report = verifyRunFile(parts)
        #expect(report.isValid && report.notes.isEmpty, "\(report)")
    }

    @Test("a repeated row that differs in one bit is refused by name")
    func repetition() throws {
        let toy = ToyRun(Float.self)
        let path = folder.path("a.h5")
        try toy.write(path, state: .interrupted, until: 8)
        var writer = try RunFileWriter<Float>(continuing: path)
        let trace = toy.trace()
        let (record, iterate, next, gradient) = trace[3]
        let snapshot = SnapshotRecord(iteration: 3, record)
        try writer.record(record, at: 3)
        try writer.record(snapshot, iterate: iterate, nextIterate: next, gradient: gradient)

        func nudged(_ vector: [Float]) -> [Float] {
            var vector = vector
            vector[11] = vector[11].nextUp
            return vector
        }
        var other = record
        other.loss = other.loss.nextUp
        let history = try #require(throws: SmoothnessError.self) { try writer.record(other, at: 3) }
        #expect(history.kind == .data && history.message.contains("iteration 3"))
        let numbers = try #require(throws: SmoothnessError.self) {
            try writer.record(
                SnapshotRecord(iteration: 3, other), iterate: iterate, nextIterate: next, gradient: gradient)
        }
        #expect(numbers.message.contains("row 1 (iteration 3)"))
        for (x, y, g, object) in [
            (nudged(iterate), next, gradient, "/trajectory/iterate"),
            (iterate, nudged(next), gradient, "next iterate"),
            (iterate, next, nudged(gradient), "/trajectory/gradient"),
        ] {
            let error = try #require(throws: SmoothnessError.self) {
                try writer.record(snapshot, iterate: x, nextIterate: y, gradient: g)
            }
            #expect(error.object == object && error.message.contains("element 11"), "\(error)")
        }
        try writer.finish(.interrupted)
    }

    @Test("repeated evaluations are compared, and resume points alternate between two slots")
    func evaluationsAndSlots() throws {
        let toy = ToyRun(Float.self)
        let path = folder.path("a.h5")
        try toy.write(path, state: .interrupted, until: 11)
        var writer = try RunFileWriter<Float>(continuing: path)
        let found = try writer.resumePoint()
        let point = try #require(found)
        #expect(point.iteration == 8 && point.evaluationCount == 1)
        #expect(point.iterate == toy.trace()[8].iterate && point.momentum.count == toy.layout.count)
        var wrong = toy.evaluation(after: 9, record: toy.trace()[9].record)
        wrong.metric = wrong.metric.nextUp
        #expect(throws: SmoothnessError.self) { try writer.record(wrong) }
        try writer.record(toy.evaluation(after: 9, record: toy.trace()[9].record))
        let committed = writer.committedEvaluations
        #expect(committed == 2)
        try writer.finish(.interrupted)
        // The older slot still holds the point before, which a kill inside the next save would leave in force.
        let file = try File.open(path)
        #expect(try file.dataset("/resume/commit").read(as: UInt64.self) == [2])
        #expect(try file.dataset("/resume/iteration").read(as: Int64.self) == [4, 8])
        let older = try file.dataset("/resume/iterate").read(as: Float.self, start: [0, 0], count: [1, 19])
        #expect(older == toy.trace()[4].iterate)
    }

    /// The pieces of a file that its datasets of rows and counters own.
    private func dataRanges(_ path: String) throws -> [Range<Int>] {
        let file = try File.open(path)
        var ranges: [Range<Int>] = []
        func walk(_ group: String) throws {
            for name in try file.members(of: group) {
                let path = group + name
                if try file.kind(of: path) == .group {
                    try walk(path + "/")
                } else {
                    let dataset = try file.dataset(path)
                    let size = dataset.storageSize
                    if let offset = dataset.byteOffset, try dataset.elementName != "string" {
                        ranges.append(offset..<(offset + size))
                    }
                }
            }
        }
        try walk("/")
        return ranges
    }

    @Test("between creation and finish nothing but data changes, and counters are aligned")
    func onlyDataChanges() throws {
        let toy = ToyRun(Float.self)
        let path = folder.path("a.h5")
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
        let before = try Data(contentsOf: URL(filePath: path))
        try toy.run(on: &writer)
        let after = try Data(contentsOf: URL(filePath: path))
        #expect(before.count == after.count)
        let ranges = try dataRanges(path)
        var isData = [Bool](repeating: false, count: after.count)
        for range in ranges { for index in range { isData[index] = true } }
        let changed = after.indices.filter { before[$0] != after[$0] }
        #expect(changed.count > 1000)
        #expect(changed.allSatisfy { isData[$0] }, "metadata changed at \(changed.first { !isData[$0] } ?? -1)")
        let file = try File.open(path)
        for counter in ["/commit", "/history/commit", "/history/evaluation/commit", "/resume/commit"] {
            let offset = try file.dataset(counter).byteOffset
            #expect(try #require(offset) % 8 == 0)
        }
        try file.close()
        try writer.finish(.complete)
    }

    @Test("a kill while the state changes leaves the old one, the new one or `writing`, and the file opens")
    func stateChange() throws {
        let toy = ToyRun(Float.self)
        let path = folder.path("a.h5")
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
        try toy.run(on: &writer)
        // Commits what is pending, so that only the state is left to change.
        try writer.saveResumePoint(
            ResumePoint(
                iteration: 20, iterate: toy.initialPoint(), momentum: toy.initialPoint(), evaluationCount: 4))
        let before = [UInt8](try Data(contentsOf: URL(filePath: path)))
        try writer.finish(.complete)
        let after = [UInt8](try Data(contentsOf: URL(filePath: path)))
        #expect(before.count == after.count, "changing the state must not need space")
        // The changed bytes fall into two places: the heap with the text, and the attribute that points into it.
        // Byte 20 is the library's mark for "open for writing", which no reader of this version of the superblock minds.
        let changed = after.indices.filter { before[$0] != after[$0] && $0 != 20 }
        var places: [Range<Int>] = []
        for index in changed {
            if let last = places.last, index - last.upperBound < 256 {
                places[places.count - 1] = last.lowerBound..<(index + 1)
            } else {
                places.append(index..<(index + 1))
            }
        }
        let texts = places.filter { range in
            String(decoding: after[range.lowerBound..<min(after.count, range.upperBound + 16)], as: UTF8.self)
                .contains("complete")
        }
        #expect(places.count == 2 && texts.count == 1, "changed places: \(places)")
        for (written, expected) in [
            (places.filter { texts.contains($0) }, true), (places.filter { !texts.contains($0) }, false),
        ] {
            var bytes = before
            for range in written { for index in range { bytes[index] = after[index] } }
            let partial = folder.path("partial.h5")
            try Data(bytes).write(to: URL(filePath: partial))
            let reader = try RunFileReader(partial)
            #expect(reader.header.state == .writing)
            #expect(reader.snapshotCount == 7)
            let file = try File.open(partial)
            // The library writes the text first: then the attribute is never unreadable.
            #expect(((try? file.attribute("state", as: String.self)) == "writing") == expected)
        }
    }
}
