import Essentials
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import TestSupport
import Testing

@Suite("Deep linear networks, sums of exponentials, polynomials of high degree")
struct ClosedFormTests {
    static let samples = RegressionSamples(inputCount: 3, outputCount: 2, count: 23, noise: 0.3, seed: 5)
    static let networks: [[Int]] = [[3, 2], [3, 4, 2], [3, 2, 3, 2], [3, 2, 2, 2, 2]]

    private static func network(_ widths: [Int], batchSize: Int = 23) -> DeepLinearNetwork<Double> {
        DeepLinearNetwork(widths: widths, samples: samples, batchSize: batchSize)
    }

    @Test("deep linear networks: gradients, Hessian products and norms", arguments: networks)
    func deepLinear(widths: [Int]) throws {
        let objective = Self.network(widths, batchSize: 7)
        #expect(objective.componentCount == 4 && objective.weight(ofComponent: 3) == 2)
        for trial in 0..<2 {
            let x = randomVector(objective.layout.count, scale: 0.8, index: 200 + trial)
            let scale = 10 + 10 * objective.hessianNorm(at: x)
            try expectGradientMatchesLoss(objective, at: x, scale: scale)
            try expectHessianMatchesGradient(objective, at: x, scale: scale)
        }
    }

    @Test("deep linear networks: the supremum on a segment is a bound within a thousandth", arguments: networks)
    func deepLinearSupremum(widths: [Int]) throws {
        let objective = Self.network(widths)
        for trial in 0..<3 {
            let start = randomVector(objective.layout.count, scale: 0.8, index: 210 + trial)
            let end = randomVector(objective.layout.count, scale: 0.8, index: 220 + trial)
            #expect(try expectSupremumBoundsSegments(objective, from: start, to: end) > 0.998)
            #expect(
                abs(objective.hessianNormSupremum(from: start, to: start) / objective.hessianNorm(at: start) - 1)
                    < 1e-12)
        }
        let here = randomVector(objective.layout.count, index: 230)
        #expect(objective.hessianNormSupremum(from: here, to: here.map { _ in .nan }).isNaN)
    }

    @Test("deep linear networks do not depend on how the samples are cut")
    func partition() throws {
        let whole = Whole(Self.network([3, 4, 2]))
        let x = randomVector(20, index: 240)
        for batchSize in [1, 5, 22] {
            let parts = Whole(Self.network([3, 4, 2], batchSize: batchSize))
            #expect(abs(try parts.loss(x) / whole.loss(x) - 1) < 1e-13)
            #expect(
                norm(difference(try parts.gradient(x), try whole.gradient(x))) < 1e-13 * norm(try whole.gradient(x)))
        }
    }

    /// Two scalar layers on one sample x = 1, y = 1: f = (vw − 1)².
    @Test("two scalar layers: f = (vw − 1)² in closed form, and no constants at all")
    func scalarLayers() throws {
        let one = RegressionSamples(inputCount: 1, outputCount: 1, inputs: [1], outputs: [1])
        let objective = DeepLinearNetwork<Double>(widths: [1, 1, 1], samples: one, batchSize: 1)
        let (w, v) = (0.7, -1.3)
        var gradient = [0.0, 0]
        let residual = v * w - 1
        #expect(abs(objective.gradient(ofComponent: 0, at: [w, v], into: &gradient) - residual * residual) < 1e-15)
        #expect(norm(difference(gradient, [2 * residual * v, 2 * residual * w])) < 1e-15)
        // [[2v², 4vw − 2], [4vw − 2, 2w²]]
        let half = (v * v + w * w)
        let root = ((v * v - w * w) * (v * v - w * w) + (4 * v * w - 2) * (4 * v * w - 2)).squareRoot()
        #expect(abs(objective.hessianNorm(at: [w, v]) / (half + root) - 1) < 1e-14)
        // On the minima vw = 1 the gradient vanishes and the Hessian grows without bound.
        for c in [1.0, 10, 100] {
            _ = objective.gradient(ofComponent: 0, at: [1 / c, c], into: &gradient)
            #expect(norm(gradient) < 1e-13)
            #expect(abs(objective.hessianNorm(at: [1 / c, c]) / (2 * (c * c + 1 / (c * c))) - 1) < 1e-12)
        }
        #expect(objective.sufficientL0(forL1: 100) == nil)
        let leastSquares = Self.network([3, 2])
        let x = randomVector(6, index: 250)
        #expect(abs(try #require(leastSquares.sufficientL0(forL1: 0)) / leastSquares.hessianNorm(at: x) - 1) < 1e-13)
    }

    @Test("sums of exponentials: least L0 for an L1 in closed form")
    func exponentialConstants() throws {
        let exponential = ExponentialSum<Double>(amplitudes: [3], rates: [2])
        #expect(exponential.sufficientL0(forL1: 2) == 0)
        #expect(exponential.sufficientL0(forL1: 1.999) == nil)
        // cosh − L1|sinh| is largest at 0 for L1 ≥ 1.
        let cosh = ExponentialSum<Double>(amplitudes: [0.5, 0.5], rates: [1, -1])
        for L1 in [1.0, 1.5, 20] { #expect(abs(try #require(cosh.sufficientL0(forL1: L1)) - 1) < 1e-14) }
        #expect(cosh.sufficientL0(forL1: 0.999) == nil)
        // The terms that grow cancel at L1 = 2, and what is left, exp(x), grows too: (4e²ˣ − eˣ) − 2(2e²ˣ − eˣ) = eˣ.
        let rising = ExponentialSum<Double>(amplitudes: [1, -1], rates: [2, 1])
        #expect(rising.sufficientL0(forL1: 2) == nil)
        #expect(try #require(rising.sufficientL0(forL1: 2.5)) > 0)
        // With a plus it falls: −eˣ.
        #expect(ExponentialSum<Double>(amplitudes: [1, 1], rates: [2, 1]).sufficientL0(forL1: 2) == 0)
        // A constant is no smoothness.
        #expect(ExponentialSum<Double>(amplitudes: [7, 1, 1], rates: [0, 1, 1]).sufficientL0(forL1: 1) == 0)
    }

    @Test("suprema of |f″| find every turn of a sum of exponentials")
    func exponentialTurns() {
        // f″ = √y (y − 1)(y − 2)(y − 3) with y = eˣ: zero at 0, log 2 and log 3, with turns between.
        let (curvatures, rates) = ([1.0, -6, 11, -6], [3.5, 2.5, 1.5, 0.5])
        let objective = ExponentialSum<Double>(amplitudes: zip(curvatures, rates).map { $0 / ($1 * $1) }, rates: rates)
        let turning = stride(from: 0.05, through: 1.05, by: 1e-6).map { abs(objective.secondDerivative(at: $0)) }.max()
        let supremum = objective.secondDerivativeSupremum(from: 0.05, to: 1.05)
        #expect(abs(supremum / (turning ?? 0) - 1) < 1e-9)
        #expect(objective.secondDerivativeSupremum(from: 0.3, to: 0.3) == abs(objective.secondDerivative(at: 0.3)))
    }

    private struct Answer: Decodable {
        var loss: Double
        var gradient: [Double]
        var hessian_norm: Double
        var hessian_product: [Double]
    }

    @Test(
        "PyTorch's automatic differentiation finds the same losses, gradients and Hessians",
        .enabled(if: Workplace.python != nil, Comment(rawValue: noPython)))
    func automaticDifferentiation() throws {
        var cases: [(objective: any TwiceDifferentiableObjective<Double>, request: String)] = []
        for widths in Self.networks {
            cases.append(
                (
                    Self.network(widths, batchSize: 6),
                    "\"kind\": \"deep-linear-network\", \"widths\": \(widths), \"inputs\": \(Self.samples.inputs), "
                        + "\"outputs\": \(Self.samples.outputs)"
                ))
        }
        let (amplitudes, rates) = ([0.3, -1, 0.8, -0.2], [2, 1, -0.5, -1.5])
        cases.append(
            (
                ExponentialSum(amplitudes: amplitudes, rates: rates),
                "\"kind\": \"exponential-sum\", \"amplitudes\": \(amplitudes), \"rates\": \(rates)"
            ))
        for degree in [0, 1, 9, 30] {
            let coefficients = randomVector(degree + 1, index: 260 + degree)
            cases.append(
                (Polynomial(coefficients: coefficients), "\"kind\": \"polynomial\", \"coefficients\": \(coefficients)"))
        }
        let folder = try TemporaryFolder()
        let points = cases.indices.map { randomVector(cases[$0].objective.layout.count, scale: 0.9, index: 300 + $0) }
        let vectors = cases.indices.map { randomVector(cases[$0].objective.layout.count, index: 330 + $0) }
        let requests = cases.indices.map {
            "{\(cases[$0].request), \"point\": \(points[$0]), \"vector\": \(vectors[$0])}"
        }
        let file = try folder.file("request.json", "[\(requests.joined(separator: ", "))]")
        let answers = try twin("formulas.py", [file], as: [Answer].self)
        #expect(answers.count == cases.count)
        for (index, answer) in answers.enumerated() {
            let objective = cases[index].objective
            let whole = Whole(objective)
            let x = points[index]
            #expect(abs(try whole.loss(x) - answer.loss) < 1e-12 * (1 + abs(answer.loss)))
            #expect(norm(difference(try whole.gradient(x), answer.gradient)) < 1e-11 * (1 + norm(answer.gradient)))
            #expect(abs(objective.hessianNorm(at: x) - answer.hessian_norm) < 1e-11 * (1 + answer.hessian_norm))
            let product = objective.hessianProduct(at: x, with: vectors[index])
            #expect(norm(difference(product, answer.hessian_product)) < 1e-11 * (1 + norm(answer.hessian_product)))
        }
    }

    @Test("polynomials of high degree: the supremum on a segment and the least L0 of lemma 2")
    func highDegree() throws {
        // Chebyshev's T₉: nine roots, eight turns; f″ has its extremes on [−1, 1] at the ends, T₉″(1) = 9²(9² − 1)/3.
        let chebyshev = Polynomial<Double>(coefficients: [0, 9, 0, -120, 0, 432, 0, -576, 0, 256])
        #expect(abs(chebyshev.secondDerivativeSupremum(from: -1, to: 1) / 2160 - 1) < 1e-12)
        let inner = stride(from: -0.8, through: 0.8, by: 1e-6).map { abs(chebyshev.secondDerivative(at: $0)) }.max()
        #expect(abs(chebyshev.secondDerivativeSupremum(from: -0.8, to: 0.8) / (inner ?? 0) - 1) < 1e-9)
        // xⁿ: n(n−1)xⁿ⁻² − L1 n xⁿ⁻¹ is largest at x = (n−2)/L1.
        for degree in [3, 6, 15, 30] {
            let power = Polynomial<Double>(coefficients: Array(repeating: 0, count: degree) + [1])
            let n = Double(degree)
            for L1 in [1.0, 4] {
                let x = (n - 2) / L1
                let least = n * (n - 1) * pow(x, n - 2) - L1 * n * pow(x, n - 1)
                #expect(abs(try #require(power.sufficientL0(forL1: L1)) / least - 1) < 1e-12)
            }
            #expect(power.sufficientL0(forL1: 0) == nil)
        }
    }
}
