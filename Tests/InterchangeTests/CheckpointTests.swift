import Essentials
import Foundation
import Interchange
import TestSupport
import Testing

/// Checkpoints as trainers and people leave them, written by their own libraries; and files that lie, which are refused.
@Suite(
    "Checkpoints of other programs",
    .enabled(
        if: Workplace.python != nil, "needs Python with NumPy, h5py, PyTorch and safetensors: set SMOOTHNESS_PYTHON"))
struct CheckpointTests {
    private struct Cases: Decodable {
        struct Block: Decodable {
            var name: String
            var shape: [Int]
        }
        struct Readable: Decodable {
            var `case`: String
            var paths: [String]
            var name: String
            var stacked: Bool?
            var iterations: [Int]?
            var said: String
            var blocks: [Block]
            var values: [[Double]]
        }
        struct Refused: Decodable {
            var path: String
            var name: String
            var text: String
        }
        var read: [Readable]
        var refused: [Refused]
    }

    /// Written once for all tests.
    private static let written: Result<(folder: TemporaryFolder, cases: Cases), any Error> = Result {
        let folder = try TemporaryFolder()
        let script = Workplace.packageRoot.appending(path: "Tests/InterchangeTests/Twins/write_checkpoints.py").path
        let outcome = try run(try #require(Workplace.python), [script, folder.url.path])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let data = try Data(contentsOf: URL(filePath: folder.path("cases.json")))
        return (folder, try JSONDecoder().decode(Cases.self, from: data))
    }

    private let folder: TemporaryFolder
    private let cases: Cases

    init() throws { (folder, cases) = try Self.written.get() }

    private func series(_ paths: [String], _ name: String, stacked: Bool? = nil) throws -> (SnapshotSeries, [String]) {
        let (files, notes) = try CheckpointFolder.snapshots(paths.map { folder.path($0) })
        let series = try SnapshotSeries(files, name: name, stacked: stacked)
        return (series, series.understanding + notes)
    }

    @Test func findsSnapshotsBlocksAndNumbers() throws {
        #expect(cases.read.count > 40)
        for item in cases.read {
            do {
                let (series, said) = try series(item.paths, item.name, stacked: item.stacked)
                #expect(series.blocks.map(\.name) == item.blocks.map(\.name), "\(item.case)")
                #expect(series.blocks.map(\.shape) == item.blocks.map(\.shape), "\(item.case)")
                #expect(series.iterations == item.iterations, "\(item.case)")
                try #require(series.count == item.values.count, "\(item.case): \(series.count)")
                for (index, values) in item.values.enumerated() {
                    let found = try series.read(index, blocks: item.blocks.map(\.name), as: Double.self)
                    #expect(found == values, "\(item.case): snapshot \(index)")
                }
                #expect(item.said.isEmpty || said.joined(separator: "\n").contains(item.said), "\(item.case): \(said)")
            } catch { Issue.record("\(item.case): \(error)") }
        }
    }

    @Test func refusesWhatItCannotReadRight() throws {
        #expect(cases.refused.count > 25)
        for item in cases.refused {
            do {
                let (series, _) = try series([item.path], item.name)
                for index in 0..<series.count {
                    _ = try series.read(index, blocks: series.blocks.map(\.name), as: Float.self)
                }
                Issue.record("\(item.path) was read")
            } catch let error as SmoothnessError {
                #expect(error.kind == .data, "\(item.path): \(error)")
                #expect(error.description.contains(item.text), "\(item.path): \(error)")
            }
        }
    }
}
