import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import Models
import ParameterSpace
import TestSupport
import Testing
import Torch

/// What `lstm_curve_twin.py` prints.
private struct TwinCurves: Decodable {
    struct Row: Decodable {
        var iteration: Int
        var loss: Double
        var gradientNorm: Double
        var curve: [Double]
        var smoothness: Double

        enum CodingKeys: String, CodingKey {
            case iteration, loss, curve, smoothness
            case gradientNorm = "gradient_norm"
        }
    }
    var rows: [Row]
}

@Suite("Against programs that share no code with this one", .serialized)
struct TwinTests {
    let folder = try! TemporaryFolder()

    /// A text with what tokenisers trip over, as a language-model run of a few steps.
    private func languageRun(dropout: Double, tied: Bool) throws -> RunFixture {
        var generator = SeededGenerator(seed: 5, purpose: "test")
        let words = [
            "The", "king", "is", "dead", "know't", "well-known", "—", "No!", "ah...", "Ünder", "3rd", "\u{A0}",
        ]
        let lines = (0..<150).map { _ in
            (0..<(3 + generator.index(below: 9))).map { _ in words[generator.index(below: words.count)] }
                .joined(separator: " ")
        }
        let path = folder.path("text.txt")
        try (lines.joined(separator: "\r\n") + "\n\nlast line").write(toFile: path, atomically: true, encoding: .utf8)
        let text = TextDescription(
            source: .file(try DataFile(path: path)), tokenization: .words, vocabularyLimit: 14)
        return RunFixture(
            description: try .languageModel(
                text, batchSize: 4, sequenceLength: 11, embeddingSize: 7, hiddenSize: 9, layerCount: 2,
                tiedWeights: tied, dropout: dropout, seed: 8),
            learningRate: 2, iterationCount: 4)
    }

    @Test(
        "PyTorch rebuilds the LSTM from the run file and finds the same losses, gradient norms and curves",
        .enabled(if: Workplace.python != nil, "needs Python with PyTorch and h5py: set SMOOTHNESS_PYTHON"),
        arguments: [(Precision.float32, 1e-4, 0.0, true), (.float64, 1e-8, 0.0, true), (.float64, 1e-8, 0.3, false)])
    func languageModel(precision: Precision, tolerance: Double, dropout: Double, tied: Bool) throws {
        var fixture = try languageRun(dropout: dropout, tied: tied)
        // Some rows next to each other and some apart.
        fixture.saved = [0, 1, 3]
        let run = folder.path("run.h5")
        try fixture.write(run, as: Float.self)
        let configuration = EstimationConfiguration(
            grid: .spacing(delta: 0.3), subset: .sample(fraction: 0.4, seed: 6), precision: precision)
        let job = try EstimationJob(run: run, configuration: configuration)
        try job.run()
        let script = Workplace.packageRoot.appending(path: "Tests/EstimationTests/Twins/lstm_curve_twin.py").path
        let outcome = try TestSupport.run(try #require(Workplace.python), [script, run, job.plan.output])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let twin = try JSONDecoder().decode(TwinCurves.self, from: Data(outcome.standardOutput.utf8))
        let reader = try EstimatesFileReader(job.plan.output)
        #expect(twin.rows.map(\.iteration) == [0, 1, 3])
        for (index, other) in twin.rows.enumerated() {
            let row = try reader.estimate(row: index)
            #expect(isClose(row.loss, other.loss, tolerance))
            #expect(isClose(row.gradientNorm, other.gradientNorm, tolerance))
            #expect(isClose(row.smoothness, other.smoothness, tolerance))
            #expect(row.curve.count == other.curve.count)
            for (point, value) in try paired(row.curve, other.curve) {
                #expect(isClose(point.smoothness, value, tolerance), "γ = \(point.gamma), iteration \(row.iteration)")
            }
        }
    }

    @Test("the number of threads does not matter beyond rounding")
    func threads() async {
        // In a process of its own: the number of threads is the process's, and other tests compare bits.
        await #expect(processExitsWith: .success) {
            let tests = TwinTests()
            try tests.expectSameRows(Double.self, 1e-10)
            try tests.expectSameRows(Float.self, 1e-5)
        }
    }

    private func expectSameRows<Scalar: ParameterScalar>(_: Scalar.Type, _ tolerance: Double) throws {
        let fixture = try languageRun(dropout: 0.1, tied: true)
        func rows(threads: Int) throws -> [StepEstimate] {
            try setThreadCount(threads)
            let objective = try makeObjective(fixture.description, as: Scalar.self).training
            return try estimates(
                of: MemorySteps(path: try fixture.trajectory(objective)), objective: objective, components: [0, 3, 7])
        }
        for (a, b) in try paired(rows(threads: 1), rows(threads: 4)) {
            #expect(isClose(a.smoothness, b.smoothness, tolerance))
            #expect(isClose(a.gradientNorm, b.gradientNorm, tolerance))
        }
    }

    @Test(
        "the reader in docs/estimates-file.md reads what was written, to the last digit",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
    func documentedReader() throws {
        var fixture = RunFixture.quadratic
        fixture.distort = { iteration, x in if iteration == 4 { x[2] = .nan } }
        try fixture.write(folder.path("run.h5"), as: Double.self)
        let job = try EstimationJob(
            run: folder.path("run.h5"), configuration: EstimationConfiguration(subset: .list(indices: [0, 5])))
        // Also one that is not complete.
        let calls = CallCounter()
        #expect(throws: SmoothnessError.self) { try job.run(isCancelled: { calls.next() > 150 }) }
        let outcome = try runReader(job.plan.output)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let rows = try EstimatesFileReader(job.plan.output).rows()
        #expect(rows.count > 5 && rows.count < 10)
        let lines = outcome.standardOutput.split(separator: "\n")
        #expect(lines[0] == "mode zhang-paper rows \(rows.count) sound \(rows.count - 2)")
        for (line, row) in try paired(lines.dropFirst(), rows) {
            let values = line.split(separator: " ").map { Double($0) ?? .nan }
            #expect(values[0] == Double(row.iteration))
            for (value, stored) in try paired(values.dropFirst(), [row.gradientNorm, row.smoothness]) {
                #expect(value == stored || (value.isNaN && stored.isNaN))
            }
        }
        #expect(try runReader(folder.path("run.h5")).exitCode != 0)
    }

    private func runReader(_ path: String) throws -> ProcessOutcome {
        let document = try String(
            contentsOf: Workplace.packageRoot.appending(path: "docs/estimates-file.md"), encoding: .utf8)
        let blocks = document.components(separatedBy: "```python\n")
        try #require(blocks.count == 2)
        let script = folder.path("reader.py")
        try #require(blocks[1].components(separatedBy: "```").first)
            .write(toFile: script, atomically: true, encoding: .utf8)
        return try TestSupport.run(try #require(Workplace.python), [script, path])
    }
}
