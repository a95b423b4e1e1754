import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import RunFiles
import TestSupport
import Testing

@Suite("Rows estimated apart and joined")
struct RangeTests {
    let folder = try! TemporaryFolder()

    /// A definition, the scalar of the run, and what is wrong with its iterates.
    struct Case: Sendable, CustomStringConvertible {
        var name: String
        var isFloat = false
        var saved: [Int]?
        var configuration = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))
        var fixture = RunFixture.quadratic
        /// Whether some γ of a row must lie below its floor and hide the maximum, and others not.
        var hasNoise = false
        var description: String { name }
    }

    static let cases: [Case] = {
        var cases = [
            Case(name: "every iterate"), Case(name: "some iterates", saved: [0, 1, 2, 5, 8, 9]),
            Case(name: "Float, rounding measured at few rows", isFloat: true),
        ]
        func with(
            _ name: String, isFloat: Bool = false, _ change: (inout EstimationConfiguration, inout RunFixture) -> Void
        ) {
            var added = Case(name: name, isFloat: isFloat)
            change(&added.configuration, &added.fixture)
            cases.append(added)
        }
        with("Float, three rounding probes, a subset", isFloat: true) { configuration, _ in
            configuration.roundingProbes = 3
            configuration.subset = .sample(fraction: 0.6, seed: 3)
        }
        with("Float, every second row probed, NaN inside", isFloat: true) { configuration, fixture in
            configuration.roundingProbes = 5
            fixture.distort = { iteration, x in if iteration == 4 { x[1] = .nan } }
        }
        with("NaN in the first three iterates") { _, fixture in
            fixture.distort = { iteration, x in if iteration < 3 { x[0] = .nan } }
        }
        with("no first row, in Float", isFloat: true) { _, fixture in
            fixture.distort = { iteration, x in if iteration < 2 { x[0] = .infinity } }
        }
        for target in [nil, 0.1] {
            with("Float, a γ in the noise\(target == nil ? "" : ", a target error")", isFloat: true) {
                configuration, _ in
                configuration.grid = .explicit(gammas: [1e-7, 0.25, 1])
                configuration.subset = .sample(fraction: 0.9, seed: 3)
                configuration.targetError = target
                configuration.roundingProbes = 3
            }
            cases[cases.count - 1].hasNoise = true
        }
        with("a search that skips") { configuration, _ in
            configuration.search = .coarseToFine(tolerance: 0.1)
            configuration.targetError = 0.4
            configuration.groups = 4
        }
        with("a search that skips, on a subset that grows") { configuration, _ in
            configuration.search = .coarseToFine(tolerance: 0.1)
            configuration.targetError = 0.05
            configuration.groups = 3
        }
        with("momentum") { configuration, _ in configuration.direction = .momentum }
        with("random directions, in Float", isFloat: true) { configuration, _ in configuration.direction = .random }
        with("adversarial") { configuration, _ in configuration.direction = .adversarial }
        with("the Hessian") { configuration, _ in
            configuration.direction = .hessian
            configuration.hessian = HessianOptions()
        }
        with("permuted") { configuration, _ in configuration.control = .permute }
        with("other data at every probe") { configuration, _ in
            configuration.control = .freshSubset
            configuration.subset = .sample(fraction: 0.5, seed: 1)
        }
        with("the maximum norm") { configuration, _ in configuration.norm = .maximum }
        with("minibatches") { configuration, _ in configuration.mode = .gluon }
        with("one group") { configuration, _ in configuration.groups = 1 }
        return cases
    }()

    private func write(_ example: Case, to path: String) throws -> Int {
        var fixture = example.fixture
        fixture.saved = example.saved
        if example.isFloat { try fixture.write(path, as: Float.self) } else { try fixture.write(path, as: Double.self) }
        return example.saved?.count ?? fixture.iterationCount
    }

    /// Rows cut at `cuts`, each range by an estimation of its own, through bytes, the last first.
    private func pieces(
        _ run: String, _ configuration: EstimationConfiguration, rowCount: Int, cuts: [Int]
    ) throws -> [EstimatedRows] {
        try zip(cuts, cuts.dropFirst()).reversed().map { first, end in
            let estimation = try RowRangeEstimation(run: run, rowCount: rowCount, configuration: configuration)
            var rows = estimation.begin(atRow: first, identity: "\(first)")
            try estimation.estimate(&rows, until: end)
            let read = try EstimatedRows(data: rows.data(), file: "memory")
            #expect(read == rows && read.header.identity == "\(first)" && read.nextRow == end)
            return read
        }.reversed()
    }

    @Test("joined wherever they were cut, they are the rows of one estimate in every bit", arguments: cases)
    func join(example: Case) throws {
        let run = folder.path("run.h5")
        let count = try write(example, to: run)
        let job = try EstimationJob(run: run, configuration: example.configuration)
        try job.run()
        let expected = try contents(job.plan.output)
        if example.hasNoise {
            let reader = try EstimatesFileReader(job.plan.output)
            let rows = try (0..<reader.committedRows).map { try reader.estimate(row: $0) }
            #expect(rows.contains { row in row.status == .ok && row.curve.contains { $0.smoothness > row.smoothness } })
        }
        for cuts in [[0, count], [0, 1, count], [0, 3, 4, count], Array(0...count)] {
            let joined = folder.path("joined.h5")
            try joinEstimates(
                ofRun: run, try pieces(run, example.configuration, rowCount: count, cuts: cuts),
                configuration: example.configuration, output: joined)
            #expect(try contents(joined) == expected, "cut at \(cuts)")
        }
        let report = verifyEstimatesFile(folder.path("joined.h5"))
        #expect(report.isValid, "\(report)")
        let leftovers = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
        #expect(Set(leftovers) == ["run.h5", "run.estimates.h5", "joined.h5"])
    }

    @Test("interrupted and continued through bytes: the same rows")
    func interrupted() throws {
        let run = folder.path("run.h5")
        try RunFixture.quadratic.write(run, as: Float.self)
        let configuration = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))
        let whole = try pieces(run, configuration, rowCount: 10, cuts: [0, 4, 10])[1]
        let estimation = try RowRangeEstimation(run: run, rowCount: 10, configuration: configuration)
        var rows = estimation.begin(atRow: 4, identity: "4")
        var stops = 0
        while rows.nextRow < 10 {
            let goal = rows.nextRow + 2
            #expect(throws: CancellationError.self) {
                try estimation.estimate(
                    &rows, until: 10,
                    progress: { if $0.nextRow == min(goal, 9) { throw CancellationError() } })
            }
            if rows.nextRow == 9 { try estimation.estimate(&rows, until: 10) }
            rows = try EstimatedRows(data: rows.data(), file: "memory")
            stops += 1
        }
        #expect(stops >= 3 && rows == whole)
    }

    @Test("a byte that is wrong anywhere is found")
    func damage() throws {
        let run = folder.path("run.h5")
        try RunFixture.quadratic.write(run, as: Double.self)
        let configuration = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))
        let data = try pieces(run, configuration, rowCount: 10, cuts: [0, 10])[0].data()
        var generator = SeededGenerator(seed: 4, purpose: "damage")
        for _ in 0..<200 {
            var wrong = data
            wrong[generator.index(below: data.count)] ^= UInt8(1 << generator.index(below: 8))
            #expect(throws: SmoothnessError.self) { try EstimatedRows(data: wrong, file: "memory") }
        }
        for count in [0, 1, 63, 64, 65, data.count / 2, data.count - 1] {
            #expect(throws: SmoothnessError.self) { try EstimatedRows(data: data.prefix(count), file: "memory") }
        }
    }

    @Test("rows with a gap, twice or of another run are not joined")
    func gaps() throws {
        let (run, other) = (folder.path("run.h5"), folder.path("other.h5"))
        for path in [run, other] { try RunFixture.quadratic.write(path, as: Double.self) }
        let configuration = EstimationConfiguration(subset: .sample(fraction: 1, seed: 0))
        let rows = try pieces(run, configuration, rowCount: 10, cuts: [0, 3, 6, 10])
        for wrong in [[], [rows[0], rows[2]], [rows[1], rows[2]], [rows[0], rows[0], rows[1], rows[2]]] {
            #expect(throws: SmoothnessError.self) {
                try joinEstimates(ofRun: run, wrong, configuration: configuration, output: folder.path("joined.h5"))
            }
        }
        #expect(throws: SmoothnessError.self) {
            try joinEstimates(ofRun: other, rows, configuration: configuration, output: folder.path("joined.h5"))
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("joined.h5")))
    }
}
