import Essentials
import HDF5
import ParameterSpace

/// What a run file says of the gradients that it holds on one fixed subset of the data, `/fixed_subset` of docs/run-file.md.
public struct FixedSubset: Sendable, Equatable {
    /// What the subset is, in words.
    public var subset: String
    /// How f_S was evaluated, in words.
    public var evaluation: String?
    /// Whether f_S(x_k) is there besides its gradient.
    public var hasLosses: Bool
    /// γ of the gradients between the two ends, increasing.
    public var gammas: [Double] = []
    /// Whether the points there are stored and not to be computed.
    public var hasProbes = false
    /// W_b of the groups whose gradients are there besides the mean; empty where none are.
    public var groupWeights: [Double] = []
    /// The components of S in the order in which they were drawn; empty where the file does not tell.
    public var components: [Int] = []
    /// The number of examples of each.
    public var componentWeights: [Double] = []
    /// The number of examples of all data.
    public var populationWeight: Double?
    /// Whether what belongs to x_{k+1} is the next row of what belongs to x_k, so that this has K + 1 rows.
    public var sharesRows: Bool

    public init(subset: String, hasLosses: Bool = false, sharesRows: Bool = false) {
        self.subset = subset
        self.hasLosses = hasLosses
        self.sharesRows = sharesRows
    }

    /// B; 1 where no groups are stored.
    public var groupCount: Int { max(1, groupWeights.count) }
}

extension FixedSubset {
    /// What the file has; `nil` where it has no such gradients.
    /// - Throws: `SmoothnessError(.data)` where it breaks the format.
    init?(of file: borrowing File) throws {
        guard try file.exists(RunFilePath.fixedSubset) else { return nil }
        func has(_ name: String) throws -> Bool { try file.exists(Self.path(name)) }
        func numbers(_ name: String) throws -> [Double] {
            try has(name) ? try file.dataset(Self.path(name)).read(as: Double.self) : []
        }
        let group = RunFilePath.fixedSubset
        self.init(
            subset: try file.attribute("subset", of: group, as: String.self), hasLosses: try has("loss"),
            sharesRows: try !has("next_gradient"))
        if try file.hasAttribute("evaluation", of: group) {
            evaluation = try file.attribute("evaluation", of: group, as: String.self)
        }
        gammas = try numbers("gamma")
        hasProbes = try has("probe")
        groupWeights = try numbers("group_weight")
        if try has("component") {
            components = try file.dataset(Self.path("component")).read(as: Int64.self).map { Int($0) }
        }
        componentWeights = try numbers("component_weight")
        populationWeight = try numbers("population_weight").first
        try requireSense(file.path)
    }

    static func path(_ name: String) -> String { RunFilePath.fixedSubset + "/" + name }

    /// What must hold of the numbers that say what the subset is.
    private func requireSense(_ file: String) throws {
        func require(_ isTrue: Bool, _ name: String, _ expected: String, _ found: String) throws {
            guard !isTrue else { return }
            throw SmoothnessError(
                .data, "breaks the format", file: file, object: Self.path(name), expected: expected, found: found)
        }
        try require(
            gammas.allSatisfy { $0 > 0 && $0 < 1 } && zip(gammas, gammas.dropFirst()).allSatisfy(<), "gamma",
            "increasing numbers between 0 and 1", "\(gammas)")
        try require(!hasProbes || !gammas.isEmpty, "probe", "/fixed_subset/gamma beside it", "none")
        try require(
            groupWeights.count != 1 && groupWeights.allSatisfy { $0 > 0 && $0.isFinite }, "group_weight",
            "two or more positive weights", "\(groupWeights)")
        try require(
            Set(components).count == components.count && components.allSatisfy { $0 >= 0 }, "component",
            "distinct numbers from 0 on", "\(components.prefix(10))")
        try require(
            componentWeights.count == components.count && componentWeights.allSatisfy { $0 > 0 && $0.isFinite },
            "component_weight", "\(components.count) positive weights", "\(componentWeights.count)")
        try require(
            components.isEmpty || components.count >= groupCount, "component", "\(groupCount) or more",
            "\(components.count)")
        if let populationWeight {
            let own = componentWeights.isEmpty ? groupWeights.reduce(0, +) : componentWeights.reduce(0, +)
            try require(
                populationWeight.isFinite && populationWeight > 0 && populationWeight >= own * (1 - 1e-12),
                "population_weight", "at least the weight of the subset, \(own)", "\(populationWeight)")
        }
        guard !groupWeights.isEmpty, !components.isEmpty else { return }
        var sums = [Double](repeating: 0, count: groupCount)
        for (position, weight) in componentWeights.enumerated() { sums[position % groupCount] += weight }
        try require(
            zip(sums, groupWeights).allSatisfy { abs($0 - $1) <= 1e-9 * $1 }, "group_weight",
            "the sums of the components' weights, \(sums)", "\(groupWeights)")
    }
}

extension FixedSubset {
    /// One vector a row, or several.
    struct Vectors {
        var name: String
        /// Extents between the rows and P.
        var between: [Int]
        var longName: String
        var definition: String
    }

    /// The datasets of parameter vectors that this subset has.
    var vectors: [Vectors] {
        let (probes, groups) = (gammas.count, groupWeights.count)
        var found = [
            Vectors(
                name: "gradient", between: [], longName: "gradient on the fixed subset at the iterate",
                definition: "gradient of the mean loss over the fixed subset at x_k, before clipping")
        ]
        if groups > 0 {
            found.append(
                Vectors(
                    name: "group_gradient", between: [groups], longName: "gradients of the groups at the iterate",
                    definition: "gradient of the mean loss over every group of components at x_k"))
        }
        if !sharesRows {
            found += found.map {
                Vectors(
                    name: "next_" + $0.name, between: $0.between,
                    longName: $0.longName.replacing("the iterate", with: "the next iterate"),
                    definition: $0.definition.replacing("x_k", with: "x_{k+1}"))
            }
        }
        guard probes > 0 else { return found }
        found.append(
            Vectors(
                name: "probe_gradient", between: [probes], longName: "gradients on the fixed subset along the step",
                definition: "gradient of the mean loss over the fixed subset at the probe of every gamma"))
        if groups > 0 {
            found.append(
                Vectors(
                    name: "probe_group_gradient", between: [probes, groups],
                    longName: "gradients of the groups along the step",
                    definition: "gradient of the mean loss over every group of components at the probe of every gamma"))
        }
        if hasProbes {
            found.append(
                Vectors(
                    name: "probe", between: [probes], longName: "probes along the step",
                    definition: "the points between x_k and x_{k+1} at which gradients were taken"))
        }
        return found
    }

    /// Every dataset, as the format defines it.
    func definitions(rows: Int, parameterCount: Int, scalar: ScalarType) -> [DatasetDefinition] {
        func fixed(_ name: String, _ element: ScalarType, _ shape: [Int], _ longName: String, _ text: String)
            -> DatasetDefinition
        {
            DatasetDefinition(
                path: Self.path(name), element: element, shape: shape, longName: longName, definition: text)
        }
        func rowCount(_ name: String) -> Int {
            sharesRows && ["gradient", "group_gradient", "loss"].contains(name) ? rows + 1 : rows
        }
        var found = vectors.map {
            fixed(
                $0.name, scalar, [rowCount($0.name)] + $0.between + [parameterCount], $0.longName, $0.definition)
        }
        if hasLosses {
            found.append(
                fixed(
                    "loss", .float64, [rowCount("loss")], "loss on the fixed subset",
                    "mean loss over the fixed subset at x_k"))
            if !sharesRows {
                found.append(
                    fixed(
                        "next_loss", .float64, [rows], "loss on the fixed subset at the next iterate",
                        "mean loss over the fixed subset at x_{k+1}"))
            }
        }
        if !gammas.isEmpty {
            found.append(
                fixed("gamma", .float64, [gammas.count], "fractions of the step", "gamma of the probes, increasing"))
            if hasLosses {
                found.append(
                    fixed(
                        "probe_loss", .float64, [rows, gammas.count], "losses along the step",
                        "mean loss over the fixed subset at the probe of every gamma"))
            }
        }
        if !groupWeights.isEmpty {
            found.append(
                fixed(
                    "group_weight", .float64, [groupWeights.count], "weights of the groups",
                    "number of examples of every group of components"))
        }
        if !components.isEmpty {
            found.append(
                fixed(
                    "component", .int64, [components.count], "components",
                    "the components of the fixed subset in the order in which they were drawn"))
            found.append(
                fixed(
                    "component_weight", .float64, [components.count], "weights of the components",
                    "number of examples of every component of the fixed subset"))
        }
        if populationWeight != nil {
            found.append(
                fixed("population_weight", .float64, [], "weight of all data", "number of examples of all data"))
        }
        return found
    }
}
