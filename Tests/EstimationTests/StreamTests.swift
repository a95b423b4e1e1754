import Essentials
import Estimation
import Evaluation
import ParameterSpace
import Testing

@Suite("Probes of one row and the next at the same time")
struct StreamTests {
    static let curvatures = (0..<12).map { normal(6, seed: 300 + UInt64($0)) }
    let objective = diagonalQuadratic(Double.self, curvatures: StreamTests.curvatures)
    /// x_0 … x_9
    let path = (0..<10).map { normal(6, seed: 320 + UInt64($0)) }

    /// Rows with everything that may be wrong with them, and iterations that are missing.
    private var steps: MemorySteps<Double> {
        var steps = MemorySteps(path: path)
        // Of length zero; no gradient at its end, and at the beginning of the next; one that does not follow from the row before.
        steps.nextIterates[1] = steps.iterates[1]
        steps.iterates[2] = steps.iterates[1]
        steps.nextIterates[4][3] = .nan
        steps.iterates[5][3] = .nan
        steps.iterations = [0, 1, 2, 3, 4, 5, 6, 9, 10]
        steps.iterates[7] = normal(6, seed: 350)
        return steps
    }

    @Test(
        "rows without a value, and rows that do not follow from the one before, change no bit",
        arguments: [2, 3, 8], [1, 3, 12])
    func rows(workers: Int, groupCount: Int) throws {
        for gammas in [[0.25, 0.5, 1], [1], [0.1, 0.9]] {
            let alone = try estimates(of: steps, objective: objective, gammas: gammas, groupCount: groupCount)
            let together = try estimates(
                of: steps, objective: objective, gammas: gammas, groupCount: groupCount, workerCount: workers)
            #expect(identicalBits(alone, together))
            #expect(Set(alone.map(\.status)).isSuperset(of: [.ok, .zeroStep, .nonFiniteIterate]))
        }
    }

    @Test("other directions, modes and controls change no bit")
    func options() throws {
        for change: (inout EstimatorOptions<Double>) -> Void in [
            { $0.direction = .gradient }, { $0.direction = .random }, { $0.direction = .momentum },
            { $0.direction = .adversarial }, { $0.direction = .hessian }, { $0.control = .permute },
            { $0.control = .freshSubset }, { $0.mode = .directional }, { $0.mode = .zhangCode }, { $0.mode = .gluon },
            { $0.norm = .maximum }, { $0.targetError = 0.3 }, { $0.search = .coarseToFine(tolerance: 0.1) },
            { $0.sharesGradients = false }, { $0.isFresh = true },
        ] {
            let components = [3, 1, 4, 11, 5, 9]
            let alone = try estimates(
                of: steps, objective: objective, components: components, groupCount: 3, configure: change)
            let together = try estimates(
                of: steps, objective: objective, components: components, groupCount: 3, workerCount: 3,
                configure: change)
            #expect(identicalBits(alone, together))
        }
    }

    /// Cannot be read from a row on.
    private struct Broken: StepSource {
        var inner: MemorySteps<Double>
        var brokenRow: Int
        var iterations: [Int] { inner.iterations }

        func readIterate(ofRow row: Int, into point: inout [Double]) throws {
            guard row < brokenRow else { throw SmoothnessError(.data, "row \(row) is damaged") }
            inner.readIterate(ofRow: row, into: &point)
        }
        func readNextIterate(ofRow row: Int, into point: inout [Double]) {
            inner.readNextIterate(ofRow: row, into: &point)
        }
    }

    private func estimator(
        _ objective: any Objective<Double>, isCancelled: @escaping @Sendable () -> Bool = { false }
    ) -> CalibratedEstimator<Double> {
        CalibratedEstimator(
            objective: objective, components: Array(0..<12), gammas: [0.5, 1], groupCount: 4, workerCount: 3,
            isCancelled: isCancelled)
    }

    @Test("a row that cannot be read fails when it is its turn, with the rows before it estimated")
    func unreadable() throws {
        var source = Broken(inner: MemorySteps(path: path), brokenRow: 3)
        let expected = try estimates(of: source.inner, objective: objective, gammas: [0.5, 1], groupCount: 4)
        var estimator = estimator(objective)
        for row in 0..<3 {
            #expect(identicalBits([try estimator.estimate(row: row, of: &source, isFollowed: true)], [expected[row]]))
        }
        #expect(throws: SmoothnessError(.data, "row 3 is damaged")) {
            try estimator.estimate(row: 3, of: &source, isFollowed: true)
        }
        // Nothing of it is left.
        source.brokenRow = .max
        for row in [3, 7, 0] {
            let again = try estimator.estimate(row: row, of: &source, isFollowed: true)
            #expect(again.smoothness == expected[row].smoothness && again.gradientNorm == expected[row].gradientNorm)
        }
    }

    @Test("a gradient that fails does so in its row; the estimator is as good as new after it", arguments: 0..<9)
    func failing(row broken: Int) throws {
        let breaks = CallCounter()
        let end = path[broken + 1]
        let failing = ThrowingObjective(inner: objective) { component, point in
            component == 7 && point == end && breaks.next() <= 1
        }
        var source = MemorySteps(path: path)
        let expected = try estimates(of: source, objective: objective, gammas: [0.5, 1], groupCount: 4)
        var estimator = estimator(failing)
        for row in 0..<broken {
            #expect(identicalBits([try estimator.estimate(row: row, of: &source, isFollowed: true)], [expected[row]]))
        }
        #expect(throws: SmoothnessError.self) { try estimator.estimate(row: broken, of: &source, isFollowed: true) }
        for row in broken..<9 {
            let again = try estimator.estimate(row: row, of: &source, isFollowed: row < 8)
            #expect(again.smoothness == expected[row].smoothness && again.gradientNorm == expected[row].gradientNorm)
        }
    }

    @Test("an estimator that is gone evaluates nothing more", arguments: 0..<9)
    func gone(row: Int) throws {
        let calls = CallCounter()
        let counting = ThrowingObjective(inner: objective) { _, _ in calls.next() < 0 }
        var source = MemorySteps(path: path)
        do {
            var estimator = estimator(counting)
            _ = try estimator.estimate(row: row, of: &source, isFollowed: true)
        }
        let count = calls.value
        let again = try estimates(of: source, objective: objective, gammas: [0.5, 1], groupCount: 4)
        #expect(again.count == 9 && calls.value == count)
    }

    @Test("stopped at any moment, the rows before are those of an estimate that was not", arguments: 0..<20)
    func stopped(moment: Int) throws {
        let calls = CallCounter()
        var source = MemorySteps(path: path)
        let expected = try estimates(of: source, objective: objective, gammas: [0.5, 1], groupCount: 4)
        var estimator = estimator(objective) { calls.next() > 11 * moment }
        var rows: [StepEstimate] = []
        #expect(throws: SmoothnessError(.interrupted, "stopped between two gradients")) {
            while true {
                rows.append(try estimator.estimate(row: rows.count, of: &source, isFollowed: rows.count < 8))
            }
        }
        #expect(rows.count < 9 && identicalBits(rows, Array(expected.prefix(rows.count))))
    }
}

/// Fails where it is told to.
private struct ThrowingObjective: WrappingObjective {
    var inner: ClosureObjective<Double>
    var fails: @Sendable (_ component: Int, _ point: [Double]) -> Bool

    func gradient(ofComponent component: Int, at point: [Double], into gradient: inout [Double]) throws -> Double {
        guard !fails(component, point) else { throw SmoothnessError(.data, "no gradient") }
        return inner.gradient(ofComponent: component, at: point, into: &gradient)
    }
}
