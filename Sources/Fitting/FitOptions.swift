import Essentials

/// How to fit.
public struct FitOptions: Sendable, Codable, Equatable {
    /// Bootstrap resamples; 0 for no intervals. Permutation tests draw as many.
    public var replicates: Int
    /// Nominal coverage of the intervals, in (0, 1).
    public var confidence: Double
    /// ℓ in points; `nil` for the automatic length.
    public var blockLength: Int?
    public var seed: UInt64
    public var scheme = BootstrapScheme.movingBlocks
    /// τ of the expectile line, in (0, 1).
    public var expectile = 6.0 / 7
    /// τ of the quantile line, in (0, 1).
    public var quantile = 0.95
    /// Whether points weigh as their standard errors say.
    public var isWeighted = false
    /// √(error variance of log L / error variance of log g) where the points have no standard errors.
    public var errorRatio = 1.0
    /// f*; `nil` to fit it.
    public var minimumLoss: Double?
    /// ρ; `nil` to fit it.
    public var order: Double?
    /// α in L = L0 + L1 max ‖∇f‖^α over the segment.
    public var alpha = 1.0

    public init(replicates: Int = 2000, confidence: Double = 0.95, blockLength: Int? = nil, seed: UInt64 = 0) {
        self.replicates = replicates
        self.confidence = confidence
        self.blockLength = blockLength
        self.seed = seed
    }

    func check(_ points: SmoothnessPoints) throws {
        try check(
            (0...1_000_000).contains(replicates), "the number of bootstrap replicates is out of range",
            "0 to 1,000,000",
            replicates)
        try check(
            confidence > 0 && confidence < 1, "the confidence of an interval is a probability",
            "a number between 0 and 1", confidence)
        for level in [expectile, quantile] {
            try check(level > 0 && level < 1, "the level of a line is out of range", "a number between 0 and 1", level)
        }
        try check(
            errorRatio > 0 && errorRatio.isFinite, "the ratio of errors is out of range", "a positive number",
            errorRatio)
        try check(alpha > 0 && alpha <= 2, "α is out of range", "above 0, at most 2", alpha)
        if let order { try check(orderRange.contains(order), "ρ is out of range", "0 to 4", order) }
        if let blockLength {
            let shortest = points.series.map(\.count).min() ?? 0
            try check(
                (1...max(shortest, 1)).contains(blockLength), "the block length does not fit the points",
                "1 to \(shortest)", blockLength)
        }
        if let minimumLoss {
            try check(minimumLoss.isFinite, "the smallest loss f* is not a number", "a finite number", minimumLoss)
            guard let loss = points.loss else {
                throw SmoothnessError(
                    .usage, "f* was given, but the points have no losses", expected: "a column loss",
                    remedy: "Fit an estimates file, or leave f* out.")
            }
            let smallest = loss.min() ?? minimumLoss
            try check(minimumLoss <= smallest, "f* lies above losses of the run", "at most \(smallest)", minimumLoss)
        }
        if isWeighted, points.smoothnessError == nil {
            throw SmoothnessError(
                .data, "a weighted fit needs standard errors, and these points have none",
                object: "smoothness_error", expected: "a positive number for every point",
                remedy: "Estimate with groups of components, or fit without weights.")
        }
    }

    private func check(_ isFine: Bool, _ message: String, _ expected: String, _ found: some CustomStringConvertible)
        throws
    {
        guard !isFine else { return }
        throw SmoothnessError(.usage, message, expected: expected, found: "\(found)")
    }
}
