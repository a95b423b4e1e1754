import Essentials

/// Whether a theorem's assumption holds, as far as the data say.
public struct TheoremAssumption: Sendable, Codable, Equatable {
    public enum State: String, Sendable, Codable {
        case met
        case notMet
        /// The points of one run cannot tell.
        case notCheckable
    }

    public var statement: String
    public var state: State

    public init(_ statement: String, _ state: State) {
        self.statement = statement
        self.state = state
    }

    init(_ statement: String, holds: Bool) { self.init(statement, holds ? .met : .notMet) }
}

/// What one theorem says for the fitted constants.
public struct TheoremAdvice: Sendable, Codable, Equatable {
    /// A stable name, as `zhang-3`.
    public var name: String
    /// As `[Z] theorem 3`.
    public var source: String
    public var algorithm: String
    /// The formula.
    public var rule: String
    public var stepSize: Estimate?
    public var clipNorm: Estimate?
    public var longestStep: Estimate?
    public var iterations: Estimate?
    public var fewestIterations: Estimate?
    public var assumptions: [TheoremAssumption]
    /// β where the algorithm has one.
    public var momentum: Double?
    /// Why there are no numbers, or not all.
    public var reasonWithoutNumbers: String?
    /// Whether the run kept to it; `nil` without settings or numbers.
    public var runSatisfies: Bool?
    /// The comparison, for people.
    public var runComparison: String?
}

/// How a run was trained, as far as the theorems care.
public struct RunStepSettings: Sendable, Codable, Equatable {
    public var learningRate: Double
    /// ‖g‖ above which gradients were clipped; `nil` for none.
    public var clipNorm: Double?
    /// β
    public var momentum: Double
    /// Whether an update is a multiple of a gradient or momentum at most, as the theorems have it: not so for Adam.
    public var isGradientMethod: Bool
    public var algorithm: String

    public init(
        learningRate: Double, clipNorm: Double?, momentum: Double, isGradientMethod: Bool, algorithm: String
    ) {
        self.learningRate = learningRate
        self.clipNorm = clipNorm
        self.momentum = momentum
        self.isGradientMethod = isGradientMethod
        self.algorithm = algorithm
    }
}

/// The noise of component gradients along the run.
public struct GradientNoise: Sendable, Codable, Equatable {
    /// σ: the largest and the median √tr Σ of one component's gradient over the points.
    public var largest: Double
    public var median: Double
    /// The median of tr Σ/‖∇f‖², in components.
    public var noiseScale: Double?
    public var points: Int
    /// Where it comes from.
    public var origin: String

    public init(largest: Double, median: Double, noiseScale: Double?, points: Int, origin: String) {
        self.largest = largest
        self.median = median
        self.noiseScale = noiseScale
        self.points = points
        self.origin = origin
    }

    /// From tr Σ of one component at every point (NaN where unknown, negative where below its own noise) and ‖∇f‖² without bias.
    /// - Returns: `nil` where no point has a positive value.
    public init?(traces: [Double], squaredGradientNorms: [Double], origin: String) {
        let known = traces.indices.filter { traces[$0].isFinite && traces[$0] > 0 }
        guard let largest = known.map({ traces[$0] }).max() else { return nil }
        let ratios = known.filter { squaredGradientNorms[$0] > 0 }.map { traces[$0] / squaredGradientNorms[$0] }
        self.init(
            largest: largest.squareRoot(), median: Essentials.median(known.map { traces[$0].squareRoot() }),
            noiseScale: ratios.isEmpty ? nil : Essentials.median(ratios), points: known.count, origin: origin)
    }
}

/// Everything that follows from L0 and L1.
public struct AdviceReport: Sendable, Codable, Equatable {
    /// Which line the constants are of.
    public var line: String
    public var L0: Estimate
    public var L1: Estimate
    /// The share of points above the line: steps at these points are not covered.
    public var shareAbove: Double
    /// L0/L1: below it L is mostly L0, above mostly L1 ‖∇f‖.
    public var criticalNorm: Estimate?
    /// The share of points with ‖∇f‖ above it.
    public var shareAboveCritical: Double?
    public var gradientNorm: Extent
    public var epsilon: Double?
    public var gap: Double?
    public var gapOrigin: String?
    public var noise: GradientNoise?
    public var settings: RunStepSettings?
    public var theorems: [TheoremAdvice]
    /// What was not given and what it keeps back.
    public var missing: [String]
    public var warnings: [String]
    public var confidence: Double
}

/// Which of the fitted lines the constants are taken from: any law that says it is for advice.
public struct AdviceLine: RawRepresentable, Sendable, Equatable, CaseIterable, CustomStringConvertible {
    let law: Law

    public static let leastSquares = AdviceLine(law: .leastSquares)
    public static let quantile = AdviceLine(law: .quantile)
    public static let expectile = AdviceLine(law: .expectile)
    public static let allCases = Law.all.filter(\.isForAdvice).map(AdviceLine.init)

    private init(law: Law) { self.law = law }

    public init?(rawValue: String) {
        guard let line = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
        self = line
    }

    /// As `least-squares`.
    public var rawValue: String { law.name.replacing("_", with: "-") }
    public var description: String { rawValue }
    public static func == (one: AdviceLine, other: AdviceLine) -> Bool { one.law.key == other.law.key }
}

/// What the theorems need besides L0 and L1. What is `nil` is said to be missing.
public struct AdviceOptions: Sendable {
    public var line = AdviceLine.quantile
    public var fit = FitOptions()
    /// ε
    public var epsilon: Double?
    /// Δ = f(x₀) − f*; `nil` to take it from the losses.
    public var gap: Double?
    /// σ and τ; `nil` to take the measured noise.
    public var noise: Double?
    /// β of [I]; `nil` for the run's, or 0.
    public var momentum: Double?
    /// M; `nil` for the largest gradient norm seen.
    public var largestGradient: Double?
    /// c₁ of [Q], from `align`.
    public var meanCosine: Double?
    public var settings: RunStepSettings?
    public var measuredNoise: GradientNoise?
    /// Blocks with their points, for Gluon's step of each.
    public var blocks: [(name: String, points: SmoothnessPoints)] = []

    public init() {}
}
