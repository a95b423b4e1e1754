import Essentials
import Evaluation
import ParameterSpace
import RunFiles

/// Where the gradients of an estimate come from.
public enum GradientSource: String, Sendable, Hashable, Codable {
    /// They were taken while the run was made, and are in its file.
    case recorded
}

extension EstimationConfiguration {
    /// What the gradients that a run has recorded on a fixed subset allow: γ = 1 and those that were saved besides.
    ///
    /// - Parameter mode: one that needs no other gradients.
    /// - Throws: `SmoothnessError`: `.data` for a run without such gradients; `.usage` for a mode that they cannot give.
    public static func recorded(in run: String, mode: EstimationMode = .zhangPaper) throws -> EstimationConfiguration {
        let reader = try RunFileReader(run)
        guard let subset = reader.fixedSubset else {
            throw SmoothnessError(
                .data, "holds no gradients on a fixed subset", file: run, object: "/fixed_subset",
                expected: "the datasets gradient and next_gradient", found: "no such group",
                remedy: "Name an objective or a gradient process instead")
        }
        guard [.zhangPaper, .directional, .h0h1].contains(mode) else {
            throw SmoothnessError(
                .usage, "recorded gradients are those of one function along the step", file: run,
                expected: "--mode zhang-paper, directional or h0h1", found: "--mode \(mode.rawValue)")
        }
        guard mode != .h0h1 || subset.hasLosses else {
            throw SmoothnessError(
                .usage, "this mode needs losses, and none were recorded", file: run, object: "/fixed_subset/loss",
                found: "--mode \(mode.rawValue)")
        }
        var configuration = EstimationConfiguration(
            grid: .explicit(gammas: subset.gammas + [1]), subset: .list(indices: subset.componentGroups.components),
            precision: Precision(rawValue: reader.header.scalarName), mode: mode, groups: subset.groupCount)
        configuration.source = .recorded
        return configuration
    }
}

extension EstimationJob {
    /// What a person should know of its gradients beforehand, a line each.
    public func notes() throws -> [String] {
        let reader = try RunFileReader(plan.run)
        if configuration.source == .recorded {
            guard let subset = reader.fixedSubset else { return [] }
            return ["recorded on \(subset.subset)"] + subset.limits.map { "recorded gradients do not give \($0)" }
        }
        return try (configuration.objective ?? ObjectiveDescription(json: reader.header.objective)).gradientNotes
    }
}

extension FixedSubset {
    /// The subset as an estimate knows it. Where the run does not say which components it holds, every group is one.
    var componentGroups: ComponentGroups {
        let isKnown = !components.isEmpty
        let groups = groupWeights.isEmpty ? [1] : groupWeights
        return ComponentGroups(
            components: isKnown ? components : Array(groups.indices), weights: isKnown ? componentWeights : groups,
            count: groupCount,
            // Without limit where nothing is known of it: the share of the subset is 0.
            populationWeight: populationWeight ?? .infinity)
    }

    /// What an estimate from these gradients lacks, one line each for a person.
    public var limits: [String] {
        var lines: [String] = []
        if groupWeights.isEmpty && !(populationWeight.map { isWhole($0) } ?? false) {
            lines.append("standard errors over the data (no gradients of groups of components were saved)")
        } else if !groupWeights.isEmpty && populationWeight == nil {
            lines.append("the correction for a finite population (how much data there is was not saved)")
        }
        if gammas.isEmpty { lines.append("the curve over γ and its maximum (only γ = 1 was saved)") }
        if !hasLosses { lines.append("losses, and the identity between losses and gradients (no losses were saved)") }
        lines.append(
            "repeatability and the measured rounding floor (nothing is evaluated; the machine epsilon stands in)")
        lines.append("other subsets, norms, directions, precisions and controls")
        return lines
    }

    private func isWhole(_ population: Double) -> Bool {
        !componentWeights.isEmpty && componentWeights.reduce(0, +) >= population * (1 - 1e-12)
    }
}
