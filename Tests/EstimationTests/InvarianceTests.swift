import Essentials
import Estimation
import Evaluation
import ParameterSpace
import TestSupport
import Testing

@Suite("What must not change the numbers")
struct InvarianceTests {
    let curvatures = (0..<6).map { normal(40, seed: 30 + UInt64($0)) }
    let path = (0..<6).map { normal(40, seed: 40 + UInt64($0)) }

    @Test("sharing the gradient at γ = 1 changes no bit and saves one gradient a row")
    func sharing() throws {
        let objective = diagonalQuadratic(Double.self, curvatures: curvatures)
        let steps = MemorySteps(path: path)
        let shared = try estimates(of: steps, objective: objective)
        let separate = try estimates(of: steps, objective: objective, sharesGradients: false)
        #expect(identicalBits(shared, separate))
        #expect(try gradientCount(of: steps, objective: objective, sharesGradients: true) == 2 + 5 * 3)
        #expect(try gradientCount(of: steps, objective: objective, sharesGradients: false) == 1 + 5 * 4)
    }

    @Test("a gradient is shared only where the iterates are the same")
    func noSharing() throws {
        let objective = diagonalQuadratic(Double.self, curvatures: curvatures)
        var steps = MemorySteps(path: path)
        steps.iterates[2][7] += 1e-9
        let shared = try estimates(of: steps, objective: objective)
        #expect(identicalBits(shared, try estimates(of: steps, objective: objective, sharesGradients: false)))
        #expect(try gradientCount(of: steps, objective: objective, sharesGradients: true) == 3 + 5 * 3)
    }

    @Test("a grid without γ = 1 shares nothing and has no bounds at the far end")
    func withoutOne() throws {
        let objective = diagonalQuadratic(Double.self, curvatures: curvatures)
        let rows = try estimates(of: MemorySteps(path: path), objective: objective, gammas: [0.5])
        for row in rows {
            #expect(row.status == .ok && row.smoothness > 0)
            #expect(row.identity.isNaN && row.triangleRatio.isNaN && row.cosine.isNaN)
            #expect(row.identityHolds)
        }
    }

    @Test("blocks recombine to the whole, exactly")
    func blocks() throws {
        let layout = ParameterLayout([("a", [3, 5]), ("b", [1]), ("c", [4, 6])])
        let objective = diagonalQuadratic(Double.self, curvatures: curvatures, layout: layout)
        for row in try estimates(of: MemorySteps(path: path), objective: objective) {
            for (index, point) in row.curve.enumerated() {
                let whole = row.blockSums.map { $0[index] }.reduce(ProbeSums(), +)
                #expect(whole.differenceSquared.squareRoot() == point.differenceNorm)
                #expect(whole.displacementSquared.squareRoot() == point.displacementNorm)
                #expect(whole.gradientSquared.squareRoot() == point.gradientNorm)
                #expect(whole.differenceAlongStep == point.differenceAlongStep)
            }
            #expect(isClose(euclidean(row.blocks.map(\.stepNorm)), row.stepNorm, 1e-15))
            #expect(isClose(euclidean(row.blocks.map(\.gradientNorm)), row.gradientNorm, 1e-15))
        }
    }

    @Test("another division into blocks or components changes the whole by rounding only")
    func divisions() throws {
        let one = try estimates(
            of: MemorySteps(path: path),
            objective: diagonalQuadratic(
                Double.self, curvatures: curvatures, weights: [1, 2, 3, 1, 2, 3], layout: ParameterLayout([("x", [40])])
            ))
        // The same examples in three components of weights 3, 4 and 5.
        let merged = (0..<3).map { group in
            (0..<40).map { j in
                let (a, b) = (2 * group, 2 * group + 1)
                let weights = [1.0, 2, 3, 1, 2, 3]
                return (weights[a] * curvatures[a][j] + weights[b] * curvatures[b][j]) / (weights[a] + weights[b])
            }
        }
        let other = try estimates(
            of: MemorySteps(path: path),
            objective: diagonalQuadratic(Double.self, curvatures: merged, weights: [3, 4, 5]))
        for (a, b) in try paired(one, other) {
            #expect(isClose(a.smoothness, b.smoothness, 1e-10))
            #expect(isClose(a.gradientNorm, b.gradientNorm, 1e-10))
            #expect(isClose(a.loss, b.loss, 1e-10))
        }
    }

    @Test("memory: seven vectors and two a group, whatever K, m and the number of γ")
    func memory() throws {
        // Three of the scalar, two of Double, a worker's two; and two of the scalar for every group.
        func bytes<Scalar: ParameterScalar>(_: Scalar.Type, groups: Int, workers: Int) -> Int {
            EstimationWorkspace<Scalar>.byteCount(parameterCount: 1000, groupCount: groups, workerCount: workers)
        }
        #expect(bytes(Float.self, groups: 0, workers: 1) == 40_000)
        #expect(bytes(Double.self, groups: 0, workers: 1) == 56_000)
        #expect(bytes(Float.self, groups: 16, workers: 1) == 40_000 + 2 * 16 * 4000)
        #expect(bytes(Float.self, groups: 16, workers: 3) == 40_000 + 2 * 16 * 4000 + 2 * 12_000)
        for (rowCount, copies, gammas) in [(2, 1, [0.5, 1]), (60, 5, [0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 1])] {
            let curvatures = Array(repeating: curvatures, count: copies).flatMap(\.self)
            let objective = AddressNotingObjective(inner: diagonalQuadratic(Float.self, curvatures: curvatures))
            let path = (0...rowCount).map { normal(40, seed: UInt64($0)).map { Float($0) } }
            _ = try estimates(of: MemorySteps(path: path), objective: objective, gammas: gammas)
            // Gradients are taken at x_k, x_{k+1} and the probe, into one vector; where a group is one component, its vector and
            // those of the groups of both gradients change places. A copy on write would add a place.
            #expect(objective.addresses.counts.points == 3)
            let isOneEach = curvatures.count <= ComponentGroups.standardCount
            #expect(objective.addresses.counts.gradients == (isOneEach ? 2 * curvatures.count + 1 : 1))
        }
    }

    private func gradientCount(
        of steps: MemorySteps<Double>, objective: any Objective<Double>, sharesGradients: Bool
    ) throws -> Int {
        var source = steps
        var estimator = CalibratedEstimator(
            objective: objective, components: Array(0..<objective.componentCount), gammas: [0.25, 0.5, 1],
            sharesGradients: sharesGradients)
        for row in steps.iterations.indices { _ = try estimator.estimate(row: row, of: &source) }
        return estimator.gradientCount
    }
}
