import ParameterSpace

/// All parameter vectors that an estimate needs, made once.
///
/// The number depends neither on the number of iterates K, nor of components m, nor of γ: three vectors of the evaluation scalar (x_k, the
/// end of the step, the probe), and for each of the two gradients that are subtracted one of Double and one of the scalar for every
/// group, besides two for every worker and what the objective itself holds; for every probe that is evaluated at the same time as another, its
/// point and its gradient; and the iterates of the next row where its first probe is begun before it is its turn.
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
    /// Vectors for the probes that are evaluated at the same time; empty where one is after the other.
    var spares: [HeldProbe<Scalar>]
    /// The iterates of the row after this one, where they have been read for its first probe.
    var upcoming = UpcomingRow<Scalar>()

    /// The bytes of a workspace.
    /// - Parameters:
    ///   - parameterCount: P
    ///   - sumsGroups: whether a group has more than one component.
    ///   - gradientCount: how many gradients are held at the same time, 2 or 3.
    ///   - probeCount: how many probes are evaluated at the same time.
    ///   - looksAhead: whether, where there are several, the first of the next row is one of them.
    ///   - takesPairs: whether components are evaluated two at a time.
    public static func byteCount(
        parameterCount: Int, groupCount: Int, workerCount: Int, sumsGroups: Bool = true, gradientCount: Int = 2,
        probeCount: Int = 1, looksAhead: Bool = false, takesPairs: Bool = false
    ) -> Int {
        (looksAhead && probeCount > 1 ? 5 : 3) * parameterCount * MemoryLayout<Scalar>.stride + gradientCount
            * GroupedGradient<Scalar>.byteCount(parameterCount: parameterCount, groupCount: groupCount)
            + (probeCount > 1 ? probeCount : 0)
            * byteCountPerProbe(parameterCount: parameterCount, groupCount: groupCount)
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
        spares = (0..<(probeCount > 1 ? probeCount : 0)).map { _ in
            HeldProbe(gradient: GroupedGradient(parameterCount: parameterCount, groupCount: groupCount))
        }
    }

    /// Whether x_k is, signs of zeros included, the x_{k+1} of the row before, which `next` still holds.
    var iterateIsPreviousNext: Bool { Scalar.isSame(iterate, next) }

    /// Makes fl(x_k + γd) as the last probe; at γ = 1 the end of the step itself is the point.
    mutating func makePoint(at gamma: Double) {
        if gamma < 1 { Scalar.pointAlong(into: &probe, from: iterate, to: next, fraction: gamma) }
    }

    /// fl(x_k + γd) in a spare vector; at γ = 1 the end of the step itself.
    static func point(
        _ spare: inout HeldProbe<Scalar>, at gamma: Double, from iterate: [Scalar], to next: [Scalar]
    ) -> [Scalar] {
        guard gamma < 1 else { return next }
        if spare.point.isEmpty { spare.point = Scalar.zeros(next.count) }
        Scalar.pointAlong(into: &spare.point, from: iterate, to: next, fraction: gamma)
        return spare.point
    }

    /// Makes what another probe held that of the last one, whose vectors become spare. The point of γ = 1 is `next`.
    mutating func take(_ held: consuming HeldProbe<Scalar>) {
        if !held.point.isEmpty { swap(&probe, &held.point) }
        swap(&gradient, &held.gradient)
        spares.append(held)
    }
}

/// The vectors of a probe that is evaluated at the same time as another.
struct HeldProbe<Scalar: ParameterScalar> {
    /// fl(x_k + γd), once it has been made.
    var point: [Scalar] = []
    var gradient: GroupedGradient<Scalar>
}

/// A row's iterates, read before it is its turn.
struct UpcomingRow<Scalar: ParameterScalar> {
    /// `nil` where none has been read.
    var row: Int?
    var iterate: [Scalar] = []
    var next: [Scalar] = []
}
