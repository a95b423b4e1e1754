import ParameterSpace

/// ∇f_S at a point, and the mean gradient of every group of its components.
package struct GroupedGradient<Scalar: ParameterScalar>: Sendable {
    /// f_S
    package var loss = 0.0
    /// The mean loss of every group.
    package var groupLosses: [Double] = []
    /// P
    package let parameterCount: Int
    /// ∇f_S = Σ wᵢ∇fᵢ / Σ wᵢ, P elements once it has been evaluated.
    package var mean: [Double] = []
    /// The mean gradient g_b of every group, rounded to the scalar once, P elements each once it has been evaluated; empty where no errors are
    /// asked for.
    package var groups: [[Scalar]]

    /// The vectors are made by the workers that first fill them: memory that nobody has touched costs time, and that is theirs to share.
    package init(parameterCount: Int, groupCount: Int) {
        self.parameterCount = parameterCount
        groups = Array(repeating: [], count: groupCount)
    }

    /// Holds nothing: what is left behind when the vectors are handed to the workers.
    package static var empty: GroupedGradient { GroupedGradient(parameterCount: 0, groupCount: 0) }

    package static func byteCount(parameterCount: Int, groupCount: Int) -> Int {
        parameterCount * (MemoryLayout<Double>.stride + groupCount * MemoryLayout<Scalar>.stride)
    }

    package mutating func clearMean() {
        guard !mean.isEmpty else {
            mean = Double.zeros(parameterCount)
            return
        }
        for index in mean.indices { mean[index] = 0 }
    }
}
