import Essentials

/// What a fit starts from: one point an iterate, as an estimates file or a table of points gives them.
///
/// All arrays have one element an iterate, in any order; points are put in the order of `iteration` before anything that
/// depends on it (autocorrelation, blocks). Non-finite, negative, zero and below-floor points may be among them: `fit`
/// leaves them out and counts them by reason.
public struct SmoothnessPoints: Sendable, Equatable {
    /// k, the index of the iterate in its run.
    public var iteration: [Int]
    /// g_k = ‖∇f_S(x_k)‖₂.
    public var gradientNorm: [Double]
    /// L_k = L̂(x_k), Zhang et al. 2020, equation 20.
    public var smoothness: [Double]
    /// η_eff = ‖x_{k+1} − x_k‖ / ‖∇f(x_k)‖.
    public var effectiveLearningRate: [Double]?
    /// ‖d‖ = ‖x_{k+1} − x_k‖₂.
    public var stepNorm: [Double]?
    /// Whether the smoothness is not distinguishable from rounding or from the objective's own repeatability.
    public var belowFloor: [Bool]?

    public init(
        iteration: [Int], gradientNorm: [Double], smoothness: [Double], effectiveLearningRate: [Double]? = nil,
        stepNorm: [Double]? = nil, belowFloor: [Bool]? = nil
    ) {
        self.iteration = iteration
        self.gradientNorm = gradientNorm
        self.smoothness = smoothness
        self.effectiveLearningRate = effectiveLearningRate
        self.stepNorm = stepNorm
        self.belowFloor = belowFloor
    }

    /// Number of points, the unusable ones included.
    public var count: Int { iteration.count }

    /// - Throws: `SmoothnessError(.data)` naming the column whose length differs.
    public func checkLengths() throws {
        let lengths: [(name: String, count: Int?)] = [
            ("gradient_norm", gradientNorm.count), ("smoothness", smoothness.count),
            ("effective_learning_rate", effectiveLearningRate?.count), ("step_norm", stepNorm?.count),
            ("below_floor", belowFloor?.count),
        ]
        for (name, length) in lengths {
            guard let length, length != count else { continue }
            throw SmoothnessError(
                .data, "the columns of a set of points differ in length", object: name,
                expected: "\(count) values, as in iteration", found: "\(length)")
        }
    }

    /// Why the point at `index` cannot be fitted; `nil` for a usable one. One reason a point, in the order of `LeftOutReason`.
    public func reasonForLeavingOut(_ index: Int) -> LeftOutReason? {
        let (g, l) = (gradientNorm[index], smoothness[index])
        if stepNorm?[index] == 0 { return .zeroStep }
        if !g.isFinite || !l.isFinite { return .nonFinite }
        if g < 0 || l < 0 { return .negative }
        if g == 0 { return .zeroGradientNorm }
        if l == 0 { return .zeroSmoothness }
        if belowFloor?[index] == true { return .belowFloor }
        return nil
    }

    /// The usable points in the order of `iteration`, and how many were left out for which reason.
    public func usable() throws -> (points: SmoothnessPoints, counts: PointCounts) {
        try checkLengths()
        var counts = PointCounts(given: count)
        var kept: [Int] = []
        for index in 0..<count {
            if let reason = reasonForLeavingOut(index) {
                counts.leaveOut(reason)
            } else {
                kept.append(index)
            }
        }
        counts.used = kept.count
        kept.sort { (iteration[$0], $0) < (iteration[$1], $1) }
        return (selecting(kept), counts)
    }

    func selecting(_ indices: [Int]) -> SmoothnessPoints {
        SmoothnessPoints(
            iteration: indices.map { iteration[$0] }, gradientNorm: indices.map { gradientNorm[$0] },
            smoothness: indices.map { smoothness[$0] },
            effectiveLearningRate: effectiveLearningRate.map { column in indices.map { column[$0] } },
            stepNorm: stepNorm.map { column in indices.map { column[$0] } },
            belowFloor: belowFloor.map { column in indices.map { column[$0] } })
    }
}

/// Why a point takes no part in a fit. A point that has several reasons counts under the first.
public enum LeftOutReason: String, Sendable, Codable, CaseIterable {
    case zeroStep
    case nonFinite
    case negative
    case zeroGradientNorm
    case zeroSmoothness
    case belowFloor

    public var explanation: String {
        switch self {
        case .zeroStep: "the step is zero, x_{k+1} = x_k"
        case .nonFinite: "gradient norm or smoothness is NaN or infinite"
        case .negative: "gradient norm or smoothness is negative (a squared norm below its noise)"
        case .zeroGradientNorm: "gradient norm is zero"
        case .zeroSmoothness: "smoothness is zero"
        case .belowFloor: "smoothness is below the rounding or repeatability floor"
        }
    }
}

/// How many points were given, used, and left out for which reason; given = used + the sum of the rest.
public struct PointCounts: Sendable, Codable, Equatable {
    public var given: Int
    public var used = 0
    public var zeroStep = 0
    public var nonFinite = 0
    public var negative = 0
    public var zeroGradientNorm = 0
    public var zeroSmoothness = 0
    public var belowFloor = 0

    public init(given: Int) { self.given = given }

    public var leftOut: Int { given - used }

    public subscript(_ reason: LeftOutReason) -> Int {
        switch reason {
        case .zeroStep: zeroStep
        case .nonFinite: nonFinite
        case .negative: negative
        case .zeroGradientNorm: zeroGradientNorm
        case .zeroSmoothness: zeroSmoothness
        case .belowFloor: belowFloor
        }
    }

    mutating func leaveOut(_ reason: LeftOutReason) {
        switch reason {
        case .zeroStep: zeroStep += 1
        case .nonFinite: nonFinite += 1
        case .negative: negative += 1
        case .zeroGradientNorm: zeroGradientNorm += 1
        case .zeroSmoothness: zeroSmoothness += 1
        case .belowFloor: belowFloor += 1
        }
    }
}
