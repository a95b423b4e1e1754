import Essentials
import Evaluation
import Formulas
import ParameterSpace
import TestSupport
import Testing

@Suite("Quadratic")
struct QuadraticTests {
    /// L̂(γ) against ‖Ad‖/‖d‖ with the applied displacement, for steps of moderate relative size.
    @Test("L̂ along d is ‖Ad‖/‖d‖ to 1e-12 at every γ", arguments: [0, 1, 3, 8], [1.0, 0.1, 0.01])
    func localSmoothnessIsExact(rotations: Int, relativeStep: Double) throws {
        let objective = Quadratic<Double>(
            spectrum: geometricSpectrum(from: 0.1, to: 100, count: 257), rotations: rotations, seed: 3)
        let x = objective.initialPoint(seed: 1)
        let direction = randomVector(x.count, index: 1)
        let step = direction.map { relativeStep * norm(x) / norm(direction) * $0 }
        var base = x
        _ = objective.gradient(ofComponent: 0, at: x, into: &base)
        for index in 1...20 {
            let fraction = Double(index) / 20
            var probe = x
            Double.pointAlong(into: &probe, from: x, to: moved(x, 1, step), fraction: fraction)
            var gradient = x
            _ = objective.gradient(ofComponent: 0, at: probe, into: &gradient)
            let applied = difference(probe, x)
            let smoothness = norm(difference(gradient, base)) / norm(applied)
            let exact = norm(objective.product(with: applied)) / norm(applied)
            #expect(abs(smoothness / exact - 1) < 1e-12, "γ = \(fraction)")
            let nominal = norm(objective.product(with: step)) / norm(step)
            #expect(abs(smoothness / nominal - 1) < 1e-12, "γ = \(fraction)")
        }
    }

    @Test("the rotated matrix is symmetric, dense and has the given spectrum")
    func rotationKeepsSpectrum() {
        let spectrum = [5.0, -7, 2, 0.5, 1]
        let objective = Quadratic<Double>(spectrum: spectrum, rotations: 3, seed: 11)
        let columns = (0..<5).map { column in
            objective.product(with: (0..<5).map { $0 == column ? 1 : 0 })
        }
        for row in 0..<5 {
            for column in 0..<5 {
                #expect(abs(columns[row][column] - columns[column][row]) < 1e-14)
                #expect(columns[row][column] != 0)
            }
        }
        // tr Aᵏ = Σ λᵏ for k = 1 … 5 determines the spectrum.
        var power = columns
        for exponent in 1...5 {
            let trace = (0..<5).reduce(0) { $0 + power[$1][$1] }
            let expected = spectrum.reduce(0.0) { sum, value in
                sum + (0..<exponent).reduce(1.0) { product, _ in product * value }
            }
            #expect(abs(trace - expected) < 1e-10 * abs(expected) + 1e-9)
            power = power.map { objective.product(with: $0) }
        }
        #expect(objective.hessianNorm(at: spectrum) == 7)
        #expect(objective.sufficientL0(forL1: 0) == 7)
    }

    @Test("gradients and Hessian products", arguments: [(0, 1, 0.0), (2, 5, 0.7)])
    func derivatives(rotations: Int, componentCount: Int, noise: Double) throws {
        let objective = Quadratic<Double>(
            spectrum: [3, 2, -1, 0.5], rotations: rotations, componentCount: componentCount, noise: noise, seed: 5)
        let x = randomVector(4, index: 3)
        try expectGradientMatchesLoss(objective, at: x, scale: 10)
        try expectHessianMatchesGradient(objective, at: x, scale: 10)
        try expectSupremumBoundsSegments(objective, from: x, to: randomVector(4, index: 4))
    }

    @Test("the components' linear terms cancel")
    func noiseCancels() throws {
        for componentCount in [2, 5, 8] {
            let noisy = Quadratic<Double>(
                spectrum: [3, 2, 1], rotations: 1, componentCount: componentCount, noise: 2, seed: 5)
            let plain = Quadratic<Double>(spectrum: [3, 2, 1], rotations: 1, seed: 5)
            let x = randomVector(3, index: 3)
            let found = try Whole(noisy).gradient(x)
            #expect(norm(difference(found, try Whole(plain).gradient(x))) < 1e-14)
            var first = x
            _ = noisy.gradient(ofComponent: 0, at: x, into: &first)
            #expect(norm(difference(first, found)) > 0.1)
        }
    }

    @Test("Float rounds once")
    func singlePrecision() {
        let single = Quadratic<Float>(spectrum: [3, 2, 1], rotations: 2, seed: 5)
        let double = Quadratic<Double>(spectrum: [3, 2, 1], rotations: 2, seed: 5)
        let x: [Float] = [0.3, -1.5, 2]
        var narrow = x
        var wide = x.map(Double.init)
        let loss = single.gradient(ofComponent: 0, at: x, into: &narrow)
        #expect(loss == double.gradient(ofComponent: 0, at: x.map(Double.init), into: &wide))
        #expect(narrow == wide.map(Float.init))
    }

    @Test("a function of its seeds")
    func seeds() {
        let first = Quadratic<Double>(spectrum: [3, 2, 1], rotations: 2, seed: 5)
        #expect(
            first.product(with: [1, 2, 3])
                == Quadratic<Double>(
                    spectrum: [3, 2, 1], rotations: 2, seed: 5
                ).product(with: [1, 2, 3]))
        #expect(
            first.product(with: [1, 2, 3])
                != Quadratic<Double>(
                    spectrum: [3, 2, 1], rotations: 2, seed: 6
                ).product(with: [1, 2, 3]))
        #expect(first.initialPoint(seed: 1) == first.initialPoint(seed: 1))
        #expect(first.initialPoint(seed: 1) != first.initialPoint(seed: 2))
    }
}
