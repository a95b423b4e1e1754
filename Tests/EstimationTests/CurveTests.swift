import Essentials
import Estimation
import Evaluation
import ParameterSpace
import TestSupport
import Testing

@Suite("L̂ against closed forms")
struct CurveTests {
    let gammas = try! GammaGrid.spacing(delta: 0.1).resolved()

    @Test("on a quadratic L̂(γ) is ‖Ad‖/‖d‖ at every γ")
    func quadratic() throws {
        let curvatures = [normal(9, seed: 1), normal(9, seed: 2), normal(9, seed: 3)]
        let weights = [1.0, 5, 2]
        let mean = (0..<9).map { j in zip(weights, curvatures).reduce(0) { $0 + $1.0 * $1.1[j] } / 8 }
        let path = (0..<5).map { normal(9, seed: 10 + $0) }
        let objective = diagonalQuadratic(Double.self, curvatures: curvatures, weights: weights)
        let rows = try estimates(of: MemorySteps(path: path), objective: objective, gammas: gammas)
        for (row, step) in try paired(rows, Array(zip(path, path.dropFirst()))) {
            let d = zip(step.1, step.0).map { $0 - $1 }
            let norm = euclidean(d)
            let exact = euclidean(zip(mean, d).map { $0 * $1 }) / norm
            for point in row.curve { #expect(isClose(point.smoothness, exact, 1e-12)) }
            #expect(isClose(row.smoothness, exact, 1e-12))
            #expect(isClose(row.stepNorm, norm, 1e-15))
            let gradient = zip(mean, step.0).map { $0 * $1 }
            #expect(isClose(row.gradientNorm, euclidean(gradient), 1e-13))
            #expect(isClose(row.effectiveLearningRate, norm / euclidean(gradient), 1e-13))
            let following = zip(mean, step.1).map { $0 * $1 }
            let cosine =
                zip(gradient, following).reduce(0) { $0 + $1.0 * $1.1 } / euclidean(gradient) / euclidean(following)
            #expect(abs(row.cosine - cosine) < 1e-13)
            #expect(isClose(row.triangleRatio, exact * norm / (euclidean(gradient) + euclidean(following)), 1e-12))
            // 2|f(x+d) − f(x) − ⟨∇f, d⟩| = |⟨d, Ad⟩|
            let curvature = zip(mean, d).reduce(0) { $0 + $1.0 * $1.1 * $1.1 }
            #expect(isClose(row.identity, abs(curvature) / norm / norm, 1e-11))
            #expect(row.identityHolds && row.status == .ok)
            for (index, point) in row.curve.enumerated() {
                let gamma = gammas[index]
                #expect(isClose(point.differenceAlongStep, gamma * gamma * curvature, 1e-11))
                #expect(isClose(point.displacementNorm, gamma * norm, 1e-13))
            }
            // Each block of a diagonal quadratic is one of its own.
            for (block, range) in try paired(row.blocks, [0..<5, 5..<9]) {
                let part = range.map { d[$0] }
                let exact = euclidean(range.map { mean[$0] * d[$0] }) / euclidean(part)
                #expect(isClose(block.smoothness, exact, 1e-12))
                #expect(isClose(block.stepNorm, euclidean(part), 1e-15))
            }
        }
    }

    @Test("on x⁴ the whole curve, its maximum and its limit at γ → 0 are the closed ones")
    func quartic() throws {
        let objective = ClosureObjective<Double>(layout: ParameterLayout([("x", [])]), weights: [1]) { _, x in
            (x[0] * x[0] * x[0] * x[0], [4 * x[0] * x[0] * x[0]])
        }
        let grid = [1e-6] + gammas
        let rows = try estimates(
            of: MemorySteps(steps: [(0, [1.0], [3.0]), (7, [2.0], [-1.0])]), objective: objective, gammas: grid)
        for (row, (x, next)) in try paired(rows, [(1.0, 3.0), (2.0, -1.0)]) {
            let d = next - x
            for point in row.curve {
                let end = x + point.gamma * d
                // (4y³ − 4x³)/(y − x) = 4(y² + xy + x²)
                #expect(isClose(point.smoothness, 4 * (end * end + x * end + x * x), 1e-8))
                #expect(point.smoothness <= 12 * max(x * x, end * end) * (1 + 1e-8))
            }
            #expect(isClose(row.curve[0].smoothness, 12 * x * x, 1e-5))
        }
        #expect(rows[0].gamma == 1 && isClose(rows[0].smoothness, 4 * 13, 1e-12))
        // From 2 to −1 the largest is at γ → 0.
        #expect(rows[1].gamma == 1e-6)
        #expect(rows.map(\.iteration) == [0, 7])
    }

    @Test("Float agrees with Double to Float's precision, and its displacement is the one applied")
    func float() throws {
        let curvatures = [normal(64, seed: 4), normal(64, seed: 5)]
        let path = (0..<3).map { normal(64, seed: 20 + $0).map { Float($0) } }
        let float = try estimates(
            of: MemorySteps(path: path), objective: diagonalQuadratic(Float.self, curvatures: curvatures),
            gammas: gammas)
        let double = try estimates(
            of: MemorySteps(path: path.map { $0.map { Double($0) } }),
            objective: diagonalQuadratic(Double.self, curvatures: curvatures), gammas: gammas)
        for (a, b) in try paired(float, double) {
            #expect(isClose(a.smoothness, b.smoothness, 1e-5))
            #expect(isClose(a.loss, b.loss, 1e-6))
            for (p, q) in try paired(a.curve, b.curve) { #expect(isClose(p.smoothness, q.smoothness, 1e-5)) }
            let floor = Double(Float.ulpOfOne) * max(a.gradientNorm, a.curve[0].gradientNorm)
            #expect(isClose(a.curve[0].roundingFloor, floor / a.curve[0].displacementNorm, 1e-12))
        }
        // Near x = 1 a step of 1e-6 is eight and a bit roundings long: what is divided by is what was added.
        let short = try estimates(
            of: MemorySteps(path: [[Float(1), 1], [1 + 1e-6, 1 + 1e-6]]),
            objective: diagonalQuadratic(Float.self, curvatures: [[1, 1]]), gammas: [0.1, 1])
        let applied = Double(Float(1 + 0.1 * (Double(Float(1 + 1e-6)) - 1))) - 1
        #expect(isClose(short[0].curve[0].displacementNorm, applied * 2.0.squareRoot(), 1e-12))
        #expect(isClose(short[0].curve[0].smoothness, 1, 1e-12))
    }
}

func euclidean(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
