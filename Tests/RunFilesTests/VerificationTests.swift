import Essentials
import Foundation
import RunFileFixture
import RunFiles
import TestSupport
import Testing

@Suite("Verification")
struct VerificationTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static func toy() -> ToyRun<Float> {
        var toy = ToyRun(Float.self)
        toy.savedIterations = [0, 1, 2, 5, 6, 9, 12]
        return toy
    }

    @Test("whole files of every kind are valid")
    func valid() throws {
        var toys = [Self.toy(), Self.toy(), Self.toy(), Self.toy()]
        toys[1].savedIterations = Array(4..<15)
        toys[2].savedIterations = []
        toys[3].storesGradients = false
        toys[3].beta = 0
        for (index, toy) in toys.enumerated() {
            let path = folder.path("\(index).h5")
            try toy.write(path)
            let report = verifyRunFile(path)
            #expect(report.isValid, "\(report)")
            #expect(report.notes.isEmpty, "\(report)")
            #expect(report.checks.count >= 20)
        }
        var double = ToyRun(Double.self)
        double.savedIterations = [3, 4]
        try double.write(folder.path("double.h5"))
        #expect(verifyRunFile(folder.path("double.h5")).isValid)
    }

    @Test("an interrupted file is valid, and a note says how far it came")
    func interrupted() throws {
        let path = folder.path("a.h5")
        try Self.toy().write(path, state: .interrupted, until: 8)
        let report = verifyRunFile(path)
        #expect(report.isValid, "\(report)")
        #expect(
            report.notes == [
                "5 of 7 snapshots are committed; the state is interrupted",
                "8 of 20 iterations are committed; the state is interrupted",
            ])
    }

    @Test("rows that are not finite and say so are a note")
    func nonFinite() throws {
        let toy = Self.toy()
        let path = folder.path("a.h5")
        let plan = RunPlan(savedIterations: [0], iterationCount: 1)
        var writer = try RunFileWriter<Float>(creating: path, header: toy.header(), plan: plan)
        let record = IterationRecord(
            loss: .nan, gradientNorm: .nan, stepNorm: .nan, learningRate: 1, clipped: false, status: .nonFinite)
        try writer.record(record, at: 0)
        let next = [Float](repeating: .nan, count: toy.layout.count)
        try writer.record(
            SnapshotRecord(iteration: 0, record), iterate: toy.initialPoint(), nextIterate: next)
        try writer.finish(.complete)
        let report = verifyRunFile(path)
        #expect(report.isValid, "\(report)")
        #expect(report.notes.count == 2)
        #expect(report.notes.allSatisfy { $0.contains("not finite") })
    }

    /// A breach made with h5py, the check that must fail, and where.
    static let breaches: [(breach: String, check: String, place: String)] = [
        ("iterate bit", "step norms", "/trajectory/step_norm row 2"),
        ("next iterate bit", "successive rows are joined", "/trajectory row 2, element 0"),
        ("next iterate bit", "step norms", "/trajectory/step_norm row 1"),
        ("step norm bit", "step norms", "/trajectory/step_norm row 4"),
        ("joint", "successive rows are joined", "/trajectory row 1"),
        ("nan in ok row", "rows of status ok are finite", "/trajectory row 1"),
        ("nan in loss", "rows of status ok are finite", "/history/loss row 5"),
        ("negative norm", "norms are not negative", "/history/gradient_norm row 5"),
        ("unknown status", "rows can be read", "/trajectory/status"),
        ("false zero step", "zero steps are marked", "/history/status row 4"),
        ("history differs", "trajectory agrees with history", "/trajectory row 2, iteration 2"),
        ("gradient", "gradient norms", "/trajectory/gradient_norm row 0"),
        ("iterations descend", "iterations ascend", "/trajectory/iteration row 2"),
        ("negative iteration", "iterations ascend", "/trajectory/iteration"),
        ("commit beyond capacity", "opens as a run file", "/commit"),
        ("history commit beyond capacity", "opens as a run file", "/history/commit"),
        ("resume ahead", "resume point lies in what is committed", "/resume"),
        ("resume count 40", "resume points are no more than iterations and calls", "/resume/commit"),
        ("resume count 62", "resume points are no more than iterations and calls", "/resume/commit"),
        ("resume count 63", "resume points are no more than iterations and calls", "/resume/commit"),
        ("no next iterate", "next iterates are there", "/trajectory/next_iterate"),
        ("chunked", "datasets are contiguous and have their place", "/trajectory/loss"),
        ("wrong type", "datasets have their types", "/trajectory/learning_rate"),
        ("big-endian iterates", "iterates are float32 or float64", "/trajectory/iterate"),
        ("wrong width", "datasets have their extents", "/trajectory/next_iterate"),
        ("no definition", "datasets say what they are", "/trajectory/loss@definition"),
        ("no clipping note", "datasets say what they are", "/trajectory/gradient@clipping"),
        ("fixed-length state", "attributes are text as specified", "/@state"),
        ("unknown state", "state is known", "/@state"),
        ("no run_id", "root attributes", "/@run_id"),
        ("run_id", "run_id is a UUID", "/@run_id"),
        ("created", "created is a time in UTC", "/@created"),
        ("objective", "descriptions are JSON objects", "/objective"),
        ("offset", "parameter table is consistent", "/parameters/offset"),
        ("shape", "parameter table is consistent", "/parameters/offset"),
        ("names", "parameter names are distinct", "/parameters/name"),
        ("evaluation", "evaluations lie in the run", "/history/evaluation row 0"),
        ("half a resume", "datasets exist", "/resume/momentum"),
        ("clipping after", "gradients are those before clipping", "/trajectory/gradient@clipping"),
        ("fixed-length objective", "texts are as specified", "/objective"),
        ("fixed-length names", "texts are as specified", "/parameters/name"),
        ("ascii optimizer", "texts are as specified", "/optimizer"),
        ("clipped", "clipped is 0 or 1", "/trajectory/clipped row 3"),
        ("fewer rows than complete", "complete means every row", "/commit"),
        ("superblock", "HDF5 1.8 can open it", "superblock"),
        ("evaluations descend", "evaluations follow one another", "/history/evaluation row 1"),
        ("hostile evaluations", "evaluations follow one another", "/history/evaluation row 1"),
        ("epoch", "evaluations count epochs", "/history/evaluation/epoch row 2"),
        (
            "training loss", "training losses lie among those of their iterations",
            "/history/evaluation/training_loss row 1"
        ),
        ("perplexity", "perplexities follow from the losses", "/history/evaluation/metric row 0"),
        ("false non-finite", "rows that are not finite show it", "/history/status row 4"),
        ("resume iterate", "the resume point is where its rows are", "/resume/iterate"),
        ("resume evaluations", "the resume point is after its evaluations", "/resume/evaluation_count"),
        ("numbers that were not recorded", "columns that are not recorded are NaN", "/history/loss row 0"),
        ("another mark", "history and trajectory record the same columns", "/history/loss@recorded"),
        ("learning rate", "learning rates are the optimiser's", "/history/learning_rate row 0"),
        ("clipped without a clip norm", "clipped follows from the gradient norm", "/history/clipped row"),
        ("not clipped", "clipped follows from the gradient norm", "/history/clipped row 3"),
        ("half a fixed subset", "gradients at next iterates are there", "/fixed_subset/next_gradient"),
    ]

    @Test(
        "each broken promise is found where it is broken", .enabled(if: Workplace.python != nil, "no Python with h5py"),
        arguments: breaches.indices)
    func breach(_ index: Int) throws {
        let (breach, check, place) = Self.breaches[index]
        let path = folder.path("a.h5")
        try Self.toy().write(path)
        let script = Workplace.packageRoot.appending(path: "Tests/RunFilesTests/Twins/corrupt.py").path
        let outcome = try run(try #require(Workplace.python), [script, path, breach])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let report = verifyRunFile(path)
        #expect(!report.isValid)
        let found = report.failures.first { $0.name == check && ($0.place ?? "").hasPrefix(place) }
        #expect(found != nil, "\(breach): \(report)")
        #expect(found?.expected != nil || found?.found != nil)
    }

    @Test(
        "opening a file with h5py for writing and closing it breaks nothing",
        .enabled(if: Workplace.python != nil, "no Python with h5py"))
    func untouched() throws {
        let path = folder.path("a.h5")
        try Self.toy().write(path)
        let script = Workplace.packageRoot.appending(path: "Tests/RunFilesTests/Twins/corrupt.py").path
        #expect(try run(try #require(Workplace.python), [script, path, "nothing"]).exitCode == 0)
        let report = verifyRunFile(path)
        #expect(report.isValid, "\(report)")
    }

    @Test("what is no run file at all is a finding, not a crash")
    func foreign() throws {
        #expect(!verifyRunFile(folder.path("missing.h5")).isValid)
        try Data("text".utf8).write(to: URL(filePath: folder.path("text")))
        let report = verifyRunFile(folder.path("text"))
        #expect(report.failures.map(\.name) == ["opens as a run file"])
        let decoded = try JSONDecoder().decode(VerificationReport.self, from: try JSONEncoder().encode(report))
        #expect(decoded == report)
    }

    @Test("many failures of one kind are listed up to a limit")
    func manyFailures() {
        var report = VerificationReport(file: "x")
        report.pass("a")
        for row in 0..<100 { report.check("a", row % 2 == 0, at: "row \(row)") }
        report.pass("b")
        report.pass("b")
        #expect(report.failures.count == 21)
        #expect(report.failures.last?.place == "further places, not listed")
        #expect(report.checks.count == 22)
        #expect(!report.isValid)
    }

    @Test("the summary tells what is in the file")
    func summary() throws {
        let toy = Self.toy()
        let path = folder.path("a.h5")
        try toy.write(path, state: .interrupted, until: 8)
        let reader = try RunFileReader(path)
        let summary = try reader.summary()
        let trace = toy.trace().prefix(8).map(\.record)
        #expect(summary.runID == toy.header().runID)
        #expect(summary.state == .interrupted)
        #expect(summary.parameterCount == 19)
        #expect(summary.blocks.map(\.name) == ["weight", "bias", "scale"])
        #expect(summary.blocks.map(\.shape) == [[3, 5], [3], []])
        #expect(summary.committedSnapshots == 5 && summary.plannedSnapshots == 7)
        #expect(summary.committedIterations == 8 && summary.plannedIterations == 20)
        #expect(summary.committedEvaluations == 1 && summary.plannedEvaluations == 4)
        #expect(summary.firstSavedIteration == 0 && summary.lastSavedIteration == 6)
        #expect(summary.firstLoss == trace[0].loss && summary.lastLoss == trace[7].loss)
        #expect(summary.gradientNorm?.minimum == trace.map(\.gradientNorm).min())
        #expect(summary.gradientNorm?.maximum == trace.map(\.gradientNorm).max())
        #expect(summary.clippedShare == Double(trace.filter(\.clipped).count) / 8)
        #expect(summary.lastMetric == exp(trace[4].loss * 1.1))
        #expect(summary.byteCount == (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int))
        #expect(summary.digest == (try reader.digest()))
        let decoded = try JSONDecoder().decode(RunSummary.self, from: try JSONEncoder().encode(summary))
        #expect(decoded == summary)
        for line in ["5 of 7 committed, with gradients", "weight [3, 5]", "perplexity", summary.digest] {
            #expect(summary.description.contains(line), "\(summary)")
        }
    }
}
