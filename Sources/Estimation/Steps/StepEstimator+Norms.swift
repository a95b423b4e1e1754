import ParameterSpace

/// Steps and gradients in another norm than the Euclidean one: vectors of Double, made for the purpose.
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
    }

    /// ‖Δᵢ(γ)‖* and ‖dᵢ(γ)‖ of every block, the gradient at the probe being in `gradient`; `nil` in the Euclidean norm.
    func normedSums(_ index: Int) throws -> [NormedSums]? {
        guard options.norm != .euclidean else { return nil }
        let displacement = workspace.displacement(isEnd: gammas[index] == 1)
        let difference = zip(workspace.gradient.mean, workspace.base.mean).map { $0 - $1 }
        return try layout.blocks.map { block in
            NormedSums(
                differenceDualNorm: try options.norm.dualNorm(of: difference, in: block),
                displacementNorm: try options.norm.norm(of: displacement, in: block))
        }
    }
}

extension EstimationWorkspace {
    /// What was added to x_k.
    fileprivate func displacement(isEnd: Bool) -> [Double] {
        zip(isEnd ? next : probe, iterate).map { Double($0) - Double($1) }
    }
}
