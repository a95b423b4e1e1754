import ParameterSpace

/// Steps and gradients in another norm than the Euclidean one: vectors of Double, made for the purpose.
///
/// Errors are those of the numbers linearised: ‖g‖* = ⟨g, M⟩ for the M = M(g) of ‖M‖ = 1 that attains it, and by Danskin's theorem
/// ⟨·, M⟩ is its derivative, so that the mean with group b left out has the dual norm ⟨g₍₋b₎, M⟩ to first order (the infinitesimal
/// jackknife; Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, §6). It leaves out the bias that the noise of the
/// components gives every norm. ⟨Δ, d⟩ of the mode `directional` is linear, and its error that of a mean.
extension StepEstimator {
    /// ‖∇f_S(x_k)‖* and ‖d‖, whole and block by block.
    mutating func recordNormedEnds(in estimate: inout StepEstimate) throws {
        guard options.norm != .euclidean else { return }
        let step = workspace.displacement(isEnd: true)
        estimate.normed.gradientDualNorm = try options.norm.dualNorm(of: workspace.base.mean, layout: layout)
        estimate.normed.stepNorm = try options.norm.norm(of: step, layout: layout)
        for (index, block) in layout.blocks.enumerated() {
            estimate.blocks[index].normed.gradientDualNorm = try options.norm.dualNorm(
                of: workspace.base.mean, in: block)
            estimate.blocks[index].normed.stepNorm = try options.norm.norm(of: step, in: block)
        }
        try recordBaseProjections(in: &estimate)
    }

    private func recordBaseProjections(in estimate: inout StepEstimate) throws {
        let context = context(of: estimate)
        defer { estimate.concludeNormedBase(context) }
        guard !options.norm.isEuclideanMultiple else {
            for (index, block) in layout.blocks.enumerated() {
                estimate.blocks[index].normed.gradientDualNormError =
                    estimate.blocks[index].gradientNormError * Double(block.count).squareRoot()
            }
            return
        }
        guard !workspace.base.groups.isEmpty else { return }
        let parts = pieces.projections(
            of: workspace.base, onto: try options.norm.maximizer(of: workspace.base.mean, layout: layout))
        for group in estimate.groups.indices {
            estimate.groups[group].gradientProjection = parts.reduce(0) { $0 + $1[group] }
        }
        for block in parts.indices {
            estimate.blocks[block].normed.gradientDualNormError = GroupedMean.standardError(
                parts[block], sample: context.sample)
        }
    }

    /// ‖Δᵢ(γ)‖* and ‖dᵢ(γ)‖ of every block, the gradient at the probe being in `gradient`; `nil` in the Euclidean norm.
    func normedSums(_ index: Int) throws -> [NormedSums]? {
        guard options.norm != .euclidean else { return nil }
        let displacement = workspace.displacement(isEnd: gammas[index] == 1)
        let difference = workspace.difference
        return try layout.blocks.map { block in
            NormedSums(
                differenceDualNorm: try options.norm.dualNorm(of: difference, in: block),
                displacementNorm: try options.norm.norm(of: displacement, in: block))
        }
    }

    /// ⟨Δ_b(γ), M⟩ in every block (see `StepEstimate.groupProjections`), [block][group], the gradient at the probe being in `gradient`; `nil` where
    /// errors follow from the squares.
    func projections(_ index: Int) throws -> [[Double]]? {
        guard !workspace.gradient.groups.isEmpty else { return nil }
        let m: [Double]
        if !options.norm.isEuclideanMultiple {
            m = try options.norm.maximizer(of: workspace.difference, layout: layout)
        } else if options.mode == .directional {
            m = workspace.displacement(isEnd: gammas[index] == 1)
        } else {
            return nil
        }
        return pieces.projections(of: workspace.gradient, from: workspace.base, onto: m)
    }

    /// L̂ᵢ(γ) of a block with one group left out after the other.
    func leaveOut(
        _ block: Int, _ sums: ProbeSums, groups: [GroupSums], normed: NormedSums?, projections: [Double]?,
        _ sample: GroupedSample
    ) -> [Double] {
        if let normed, let projections, !options.norm.isEuclideanMultiple {
            return GroupedMean.leaveOut(projections, sample: sample).map { $0 / normed.displacementNorm }
        }
        let factor = options.norm == .rootMeanSquare ? Double(layout.blocks[block].count) : 1
        return GroupedNorm(squared: sums.differenceSquared, sums: groups, sample: sample)
            .leaveOutSquared.map { factor * ($0 / sums.displacementSquared).squareRoot() }
    }
}

extension EstimationWorkspace {
    /// What was added to x_k.
    fileprivate func displacement(isEnd: Bool) -> [Double] {
        zip(isEnd ? next : probe, iterate).map { Double($0) - Double($1) }
    }

    /// Δ(γ)
    fileprivate var difference: [Double] { zip(gradient.mean, base.mean).map { $0 - $1 } }
}
