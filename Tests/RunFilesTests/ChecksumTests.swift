import Essentials
import Foundation
import HDF5
import RunFileFixture
import RunFiles
import TestSupport
import Testing

/// Checksums of rows: a bit that changes is found, whichever it is, and a file without them is as good.
@Suite("Checksums")
struct ChecksumTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A run with everything that rows can have: gradients, momentum, evaluations, gradients and losses on a fixed subset.
    private func write(_ path: String, isConsecutive: Bool, hasChecksums: Bool = true) throws {
        var toy = ToyRun(Float.self)
        toy.savedIterations = isConsecutive ? Array(2..<14) : [0, 1, 2, 5, 6, 9, 12]
        var plan = toy.plan
        plan.fixedSubset = FixedSubset(subset: "components 0 to 3", hasLosses: true, sharesRows: isConsecutive)
        plan.hasChecksums = hasChecksums
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: plan)
        for (iteration, step) in toy.trace().enumerated() {
            try writer.record(step.record, at: iteration)
            if plan.row(ofIteration: iteration) != nil {
                try writer.record(
                    SnapshotRecord(iteration: iteration, step.record), iterate: step.iterate, nextIterate: step.next,
                    gradient: step.gradient,
                    fixedSubset: FixedSubsetRow(
                        gradient: step.iterate.map { 2 * $0 }, nextGradient: step.next.map { 2 * $0 },
                        losses: FixedSubset.Losses(
                            atIterate: Double(iteration), atNextIterate: Double(iteration + 1))))
            }
            if iteration % 4 == 3 {
                try writer.saveResumePoint(
                    ResumePoint(
                        iteration: iteration + 1, iterate: step.next, momentum: step.gradient,
                        evaluationCount: writer.committedEvaluations))
            }
            if iteration % toy.evaluationEvery == toy.evaluationEvery - 1 {
                try writer.record(toy.evaluation(after: iteration, record: step.record))
            }
        }
        try writer.finish(.complete)
    }

    /// Where the committed rows of every dataset of rows lie in the file: path and bytes.
    private func rows(of path: String, isConsecutive: Bool) throws -> [(name: String, bytes: Range<Int>)] {
        let file = try HDF5.File.open(path)
        let groups = ["/trajectory", "/history", "/history/evaluation", "/fixed_subset", "/resume"]
        var found: [(String, Range<Int>)] = []
        for group in groups {
            for name in try file.members(of: group) where name != "commit" && name != "evaluation" {
                let dataset = try file.dataset("\(group)/\(name)")
                guard let start = dataset.byteOffset, dataset.storageSize > 0 else { continue }
                found.append(("\(group)/\(name)", start..<(start + dataset.storageSize)))
            }
        }
        return found
    }

    @Test("one bit flipped anywhere in the rows is found, 100 of 100, with its dataset", arguments: [false, true])
    func flippedBits(isConsecutive: Bool) throws {
        let path = folder.path("run.h5")
        try write(path, isConsecutive: isConsecutive)
        #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
        let whole = try Data(contentsOf: URL(filePath: path))
        let rows = try rows(of: path, isConsecutive: isConsecutive)
        #expect(rows.count >= 24)
        var generator = SeededGenerator(seed: 7, purpose: "flipped bits", index: isConsecutive ? 1 : 0)
        for turn in 0..<100 {
            // Every dataset in turn: most bytes are those of vectors.
            let (name, bytes) = rows[turn % rows.count]
            let place = bytes.lowerBound + Int(generator.next() % UInt64(bytes.count))
            let bit = UInt8(1) << UInt8(generator.next() % 8)
            var changed = whole
            changed[place] ^= bit
            try changed.write(to: URL(filePath: path))
            let report = verifyRunFile(path)
            #expect(
                report.failures.contains {
                    $0.name == "rows are what was written" && ($0.place ?? "").hasPrefix("\(name), row ")
                } || (["/status", "/iteration"].contains { name.hasSuffix($0) } && !report.isValid),
                "bit \(bit) of byte \(place), \(name): \(report)")
        }
    }

    @Test("what is written once is covered by a digest")
    func definition() throws {
        let path = folder.path("run.h5")
        for (object, change) in [
            (
                "/optimizer",
                { (file: borrowing HDF5.File) in try file.setAttribute("created", to: "2026-01-31T12:00:01Z") }
            ),
            (
                "/run_id",
                { (file: borrowing HDF5.File) in
                    try file.setAttribute("run_id", to: "3e0ddc05-6c0a-4a6a-9a5c-5d6b1c9f7e22")
                }
            ),
            (
                "/fixed_subset",
                { (file: borrowing HDF5.File) in
                    try file.setAttribute("subset", of: "/fixed_subset", to: "components 0 to 4")
                }
            ),
        ] as [(String, (borrowing HDF5.File) throws -> Void)] {
            try? FileManager.default.removeItem(atPath: path)
            try write(path, isConsecutive: false)
            do {
                let file = try HDF5.File.open(path, .readWrite)
                try change(file)
                try file.close()
            }
            let report = verifyRunFile(path)
            #expect(report.failures.map(\.name) == ["the definition is what was written"], "\(object): \(report)")
        }
    }

    @Test("a vector that is not what was written is refused as it is read")
    func reading() throws {
        let path = folder.path("run.h5")
        for isConsecutive in [false, true] {
            try? FileManager.default.removeItem(atPath: path)
            try write(path, isConsecutive: isConsecutive)
            do {
                let file = try HDF5.File.open(path, .readWrite)
                try file.dataset("/trajectory/iterate").write(Float(0.25), at: [3, 4])
                try file.close()
            }
            let reader = try RunFileReader(path)
            var vector: [Float] = []
            try reader.iterate(row: 2, into: &vector)
            let error = try #require(throws: SmoothnessError.self) { try reader.iterate(row: 3, into: &vector) }
            #expect(error.kind == .data && error.object == "/trajectory/iterate, row 3")
            if isConsecutive {
                #expect(throws: SmoothnessError.self) { try reader.nextIterate(row: 2, into: &vector) }
            }
        }
    }

    @Test("files without checksums are valid, and a table that is none is a finding")
    func withoutChecksums() throws {
        let path = folder.path("run.h5")
        try write(path, isConsecutive: true, hasChecksums: false)
        let file = try HDF5.File.open(path)
        #expect(try !file.exists("/checksums"))
        #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
        for covers in ["/trajectory/loss", "/nothing", "/commit"] {
            let other = folder.path("\(covers.count).h5")
            try write(other, isConsecutive: true)
            do {
                let file = try HDF5.File.open(other, .readWrite)
                try file.setAttribute("covers", of: "/checksums/trajectory", to: covers)
                try file.close()
            }
            let report = verifyRunFile(other)
            #expect(report.failures.contains { ($0.place ?? "").hasPrefix("/checksums/trajectory") }, "\(report)")
        }
    }

    @Test("an interrupted run that is continued has the checksums of one that never stopped")
    func continued() throws {
        let (whole, parts) = (folder.path("whole.h5"), folder.path("parts.h5"))
        var toy = ToyRun(Double.self)
        toy.savedIterations = Array(0..<20)
        try toy.write(whole)
        try toy.write(parts, state: .interrupted, until: 11)
        var writer = try RunFileWriter<Double>(continuing: parts)
        try toy.run(on: &writer)
        try writer.finish(.complete)
        #expect(verifyRunFile(parts).isValid, "\(verifyRunFile(parts))")
        for table in ["trajectory", "points", "history", "evaluation"] {
            let first = try HDF5.File.open(whole)
            let second = try HDF5.File.open(parts)
            let sums = try first.dataset("/checksums/\(table)").read(as: UInt32.self)
            #expect(
                try sums == second.dataset("/checksums/\(table)").read(as: UInt32.self) && sums.contains { $0 != 0 })
        }
    }
}
