import Essentials
import Evaluation
import ParameterSpace

/// Where the probes go: `workspace.next` holds x_k + d when `aim` is done.
extension StepEstimator {
    /// Steps of ascent on the way to an adversarial direction.
    static var ascentSteps: Int { StepDirection.ascentSteps }
    /// Numbers for the gradients on that way.
    static var ascentSlots: Int { 2 * ascentSteps }

    /// Turns x_{k+1} into the end of the direction that is asked for, as far from x_k as the step is long.
    /// - Returns: whether there is such a direction at this row.
    mutating func aim<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source, _ estimate: StepEstimate
    ) throws -> Bool where Source.Scalar == Scalar {
        if options.control == .permute { return try takeStepOfAnotherRow(place, of: &source) }
        switch options.direction {
        case .step, .hessian: return true
        case .gradient:
            guard estimate.gradientNorm > 0 else { return false }
            Scalar.round(
                into: &workspace.probe, factor: -estimate.stepNorm / estimate.gradientNorm, workspace.base.mean)
        case .random:
            drawDirection(index: place.iteration)
            lengthenProbe(to: estimate.stepNorm)
        case .momentum:
            guard place.row > 0, source.iterations[place.row - 1] == place.iteration &- 1 else { return false }
            try source.readIterate(ofRow: place.row - 1, into: &workspace.probe)
            Scalar.axpby(1, workspace.iterate, -1, into: &workspace.probe)
            let length = layout.norm(of: workspace.probe)
            guard length > 0, length.isFinite else { return false }
            lengthenProbe(to: estimate.stepNorm)
        case .adversarial:
            try ascend(place, estimate)
            return true
        }
        addProbeToIterate()
        return true
    }

    /// next = x_k + probe
    private mutating func addProbeToIterate() {
        Scalar.combine(into: &workspace.next, 1, workspace.iterate, 1, workspace.probe, in: 0..<layout.count)
    }

    private mutating func lengthenProbe(to length: Double) {
        let norm = layout.norm(of: workspace.probe)
        Scalar.axpby(0, workspace.iterate, length / norm, into: &workspace.probe)
    }

    private mutating func drawDirection(index: Int) {
        var generator = SeededGenerator(seed: options.seed, purpose: "direction", index: index)
        for element in workspace.probe.indices { workspace.probe[element] = Scalar(generator.normal()) }
    }

    /// The step of the row that follows this one in a random cycle through all rows.
    private mutating func takeStepOfAnotherRow<Source: StepSource & ~Copyable>(
        _ place: RowPlace, of source: inout Source
    ) throws -> Bool where Source.Scalar == Scalar {
        let count = source.iterations.count
        guard count > 1 else { return false }
        var generator = SeededGenerator(seed: options.seed, purpose: "permutation control")
        let cycle = generator.permutation(of: count)
        guard let position = cycle.firstIndex(of: place.row) else { return false }
        let other = cycle[(position + 1) % count]
        try source.readIterate(ofRow: other, into: &workspace.probe)
        try source.readNextIterate(ofRow: other, into: &workspace.next)
        Scalar.axpby(1, workspace.next, -1, into: &workspace.probe)
        guard Scalar.nonfiniteCount(workspace.probe, in: 0..<layout.count) == 0 else { return false }
        addProbeToIterate()
        return layout.distance(from: workspace.iterate, to: workspace.next) > 0
    }

    /// Ascends the ratio ‖∇f_S(x_k + d) − ∇f_S(x_k)‖ / ‖d‖ over the directions of the step's length, from the step itself.
    ///
    /// The gradient of ½‖Δ(d)‖² with respect to d is ∇²f_S(x_k + d) Δ(d), here by a difference along Δ of a quarter of the step;
    /// the next direction is that one, as in the power method, to which this comes down for a quadratic. The best of all is kept.
    private mutating func ascend(_ place: RowPlace, _ estimate: StepEstimate) throws {
        let size = estimate.subsetSize
        var best: (ratio: Double, end: [Scalar])?
        var shifted = GroupedGradient<Scalar>(parameterCount: layout.count, groupCount: 0)
        for step in 0...Self.ascentSteps {
            try evaluate(.ascent(2 * step), 0..<size, place, at: .next, into: .gradient)
            let displacement = layout.distance(from: workspace.iterate, to: workspace.next)
            let difference = layout.distance(from: workspace.base.mean, to: workspace.gradient.mean)
            let ratio = difference / displacement
            guard ratio.isFinite else { break }
            if ratio > best?.ratio ?? -1 { best = (ratio, workspace.next) }
            guard step < Self.ascentSteps, difference > 0 else { break }
            // probe = x_k + d + hΔ/‖Δ‖
            let shift = displacement / 4
            for index in workspace.probe.indices {
                let delta = workspace.gradient.mean[index] - workspace.base.mean[index]
                workspace.probe[index] = Scalar(Double(workspace.next[index]) + shift / difference * delta)
            }
            swap(&shifted.mean, &workspace.gradient.mean)
            try evaluate(.ascent(2 * step + 1), 0..<size, place, at: .probe, into: .gradient)
            Scalar.round(into: &workspace.probe, factor: 1, workspace.gradient.mean)
            Scalar.accumulateDifference(into: &workspace.probe, minus: shifted.mean)
            guard layout.norm(of: workspace.probe) > 0, layout.norm(of: workspace.probe).isFinite else { break }
            lengthenProbe(to: estimate.stepNorm)
            addProbeToIterate()
        }
        if let best { workspace.next = best.end }
    }
}

extension ParameterScalar {
    /// x[i] = fl(x[i] − y[i]).
    fileprivate static func accumulateDifference(into x: inout [Self], minus y: [Double]) {
        for index in x.indices { x[index] = Self(Double(x[index]) - y[index]) }
    }
}
