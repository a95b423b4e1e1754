import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import HDF5
import Models
import ParameterSpace
import RunFiles
import TestSupport
import Testing
import Torch

/// Component gradients as they are, at one point.
private func fixedGradients(_ gradients: [[Double]], weights: [Double]? = nil) -> ClosureObjective<Double> {
    ClosureObjective(
        layout: ParameterLayout([("x", [gradients[0].count])]),
        weights: weights ?? Array(repeating: 1, count: gradients.count)
    ) { component, _ in (0, gradients[component]) }
}

/// One row at the origin with batches of one component each, unless sizes are given.
private func align(
    _ gradients: [[Double]], weights: [Double]? = nil, sizes: [Int] = [1], clipNorms: [Double] = []
) throws -> AlignmentRow {
    let objective = fixedGradients(gradients, weights: weights)
    let componentWeights = gradients.indices.map { objective.weight(ofComponent: $0) }
    var estimator = AlignmentEstimator(
        objective: objective, components: Array(gradients.indices),
        partitions: try sizes.map {
            try BatchPartition(size: $0, unit: .components, componentWeights: componentWeights)
        },
        clipNorms: clipNorms)
    return try estimator.measure(iteration: 3) { $0 = Array(repeating: 1, count: gradients[0].count) }
}

@Suite("Agreement of component gradients")
struct AlignmentTests {
    let folder = try! TemporaryFolder()
    var run: String { folder.path("run.h5") }

    @Test("Qian's example 1: clipping at 2 turns the descent around")
    func qianExample() throws {
        let row = try align([[-2], [-2], [10]], clipNorms: [1, 2, 5, 10])
        #expect(row.status == .ok && row.gradientNorm == 2 && row.iteration == 3)
        let batch = row.batches[0]
        #expect(batch.smallestBeta == -1 && batch.largestBeta == 5 && batch.betaExcess == 0)
        let (cosine, share) = (-1.0 / 3, 2.0 / 3)
        #expect(isClose(batch.meanCosine, cosine, 1e-15) && isClose(batch.negativeShare, share, 1e-15))
        // Σγβ: −½ − ½ + ½ at 1, −1 − 1 + 1 at 2, −1 − 1 + 2.5 at 5, 3 without clipping.
        for (value, expected) in try paired(batch.clipped.map(\.agreement), [-0.5, -1, 0.5, 3]) {
            #expect(isClose(value, expected, 1e-14))
        }
        // (A3) fails, so eq. 33 promises nothing.
        #expect(batch.clipped.allSatisfy { $0.bound.isNaN })
        let third = 1.0 / 3
        let shares: [Double] = [1, third, third, 0]
        #expect(batch.clipped.map(\.clippedShare) == shares)
        #expect(batch.normRatio == 0.2)
        // Without itself: (−2 + 10)/2 = 4 against −2, and −2 against 10.
        #expect(batch.leaveOneOutCosine == -1 && batch.leaveOneOutNegativeShare == 1)
    }

    @Test("two gradients at right angles: closed forms")
    func rightAngle() throws {
        let batch = try align([[3, 0], [0, 3]], clipNorms: [1]).batches[0]
        let half = 0.5.squareRoot()
        #expect(isClose(batch.meanCosine, half, 1e-15) && isClose(batch.noiseCosine, half, 1e-15))
        #expect(batch.leaveOneOutCosine == 0 && batch.negativeShare == 0 && batch.normRatio == 1)
        // ∇f = (1.5, 1.5): tr Σ = Σ‖g‖² − 2‖∇f‖² = 18 − 9, and ‖∇f‖² − tr Σ/2 = 0.
        #expect(isClose(batch.gradientNoise, 9, 1e-14) && isClose(batch.noiseScale, 2, 1e-14))
        #expect(batch.unbiasedNoiseScale.isNaN)
        // (⅓ + ⅓)·1 with β = 1 each; eq. 33 holds with equality as every norm is clipped.
        #expect(isClose(batch.clipped[0].agreement, 2.0 / 3, 1e-14))
        #expect(isClose(batch.clipped[0].bound, 2.0 / 3, 1e-14))
        #expect(batch.cosineHistogram.reduce(0, +) == 2)
    }

    @Test("one batch of everything agrees with itself and knows no noise")
    func whole() throws {
        let row = try align([[1, 2], [3, -1], [0.5, 0]], weights: [1, 2, 0.5], sizes: [1, 3])
        #expect(row.batches[1].meanCosine == 1 && row.batches[1].normRatio == 1)
        #expect(row.batches[1].leaveOneOutCosine.isNaN && row.batches[1].noiseScale.isNaN)
        #expect(row.squaredNorms.count == 4)
        #expect(isClose(row.squaredNorms[3], row.gradientNorm * row.gradientNorm, 1e-14))
    }

    @Test("zero gradients have no cosine; a zero mean has no direction; NaN has a status")
    func degenerate() throws {
        let row = try align([[1, 0], [0, 0], [2, 0]], clipNorms: [1])
        #expect(row.batches[0].zeroCount == 1 && row.batches[0].meanCosine == 1 && row.batches[0].normRatio == 0)
        #expect(row.batches[0].clipped[0].bound.isNaN)
        let balanced = try align([[1, 0], [-1, 0]])
        #expect(balanced.status == .zeroGradient && balanced.batches[0].meanCosine.isNaN)
        #expect(try align([[1, 0], [.nan, 0]]).status == .nonFiniteGradient)
        #expect(try align([[1e200, 0], [1e200, 0]]).status == .nonFiniteGradient)
    }

    @Test("a component that is another function the second time is seen in Σβ")
    func notRepeatable() throws {
        let calls = CallCounter()
        let objective = ClosureObjective<Double>(
            layout: ParameterLayout([("x", [2])]), weights: [1, 1, 1]
        ) { component, _ in (0, [1, Double(component) + (calls.next() > 3 ? 1e-3 : 0)]) }
        var estimator = AlignmentEstimator(
            objective: objective, components: [0, 1, 2],
            partitions: [try BatchPartition(size: 1, unit: .components, componentWeights: [1, 1, 1])], clipNorms: [])
        let row = try estimator.measure(iteration: 0) { $0 = [0, 0] }
        #expect(abs(row.batches[0].betaExcess) > 1e-4)
        #expect(abs(try align([[1, 0], [1, 1], [1, 2]]).batches[0].betaExcess) < 1e-15)
    }

    @Test("pure noise in many dimensions lies on its curve; the mean of the others does not see itself")
    func pureNoise() throws {
        let gradients = (0..<16).map { normal(20_000, seed: 100 + UInt64($0)) }
        let row = try align(gradients, sizes: [1, 2, 4])
        for (batch, count) in try paired(row.batches, [16.0, 8, 4]) {
            #expect(isClose(batch.noiseCosine, 1 / count.squareRoot(), 1e-2))
            #expect(isClose(batch.meanCosine, batch.noiseCosine, 3e-2))
            // 1/√20,000 is 0.007.
            #expect(abs(batch.leaveOneOutCosine) < 0.02)
        }
    }

    @Test("eq. 33 holds wherever (A3) does")
    func bound() throws {
        var generator = SeededGenerator(seed: 4, purpose: "test")
        var applicable = 0
        for trial in 0..<200 {
            let count = 2 + trial % 7
            let gradients = (0..<count).map { _ in
                [1 + generator.normal(), generator.normal(), 0.5 * generator.normal()].map {
                    [scale = exp(generator.normal())] in
                    scale * $0
                }
            }
            let weights = (0..<count).map { _ in 1 + Double(generator.index(below: 3)) }
            for clipped in try align(gradients, weights: weights, clipNorms: [0.1, 0.5, 1, 3]).batches[0].clipped
            where !clipped.bound.isNaN {
                applicable += 1
                #expect(clipped.agreement >= clipped.bound * (1 - 1e-12))
            }
        }
        #expect(applicable > 100)
    }

    @Test("batch sizes that make no batches are refused")
    func sizes() throws {
        func error(_ size: Int, _ unit: BatchUnit, _ weights: [Double]) -> SmoothnessError? {
            #expect(throws: SmoothnessError.self) {
                try BatchPartition(size: size, unit: unit, componentWeights: weights)
            }
        }
        let weights = [32.0, 32, 32, 7]
        #expect(error(48, .examples, weights)?.expected == "a multiple of 32")
        #expect(error(0, .examples, weights)?.kind == .usage)
        #expect(error(5, .components, weights)?.expected == "at most 4")
        #expect(error(32, .examples, [32, 16, 32])?.object == "batch unit")
        let partition = try BatchPartition(size: 64, unit: .examples, componentWeights: weights)
        #expect(partition.weights == [64, 39] && partition.componentsPerBatch == 2)
        #expect(try BatchPartition.standardSizes(unit: .examples, componentWeights: weights) == [32])
        #expect(
            try BatchPartition.standardSizes(unit: .components, componentWeights: Array(repeating: 3, count: 20))
                == [1, 2, 4])
    }

    // MARK: - From a run file

    static let regression = RunFixture(
        description: .logisticRegression(
            generated: GeneratedSamples(sampleCount: 103, featureCount: 6, seed: 9), batchSize: 8, regularization: 0.01),
        learningRate: 0.8)

    /// The gradients of the components at saved iterates, for the twin.
    private func store<Scalar: ParameterScalar>(
        _ objective: any Objective<Scalar>, at iterates: [[Scalar]], components: [Int]
    ) throws -> String {
        var gradient = iterates[0]
        let gradients = try iterates.map { x in
            try components.map { component in
                _ = try objective.gradient(ofComponent: component, at: x, into: &gradient)
                return gradient.map { Double($0) }
            }
        }
        let path = folder.path("gradients.json")
        let weights = components.map { objective.weight(ofComponent: $0) }
        let text = "{\"weights\": \(weights), \"gradients\": \(gradients)}"
        try text.replacing("nan", with: "NaN").write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func twin(_ alignment: String, _ gradients: String) throws -> [String: Double] {
        let script = Workplace.packageRoot.appending(path: "Tests/EstimationTests/Twins/alignment_twin.py").path
        let outcome = try TestSupport.run(try #require(Workplace.python), [script, alignment, gradients])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return try JSONDecoder().decode([String: Double].self, from: Data(outcome.standardOutput.utf8))
    }

    @Test(
        "NumPy finds the same numbers from the gradients: logistic regression with a ragged batch, a quadratic, an LSTM",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"), arguments: 0..<3)
    func numPy(index: Int) throws {
        let text = TextDescription(source: .generated(GeneratedText(lineCount: 40, seed: 3)), vocabularyLimit: 30)
        let fixture = [
            Self.regression, RunFixture.quadratic,
            RunFixture(
                description: try .languageModel(
                    text, batchSize: 4, sequenceLength: 9, embeddingSize: 5, hiddenSize: 6, layerCount: 1, dropout: 0.2,
                    seed: 8), learningRate: 1, iterationCount: 3),
        ][index]
        let path = try fixture.write(run, as: Double.self)
        let objective = try makeObjective(fixture.description, as: Double.self).training
        var configuration = AlignmentConfiguration(clipNorms: [0.05, 0.2, 1])
        if index == 0 { configuration.batchSizes = [8, 24, 104] }
        if index == 2 { configuration.subset = .sample(fraction: 0.7, seed: 1) }
        let job = try AlignmentJob(run: run, configuration: configuration)
        try job.run()
        let reader = try AlignmentFileReader(job.plan.output)
        let gradients = try store(
            objective, at: Array(path.prefix(reader.committedRows)), components: reader.header.components)
        let differences = try twin(job.plan.output, gradients)
        #expect(differences.count == 21, "\(differences.keys.sorted())")
        for (name, difference) in differences { #expect(difference < 1e-10, "\(name)") }
        #expect(verifyAlignmentFile(job.plan.output).isValid, "\(verifyAlignmentFile(job.plan.output))")
    }

    @Test(
        "interrupted anywhere and continued: the same bits as never interrupted", arguments: [1, 13, 14, 27, 60, 200])
    func resume(gradientsUntilStop: Int) throws {
        try Self.regression.write(run, as: Float.self)
        let configuration = AlignmentConfiguration(batchSizes: [8, 16], clipNorms: [0.1])
        let whole = try AlignmentJob(run: run, configuration: configuration, output: folder.path("whole.h5"))
        try whole.run()
        let calls = CallCounter()
        let job = try AlignmentJob(run: run, configuration: configuration)
        #expect(job.plan.componentGradientCount == 2 * 13 * 10)
        let error = #expect(throws: SmoothnessError.self) {
            try job.run(isCancelled: { calls.next() > gradientsUntilStop })
        }
        #expect(error?.kind == .interrupted)
        #expect(verifyAlignmentFile(job.plan.output).isValid)
        let again = try AlignmentJob(run: run, configuration: configuration)
        #expect(again.plan.disposition == .resume && again.plan.committedRows == gradientsUntilStop / 26)
        try again.run()
        let first = try AlignmentFileReader(whole.plan.output)
        let second = try AlignmentFileReader(job.plan.output)
        let (once, twice) = ("\(try first.rows())", "\(try second.rows())")
        #expect(once == twice && second.header.state == .complete)
        #expect(try AlignmentJob(run: run, configuration: configuration).plan.disposition == .complete)
        // Another definition is not continued.
        var other = configuration
        other.clipNorms = [0.2]
        let refused = #expect(throws: SmoothnessError.self) { try AlignmentJob(run: run, configuration: other) }
        #expect(refused?.kind == .cannotCreate && refused?.object == "configuration")
        #expect(try AlignmentJob(run: run, configuration: other, isForced: true).plan.disposition == .replace)
    }

    @Test("threads and pieces do not matter beyond rounding; rows are those that were asked for")
    func invariance() async {
        // In a process of its own: the number of threads is the process's, and other tests compare bits.
        await #expect(processExitsWith: .success) { try AlignmentTests().expectInvariance() }
    }

    private func expectInvariance() throws {
        let text = TextDescription(source: .generated(GeneratedText(lineCount: 40, seed: 3)), vocabularyLimit: 30)
        let fixture = RunFixture(
            description: try .languageModel(
                text, batchSize: 6, sequenceLength: 9, embeddingSize: 5, hiddenSize: 6, layerCount: 2, dropout: 0.2,
                seed: 8), learningRate: 1, iterationCount: 5)
        try fixture.write(run, as: Double.self)
        func rows(_ name: String, microBatch: Int?, threads: Int = 1) throws -> [AlignmentRow] {
            try setThreadCount(threads)
            let job = try AlignmentJob(
                run: run,
                configuration: AlignmentConfiguration(
                    rows: .list(rows: [3, 1]), clipNorms: [0.3], evaluation: EvaluationOptions(microBatch: microBatch)),
                output: folder.path(name))
            try job.run()
            return try AlignmentFileReader(job.plan.output).rows()
        }
        let plain = try rows("plain.h5", microBatch: nil)
        #expect(plain.map(\.iteration) == [1, 3])
        let others = try rows("pieces.h5", microBatch: 2) + rows("threads.h5", microBatch: nil, threads: 4)
        for (a, b) in try paired(plain + plain, others) {
            for (x, y) in try paired(a.innerProducts + a.squaredNorms, b.innerProducts + b.squaredNorms) {
                #expect(isClose(x, y, 1e-10))
            }
            for (x, y) in try paired(a.batches, b.batches) { #expect(abs(x.meanCosine - y.meanCosine) < 1e-11) }
        }
    }

    @Test("one number changed anywhere in a file is found")
    func forged() throws {
        try Self.regression.write(run, as: Double.self)
        // Without checksums, by which any change would be found.
        let job = try AlignmentJob(
            run: run, configuration: AlignmentConfiguration(batchSizes: [8, 32], clipNorms: [0.1]), hasChecksums: false)
        try job.run()
        let sound = try Data(contentsOf: URL(filePath: job.plan.output))
        for name in [
            "mean_cosine", "negative_share", "norm_ratio", "noise_scale", "inner_product", "squared_norm",
            "beta_excess",
            "clipped_agreement", "agreement_bound", "gradient_norm", "leave_one_out_cosine", "cosine_histogram",
        ] {
            try sound.write(to: URL(filePath: job.plan.output))
            try forge(job.plan.output, "/alignment/" + name)
            let report = verifyAlignmentFile(job.plan.output)
            #expect(!report.isValid, "\(name)")
        }
        for count in [12, 14, 0, -1, Int(Int64.max)] {
            try sound.write(to: URL(filePath: job.plan.output))
            let file = try HDF5.File.open(job.plan.output, .readWrite)
            try file.dataset("/component_count").write(all: [Int64(count)])
            try file.close()
            let report = verifyAlignmentFile(job.plan.output)
            #expect(report.failures.map(\.place) == ["/component_count"], "\(report)")
        }
        try sound.write(to: URL(filePath: job.plan.output))
        #expect(verifyAlignmentFile(job.plan.output).isValid)
        try sound.prefix(sound.count / 2).write(to: URL(filePath: job.plan.output))
        #expect(!verifyAlignmentFile(job.plan.output).isValid)
        #expect(!verifyAlignmentFile(run).isValid)
    }

    @Test("wrong definitions are refused before anything is written")
    func refusals() throws {
        try Self.regression.write(run, as: Double.self)
        func kind(_ configuration: AlignmentConfiguration, run: String? = nil) -> SmoothnessError.Kind? {
            (#expect(throws: SmoothnessError.self) {
                try AlignmentJob(run: run ?? self.run, configuration: configuration)
            })?.kind
        }
        #expect(kind(AlignmentConfiguration(rows: .list(rows: [10]))) == .usage)
        #expect(kind(AlignmentConfiguration(rows: .list(rows: [1, 1]))) == .usage)
        #expect(kind(AlignmentConfiguration(rows: .every(count: 0))) == .usage)
        #expect(kind(AlignmentConfiguration(batchSizes: [12])) == .usage)
        #expect(kind(AlignmentConfiguration(batchSizes: [16, 8])) == .usage)
        #expect(kind(AlignmentConfiguration(batchSizes: [])) == .usage)
        #expect(kind(AlignmentConfiguration(clipNorms: [0])) == .usage)
        #expect(kind(AlignmentConfiguration(clipNorms: [2, 1])) == .usage)
        #expect(kind(AlignmentConfiguration(), run: folder.path("none.h5")) == .noInput)
        #expect(!FileManager.default.fileExists(atPath: AlignmentJob.defaultOutput(forRun: run)))
    }
}

@Suite("smoothness align")
struct AlignCommandTests {
    let folder = try! TemporaryFolder()
    var run: String { folder.path("run.h5") }

    private func smoothness(_ arguments: String...) throws -> ProcessOutcome {
        try TestSupport.run(Workplace.program, arguments)
    }

    @Test("prints the tables, does nothing twice, inspects, verifies and repeats")
    func command() throws {
        try AlignmentTests.regression.write(run, as: Double.self)
        let output = folder.path("run.alignment.h5")
        let plan = try smoothness("align", run, "--every", "3", "--dry-run", "--format", "csv")
        #expect(plan.exitCode == 0 && plan.standardOutput.contains("\ncreate,7,13,13,2,examples,4,0,104,"))
        #expect(!FileManager.default.fileExists(atPath: output))
        let first = try smoothness(
            "align", run, "--every", "3", "--clip-norms", "0.1,1", "--batch-sizes", "8,16", "--format", "csv")
        #expect(first.exitCode == 0, "\(first.standardError)")
        let lines = first.standardOutput.split(separator: "\n")
        // Four iterates, two sizes, two clip norms.
        #expect(lines.count == 1 + 4 * 2 * 2)
        #expect(lines[0].hasPrefix("iteration,epoch,batch_size,batches,loss,gradient_norm,mean_cosine,cosine_q05,"))
        #expect(lines[16].hasPrefix("9,\(9.0 / 13),16,7,") && lines[16].hasSuffix(",ok"))
        #expect(first.standardError.hasSuffix("wrote \(output)\n"))
        let again = try smoothness(
            "align", run, "--every", "3", "--clip-norms", "0.1,1", "--batch-sizes", "8,16", "--format", "csv")
        #expect(again.standardError.contains("nothing to do") && again.standardOutput == first.standardOutput)
        let histogram = try smoothness(
            "align", run, "--every", "3", "--clip-norms", "0.1,1", "--batch-sizes", "8,16", "--table", "histogram",
            "--format", "csv")
        #expect(histogram.standardOutput.split(separator: "\n").count == 1 + 4 * 2 * 40)

        let inspected = try smoothness("inspect", output)
        #expect(inspected.exitCode == 0 && inspected.standardOutput.contains("smoothness-alignment 1.1"))
        #expect(try smoothness("inspect", output, "--format", "json").standardOutput.contains("\"batch_sizes\""))
        #expect(
            try smoothness("inspect", "--config", output).standardOutput.contains(
                " --every 3 --batch-sizes 8,16 --batch-unit examples --clip-norms 0.1,1.0 --subset 1.0 --subset-seed 0 "
                    + "--precision float64 --masks fixed --threads "))
        #expect(try smoothness("verify", output).exitCode == 0)
        try forge(output, "/alignment/mean_cosine")
        #expect(try smoothness("verify", output).exitCode == 65)
    }

    @Test("wrong input gets its exit code, one message and no output file")
    func refusals() throws {
        try AlignmentTests.regression.write(run, as: Double.self)
        for (arguments, code) in [
            ([run, "--batch-sizes", "12"], 64), ([run, "--batch-sizes", "x"], 64), ([run, "--rows", "99"], 64),
            ([run, "--rows", "1", "--every", "2"], 64), ([run, "--clip-norms", "-1"], 64),
            ([run, "--subset", "0"], 64), ([run, "--masks", "fresh"], 64),
            ([folder.path("no.h5")], 66), ([run, "--output", run], 73),
            ([run, "--output", folder.path("no/such.h5")], 73),
        ] {
            let outcome = try TestSupport.run(Workplace.program, ["align"] + arguments)
            #expect(outcome.exitCode == Int32(code), "\(arguments): \(outcome.standardError)")
            #expect(!outcome.standardError.isEmpty && outcome.standardOutput.isEmpty)
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("run.alignment.h5")))
    }

    @Test("a run that takes the full gradient has one iteration an epoch")
    func epochs() throws {
        let trained = try smoothness(
            "train", "--objective", "logistic-regression", "--samples", "64", "--features", "3", "--batch-size", "8",
            "--gradient", "full", "--iterations", "3", "--save", "every=1", "--threads", "1", "-o", run)
        #expect(trained.exitCode == 0, "\(trained.standardError)")
        for table in ["summary", "histogram"] {
            let outcome = try smoothness(
                "align", run, "--batch-sizes", "8", "--table", table, "--threads", "1", "--format", "csv")
            let epochs = Set(
                outcome.standardOutput.split(separator: "\n").dropFirst().map { $0.split(separator: ",")[1] })
            #expect(epochs == ["0.0", "1.0", "2.0"], "\(outcome.standardError)")
        }
        #expect(try smoothness("plot", folder.path("run.alignment.h5"), "-o", folder.path("a.csv")).exitCode == 0)
        #expect(
            try String(contentsOfFile: folder.path("a.csv"), encoding: .utf8).contains("\nbatch size 8,2.0,"))
    }

    @Test("the run's own clip norm is the default")
    func ownClipNorm() throws {
        let trained = try smoothness(
            "train", "--objective", "logistic-regression", "--samples", "64", "--features", "3", "--batch-size", "8",
            "--clip-norm", "0.125", "--iterations", "4", "--threads", "1", "-o", run)
        #expect(trained.exitCode == 0, "\(trained.standardError)")
        let outcome = try smoothness("align", run, "--batch-sizes", "8", "--format", "csv")
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardOutput.split(separator: "\n").dropFirst().allSatisfy { $0.contains(",0.125,") })
    }

    @Test("with BatchNorm no batches are merged; without it they are")
    func batchNormalization() throws {
        for (network, code) in [
            (["--objective", "resnet", "--architecture", "cifar-8", "--width", "2"], 64),
            (["--objective", "mlp", "--hidden-sizes", "5"], 0),
        ] as [([String], Int32)] {
            let trained = try TestSupport.run(
                Workplace.program,
                [
                    "train", "--images", "48", "--image-size", "8", "--batch-size", "8", "--iterations", "2",
                    "--threads", "1", "-o", run,
                ]
                    + network)
            try #require(trained.exitCode == 0, "\(trained.standardError)")
            let merged = try smoothness("align", run, "--batch-sizes", "8,16")
            #expect(merged.exitCode == code, "\(merged.standardError)")
            #expect(merged.standardError.contains("with BatchNorm the gradient of a larger batch") == (code == 64))
            let plain = try smoothness(
                "align", run, "--batch-sizes", "8", "--output", folder.path("plain.h5"), "--force")
            #expect(plain.exitCode == 0, "\(plain.standardError)")
            for name in ["run.h5", "run.alignment.h5"] {
                try? FileManager.default.removeItem(atPath: folder.path(name))
            }
        }
    }

    @Test("plots every quantity against epochs in every format")
    func plots() throws {
        try AlignmentTests.regression.write(run, as: Double.self)
        let output = folder.path("run.alignment.h5")
        #expect(try smoothness("align", run, "--batch-sizes", "8,16").exitCode == 0)
        let made = try smoothness(
            "plot", output, "-o", folder.path("a.csv"), "-o", folder.path("a.svg"), "-o", folder.path("a.vl.json"),
            "-o", folder.path("a.pdf"), "-o", folder.path("a.png"))
        #expect(made.exitCode == 0, "\(made.standardError)")
        let csv = try String(contentsOfFile: folder.path("a.csv"), encoding: .utf8).split(separator: "\n")
        #expect(csv[0] == "curve,epoch,mean_cosine" && csv.count == 1 + 4 * 10)
        #expect(csv.contains { $0.hasPrefix("batch size 8: pure noise,") })
        let picture = try String(contentsOfFile: folder.path("a.svg"), encoding: .utf8)
        #expect(picture.contains("batch size 16") && picture.contains("epoch"))
        for quantity in ["norm_ratio", "negative_share", "noise_scale", "leave_one_out_cosine"] {
            let outcome = try smoothness("plot", output, "--quantity", quantity, "-o", folder.path("q.csv"))
            #expect(outcome.exitCode == 0, "\(outcome.standardError)")
            #expect(
                try String(contentsOfFile: folder.path("q.csv"), encoding: .utf8).hasPrefix("curve,epoch,\(quantity)\n")
            )
        }
        let file = try HDF5.File.open(output, .readWrite)
        try file.dataset("/commit").write(0 as UInt64, at: [])
        try file.close()
        let empty = try smoothness("plot", output, "-o", folder.path("empty.csv"))
        #expect(
            empty.exitCode == 65
                && empty.standardError.contains(": /alignment: has no row yet (expected 1 to 10 rows, "))
        #expect(!FileManager.default.fileExists(atPath: folder.path("empty.csv")))
        #expect(try smoothness("plot", output, "--quantity", "beauty", "-o", folder.path("x.csv")).exitCode == 64)
        #expect(try smoothness("plot", run, "--quantity", "norm_ratio", "-o", folder.path("x.csv")).exitCode == 64)
    }

    @Test(
        "the reader in docs/alignment-file.md reads what was written, to the last digit",
        .enabled(if: Workplace.python != nil, "needs Python with h5py: set SMOOTHNESS_PYTHON"))
    func documentedReader() throws {
        try AlignmentTests.regression.write(run, as: Double.self)
        let job = try AlignmentJob(run: run, configuration: AlignmentConfiguration(batchSizes: [8, 16]))
        try job.run()
        let document = try String(
            contentsOf: Workplace.packageRoot.appending(path: "docs/alignment-file.md"), encoding: .utf8)
        let blocks = document.components(separatedBy: "```python\n")
        try #require(blocks.count == 2)
        let script = folder.path("reader.py")
        try #require(blocks[1].components(separatedBy: "```").first)
            .write(toFile: script, atomically: true, encoding: .utf8)
        let outcome = try TestSupport.run(try #require(Workplace.python), [script, job.plan.output])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let lines = outcome.standardOutput.split(separator: "\n")
        let rows = try AlignmentFileReader(job.plan.output).rows()
        #expect(lines[0] == "unit examples rows 10" && lines.count == 21)
        let expected = rows.flatMap { row in row.batches.map { Double(row.iteration) + $0.meanCosine } }
        for (line, value) in try paired(lines.dropFirst(), expected) {
            let numbers = line.split(separator: " ").compactMap { Double($0) }
            #expect(numbers[0] + numbers[2] == value)
        }
        #expect(try TestSupport.run(try #require(Workplace.python), [script, run]).exitCode != 0)
    }
}
