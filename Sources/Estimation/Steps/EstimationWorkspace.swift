import Dispatch
import ParameterSpace
import Synchronization

/// All parameter vectors that an estimate needs, made once.
///
/// The number depends neither on the number of iterates K, nor of components m, nor of γ: three vectors of the evaluation scalar (x_k, the
/// end of the step, the probe), and for each of the two gradients that are subtracted one of Double and one of the scalar for every
/// group, besides two for every worker and what the objective itself holds; and for every probe that is evaluated at the same time as another,
/// its point and its gradient.
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
    /// Those that are evaluated at the same time as the last probe.
    var others: [OtherProbe]

    /// A probe that waits for its turn to be recorded.
    struct OtherProbe {
        /// fl(x_k + γd), once it has been made.
        var point: [Scalar] = []
        var gradient: GroupedGradient<Scalar>
    }

    /// The bytes of a workspace.
    /// - Parameters:
    ///   - parameterCount: P
    ///   - sumsGroups: whether a group has more than one component.
    ///   - gradientCount: how many gradients are held at the same time, 2 or 3.
    ///   - probeCount: how many probes are evaluated at the same time.
    ///   - takesPairs: whether components are evaluated two at a time.
    public static func byteCount(
        parameterCount: Int, groupCount: Int, workerCount: Int, sumsGroups: Bool = true, gradientCount: Int = 2,
        probeCount: Int = 1, takesPairs: Bool = false
    ) -> Int {
        3 * parameterCount * MemoryLayout<Scalar>.stride + gradientCount
            * GroupedGradient<Scalar>.byteCount(parameterCount: parameterCount, groupCount: groupCount)
            + (probeCount - 1) * byteCountPerProbe(parameterCount: parameterCount, groupCount: groupCount)
            + workerCount
            * SubsetEvaluator<Scalar>.byteCountPerWorker(
                parameterCount: parameterCount, sumsGroups: sumsGroups, takesPairs: takesPairs)
    }

    /// The bytes of a probe that is evaluated at the same time as another.
    static func byteCountPerProbe(parameterCount: Int, groupCount: Int) -> Int {
        parameterCount * MemoryLayout<Scalar>.stride
            + GroupedGradient<Scalar>.byteCount(parameterCount: parameterCount, groupCount: groupCount)
    }

    /// - Parameters:
    ///   - groupCount: 0 where no errors are asked for.
    ///   - probeCount: how many probes are evaluated at the same time.
    init(parameterCount: Int, groupCount: Int, keepsEnd: Bool, probeCount: Int) {
        iterate = Scalar.zeros(parameterCount)
        next = Scalar.zeros(parameterCount)
        probe = Scalar.zeros(parameterCount)
        base = GroupedGradient(parameterCount: parameterCount, groupCount: groupCount)
        gradient = GroupedGradient(parameterCount: parameterCount, groupCount: groupCount)
        end = keepsEnd ? GroupedGradient(parameterCount: parameterCount, groupCount: groupCount) : nil
        others = (1..<probeCount).map { _ in
            OtherProbe(gradient: GroupedGradient(parameterCount: parameterCount, groupCount: groupCount))
        }
    }

    /// Whether x_k is, signs of zeros included, the x_{k+1} of the row before, which `next` still holds.
    var iterateIsPreviousNext: Bool { Scalar.isSame(iterate, next) }

    /// Makes fl(x_k + γd) as the last probe; at γ = 1 the end of the step itself is the point.
    mutating func makePoint(at gamma: Double) {
        if gamma < 1 { Scalar.pointAlong(into: &probe, from: iterate, to: next, fraction: gamma) }
    }

    /// Makes fl(x_k + γd) of several probes at the same time, of the last one as the last probe, of those before as others.
    /// - Returns: the points, the end of the step itself at γ = 1.
    mutating func makePoints(at gammas: [Double]) -> [[Scalar]] {
        let last = gammas.count - 1
        var points: [[Scalar]] = Array(repeating: [], count: gammas.count)
        for index in 0..<last { swap(&points[index], &others[index].point) }
        swap(&points[last], &probe)
        let made = Mutex(points)
        let (from, to) = (iterate, next)
        // With a second owner every write would be a copy.
        points = []
        DispatchQueue.concurrentPerform(iterations: gammas.count) { index in
            guard gammas[index] < 1 else { return }
            var point: [Scalar] = []
            made.withLock { swap(&point, &$0[index]) }
            if point.isEmpty { point = Scalar.zeros(to.count) }
            Scalar.pointAlong(into: &point, from: from, to: to, fraction: gammas[index])
            made.withLock { [point] in $0[index] = point }
        }
        points = made.withLock { $0 }
        for index in 0..<last { others[index].point = points[index] }
        probe = points[last]
        return gammas.indices.map { gammas[$0] < 1 ? points[$0] : next }
    }

    /// Moves the vectors for the gradient of the last probe or of another out.
    mutating func takeGradient(other: Int?) -> GroupedGradient<Scalar> {
        guard let other else { return gradient.taken() }
        return others[other].gradient.taken()
    }

    /// Another probe and the last one change places.
    mutating func swapProbe(withOther index: Int) {
        swap(&probe, &others[index].point)
        swap(&gradient, &others[index].gradient)
    }
}
