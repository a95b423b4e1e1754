import ParameterSpace

/// ∇f_S at a point, and the mean gradient of every group of its components.
struct GroupedGradient<Scalar: ParameterScalar> {
    /// f_S
    var loss = 0.0
    /// The mean loss of every group.
    var groupLosses: [Double] = []
    /// ∇f_S = Σ wᵢ∇fᵢ / Σ wᵢ, P elements.
    var mean: [Double]
    /// The mean gradient g_b of every group, rounded to the scalar once; empty where no errors are asked for.
    var groups: [[Scalar]]

    init(parameterCount: Int, groupCount: Int) {
        mean = [Double](repeating: 0, count: parameterCount)
        groups = (0..<groupCount).map { _ in [Scalar](repeating: 0, count: parameterCount) }
    }

    /// Holds nothing: what is left behind when the vectors are handed to the workers.
    static var empty: GroupedGradient { GroupedGradient(parameterCount: 0, groupCount: 0) }

    static func byteCount(parameterCount: Int, groupCount: Int) -> Int {
        parameterCount * (MemoryLayout<Double>.stride + groupCount * MemoryLayout<Scalar>.stride)
    }
}
