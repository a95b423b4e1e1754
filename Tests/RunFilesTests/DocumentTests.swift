import Foundation
import RunFileFixture
import RunFiles
import TestSupport
import Testing

/// Holds docs/run-file.md against files: its reader is run as it stands there.
@Suite("The specification", .enabled(if: Workplace.python != nil, "no Python with h5py: set SMOOTHNESS_PYTHON"))
struct DocumentTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private struct Reading: Decodable {
        var run_id: String
        var state: String
        var kind: String
        var beta: Double
    }

    private func twin(_ name: String) -> String {
        Workplace.packageRoot.appending(path: "Tests/RunFilesTests/Twins/\(name)").path
    }

    /// What the document's reader reads from each file: texts, and the bits of every array in hexadecimal.
    private func read(_ paths: [String]) throws -> [(texts: Reading, arrays: [String: [String]])] {
        let document = Workplace.packageRoot.appending(path: "docs/run-file.md").path
        let outcome = try run(try #require(Workplace.python), [twin("read_run.py"), document] + paths)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let data = Data(outcome.standardOutput.utf8)
        let objects = try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
        let texts = try JSONDecoder().decode([Reading].self, from: data)
        return zip(texts, objects).map { texts, object in
            (texts, object.compactMapValues { $0 as? [String] })
        }
    }

    private func bits(_ values: [Double]) -> [String] { values.map { String($0.bitPattern, radix: 16) } }
    private func bits(_ values: [Float]) -> [String] { values.map { String($0.bitPattern, radix: 16) } }

    private func compare(
        _ toy: ToyRun<Float>, _ reading: (texts: Reading, arrays: [String: [String]]), rows: Int, iterations: Int,
        state: RunState
    ) {
        let (texts, arrays) = reading
        let trace = toy.trace()
        let history = trace.prefix(iterations).map(\.record)
        let saved = toy.savedIterations.prefix(rows).map { trace[$0] }
        #expect(texts.run_id == toy.header().runID)
        #expect(texts.state == state.rawValue)
        #expect(texts.kind == "toy" && texts.beta == toy.beta)
        #expect(arrays["history/loss"] == bits(history.map(\.loss)))
        #expect(arrays["history/gradient_norm"] == bits(history.map(\.gradientNorm)))
        #expect(arrays["history/step_norm"] == bits(history.map(\.stepNorm)))
        #expect(arrays["history/learning_rate"] == bits(history.map(\.learningRate)))
        #expect(arrays["history/clipped"] == history.map { $0.clipped ? "1" : "0" })
        #expect(arrays["history/status"] == history.map { String($0.status.rawValue, radix: 16) })
        #expect(arrays["trajectory/iteration"] == toy.savedIterations.prefix(rows).map { String($0, radix: 16) })
        #expect(arrays["trajectory/loss"] == bits(saved.map(\.record.loss)))
        #expect(arrays["trajectory/step_norm"] == bits(saved.map(\.record.stepNorm)))
        #expect(arrays["trajectory/iterate"] == bits(saved.flatMap(\.iterate)))
        #expect(arrays["trajectory/next_iterate"] == bits(saved.flatMap(\.next)))
        #expect(arrays["trajectory/gradient"] == (toy.storesGradients ? bits(saved.flatMap(\.gradient)) : nil))
        // The document's own summation gives the stored step norm to the last bit.
        #expect(arrays["recomputed"] == bits(saved.map(\.record.stepNorm)))
        let evaluations = (0..<(iterations / toy.evaluationEvery)).map {
            let last = ($0 + 1) * toy.evaluationEvery - 1
            return toy.evaluation(after: last, record: trace[last].record)
        }
        #expect(arrays["evaluation/validation_loss"] == bits(evaluations.map(\.validationLoss)))
        #expect(arrays["evaluation/metric"] == bits(evaluations.map(\.metric)))
    }

    @Test("its reader gives the values of finished, interrupted and unfinished files")
    func reader() throws {
        var sparse = ToyRun(Float.self)
        sparse.width = 13
        var dense = sparse
        dense.savedIterations = Array(2..<19)
        dense.storesGradients = false
        try sparse.write(folder.path("sparse.h5"))
        try dense.write(folder.path("dense.h5"))
        try sparse.write(folder.path("interrupted.h5"), state: .interrupted, until: 11)
        // A writer that is still at work, which is what a killed one leaves behind.
        var writer = try RunFileWriter<Float>(
            creating: folder.path("open.h5"), header: dense.header(), plan: dense.plan)
        try dense.run(on: &writer, until: 9)
        let committed = writer.committedIterations
        let readings = try read(["sparse", "dense", "interrupted", "open"].map { folder.path("\($0).h5") })
        compare(sparse, readings[0], rows: 7, iterations: 20, state: .complete)
        compare(dense, readings[1], rows: 17, iterations: 20, state: .complete)
        compare(sparse, readings[2], rows: 4, iterations: 11, state: .interrupted)
        compare(dense, readings[3], rows: 7, iterations: committed, state: .writing)
        try writer.finish(.interrupted)
    }

    @Test("its reader gives the last resume point, with everything that a run may keep in it", arguments: [1, 2, 3])
    func resume(pointCount: Int) throws {
        let toy = ToyRun(Float.self)
        var plan = toy.plan
        plan.storesSecondMoment = true
        plan.storesAverage = true
        let path = folder.path("resume.h5")
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: plan)
        func vector(_ number: Float) -> [Float] { (0..<toy.layout.count).map { number + Float($0) / 8 } }
        func point(_ number: Int) -> ResumePoint<Float> {
            let base = Float(10 * number)
            return ResumePoint(
                iteration: 0, iterate: vector(base), momentum: vector(base + 1), secondMoment: vector(base + 2),
                average: vector(base + 3), evaluationCount: 0)
        }
        for number in 1...pointCount { try writer.saveResumePoint(point(number)) }
        #expect(try writer.resumePoint() == point(pointCount))
        // A vector that the plan does not have, or a missing one, is no resume point of this run.
        var wrong = point(1)
        wrong.average = []
        #expect(throws: (any Error).self) { try writer.saveResumePoint(wrong) }
        try writer.finish(.interrupted)
        #expect(verifyRunFile(path).isValid, "\(verifyRunFile(path))")
        let arrays = try read([path])[0].arrays
        let last = point(pointCount)
        #expect(arrays["resume/iterate"] == bits(last.iterate))
        #expect(arrays["resume/momentum"] == bits(last.momentum))
        #expect(arrays["resume/second_moment"] == bits(last.secondMoment))
        #expect(arrays["resume/average"] == bits(last.average))
    }

    @Test("its digest is the program's")
    func digest() throws {
        let path = folder.path("a.h5")
        let toy = ToyRun(Double.self)
        try toy.write(path)
        let reader = try RunFileReader(path)
        for rows in [0, 3, 7] {
            let outcome = try run(try #require(Workplace.python), [twin("digest.py"), path, "\(rows)"])
            #expect(outcome.standardOutput == (try reader.digest(rows: rows)) + "\n", "\(outcome.standardError)")
        }
        #expect(try reader.digest() == reader.digest(rows: 7))
        #expect(throws: (any Error).self) { try reader.digest(rows: 8) }
        // More rows do not change the digest of the first ones; another number changes it.
        try toy.write(folder.path("b.h5"), state: .interrupted, until: 10)
        let early = try RunFileReader(folder.path("b.h5"))
        #expect(try early.digest() == reader.digest(rows: 4))
        #expect(try early.digest() != reader.digest())
    }
}
