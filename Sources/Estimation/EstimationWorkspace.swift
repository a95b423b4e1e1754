import ParameterSpace

/// All parameter vectors that an estimate needs, made once: four of the evaluation scalar and two of Double.
///
/// The number depends neither on the number of iterates K, nor of components m, nor of γ. With P parameters that is 32·P
/// bytes in Float and 48·P in Double, besides what the objective itself holds.
public struct EstimationWorkspace<Scalar: ParameterScalar>: ~Copyable {
    /// How many vectors of `Scalar` a workspace holds.
    public static var scalarVectorCount: Int { 4 }
    /// How many vectors of Double a workspace holds.
    public static var doubleVectorCount: Int { 2 }
    /// The bytes of a workspace for P parameters.
    public static func byteCount(parameterCount: Int) -> Int {
        parameterCount
            * (scalarVectorCount * MemoryLayout<Scalar>.stride + doubleVectorCount * MemoryLayout<Double>.stride)
    }

    /// x_k
    var iterate: [Scalar]
    /// x_{k+1}
    var next: [Scalar]
    /// fl(x_k + γd)
    var probe: [Scalar]
    /// ∇fᵢ at the point under evaluation.
    var component: [Scalar]
    /// ∇f_S(x_k)
    var base: [Double]
    /// ∇f_S at the last probe.
    var gradient: [Double]

    public init(parameterCount: Int) {
        iterate = [Scalar](repeating: 0, count: parameterCount)
        next = [Scalar](repeating: 0, count: parameterCount)
        probe = [Scalar](repeating: 0, count: parameterCount)
        component = [Scalar](repeating: 0, count: parameterCount)
        base = [Double](repeating: 0, count: parameterCount)
        gradient = [Double](repeating: 0, count: parameterCount)
    }

    /// Whether x_k is, signs of zeros included, the x_{k+1} of the row before, which `next` still holds.
    var iterateIsPreviousNext: Bool {
        for index in iterate.indices where iterate[index] != next[index] || iterate[index].sign != next[index].sign {
            return false
        }
        return true
    }
}
