/// A law of local smoothness, and everything that the program knows of it.
///
/// Fits, intervals, comparison, warnings, text, CSV, JSON, LaTeX, pages, pictures and help loop over `Law.all`: a new law is a value in a
/// file of its own and one line there. docs/contributing.md shows it.
public struct Law: Sendable {
    /// The law's name in JSON, as `leastSquares`.
    public let key: String
    /// The law's name in tables, as `least_squares`.
    public let name: String
    /// The formula in plain text.
    public let formula: String
    /// Who proposed the law or the method; `nil` for what has no author.
    public var source: String?
    /// What sentences call the line, as `the expectile line`; `nil` for a law whose bounds nobody is warned of.
    public var title: String?
    /// Returns what pages call the law.
    public var label: @Sendable (FittedValues) -> String
    /// Returns what LaTeX tables call the law.
    public var latex: @Sendable (FittedValues) -> String
    /// The values that stand in tables, in their order.
    public var quantities: [LawQuantity] = []
    /// Whether points for which the law has no solution are refused.
    var isRequired = false
    /// Whether no single point can decide the law, so that it leads where one decides least squares.
    public var isRobust = false
    /// Fits the law to all points of a fit; returns `nil` where the points do not have what it takes.
    var solve: @Sendable (PointFit) -> LawSolution? = { _ in nil }
    /// Returns the lines of the law in a text report.
    public var text: @Sendable (FittedValues, FitReport, NumberStyle) -> [String] = { _, _, _ in [] }
    /// How pictures show the law; `nil` for one that they do not show.
    public var curve: LawCurve?
    /// How the law predicts L for the comparison; `nil` for one that is not compared.
    var prediction: LawPrediction?
    /// Returns the line without the bounds L0, L1 ≥ 0, from whose resamples advice makes its intervals; `nil` for none.
    var free: (@Sendable (ScaledPoints, FitOptions) -> SmoothnessLine?)?
    /// Whether advice may take L0 and L1 from this law.
    var isForAdvice = false

    init(_ key: String, _ name: String, formula: String, source: String? = nil) {
        (self.key, self.name, self.formula, self.source) = (key, name, formula, source)
        let plain = name.replacing("_", with: " ")
        (label, latex) = ({ _ in plain }, { _ in plain })
    }

    /// The lines and power laws of the gradient norm, in the order of reports.
    public static let ofGradientNorm: [Law] = [
        leastSquares, theilSen, expectile, quantile, upperEnvelope, powerLaw, powerLawWithErrors,
    ]
    /// The other laws, which are compared with them.
    public static let rivals: [Law] = [
        constant, proportional, order, gap, segment,
    ]
    public static let all = ofGradientNorm + rivals

    /// The laws that are compared: those of one number first, as the ones to beat.
    static let predictors =
        all.filter { $0.prediction?.parameters(FitOptions()) == 1 }
        + all.filter { $0.prediction.map { $0.parameters(FitOptions()) > 1 } ?? false }
}

/// One value of a law as tables show it.
public struct LawQuantity: Sendable {
    /// The name in JSON.
    public let key: String
    /// The name in tables.
    public let column: String
    /// What pages call it.
    public let label: String
    /// The symbol in LaTeX; `nil` for what LaTeX tables leave out.
    public let latex: String?

    public init(_ key: String, _ column: String, label: String? = nil, latex: String? = nil) {
        (self.key, self.column, self.latex) = (key, column, latex)
        self.label = label ?? column.replacing("_", with: " ")
    }

    static let intercept = LawQuantity("intercept", "L0", latex: "L_0")
    static let slope = LawQuantity("slope", "L1", latex: "L_1")
    static let determination = LawQuantity("determination", "determination", label: "R²")
    static let level = LawQuantity("level", "level")
    static let shareAbove = LawQuantity("shareAbove", "share_above", label: "share of points above")
}

/// How pictures show a law.
public struct LawCurve: Sendable {
    /// The place in legends, from the most telling one.
    public var place: Int
    /// As `#d55e00`; Okabe and Ito's colours can be told apart without colour vision.
    public var colour: String
    /// The lengths of strokes and gaps; none for a solid line. Grey prints tell the lines apart by them.
    public var dash: [Int] = []
    public var width = 2.0
    /// Whether pictures of residuals show what is left of the points.
    public var showsResiduals = false
    /// Returns the name and the coefficients, for legends.
    public var label: @Sendable (FittedValues) -> String
    /// Returns L at a gradient norm; `nil` where the law says nothing.
    public var value: @Sendable (FittedValues, Double) -> Double?

    /// Three digits without needless signs and zeros of an exponent.
    static func short(_ value: Double) -> String {
        significant(value, digits: 3).replacing("e+0", with: "e").replacing("e+", with: "e").replacing(
            "e-0", with: "e-")
    }

    /// The curve of a line.
    static func line(
        _ place: Int, _ colour: String, dash: [Int] = [], width: Double = 2,
        name: @escaping @Sendable (FittedValues) -> String
    ) -> LawCurve {
        LawCurve(
            place: place, colour: colour, dash: dash, width: width,
            label: { "\(name($0)): L₀ = \(short($0.intercept.value)), L₁ = \(short($0.slope.value))" },
            value: { $0.line($1) })
    }
}

/// A law fitted to all points, and how its numbers get their intervals.
struct LawSolution: Sendable {
    typealias Replicate = @Sendable (inout Resample) -> [Double]

    /// Coefficients of which one that overflows ends the fit.
    var mustBeFinite: [Double] = []
    /// The numbers that are bootstrapped, in the order of a replicate.
    var statistics: [Statistic] = []
    /// Makes once what all resamples need, and returns the function that fits the law to one; NaN stands for what is undefined there.
    var replicate: @Sendable () -> Replicate = { { _ in [] } }
    /// Returns the values of the law with their intervals.
    var values: @Sendable (LawIntervals) -> FittedValues
}

/// What the bootstrap has to know of a number to make its interval.
struct Statistic: Sendable {
    /// Whether few points may decide the number, so that the jackknife over blocks is asked.
    var hasLeverage = true
    /// Whether a small change of the points changes the number in proportion.
    var isSmooth = true
    /// Whether the number lies within ±1.
    var isCorrelation = false
    /// What the number can be: an end beyond the replicates must not leave it.
    var range = -Double.infinity...Double.infinity
    /// How many places after this one the same coefficient without its bound stands: a jackknife at a bound sees nothing.
    var free = 0

    /// L0 and L1 of a line with the bounds L0, L1 ≥ 0, then both without: their spread is that of a smooth statistic.
    static func boundedLine(isSmooth: Bool = true) -> [Statistic] {
        [2, 2, 0, 0].map { Statistic(isSmooth: isSmooth, free: $0) }
    }
}

/// One method's line with the bounds L0, L1 ≥ 0 and without, in the units of the points.
struct LineSolutions: Sendable {
    var bounded: SmoothnessLine
    var free: SmoothnessLine

    init?(_ points: ScaledPoints, _ method: (ScaledPoints, Bool) -> SmoothnessLine?) {
        guard let free = method(points, false), let bounded = free.isNonNegative ? free : method(points, true) else {
            return nil
        }
        (self.bounded, self.free) = (points.original(bounded), points.original(free))
    }
}

extension ScaledPoints {
    /// Returns the four numbers of `Statistic.boundedLine` for a resample; the line with bounds is the free one where that obeys them.
    func boundedReplicate(_ free: SmoothnessLine?, constrained: () -> SmoothnessLine?) -> [Double] {
        guard let free, let line = free.isNonNegative ? free : constrained() else {
            return [Double](repeating: .nan, count: 4)
        }
        let (unbounded, bounded) = (original(free), original(line))
        return [bounded.intercept, bounded.slope, unbounded.intercept, unbounded.slope]
    }

    /// Returns the replicate of a least-squares line on these regressors, with the weights of the resample.
    func leastSquaresReplicate(_ resample: Resample) -> [Double] {
        var drawn = self
        drawn.w = resample.drawn.w
        return drawn.boundedReplicate(drawn.leastSquares(isConstrained: false)) {
            drawn.leastSquares(isConstrained: true)
        }
    }
}
