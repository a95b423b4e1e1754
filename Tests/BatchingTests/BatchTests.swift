import Batching
import Essentials
import Estimation
import Fitting
import Foundation
import Objectives
import Synchronization
import TestSupport
import Testing
import Training

@Suite struct BatchTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func train(_ name: String, start: [Double], seed: UInt64 = 0) throws {
        let description = ObjectiveDescription.quarticValley(start: start)
        let set = try makeObjective(description, as: Double.self, options: EvaluationOptions())
        let configuration = TrainingConfiguration(
            learningRate: 0.002, clipping: .norm(100), iterations: 30, save: SaveSchedule(every: 1), seed: seed,
            precision: .float64)
        _ = try Trainer(set, configuration).train(
            creating: folder.path(name), objective: try description.json(), shouldStop: { false }, progress: { _ in })
    }

    private let definition = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))

    @Test func brokenRunsAreReportedAndTheRestIsMeasuredAsAlone() throws {
        try train("a.h5", start: [-3, 4])
        try train("b.h5", start: [2, 1])
        try Data("not a run".utf8).write(to: folder.url.appending(path: "c.h5"))
        let manifest = try BatchManifest(scanning: [folder.url.path])
        #expect(manifest.entries.map { URL(filePath: $0.path).lastPathComponent } == ["a.h5", "b.h5"])
        #expect(manifest.failures.count == 1 && manifest.failures[0].path.hasSuffix("c.h5"))

        let first = try Batch(manifest, configuration: definition).run()
        #expect(first.results.map(\.wasComplete) == [false, false] && first.failures == manifest.failures)
        let alone = folder.path("alone.h5")
        try EstimationJob(run: folder.path("b.h5"), configuration: definition, output: alone).run()
        let expected = try fit(SmoothnessPoints(EstimatesFileReader(alone).rows()))
        #expect(first.results[1].fit == expected)

        // The estimates beside the runs are no runs, and nothing is measured twice.
        let again = try Batch(BatchManifest(scanning: [folder.url.path]), configuration: definition).run()
        #expect(again.results.map(\.wasComplete) == [true, true])
        #expect(again.results[1].fit == expected)
    }

    @Test func aCancelledBatchContinues() throws {
        try train("a.h5", start: [-3, 4])
        try train("b.h5", start: [2, 1])
        let batch = Batch(try BatchManifest(scanning: [folder.url.path]), configuration: definition)
        let asked = Mutex(0)
        let error = #expect(throws: SmoothnessError.self) {
            try batch.run(isCancelled: {
                asked.withLock {
                    $0 += 1
                    return $0 > 400
                }
            })
        }
        #expect(error?.kind == .interrupted)
        let finished = try batch.run()
        #expect(finished.results.count == 2 && finished.results.allSatisfy { $0.rows == 30 && $0.fit != nil })
    }

    @Test func nothingFoundIsAnError() throws {
        #expect(throws: SmoothnessError.self) { try BatchManifest(scanning: [folder.url.path]) }
        #expect(throws: SmoothnessError.self) { try BatchManifest(scanning: [folder.path("absent")]) }
    }
}
