import Essentials
import Evaluation
import Formulas
import ParameterSpace

/// The points of figures 1a and 1b of [I]: gradient norm and Hessian norm of functions that are (L0, L1)-smooth and not L-smooth.
public enum FigurePoints {
    public struct Point: Sendable {
        public var function: String
        public var x: [Double]
        public var gradientNorm: Double
        public var hessianNorm: Double
        /// L0 + L1‖∇f‖ with an L0 that is enough for this L1; `nil` where there is none.
        public var bound: Double?
    }

    /// Polynomials and "the so-called exponential family"; which functions the picture draws is not in the paper's text.
    private static let univariate: [(name: String, formula: any UnivariateFormula<Double>)] = [
        ("x³", Polynomial<Double>(coefficients: [0, 0, 0, 1])),
        ("x⁴", Polynomial<Double>(coefficients: [0, 0, 0, 0, 1])),
        ("x⁵ − 5x³ + 4x", Polynomial<Double>(coefficients: [0, 4, 0, -5, 0, 1])),
        ("exp x", ExponentialSum<Double>(amplitudes: [1], rates: [1])),
        ("cosh x", ExponentialSum<Double>(amplitudes: [0.5, 0.5], rates: [1, -1])),
        ("exp x − 2 exp(−x/2)", ExponentialSum<Double>(amplitudes: [1, -2], rates: [1, -0.5])),
    ]

    /// Figure 1a: every function at 101 places from −4 to 4.
    public static func figureOneA(L1: Double) -> [Point] {
        univariate.flatMap { name, formula in
            let L0 = formula.sufficientL0(forL1: L1)
            return (-50...50).map { index in
                let x = Double(index) * 0.08
                let slope = abs(formula.derivative(ofComponent: 0, at: x))
                return Point(
                    function: name, x: [x], gradientNorm: slope, hessianNorm: abs(formula.secondDerivative(at: x)),
                    bound: L0.map { $0 + L1 * slope })
            }
        }
    }

    /// Figure 1b: x² + (y − 3x + 2)⁴ at seeded points, normal around (0, −2), where u = y − 3x + 2 vanishes.
    public static func figureOneB(L1: Double, count: Int = 500, seed: UInt64) -> [Point] {
        let valley = QuarticValley<Double>()
        let L0 = valley.sufficientL0(forL1: L1)
        return (0..<count).map { index in
            var generator = SeededGenerator(seed: seed, purpose: "figure 1b", index: index)
            let point = [generator.normal(), -2 + 3 * generator.normal()]
            var gradient = point
            _ = valley.gradient(ofComponent: 0, at: point, into: &gradient)
            let slope = Descent.norm(gradient)
            return Point(
                function: "x² + (y − 3x + 2)⁴", x: point, gradientNorm: slope,
                hessianNorm: valley.hessianNorm(at: point),
                bound: L0.map { $0 + L1 * slope })
        }
    }

    /// Definition 1 at these points, for the given L1 and for L1 = 1, which [I] says is enough for all univariate polynomials.
    static func lines(_ options: TheoryOptions) -> [TheoryLine] {
        let constants = options.L1 == 1 ? [1] : [1, options.L1]
        let points = constants.flatMap { L1 in
            (figureOneA(L1: L1) + figureOneB(L1: L1, seed: options.seed)).map { ($0, L1) }
        }
        var lines: [TheoryLine] = []
        for L1 in constants {
            var names: [String] = []
            for (point, value) in points where value == L1 && !names.contains(point.function) {
                names.append(point.function)
                let own = points.filter { $0.1 == L1 && $0.0.function == point.function }.map(\.0)
                let largest = own.map { $0.hessianNorm / ($0.bound ?? .infinity) }.max() ?? .nan
                lines.append(
                    TheoryLine(
                        source: "definition 1", instance: point.function,
                        algorithm: "figure 1 of [I], \(own.count) points",
                        quantity: "largest ‖∇²f‖/(L0 + L1‖∇f‖), L1 = \(short(L1))", relation: .atMost,
                        measured: largest, bound: 1,
                        assumptions: [
                            .init("(L0, L1)-smooth: some L0 is enough for L1 = \(short(L1))", point.bound != nil)
                        ]))
            }
        }
        return lines
    }
}
