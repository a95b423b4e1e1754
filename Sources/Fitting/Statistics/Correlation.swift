/// A correlation of L and g, and everything that the program knows of it; tables and texts loop over `Correlation.all`.
public struct Correlation: Sendable {
    /// The name in JSON, as `pearsonOfLogs`.
    public let key: String
    /// The name in tables.
    public let column: String
    /// What its p-values are called in JSON, as the `pearson` of `pearsonProbability`; `nil` for one without.
    public var stem: String?
    /// The name in texts, as wide as the others.
    public let title: String
    /// The name on pages.
    public let label: String
    /// Name and symbol in LaTeX; `nil` for one that LaTeX tables leave out.
    public var latex: (name: String, symbol: String)?
    /// Whether texts leave it out where it is undefined, instead of saying so.
    public var isOptional = false
    /// Returns the correlation of the points, `nil` where it is undefined, with the p-value for independent points.
    var value: @Sendable (PointFit) -> (value: Double, probability: Double?)?
    /// Prepares the correlation of a resample: it gets Pearson's of log g and log L there.
    var replicate: @Sendable (PointFit, Double) -> @Sendable (inout Resample, Double) -> Double?
    /// The columns that are permuted for a p-value; `nil` for none.
    var permuted: (@Sendable (PointFit) -> (x: [Double], y: [Double]))?

    /// In the order of reports.
    public static let all = [pearsonOfLogs, spearman, kendall, pearsonOfLogsGivenStepSize]

    /// The name in JSON of the p-value for independent points, and of that by permuted blocks.
    public var probabilityKey: String? { stem.map { $0 + "Probability" } }
    public var permutationKey: String? { permuted == nil ? nil : stem.map { $0 + "PermutationProbability" } }

    func solve(_ work: PointFit) -> LawSolution? {
        guard let found = value(work) else { return nil }
        return LawSolution(
            statistics: [Statistic(hasLeverage: false, isCorrelation: true)],
            replicate: {
                let replicate = replicate(work, found.value)
                return { resample in
                    guard let pearson = resample.moments.correlation else { return [.nan] }
                    return [replicate(&resample, pearson) ?? .nan]
                }
            },
            values: { intervals in
                var values: FittedValues = [:]
                values.set(key, intervals.estimate(found.value, 0))
                if let probabilityKey, let probability = found.probability { values.set(probabilityKey, probability) }
                return values
            })
    }

    static let pearsonOfLogs = Correlation(
        key: "pearsonOfLogs", column: "pearson_of_logs", stem: "pearson", title: "Pearson, of the logs  ",
        label: "Pearson, of the logs", latex: ("Pearson, logs", "r"),
        value: { work in
            pearsonCorrelation(work.logGradientNorm, work.logSmoothness).map {
                ($0, correlationProbability($0, count: work.points.count))
            }
        },
        replicate: { _, _ in { _, pearson in pearson } },
        permuted: { ($0.logGradientNorm, $0.logSmoothness) })

    static let spearman = Correlation(
        key: "spearman", column: "spearman", stem: "spearman", title: "Spearman, of ranks    ", label: "Spearman",
        latex: ("Spearman", "r_s"),
        value: { work in
            spearmanCorrelation(work.points.gradientNorm, work.points.smoothness).map {
                ($0, correlationProbability($0, count: work.points.count))
            }
        },
        replicate: { _, _ in { resample, _ in resample.spearman() } },
        permuted: { (midRanks($0.points.gradientNorm), midRanks($0.points.smoothness)) })

    static let kendall = Correlation(
        key: "kendall", column: "kendall", stem: "kendall", title: "Kendall, of pairs     ", label: "Kendall",
        latex: ("Kendall", "\\tau_b"),
        value: { work in
            kendallCorrelation(work.points.gradientNorm, work.points.smoothness).map { ($0.value, $0.probability) }
        },
        replicate: { work, value in
            // To first order a resample changes τ by twice the mean of its projections.
            let projections = kendallProjections(work.points.gradientNorm, work.points.smoothness)
            let plain = mean(projections)
            let scale = abs(plain) > 1e-12 ? value / plain : 1
            return { resample, _ in
                var sum = 0.0
                var total = 0.0
                for index in projections.indices {
                    sum += resample.counts[index] * projections[index]
                    total += resample.counts[index]
                }
                return clampedCorrelation(scale * (plain + 2 * (sum / total - plain)))
            }
        })

    /// What the step size does not account for: undefined without step sizes, or where η_eff is constant or determines g or L.
    static let pearsonOfLogsGivenStepSize = Correlation(
        key: "pearsonOfLogsGivenStepSize", column: "pearson_of_logs_given_step_size",
        title: "Pearson, of the logs, given log η_eff  ", label: "Pearson, of the logs, given log η_eff",
        isOptional: true,
        value: { work in
            let (g, l) = (work.logGradientNorm, work.logSmoothness)
            guard let pearson = pearsonCorrelation(g, l), let steps = work.logStepSizes,
                let xz = pearsonCorrelation(g, steps), let yz = pearsonCorrelation(l, steps),
                let partial = partialCorrelation(pearson, givenCorrelations: xz, yz)
            else { return nil }
            return (partial, nil)
        },
        replicate: { _, _ in { resample, pearson in resample.frame.logs.partial(resample.counts, pearson: pearson) } })
}

/// The correlations of a report. What is undefined, as where L is constant, is absent.
public struct Correlations: Sendable, Equatable {
    public var values: FittedValues = [:]
    public var permutations: Int
    public var permutationBlockLength: Int

    init(permutations: Int, permutationBlockLength: Int) {
        (self.permutations, self.permutationBlockLength) = (permutations, permutationBlockLength)
    }

    /// Adds the p-values by permuted blocks of those that are defined.
    mutating func permute(_ work: PointFit) {
        let kinds = Correlation.all.filter { $0.permutationKey != nil && values.estimate($0.key) != nil }
        let test = PermutationTest(
            permutations: permutations, blockLength: permutationBlockLength, seed: work.options.seed)
        let found = test.probabilities(kinds.compactMap { $0.permuted?(work) }, series: work.points.series)
        for (kind, probability) in zip(kinds, found) {
            if let key = kind.permutationKey, let probability { values.set(key, probability) }
        }
    }

    public var pearsonOfLogs: Estimate? { values.estimate("pearsonOfLogs") }
    public var spearman: Estimate? { values.estimate("spearman") }
    public var kendall: Estimate? { values.estimate("kendall") }
    public var pearsonOfLogsGivenStepSize: Estimate? { values.estimate("pearsonOfLogsGivenStepSize") }
    /// Two-sided p-values as if the points were independent, which those of a trajectory are not.
    public var pearsonProbability: Double? { values.number("pearsonProbability") }
    public var spearmanProbability: Double? { values.number("spearmanProbability") }
    public var kendallProbability: Double? { values.number("kendallProbability") }
    /// p-values where blocks of points are permuted.
    public var pearsonPermutationProbability: Double? { values.number("pearsonPermutationProbability") }
    public var spearmanPermutationProbability: Double? { values.number("spearmanPermutationProbability") }
}

extension Correlations: Codable {
    private enum Key: String, CodingKey, CaseIterable { case permutations, permutationBlockLength }

    public func encode(to encoder: any Encoder) throws {
        try values.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(permutations, forKey: .permutations)
        try container.encode(permutationBlockLength, forKey: .permutationBlockLength)
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        permutations = try container.decode(Int.self, forKey: .permutations)
        permutationBlockLength = try container.decode(Int.self, forKey: .permutationBlockLength)
        values = try FittedValues(from: decoder)
        for key in Key.allCases { values.remove(key.rawValue) }
    }
}
