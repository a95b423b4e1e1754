import Essentials
import Foundation
import HDF5
import ParameterSpace
import RunFileFixture
import RunFiles
import TestSupport
import Testing

@Suite("Run files, written and read")
struct RoundTripTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func roundTrip<Scalar: ParameterScalar>(_ toy: ToyRun<Scalar>, _ name: String) throws {
        let path = folder.path(name)
        try toy.write(path)
        let reader = try RunFileReader(path)
        var header = toy.header()
        header.created = reader.header.created
        header.state = .complete
        #expect(reader.header == header)
        #expect(reader.plan == toy.plan)
        let trace = toy.trace()
        #expect(try reader.history() == trace.map(\.record))
        let snapshots = try reader.snapshots()
        #expect(snapshots == toy.savedIterations.map { SnapshotRecord(iteration: $0, trace[$0].record) })
        #expect(reader.snapshotCount == toy.savedIterations.count)
        let consecutive = reader.isConsecutive
        #expect(consecutive == toy.plan.isConsecutive)
        var vector: [Scalar] = []
        for (row, iteration) in toy.savedIterations.enumerated() {
            try reader.iterate(row: row, into: &vector)
            #expect(vector == trace[iteration].iterate)
            try reader.nextIterate(row: row, into: &vector)
            #expect(vector == trace[iteration].next)
            guard toy.storesGradients else { continue }
            try reader.gradient(row: row, into: &vector)
            #expect(vector == trace[iteration].gradient)
        }
        let evaluations = stride(from: toy.evaluationEvery, through: toy.iterationCount, by: toy.evaluationEvery)
            .map { toy.evaluation(after: $0 - 1, record: trace[$0 - 1].record) }
        #expect(try reader.evaluations() == evaluations)
    }

    @Test("every third iteration, Float, with gradients and momentum")
    func everyThird() throws { try roundTrip(ToyRun(Float.self), "a.h5") }

    @Test("every third iteration, Double, without gradients and momentum")
    func bare() throws {
        var toy = ToyRun(Double.self)
        toy.storesGradients = false
        toy.beta = 0
        try roundTrip(toy, "b.h5")
        let reader = try RunFileReader(folder.path("b.h5"))
        let hasGradients = reader.hasGradients
        #expect(!hasGradients)
        var vector: [Double] = []
        #expect(throws: SmoothnessError.self) { try reader.gradient(row: 0, into: &vector) }
        #expect(throws: SmoothnessError.self) { try reader.iterate(row: 7, into: &vector) }
        #expect(throws: SmoothnessError.self) { try reader.iterate(row: -1, into: &vector) }
    }

    @Test("every iteration of a range: K + 1 iterates and no next ones")
    func consecutive() throws {
        var toy = ToyRun(Float.self)
        toy.savedIterations = Array(6..<14)
        try roundTrip(toy, "c.h5")
        let file = try File.open(folder.path("c.h5"))
        #expect(try !file.exists("/trajectory/next_iterate"))
        #expect(try file.dataset("/trajectory/iterate").shape == [9, toy.layout.count])
        toy.savedIterations = [4]
        try roundTrip(toy, "d.h5")
    }

    @Test("no saved iteration at all is a history")
    func nothingSaved() throws {
        var toy = ToyRun(Double.self)
        toy.savedIterations = []
        try roundTrip(toy, "e.h5")
    }

    @Test("NaN and infinity are data")
    func nonFinite() throws {
        let toy = ToyRun(Float.self)
        let plan = RunPlan(savedIterations: [0], iterationCount: 2)
        var writer = try RunFileWriter<Float>(creating: folder.path("f.h5"), header: toy.header(), plan: plan)
        let record = IterationRecord(
            loss: .nan, gradientNorm: .infinity, stepNorm: .nan, learningRate: 1, clipped: true, status: .nonFinite)
        let iterate = toy.initialPoint()
        let next = [Float](repeating: .nan, count: iterate.count)
        try writer.record(record, at: 0)
        try writer.record(SnapshotRecord(iteration: 0, record), iterate: iterate, nextIterate: next)
        // Repeating a row of NaN is repeating the same bits.
        try writer.record(record, at: 0)
        try writer.record(SnapshotRecord(iteration: 0, record), iterate: iterate, nextIterate: next)
        try writer.finish(.interrupted)
        let reader = try RunFileReader(folder.path("f.h5"))
        let row = try reader.snapshots()[0]
        #expect(row.loss.isNaN && row.gradientNorm == .infinity && row.status == .nonFinite && row.clipped)
        var vector: [Float] = []
        try reader.nextIterate(row: 0, into: &vector)
        #expect(vector.allSatisfy(\.isNaN) && vector.count == iterate.count)
    }

    @Test("a reader sees what is committed of a file that is being written")
    func liveReading() throws {
        let toy = ToyRun(Float.self)
        let path = folder.path("g.h5")
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: toy.plan)
        try toy.run(on: &writer, until: 8)
        let reader = try RunFileReader(path)
        #expect(reader.snapshotCount == 3)
        #expect(reader.header.state == .writing)
        #expect(reader.iterationCount >= 7)
        var vector: [Float] = []
        try reader.nextIterate(row: 2, into: &vector)
        #expect(vector == toy.trace()[6].next)
        try writer.finish(.interrupted)
        let again = try RunFileReader(path)
        #expect(again.header.state == .interrupted)
        #expect(again.iterationCount == 8)
    }
}
