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
    /// f_S(x_k).
    public var loss: [Double]?
    /// The largest ‖∇f_S‖₂ among the probes of the step from x_k to x_{k+1}, both ends included.
    public var segmentGradientNorm: [Double]?
    /// The standard errors of g_k and L_k over the components of S.
    public var gradientNormError: [Double]?
    public var smoothnessError: [Double]?
    /// Which of several runs each point belongs to, by number; `nil` for one run.
    public var run: [Int]?

    public init(
        iteration: [Int], gradientNorm: [Double], smoothness: [Double], effectiveLearningRate: [Double]? = nil,
        stepNorm: [Double]? = nil, belowFloor: [Bool]? = nil, loss: [Double]? = nil,
        segmentGradientNorm: [Double]? = nil, gradientNormError: [Double]? = nil, smoothnessError: [Double]? = nil,
        run: [Int]? = nil
    ) {
        self.iteration = iteration
        self.gradientNorm = gradientNorm
        self.smoothness = smoothness
        self.effectiveLearningRate = effectiveLearningRate
        self.stepNorm = stepNorm
        self.belowFloor = belowFloor
        self.loss = loss
        self.segmentGradientNorm = segmentGradientNorm
        self.gradientNormError = gradientNormError
        self.smoothnessError = smoothnessError
        self.run = run
    }

    /// Number of points, the unusable ones included.
    public var count: Int { iteration.count }

    /// - Throws: `SmoothnessError(.data)` naming the column whose length differs.
    public func checkLengths() throws {
        let lengths: [(name: String, count: Int?)] = [
            ("gradient_norm", gradientNorm.count), ("smoothness", smoothness.count),
            ("effective_learning_rate", effectiveLearningRate?.count), ("step_norm", stepNorm?.count),
            ("below_floor", belowFloor?.count), ("loss", loss?.count),
            ("segment_gradient_norm", segmentGradientNorm?.count),
            ("gradient_norm_error", gradientNormError?.count),
            ("smoothness_error", smoothnessError?.count), ("run", run?.count),
        ]
        for (name, length) in lengths {
            guard let length, length != count else { continue }
            throw SmoothnessError(
                .data, "the columns of a set of points differ in length", object: name,
                expected: "\(count) values, as in iteration", found: "\(length)")
        }
    }

    /// Why the point at `index` cannot be fitted; `nil` for a usable one. One reason a point, in the order of `LeftOutReason`.
    public func reasonForLeavingOut(_ index: Int, isWeighted: Bool = false) -> LeftOutReason? {
        let (g, l) = (gradientNorm[index], smoothness[index])
        if stepNorm?[index] == 0 { return .zeroStep }
        if !g.isFinite || !l.isFinite { return .nonFinite }
        if g < 0 || l < 0 { return .negative }
        if g == 0 { return .zeroGradientNorm }
        if l == 0 { return .zeroSmoothness }
        if belowFloor?[index] == true { return .belowFloor }
        if isWeighted, let errors = smoothnessError, !(errors[index].isFinite && errors[index] > 0) {
            return .withoutStandardError
        }
        return nil
    }

    /// The usable points in the order of `iteration`, and how many were left out for which reason.
    public func usable(isWeighted: Bool = false) throws -> (points: SmoothnessPoints, counts: PointCounts) {
        try checkLengths()
        var counts = PointCounts(given: count)
        var kept: [Int] = []
        for index in 0..<count {
            if let reason = reasonForLeavingOut(index, isWeighted: isWeighted) {
                counts.leaveOut(reason)
            } else {
                kept.append(index)
            }
        }
        counts.used = kept.count
        kept.sort { (run?[$0] ?? 0, iteration[$0], $0) < (run?[$1] ?? 0, iteration[$1], $1) }
        return (selecting(kept), counts)
    }

    /// How many points have the iteration of the one before, for points in order.
    var repeatedIterations: Int {
        series.reduce(0) { count, range in
            count + range.dropFirst().count { iteration[$0] == iteration[$0 - 1] }
        }
    }

    /// The stretches of points that belong to one run each, for points in order.
    var series: [Range<Int>] {
        guard let run, !run.isEmpty else { return [0..<count] }
        var result: [Range<Int>] = []
        var start = 0
        for end in 1...run.count where end == run.count || run[end] != run[start] {
            result.append(start..<end)
            start = end
        }
        return result
    }

    /// The points of several runs, which keep their order and get the numbers 0, 1, …; a column that some run lacks is dropped.
    public init(joining runs: [SmoothnessPoints]) {
        func join(_ column: (SmoothnessPoints) -> [Double]?) -> [Double]? {
            let columns = runs.compactMap(column)
            return columns.count == runs.count ? columns.flatMap(\.self) : nil
        }
        let floors = runs.compactMap(\.belowFloor)
        self.init(
            iteration: runs.flatMap(\.iteration), gradientNorm: runs.flatMap(\.gradientNorm),
            smoothness: runs.flatMap(\.smoothness), effectiveLearningRate: join(\.effectiveLearningRate),
            stepNorm: join(\.stepNorm),
            belowFloor: floors.count == runs.count ? floors.flatMap(\.self) : nil, loss: join(\.loss),
            segmentGradientNorm: join(\.segmentGradientNorm), gradientNormError: join(\.gradientNormError),
            smoothnessError: join(\.smoothnessError),
            run: runs.enumerated().flatMap { number, points in [Int](repeating: number, count: points.count) })
    }

    func selecting(_ indices: [Int]) -> SmoothnessPoints {
        func select(_ column: [Double]?) -> [Double]? { column.map { column in indices.map { column[$0] } } }
        return SmoothnessPoints(
            iteration: indices.map { iteration[$0] }, gradientNorm: indices.map { gradientNorm[$0] },
            smoothness: indices.map { smoothness[$0] },
            effectiveLearningRate: select(effectiveLearningRate), stepNorm: select(stepNorm),
            belowFloor: belowFloor.map { column in indices.map { column[$0] } }, loss: select(loss),
            segmentGradientNorm: select(segmentGradientNorm), gradientNormError: select(gradientNormError),
            smoothnessError: select(smoothnessError), run: run.map { column in indices.map { column[$0] } })
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
    case withoutStandardError

    public var explanation: String {
        switch self {
        case .zeroStep: "the step is zero, x_{k+1} = x_k"
        case .nonFinite: "gradient norm or smoothness is NaN or infinite"
        case .negative: "gradient norm or smoothness is negative (a squared norm below its noise)"
        case .zeroGradientNorm: "gradient norm is zero"
        case .zeroSmoothness: "smoothness is zero"
        case .belowFloor: "smoothness is below the rounding or repeatability floor"
        case .withoutStandardError: "no positive standard error, which a weighted fit needs"
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
    public var withoutStandardError = 0

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
        case .withoutStandardError: withoutStandardError
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
        case .withoutStandardError: withoutStandardError += 1
        }
    }
}
