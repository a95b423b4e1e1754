import Evaluation
import ParameterSpace

/// Recomputes a stored row from what cannot be derived in it (the losses, the sums of every block and γ, the norms and the
/// cosine of the base) and says where the rest differs.
struct RowCheck {
    struct Finding {
        var object: String
        var expected: String
        var found: String
    }

    /// Sums are added in the order of the specification by this software and to rounding by others.
    static let tolerance = 1e-12

    let header: EstimatesHeader
    let repeatability: Double?

    func findings(in stored: StepEstimate) -> [Finding] {
        var findings = derivedFindings(stored) + finitenessFindings(stored) + blockFindings(stored)
        // At γ = 1 the probe is x_{k+1} itself, so that the displacement is the whole step.
        if isAlongStep, let end = stored.curve.last, end.gamma == 1, !end.displacementNorm.isNaN,
            !Self.agree(end.displacementNorm, stored.stepNorm)
        {
            findings.append(
                Finding(
                    object: "/estimates/curve/displacement_norm, γ = 1", expected: "the step norm, \(stored.stepNorm)",
                    found: "\(end.displacementNorm)"))
        }
        if stored.triangleRatio > 1 + Self.tolerance {
            findings.append(
                Finding(object: "/estimates/triangle_ratio", expected: "at most 1", found: "\(stored.triangleRatio)"))
        }
        if abs(stored.cosine) > 1 + Self.tolerance {
            findings.append(Finding(object: "/estimates/cosine", expected: "−1 … 1", found: "\(stored.cosine)"))
        }
        return findings
    }

    private var isAlongStep: Bool {
        header.configuration.direction.endsAtNextIterate && header.configuration.control == .none
    }

    /// Every derived number anew.
    private func derivedFindings(_ stored: StepEstimate) -> [Finding] {
        let expected = recomputed(stored)
        var findings: [Finding] = []
        if expected.status != stored.status {
            findings.append(
                Finding(object: EstimatesSchema.status, expected: expected.status.name, found: stored.status.name))
        }
        for (point, other) in zip(expected.curve, stored.curve) where point.status != other.status {
            findings.append(
                Finding(
                    object: "\(EstimatesSchema.curveStatus), γ = \(point.gamma)", expected: point.status.name,
                    found: other.status.name))
        }
        for field in EstimatesSchema.fields(header.extents) {
            for (index, (a, b)) in zip(field.values(of: expected), field.values(of: stored)).enumerated()
            where !Self.agree(a, b) {
                findings.append(Finding(object: "\(field.name)[…, \(index)]", expected: "\(a)", found: "\(b)"))
            }
        }
        return findings
    }

    private func recomputed(_ stored: StepEstimate) -> StepEstimate {
        var row = StepEstimate(
            iteration: stored.iteration, gammas: header.gammas, blockCount: stored.blocks.count,
            groupCount: header.groups.count)
        row.copyMeasured(from: stored)
        let context = RowContext(
            of: stored, header.configuration, groups: header.groups, repeatability: repeatability,
            parameterCount: header.layout.count)
        if stored.groups.contains(where: { !$0.loss.isNaN }) || !stored.gradientNorm.isNaN {
            row.concludeBase(context)
            if !stored.normed.gradientDualNorm.isNaN { row.concludeNormedBase(context) }
        }
        // Either γ were probed or none.
        guard stored.isProbed else { return row }
        for index in header.gammas.indices where stored.curve[index].status != .skipped {
            row.record(
                probe: index, loss: stored.curve[index].loss, sums: stored.blockSums.map { $0[index] },
                groups: stored.groupDifferences.map { $0[index] },
                normed: header.configuration.norm == .euclidean ? nil : stored.normedSums.map { $0[index] },
                projections: stored.groupProjections.map { $0[index] }, context)
        }
        row.status = .ok
        row.conclude(cosine: stored.cosine, context)
        return row
    }

    private func finitenessFindings(_ stored: StepEstimate) -> [Finding] {
        var findings: [Finding] = []
        func require(_ isExpected: Bool, _ object: String, _ expected: String, _ found: Double) {
            if !isExpected { findings.append(Finding(object: object, expected: expected, found: "\(found)")) }
        }
        let condition = "where the status is \(stored.status.name)"
        let isSigned = header.configuration.mode == .directional
        for (object, value) in [("/estimates/smoothness", stored.smoothness), ("/estimates/gamma", stored.gamma)] {
            require(
                stored.status.hasValue ? value.isFinite && (value >= 0 || isSigned) : value.isNaN, object,
                (stored.status.hasValue ? "a finite value " : "NaN ") + condition, value)
        }
        if stored.status.hasValue || stored.status == .zeroStep {
            let isLossMissing = header.configuration.source == .recorded && stored.loss.isNaN
            for (object, value) in [
                ("/estimates/loss", isLossMissing ? 0 : stored.loss), ("/estimates/gradient_norm", stored.gradientNorm),
                ("/estimates/step_norm", stored.stepNorm),
            ] { require(value.isFinite, object, "a finite value " + condition, value) }
        }
        return findings
    }

    /// The norms at x_k and of d are those of their blocks.
    private func blockFindings(_ stored: StepEstimate) -> [Finding] {
        [
            ("/estimates/gradient_norm", stored.gradientNorm, stored.blocks.map(\.gradientNorm)),
            ("/estimates/step_norm", stored.stepNorm, stored.blocks.map(\.stepNorm)),
        ].compactMap { object, whole, parts in
            let sum = parts.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard !Self.agree(sum, whole), !(stored.gradientNorm.isInfinite) else { return nil }
            return Finding(
                object: object, expected: "\(sum), the root of the sum of the blocks' squares", found: "\(whole)")
        }
    }

    /// Equal up to rounding; NaN agrees with NaN only.
    static func agree(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        return a == b || abs(a - b) <= tolerance * max(abs(a), abs(b))
    }
}

extension StepEstimate {
    /// Takes over what cannot be derived from anything else in the row.
    fileprivate mutating func copyMeasured(from stored: StepEstimate) {
        status = stored.status
        subsetSize = stored.subsetSize
        componentGradientCount = stored.componentGradientCount
        loss = stored.loss
        gradientNorm = stored.gradientNorm
        stepNorm = stored.stepNorm
        relativeRounding = stored.relativeRounding
        roundingProjection = stored.roundingProjection
        hessian = stored.hessian
        normed = stored.normed
        groups = stored.groups
        for block in blocks.indices {
            blocks[block].gradientNorm = stored.blocks[block].gradientNorm
            blocks[block].gradientNormError = stored.blocks[block].gradientNormError
            blocks[block].stepNorm = stored.blocks[block].stepNorm
            blocks[block].normed = stored.blocks[block].normed
            blocks[block].smoothnessError = stored.blocks[block].smoothnessError
        }
        for index in curve.indices where stored.curve[index].status == .skipped { curve[index].status = .skipped }
    }
}
