import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import RunFiles
import TestSupport
import Testing

@Suite("From a run file to an estimates file")
struct JobTests {
    let folder = try! TemporaryFolder()
    let all = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))

    @Test(
        "rows are those of the estimator, and on a quadratic the closed ones; the table is complete",
        arguments: [nil, [0, 1, 2, 5, 9]])
    func rows(saved: [Int]?) throws {
        var fixture = RunFixture.quadratic
        fixture.saved = saved
        let path = try fixture.write(folder.path("run.h5"), as: Double.self)
        let job = try EstimationJob(run: folder.path("run.h5"), configuration: all)
        #expect(job.plan.disposition == .create && job.plan.output == folder.path("run.estimates.h5"))
        #expect(job.configuration.precision == .float64)
        var seen: [Int] = []
        try job.run { seen.append($0.rowsDone) }
        let iterations = saved ?? Array(0..<10)
        #expect(seen == Array(1...iterations.count))

        let objective = try makeObjective(fixture.description, as: Double.self).training
        let steps = MemorySteps(steps: iterations.map { ($0, path[$0], path[$0 + 1]) })
        let expected = try estimates(
            of: steps, objective: objective, components: all.subset.drawn(of: objective.componentCount),
            gammas: GammaGrid.spacing(delta: 0.1).resolved())
        let reader = try EstimatesFileReader(job.plan.output)
        #expect(reader.header.state == .complete && reader.committedRows == iterations.count)
        #expect(reader.repeatability == 0)
        let stored = try (0..<reader.committedRows).map { try reader.estimate(row: $0) }
        #expect(identicalBits(stored, expected))
        let exact = try #require(objective as? any TwiceDifferentiableObjective<Double>)
        for (row, iteration) in try paired(stored, iterations) {
            let d = zip(path[iteration + 1], path[iteration]).map { $0 - $1 }
            let value = euclidean(exact.hessianProduct(at: path[iteration], with: d)) / euclidean(d)
            for point in row.curve { #expect(isClose(point.smoothness, value, 1e-12)) }
        }
        let table = try reader.rows()
        #expect(table.map(\.iteration) == iterations && table.map(\.smoothness) == expected.map(\.smoothness))
        #expect(
            EstimateRow.columnNames.prefix(6) == [
                "iteration", "loss", "gradient_norm", "smoothness", "gamma", "step_norm",
            ])
        // A run that saves everything leaves one gradient a row to the next.
        #expect(job.plan.subsetGradientCount == (saved == nil ? 10 * 10 + 2 : 5 * 11 + 1))
    }

    @Test(
        "interrupted anywhere and continued: the same bits as never interrupted", arguments: [1, 2, 3, 9, 40, 90, 200])
    func resume(gradientsUntilStop: Int) throws {
        var fixture = RunFixture.quadratic
        fixture.distort = { iteration, x in if iteration == 6 { x[1] = .nan } }
        try fixture.write(folder.path("run.h5"), as: Float.self)
        let configuration = EstimationConfiguration(
            grid: .explicit(gammas: [0.3, 1]), subset: .sample(fraction: 0.5, seed: 3))
        try EstimationJob(run: folder.path("run.h5"), configuration: configuration, output: folder.path("whole.h5"))
            .run()
        let output = folder.path("parts.h5")
        var interruptions = 0
        while true {
            let job = try EstimationJob(run: folder.path("run.h5"), configuration: configuration, output: output)
            #expect(job.plan.disposition == (interruptions == 0 ? .create : .resume))
            let calls = CallCounter()
            do {
                let allowed = gradientsUntilStop + 13 * interruptions
                try job.run(isCancelled: { calls.next() > allowed })
                break
            } catch let error as SmoothnessError {
                #expect(error.kind == .interrupted)
                #expect(try EstimatesFileReader(output).header.state == .interrupted)
                interruptions += 1
            }
        }
        #expect(interruptions > 0 || gradientsUntilStop > 80)
        #expect(try contents(output) == contents(folder.path("whole.h5")))
    }

    @Test("what is complete is not done again; what is asked otherwise is refused unless forced")
    func standing() throws {
        let run = folder.path("run.h5")
        try RunFixture.quadratic.write(run, as: Double.self)
        let first = try EstimationJob(run: run, configuration: all)
        try first.run()
        let bytes = try Digest(ofFile: first.plan.output)
        let again = try EstimationJob(run: run, configuration: all)
        #expect(again.plan.disposition == .complete && again.plan.subsetGradientCount == 0)
        try again.run()
        #expect(try Digest(ofFile: first.plan.output) == bytes)

        let other = EstimationConfiguration(subset: .sample(fraction: 0.5, seed: 0))
        let refusal = #expect(throws: SmoothnessError.self) { try EstimationJob(run: run, configuration: other) }
        #expect(refusal?.kind == .cannotCreate && refusal?.object == "configuration")
        #expect(refusal?.remedy?.contains("--force") == true)
        #expect(try Digest(ofFile: first.plan.output) == bytes)

        let forced = try EstimationJob(run: run, configuration: other, isForced: true)
        #expect(forced.plan.disposition == .replace)
        try forced.run()
        #expect(try EstimatesFileReader(forced.plan.output).header.components.count == 4)

        // Another run of the same name is another run.
        try FileManager.default.removeItem(atPath: run)
        try RunFixture.quadratic.write(run, as: Double.self)
        #expect(
            #expect(throws: SmoothnessError.self) { try EstimationJob(run: run, configuration: other) }?.object
                == "run_id")

        try Data("not ours".utf8).write(to: URL(filePath: folder.path("text")))
        let foreign = #expect(throws: SmoothnessError.self) {
            try EstimationJob(run: run, configuration: all, output: folder.path("text"))
        }
        #expect(foreign?.kind == .cannotCreate)
    }

    @Test("what another call has made in the meantime is not replaced")
    func meantime() throws {
        let run = folder.path("run.h5")
        try RunFixture.quadratic.write(run, as: Double.self)
        let first = try EstimationJob(run: run, configuration: all)
        let second = try EstimationJob(run: run, configuration: all)
        try first.run()
        let bytes = try Digest(ofFile: first.plan.output)
        let error = #expect(throws: SmoothnessError.self) { try second.run() }
        #expect(error?.kind == .cannotCreate && error?.file == first.plan.output)
        #expect(try Digest(ofFile: first.plan.output) == bytes)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
                == ["run.estimates.h5", "run.h5"])
    }

    @Test("a run that grows: the rows that were there are estimated, the rest is reported")
    func growing() throws {
        let run = folder.path("run.h5")
        var fixture = RunFixture.quadratic
        fixture.committed = 4
        let path = try fixture.write(run, as: Double.self)
        let job = try EstimationJob(run: run, configuration: all)
        #expect(job.plan.rowCount == 4 && job.plan.uncoveredRows == 0)
        var writer = try RunFileWriter<Double>(continuing: run)
        let layout = writer.header.layout
        for iteration in 4..<7 { try fixture.record(iteration, path, layout, into: &writer) }
        try writer.finish(.interrupted)
        try job.run()
        let later = try EstimationJob(run: run, configuration: all)
        #expect(later.plan.disposition == .complete && later.plan.rowCount == 4 && later.plan.uncoveredRows == 3)
        let forced = try EstimationJob(run: run, configuration: all, isForced: true)
        #expect(forced.plan.rowCount == 7)
    }

    @Test("a Float run in Double: the same iterates, Double's rounding floor, nearly the same values")
    func precision() throws {
        let run = folder.path("run.h5")
        try RunFixture.quadratic.write(run, as: Float.self)
        var configuration = all
        try EstimationJob(run: run, configuration: configuration, output: folder.path("float.h5")).run()
        configuration.precision = .float64
        try EstimationJob(run: run, configuration: configuration, output: folder.path("double.h5")).run()
        let float = try EstimatesFileReader(folder.path("float.h5"))
        let double = try EstimatesFileReader(folder.path("double.h5"))
        for row in 0..<float.committedRows {
            let (a, b) = (try float.estimate(row: row), try double.estimate(row: row))
            #expect(a.stepNorm == b.stepNorm)
            #expect(isClose(a.smoothness, b.smoothness, 1e-3))
            // Float's is measured, but never taken for less than half a unit in the last place.
            for (p, q) in try paired(a.curve, b.curve) {
                #expect((0.249...8).contains(p.roundingFloor / (q.roundingFloor * 0x1p29)))
            }
        }
        let stored = float.header.configuration.precision
        #expect(stored == .float32)
    }

    @Test("faults of the run and of the request are told apart before anything is written")
    func faults() throws {
        let run = folder.path("run.h5")
        func refused(
            _ kind: SmoothnessError.Kind, _ configuration: EstimationConfiguration, run: String, output: String? = nil,
            _ location: SourceLocation = #_sourceLocation
        ) {
            expectRefusal(kind, sourceLocation: location) {
                try EstimationJob(run: run, configuration: configuration, output: output).run()
            }
        }
        refused(.noInput, all, run: folder.path("missing.h5"))
        try Data("text".utf8).write(to: URL(filePath: folder.path("text.h5")))
        refused(.data, all, run: folder.path("text.h5"))
        var empty = RunFixture.quadratic
        empty.committed = 0
        try empty.write(folder.path("empty.h5"), as: Double.self)
        refused(.data, all, run: folder.path("empty.h5"))
        try RunFixture.quadratic.write(run, as: Double.self)
        refused(.usage, EstimationConfiguration(grid: .explicit(gammas: [1.5]), subset: all.subset), run: run)
        refused(.usage, EstimationConfiguration(subset: .sample(fraction: 0.01, seed: 0)), run: run)
        refused(.usage, EstimationConfiguration(subset: .list(indices: [8])), run: run)
        refused(.cannotCreate, all, run: run, output: folder.path("no/such/folder.h5"))
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
                == ["empty.h5", "run.h5", "text.h5"])
    }

    @Test("faulty rows keep their places in the file")
    func statuses() throws {
        var fixture = RunFixture.quadratic
        fixture.distort = { iteration, x in if iteration == 3 { x[0] = .infinity } }
        let run = folder.path("run.h5")
        try fixture.write(run, as: Double.self)
        try EstimationJob(run: run, configuration: all).run()
        let summary = try EstimatesSummary(ofFile: folder.path("run.estimates.h5"))
        #expect(summary.statuses == ["ok": 8, "nonFiniteIterate": 2])
        #expect(summary.committedRows == 10 && summary.identityViolations == 0)
        #expect(summary.smoothness?.largest.isFinite == true)
        let decoded = try JSONDecoder().decode(EstimatesSummary.self, from: JSONEncoder().encode(summary))
        #expect(decoded.statuses == summary.statuses && decoded.configuration == summary.configuration)
    }

    @Test("the configuration survives JSON and comes back as the command that asks for it")
    func configuration() throws {
        let configuration = EstimationConfiguration(
            grid: .explicit(gammas: [0.5, 1]), subset: .list(indices: [1, 4]), precision: .float64,
            evaluation: EvaluationOptions(masks: .off, microBatch: 3))
        #expect(try EstimationConfiguration(json: configuration.json()) == configuration)
        #expect(
            configuration.arguments.joined(separator: " ")
                == "--gammas 0.5,1.0 --components 1,4 --precision float64 --masks off --micro-batch 3")
        #expect(
            EstimationConfiguration().arguments.joined(separator: " ")
                == "--delta 0.1 --subset 0.1 --subset-seed 0 --masks fixed")
        #expect(throws: SmoothnessError.self) { try EstimationConfiguration(json: "{}") }
    }
}
