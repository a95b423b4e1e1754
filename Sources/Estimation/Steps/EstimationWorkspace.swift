import ParameterSpace

/// All parameter vectors that an estimate needs, made once.
///
/// The number depends neither on the number of iterates K, nor of components m, nor of γ: three vectors of the evaluation scalar (x_k, the
/// end of the step, the probe), and for each of the two gradients that are subtracted one of Double and one of the scalar for every
/// group, besides two for every worker and what the objective itself holds.
public struct EstimationWorkspace<Scalar: ParameterScalar>: ~Copyable {
    /// x_k
    var iterate: [Scalar]
    /// x_{k+1}, or where another direction ends.
    var next: [Scalar]
    /// fl(x_k + γd)
    var probe: [Scalar]
    /// ∇f_S(x_k)
    var base: GroupedGradient<Scalar>
    /// ∇f_S at the last probe.
    var gradient: GroupedGradient<Scalar>
    /// ∇f_S at γ = 1 while others are probed after it; made where the search does so.
    var end: GroupedGradient<Scalar>?

    /// The bytes of a workspace.
    /// - Parameters:
    ///   - parameterCount: P
    ///   - sumsGroups: whether a group has more than one component.
    ///   - gradientCount: how many gradients are held at the same time, 2 or 3.
    public static func byteCount(
        parameterCount: Int, groupCount: Int, workerCount: Int, sumsGroups: Bool = true, gradientCount: Int = 2
    ) -> Int {
        3 * parameterCount * MemoryLayout<Scalar>.stride + gradientCount
            * GroupedGradient<Scalar>.byteCount(parameterCount: parameterCount, groupCount: groupCount)
            + workerCount
            * SubsetEvaluator<Scalar>.byteCountPerWorker(parameterCount: parameterCount, sumsGroups: sumsGroups)
    }

    /// - Parameter groupCount: 0 where no errors are asked for.
    init(parameterCount: Int, groupCount: Int, keepsEnd: Bool) {
        iterate = [Scalar](repeating: 0, count: parameterCount)
        next = [Scalar](repeating: 0, count: parameterCount)
        probe = [Scalar](repeating: 0, count: parameterCount)
        base = GroupedGradient(parameterCount: parameterCount, groupCount: groupCount)
        gradient = GroupedGradient(parameterCount: parameterCount, groupCount: groupCount)
        end = keepsEnd ? GroupedGradient(parameterCount: parameterCount, groupCount: groupCount) : nil
    }

    /// Whether x_k is, signs of zeros included, the x_{k+1} of the row before, which `next` still holds.
    var iterateIsPreviousNext: Bool { Scalar.isSame(iterate, next) }
}
