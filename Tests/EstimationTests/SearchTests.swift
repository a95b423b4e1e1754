import Essentials
import Estimation
import Evaluation
import ParameterSpace
import TestSupport
import Testing

@Suite("Which γ are probed, and in which direction")
struct SearchTests {
    let gammas = try! GammaGrid.spacing(delta: 0.05).resolved()

    private func probes(_ tolerance: Double, _ curve: (Double) -> Double) -> (best: Double, count: Int) {
        var search = CoarseToFineSearch(gammas: gammas, tolerance: tolerance)
        var values = [Double](repeating: .nan, count: gammas.count)
        var count = 0
        while let index = search.next(values: values) {
            #expect(values[index].isNaN)
            values[index] = curve(gammas[index])
            search.mark(index)
            count += 1
        }
        return (values.filter { !$0.isNaN }.max()!, count)
    }

    @Test(
        "smooth curves: the grid's largest value to the tolerance, with fewer probes", arguments: [0.001, 0.01, 0.05])
    func smooth(tolerance: Double) {
        let curves: [(Double) -> Double] = [
            { 1 + $0 }, { 2 - $0 }, { _ in 3 }, { 1 + $0 * (1 - $0) }, { 1 / (1 + 9 * ($0 - 0.37) * ($0 - 0.37)) },
            { 1 + 0.3 * ($0 - 0.72) * ($0 - 0.72) }, { 1 / ($0 + 0.1) },
        ]
        for curve in curves {
            let exact = gammas.map(curve).max()!
            let (best, count) = probes(tolerance, curve)
            #expect(best >= exact * (1 - tolerance))
            #expect(count < gammas.count * 2 / 3)
        }
    }

    @Test("a value that is not finite ends the search")
    func notFinite() {
        #expect(probes(0.01) { $0 > 0.5 ? .infinity : 1 }.count <= 6)
    }

    @Test(
        "the coarse search agrees with the grid on a quartic, says what it skipped, and shares gradients with the next row"
    )
    func agreement() throws {
        let objective = ClosureObjective<Double>(layout: ParameterLayout([("x", [2])]), weights: [1]) { _, x in
            (x[0] * x[0] * x[0] * x[0] + x[1] * x[1], [4 * x[0] * x[0] * x[0], 2 * x[1]])
        }
        let path = [[1.0, 1], [-0.7, 0.6], [0.4, 0.3], [0.5, -0.2]]
        let full = try estimates(of: MemorySteps(path: path), objective: objective, gammas: gammas)
        let few = try estimates(of: MemorySteps(path: path), objective: objective, gammas: gammas) {
            $0.search = .coarseToFine(tolerance: 0.01)
        }
        for (a, b) in try paired(full, few) {
            #expect(b.smoothness <= a.smoothness && b.smoothness >= 0.99 * a.smoothness)
            #expect(a.identity == b.identity && a.cosine == b.cosine)
            let skipped = b.curve.filter { $0.status == .skipped }
            #expect(skipped.count >= gammas.count / 3 && skipped.allSatisfy { $0.smoothness.isNaN })
            for (p, q) in try paired(a.curve, b.curve) where q.status != .skipped { #expect(p == q) }
        }
        let apart = try estimates(
            of: MemorySteps(path: path), objective: objective, gammas: gammas, sharesGradients: false
        ) { $0.search = .coarseToFine(tolerance: 0.01) }
        #expect(identicalBits(few, apart))
    }

    // MARK: - Directions

    let curvatures = [9.0, -4, 1, 0.5]

    private func rows(_ configure: (inout EstimatorOptions<Double>) -> Void) throws -> [StepEstimate] {
        try estimates(
            of: MemorySteps(path: [[1, 1, 1, 1], [0.9, 0.7, 1.1, 1], [0.8, 0.9, 1, 1.3]]),
            objective: diagonalQuadratic(Double.self, curvatures: [curvatures]), gammas: [0.5, 1], configure: configure)
    }

    @Test("on a quadratic every direction gives ‖Au‖ of its own u, at the step's length")
    func directions() throws {
        let steps = try rows { _ in }
        for row in try rows({ $0.direction = .gradient }) {
            let x = row.iteration == 0 ? [1.0, 1, 1, 1] : [0.9, 0.7, 1.1, 1]
            let gradient = zip(curvatures, x).map { $0 * $1 }
            let exact = euclidean(zip(curvatures, gradient).map { $0 * $1 }) / euclidean(gradient)
            #expect(isClose(row.smoothness, exact, 1e-10))
            #expect(isClose(row.curve[1].displacementNorm, row.stepNorm, 1e-12))
        }
        let random = try rows { $0.direction = .random }
        let other = try rows {
            $0.direction = .random
            $0.seed = 1
        }
        #expect(random != other)
        #expect(identicalBits(random, try rows { $0.direction = .random }))
        for row in random + other {
            #expect(row.smoothness <= 9 && row.smoothness >= 0.5)
            #expect(isClose(row.curve[1].displacementNorm, row.stepNorm, 1e-12))
        }
        let momentum = try rows { $0.direction = .momentum }
        #expect(momentum[0].status == .noDirection && momentum[0].smoothness.isNaN)
        #expect(isClose(momentum[1].smoothness, steps[0].smoothness, 1e-10))
        #expect(isClose(momentum[1].curve[1].displacementNorm, steps[1].stepNorm, 1e-12))
        // The power method from the step: never below it, never above the norm of A.
        for (row, step) in try paired(rows({ $0.direction = .adversarial }), steps) {
            #expect(row.smoothness >= step.smoothness * (1 - 1e-12) && row.smoothness <= 9 * (1 + 1e-12))
            #expect(row.smoothness > 8.5)
        }
        for row in try rows({ $0.direction = .hessian }) {
            #expect(isClose(row.smoothness, 9, 1e-3) && row.hessian.converged == 1 && row.gamma == 0)
            #expect(isClose(row.hessian.smallestEigenvalue, -4, 0.05))
            #expect(isClose(row.curve[1].smoothness, steps[row.iteration].smoothness, 1e-12))
        }
    }

    @Test("directional: the curvature along the step, negative where the loss is concave")
    func directional() throws {
        let row = try rows { $0.mode = .directional }[1]
        let d = [-0.1, 0.2, -0.1, 0.3]
        let exact = zip(curvatures, d).reduce(0) { $0 + $1.0 * $1.1 * $1.1 } / d.reduce(0) { $0 + $1 * $1 }
        #expect(isClose(row.smoothness, exact, 1e-9))
    }

    @Test("norms: the dual of the difference over the norm of the step, block by block and whole")
    func norms() throws {
        let row = try rows { $0.norm = .maximum }[0]
        let d = [-0.1, -0.3, 0.1, 0]
        let difference = zip(curvatures, d).map { $0 * $1 }
        #expect(isClose(row.smoothness, difference.reduce(0) { $0 + abs($1) } / 0.3, 1e-12))
        #expect(isClose(row.normed.gradientDualNorm, 14.5, 1e-12) && isClose(row.normed.stepNorm, 0.3, 1e-12))
        // Two blocks of two parameters.
        #expect(isClose(row.blocks[0].smoothness, (0.9 + 1.2) / 0.3, 1e-12))
        #expect(isClose(row.blocks[1].smoothness, 0.1 / 0.1, 1e-12))
        let scaled = try rows { $0.norm = .rootMeanSquare }[0]
        #expect(isClose(scaled.smoothness, 4 * euclidean(difference) / euclidean(d), 1e-12))
    }

    // MARK: - Controls and modes

    @Test("noise alone: fresh subsets and consecutive minibatches give √2σ/‖γd‖, one subset gives nothing")
    func artefacts() throws {
        // Linear components: no curvature at all.
        let count = 400
        let slopes = (0..<count).map { normal(50, seed: 500 + UInt64($0)) }
        let objective = ClosureObjective<Double>(
            layout: ParameterLayout([("x", [50])]), weights: Array(repeating: 1, count: count)
        ) { component, x in (zip(slopes[component], x).reduce(0) { $0 + $1.0 * $1.1 }, slopes[component]) }
        let path = (0..<6).map { k in (0..<50).map { _ in 0.01 * Double(k) } }
        func values(_ gammas: [Double], _ configure: (inout EstimatorOptions<Double>) -> Void) throws -> [StepEstimate]
        {
            try estimates(
                of: MemorySteps(path: path), objective: objective, components: Array(0..<40), gammas: gammas,
                configure: configure)
        }
        let step = 0.01 * 50.0.squareRoot()
        for row in try values([0.1, 1], { _ in }) { #expect(row.smoothness < 1e-9) }
        for row in try values([0.1, 1], { $0.control = .freshSubset }) {
            // The mean of 40 differs from that of 40 others by √(2·50/40), a tenth of them being the same on average.
            let noise = (2 * 50.0 / 40 * 0.9).squareRoot()
            #expect(isClose(row.curve[0].smoothness, noise / (0.1 * step), 0.35))
            #expect(isClose(row.curve[1].smoothness, noise / step, 0.35))
            #expect(row.gamma == 0.1)
        }
        for row in try values([1], { $0.mode = .gluon }) {
            #expect(isClose(row.smoothness, 2.0.squareRoot() * row.gradientNorm / step, 0.35))
        }
    }

    @Test("permute: the curve is that of another row's step, and every row is used once")
    func permute() throws {
        let path = (0..<7).map { normal(4, seed: 900 + UInt64($0)) }
        let objective = diagonalQuadratic(Double.self, curvatures: [curvatures])
        let own = try estimates(of: MemorySteps(path: path), objective: objective)
        let permuted = try estimates(of: MemorySteps(path: path), objective: objective) { $0.control = .permute }
        let used = permuted.map { row in own.firstIndex { isClose($0.smoothness, row.smoothness, 1e-9) } }
        #expect(Set(used).count == own.count && !used.contains(nil))
        #expect(zip(used, own.indices).allSatisfy { $0 != $1 })
    }
}
