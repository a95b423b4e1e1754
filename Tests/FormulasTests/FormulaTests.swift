import Evaluation
import Formulas
import Foundation
import ParameterSpace
import TestSupport
import Testing

@Suite("Formulas")
struct FormulaTests {
    static let quartic = Polynomial<Double>(coefficients: [0, 0, 0, 0, 1])
    static let wavy = Polynomial<Double>(coefficients: [0.5, -1, 2, 1.5, -1, 0.2])
    static let walls = ExponentialWalls<Double>(growth: 3, initialGradient: 50)
    static let slow = SlowSlope<Double>(slope: 0.25, gap: 2)
    static let cosh = ExponentialSum<Double>(amplitudes: [0.5, 0.5], rates: [1, -1])
    static let wavyExponentials = ExponentialSum<Double>(amplitudes: [0.3, -1, 0.8, -0.2], rates: [2, 1, -0.5, -1.5])
    static let univariate: [any UnivariateFormula<Double>] = [
        quartic, wavy, walls, slow, QianExample<Double>(), cosh, wavyExponentials,
    ]

    @Test("derivatives of functions of one variable", arguments: univariate.indices)
    func derivatives(index: Int) throws {
        let objective = Self.univariate[index]
        for x in [-1.7, -0.9, -0.2, 0, 0.31, 0.8, 1.4] {
            // The second derivative jumps in slope at the seams; the points keep away from them.
            let scale = 1 + abs(objective.derivative(ofComponent: 0, at: x)) + objective.hessianNorm(at: [x]) * 10
            try expectGradientMatchesLoss(objective, at: [x], scale: scale)
            try expectHessianMatchesGradient(objective, at: [x], scale: scale)
        }
    }

    @Test("suprema over segments are exact", arguments: univariate.indices)
    func suprema(index: Int) throws {
        for (start, end) in [(-1.7, 1.3), (0.2, 0.9), (0.5, -0.6), (1.1, 2), (-0.2, -0.1)] {
            let ratio = try expectSupremumBoundsSegments(Self.univariate[index], from: [start], to: [end])
            // 0/0 where f″ vanishes on the segment.
            #expect(ratio.isNaN || ratio > 0.999, "\(start) to \(end)")
        }
    }

    @Test("(L0, L1) holds on grids and L0 is the least", arguments: [0.0, 0.5, 1, 3, 10])
    func smoothnessConstants(L1: Double) throws {
        for objective in Self.univariate {
            guard let L0 = objective.sufficientL0(forL1: L1) else { continue }
            func excess(_ x: Double) -> Double {
                let sum = (0..<objective.componentCount).reduce(0) {
                    $0 + objective.derivative(ofComponent: $1, at: x)
                }
                return abs(objective.secondDerivative(at: x)) - L1 * abs(sum) / Double(objective.componentCount)
            }
            func argMax(from lower: Double, to upper: Double, by spacing: Double) throws -> Double {
                try #require(stride(from: lower, through: upper, by: spacing).max { excess($0) < excess($1) })
            }
            let coarse = try argMax(from: -20, to: 20, by: 1e-3)
            let largest = excess(try argMax(from: coarse - 1e-3, to: coarse + 1e-3, by: 1e-7))
            #expect(largest <= L0 * (1 + 1e-12))
            // Half a spacing of 1e-7 times the slope of the excess beside its kink, L1·f″ + |f‴|.
            #expect(largest >= L0 - 5e-8 * (L1 * L0 + 100), "\(objective): \(largest) of \(L0)")
        }
    }

    @Test("closed forms of the constants")
    func closedForms() throws {
        for L1 in [0.5, 1, 4] {
            // 12x² − 4 L1|x|³ is largest at |x| = 2/L1.
            let L0 = try #require(Self.quartic.sufficientL0(forL1: L1))
            #expect(abs(L0 * L1 * L1 / 16 - 1) < 1e-12)
        }
        #expect(Self.quartic.sufficientL0(forL1: 0) == nil)
        #expect(Polynomial<Double>(coefficients: [1, 2, 3]).sufficientL0(forL1: 0) == 6)
        #expect(Self.walls.sufficientL0(forL1: 3) == 3)
        #expect(Self.walls.sufficientL0(forL1: 2.9) == nil)
        #expect(Self.slow.sufficientL0(forL1: 0) == 0.75)
    }

    @Test("theorem 4's own claim, L0 = 1 with its L1, fails at the bottom")
    func paperClaimFails() {
        #expect(
            Self.walls.secondDerivative(at: 0) > 1 + Self.walls.growth
                * abs(Self.walls.derivative(ofComponent: 0, at: 0)))
    }

    @Test("theorem 4's functions: seams, starts, gradients there")
    func theoremFour() {
        for sign in [-1.0, 1.0] {
            let seam = sign / 3
            for edge in [seam.nextUp, seam.nextDown] {
                #expect(abs(Self.walls.value(ofComponent: 0, at: edge) - 1 / 3) < 1e-15)
                #expect(abs(Self.walls.derivative(ofComponent: 0, at: edge) - sign) < 1e-14)
                #expect(abs(Self.walls.secondDerivative(at: edge) - 3) < 1e-14)
            }
            for edge in [sign.nextUp, sign.nextDown] {
                #expect(abs(Self.slow.value(ofComponent: 0, at: edge) - 1.25 * 0.25) < 1e-15)
                #expect(abs(Self.slow.derivative(ofComponent: 0, at: edge) - sign * 0.5) < 1e-15)
                #expect(abs(Self.slow.secondDerivative(at: edge)) < 1e-14)
            }
        }
        #expect(abs(Self.walls.derivative(ofComponent: 0, at: Self.walls.start) - 50) < 1e-12)
        #expect(Self.slow.derivative(ofComponent: 0, at: Self.slow.start) == 0.5)
        #expect(abs(Self.slow.value(ofComponent: 0, at: Self.slow.start) - (4 + 1.25 * 0.25)) < 1e-12)
    }

    /// A fixed step above 2x₀/M makes the fast function diverge (the first half of the proof).
    @Test("a step above (2 log M + 2)/(M λ) diverges, a smaller one does not")
    func fastFunctionDiverges() {
        let critical = 2 * Self.walls.start / Self.walls.initialGradient
        func distance(after count: Int, step: Double) -> Double {
            var x = Self.walls.start
            for _ in 0..<count where x.isFinite { x -= step * Self.walls.derivative(ofComponent: 0, at: x) }
            return abs(x)
        }
        #expect(!(distance(after: 50, step: critical * 1.01) < 1e6))
        #expect(distance(after: 5000, step: critical * 0.5) < 1e-3)
    }

    @Test("Qian's example: the mean clipped gradient leads away")
    func qianExample() throws {
        let objective = QianExample<Double>()
        let x = objective.initialPoint(seed: 0)
        var mean = 0.0
        for component in 0..<3 {
            var gradient = x
            _ = objective.gradient(ofComponent: component, at: x, into: &gradient)
            mean += gradient[0] * min(1, 2 / abs(gradient[0])) / 3
        }
        #expect(abs(mean - -2.0 / 3) < 1e-15)
        let whole = try Whole(objective).gradient(x)
        #expect(whole == [2])
        #expect(mean * whole[0] < 0)
        #expect(try Whole(objective).loss([3]) == 9)
    }

    @Test("x² + (y − 3x + 2)⁴")
    func quarticValley() throws {
        let objective = QuarticValley<Double>()
        #expect(objective.initialPoint(seed: 4) == [1, -1])
        #expect(objective.loss(ofComponent: 0, at: [2, 5]) == 5)
        for index in 0..<6 {
            let x = randomVector(2, index: 30 + index)
            let scale = 1 + 10 * objective.hessianNorm(at: x)
            try expectGradientMatchesLoss(objective, at: x, scale: scale)
            try expectHessianMatchesGradient(objective, at: x, scale: scale)
            let ratio = try expectSupremumBoundsSegments(objective, from: x, to: randomVector(2, index: 40 + index))
            #expect(abs(ratio - 1) < 1e-12)
        }
        for L1 in [0.5, 2, 20] {
            let L0 = try #require(objective.sufficientL0(forL1: L1))
            for x in stride(from: -30.0, through: 30, by: 0.5) {
                for y in stride(from: -90.0, through: 90, by: 0.5) {
                    let slope = norm(try Whole(objective).gradient([x, y]))
                    #expect(objective.hessianNorm(at: [x, y]) <= L0 + L1 * slope)
                }
            }
        }
    }

    @Test("NaN and infinity pass through")
    func nonfinite() {
        for objective in Self.univariate {
            #expect(objective.value(ofComponent: 0, at: .nan).isNaN)
            #expect(objective.derivative(ofComponent: 0, at: .nan).isNaN)
        }
        #expect(Self.walls.hessianNormSupremum(from: [0], to: [.nan]).isNaN)
        #expect(Self.wavy.hessianNormSupremum(from: [.nan], to: [1]).isNaN)
        #expect(QuarticValley<Double>().hessianNorm(at: [.nan, 0]).isNaN)
    }
}
