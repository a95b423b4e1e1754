import Evaluation
import Formulas
import Foundation
import ParameterSpace

/// A function for an experiment, with everything that the theorems ask for known: constants, infimum, largest gradient.
public struct Instance: Sendable {
    public var name: String
    /// f(x)
    public var value: @Sendable ([Double]) -> Double
    /// Overwrites the second vector with ∇f(x); the loops run long and should not allocate.
    public var gradient: @Sendable (_ x: [Double], _ gradient: inout [Double]) -> Void
    /// x₀
    public var start: [Double]
    /// f* = inf f
    public var infimum: Double
    /// An L0 that is enough for a given L1; `nil` where none is.
    public var sufficientL0: @Sendable (Double) -> Double?
    /// M = sup of ‖∇f‖ where f ≤ f(x₀), [Z] assumption 4; `nil` where it is not known.
    public var sublevelGradient: Double?
    /// sup of ‖∇f‖ everywhere; infinite where there is none.
    public var globalGradient = Double.infinity

    public init(
        name: String, value: @escaping @Sendable ([Double]) -> Double,
        gradient: @escaping @Sendable (_ x: [Double], _ gradient: inout [Double]) -> Void, start: [Double],
        infimum: Double,
        sufficientL0: @escaping @Sendable (Double) -> Double?, sublevelGradient: Double? = nil,
        globalGradient: Double = .infinity
    ) {
        self.name = name
        self.value = value
        self.gradient = gradient
        self.start = start
        self.infimum = infimum
        self.sufficientL0 = sufficientL0
        self.sublevelGradient = sublevelGradient
        self.globalGradient = globalGradient
    }

    /// f(x₀) − f*
    public var gap: Double { value(start) - infimum }

    /// A function of one variable that falls towards its minimum from both sides, so that the largest gradient of the sublevel
    /// set is at x₀ or at its mirror image.
    public init(
        _ name: String, _ formula: some UnivariateFormula<Double>, infimum: Double, start: Double? = nil,
        globalGradient: Double = .infinity
    ) {
        let x = start ?? formula.start
        self.init(
            name: name, value: { formula.value(ofComponent: 0, at: $0[0]) },
            gradient: { $1[0] = formula.derivative(ofComponent: 0, at: $0[0]) }, start: [x], infimum: infimum,
            sufficientL0: { formula.sufficientL0(forL1: $0) },
            sublevelGradient: max(
                abs(formula.derivative(ofComponent: 0, at: x)), abs(formula.derivative(ofComponent: 0, at: -x))),
            globalGradient: globalGradient)
    }
}

extension TheoryLine.Assumption {
    /// (L0, L1)-smoothness of an instance, as its known constants give it.
    static func smooth(_ instance: Instance, L0: Double, L1: Double) -> Self {
        guard let least = instance.sufficientL0(L1) else {
            return Self("(L0, L1)-smooth: no L0 is enough for L1 = \(short(L1))", false)
        }
        let holds = least <= L0 * (1 + 1e-12)
        return Self("(L0, L1)-smooth: needs L0 ≥ \(short(least)), is \(short(L0))", holds)
    }
}

/// Six digits, for texts.
func short(_ value: Double) -> String { String(format: "%.6g", value) }
