import Evaluation
import Formulas
import ParameterSpace

/// f = (1/m) Σ fᵢ with the constants of [Q] known: (A2) for the sum, (A5) for each component.
struct FiniteSum: Sendable {
    var name: String
    var componentCount: Int
    var value: @Sendable ([Double]) -> Double
    var componentGradient: @Sendable (Int, [Double]) -> [Double]
    var start: [Double]
    var infimum: Double
    /// Of f.
    var L0: Double
    var L1: Double
    /// Of every fᵢ.
    var componentL0: Double
    var componentL1: Double

    var gap: Double { value(start) - infimum }

    func gradient(_ x: [Double]) -> [Double] {
        var sum = x.map { _ in 0.0 }
        for component in 0..<componentCount {
            let part = componentGradient(component, x)
            for index in sum.indices { sum[index] += part[index] / Double(componentCount) }
        }
        return sum
    }

    /// Example 1: −x², −x², 5x².
    static var example: FiniteSum {
        let formula = QianExample<Double>()
        return FiniteSum(
            name: "−x², −x², 5x²", componentCount: 3, value: { $0[0] * $0[0] },
            componentGradient: { [formula.derivative(ofComponent: $0, at: $1[0])] }, start: [1], infimum: 0, L0: 2,
            L1: 0, componentL0: 10, componentL1: 0)
    }

    /// aᵢ cosh x: gradients of one sign, norms in the ratio of the aᵢ.
    static func scaledCosh(_ factors: [Double], L1: Double) -> FiniteSum {
        let formula = ExponentialSum<Double>(amplitudes: [0.5, 0.5], rates: [1, -1])
        let mean = factors.reduce(0, +) / Double(factors.count)
        // cosh − |sinh| ≤ 1, so that L0 = 1 is enough for every L1 ≥ 1.
        return FiniteSum(
            name: "aᵢ cosh x, a = \(factors.map { short($0) }.joined(separator: ", "))", componentCount: factors.count,
            value: { mean * formula.value(ofComponent: 0, at: $0[0]) },
            componentGradient: { [factors[$0] * formula.derivative(ofComponent: 0, at: $1[0])] }, start: [2],
            infimum: mean, L0: mean, L1: max(L1, 1), componentL0: factors.max() ?? mean, componentL1: max(L1, 1))
    }

    /// ½ xᵀDᵢx with D₁ = diag(1, 2) and D₂ = diag(2, 1): cosines of at least 2√2/3, norms in a ratio of at least ½.
    static var turnedQuadratics: FiniteSum {
        FiniteSum(
            name: "½xᵀDᵢx, D = diag(1, 2), diag(2, 1)", componentCount: 2,
            value: { 0.75 * ($0[0] * $0[0] + $0[1] * $0[1]) },
            componentGradient: { component, x in component == 0 ? [x[0], 2 * x[1]] : [2 * x[0], x[1]] },
            start: [2, -1], infimum: 0, L0: 1.5, L1: 0, componentL0: 2, componentL1: 0)
    }
}
