/// A reason to distrust part of a report: a stable code for scripts and a sentence with the numbers for people.
public struct FitWarning: Sendable, Codable, Equatable {
    public var code: Code
    public var message: String
}

/// What a warning is judged by.
struct WarningContext {
    let report: FitReport
    let points: SmoothnessPoints
    /// Resamples that gave no line.
    let lostReplicates: Int
    let options: FitOptions
}

extension FitWarning {
    /// One kind of warning: its name in JSON, and when it is due with which words.
    public struct Code: Sendable, Hashable, Codable {
        public let rawValue: String
        /// Whether advice repeats the warning.
        let concernsAdvice: Bool
        /// Returns the sentences that are due, none for points that are beyond this doubt.
        let messages: @Sendable (WarningContext) -> [String]

        init(_ name: String, concernsAdvice: Bool = false, _ messages: @escaping @Sendable (WarningContext) -> [String])
        {
            (rawValue, self.concernsAdvice, self.messages) = (name, concernsAdvice, messages)
        }

        public static func == (one: Code, other: Code) -> Bool { one.rawValue == other.rawValue }
        public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

        public func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }

        public init(from decoder: any Decoder) throws {
            let name = try String(from: decoder)
            self = Self.all.first { $0.rawValue == name } ?? Code(name) { _ in [] }
        }

        /// All kinds, in the order of a report.
        public static let all: [Code] = [
            measuredOtherwise, pointsLeftOut, fewPoints, fewBlocks, narrowGradientNorm, coefficientOnBound,
            stepSizeUnknown,
            independentMinibatches, stepSizeReturned, beyondNeighbourhood, exponentIsNotOne, exponentOutsideTheory,
            replicatesLost, repeatedIterations, pointsAboveUpperFit, negativeTheilSen, pointDecides,
        ]
    }
}

extension FitWarning.Code {
    /// The numbers were measured in a way that makes them something else than the smoothness of a function: estimates files say so.
    public static let measuredOtherwise = Self("measuredOtherwise") { _ in [] }

    public static let pointsLeftOut = Self("pointsLeftOut") { found in
        let counts = found.report.points
        let reasons = LeftOutReason.allCases.filter { counts[$0] > 0 }.map { "\(counts[$0]) (\($0.explanation))" }
        return counts.leftOut == 0
            ? []
            : ["\(counts.leftOut) of \(counts.given) points were left out: " + reasons.joined(separator: ", ")]
    }

    public static let fewPoints = Self("fewPoints", concernsAdvice: true) { found in
        let used = found.report.points.used
        return used < 20 ? ["only \(used) points: fewer than 20 say little about L0 and L1"] : []
    }

    public static let fewBlocks = Self("fewBlocks", concernsAdvice: true) { found in
        let bootstrap = found.report.bootstrap
        let blocks = Double(found.points.count) / (found.options.scheme == .points ? 1 : Double(bootstrap.blockLength))
        guard bootstrap.replicates > 0, blocks < 10 else { return [] }
        return [
            "the points are worth about \(short(blocks)) independent blocks of \(bootstrap.blockLength): the intervals cover less "
                + "often than they say"
        ]
    }

    public static let narrowGradientNorm = Self("narrowGradientNorm", concernsAdvice: true) { found in
        let decades = found.report.gradientNormDecades
        return decades >= 1
            ? []
            : [
                "the gradient norm spans \(short(decades)) decades, less than one: L0 and L1 can hardly be told apart"
            ]
    }

    public static let coefficientOnBound = Self("coefficientOnBound") { found in
        let bounds = Law.all.flatMap { law -> [String] in
            guard let title = law.title, let fit = found.report[law] else { return [] }
            return [(fit.interceptOnBound, "L0 of \(title)"), (fit.slopeOnBound, "L1 of \(title)")].filter(\.0).map(\.1)
        }
        return bounds.isEmpty
            ? [] : [bounds.joined(separator: ", ") + (bounds.count == 1 ? " sits" : " sit") + " on the bound 0"]
    }

    /// The points have no step sizes, without which some doubts cannot be judged.
    public static let stepSizeUnknown = Self("stepSizeUnknown", concernsAdvice: true) { found in
        found.report.stepSize != nil || found.report.neighbourhood != nil
            ? []
            : [
                "without step sizes (a column step_norm) it cannot be judged whether L̂ follows 2/η_eff, is √2‖∇f‖/‖d‖ as of independent "
                    + "minibatches, or was measured beyond 1/L1"
            ]
    }

    /// L‖d‖/‖g‖ is √2 throughout, as the difference of gradients of two independent minibatches has it.
    public static let independentMinibatches = Self("independentMinibatches", concernsAdvice: true) { found in
        guard let step = found.report.stepSize, step.isOfIndependentMinibatches else { return [] }
        return [
            "L̂·‖d‖/‖∇f‖ is √2 throughout (median \(short(2 * step.medianRatio)), spread of its log \(short(step.ratioLogSpread))), as gradients of "
                + "two independent minibatches give whatever the function: measure both ends of a step on the same data"
        ]
    }

    public static let stepSizeReturned = Self("stepSizeReturned", concernsAdvice: true) { found in
        guard let step = found.report.stepSize, !step.isOfIndependentMinibatches else { return [] }
        // Three quarters of the variance of log L̂ is that of log 2/η_eff, or four points of five hover at 2/η_eff.
        let share = step.explainedShare ?? 0
        guard share >= 0.75 || step.hoveringShare >= 0.8 else { return [] }
        let why =
            share >= 0.75
            ? "2/η_eff has \(short(100 * share)) % of the variance of log L̂"
            : "\(short(100 * step.hoveringShare)) % of the points lie within a factor 1.25 of 2/η_eff"
        return [
            "L̂ follows 2/η_eff (\(why); median of L̂·η_eff/2: \(short(step.medianRatio))): the fit may return the step size, not "
                + "the smoothness"
        ]
    }

    public static let beyondNeighbourhood = Self("beyondNeighbourhood", concernsAdvice: true) { found in
        guard let near = found.report.neighbourhood, near.largestProduct > 1 else { return [] }
        return [
            "L1·‖d‖ is up to \(short(near.largestProduct)), above 1 at \(short(100 * near.shareAboveOne)) % of the points: these "
                + "steps leave the neighbourhood 1/L1 in which (L0, L1)-smoothness is defined"
        ]
    }

    public static let exponentIsNotOne = Self("exponentIsNotOne") { found in
        let exponent = found.report.powerLaw.exponent
        guard let lower = exponent.lower, let upper = exponent.upper, lower > 1 || upper < 1 else { return [] }
        return [
            "the power law's exponent ρ = \(short(exponent.value)) [\(notOne(lower)), \(notOne(upper))] excludes 1, the slope of "
                + "pure L1-smoothness" + (upper < 1 && lower > 0 ? "; L0 > 0 alone bends it below 1" : "")
        ]
    }

    public static let exponentOutsideTheory = Self("exponentOutsideTheory", concernsAdvice: true) { found in
        let value = found.report.powerLaw.exponent.value
        return value < 2
            ? []
            : [
                "the power law's exponent ρ = \(short(value)) is 2 or more, outside the theory of generalised smoothness"
            ]
    }

    public static let replicatesLost = Self("replicatesLost") { found in
        found.lostReplicates == 0
            ? []
            : [
                "\(found.lostReplicates) of \(found.report.bootstrap.replicates) resamples had one gradient norm only and gave no line"
            ]
    }

    /// Some iteration occurs twice in one run: points of several runs, or one counted twice.
    public static let repeatedIterations = Self("repeatedIterations") { found in
        let count = found.points.repeatedIterations
        return count == 0
            ? []
            : [
                "\(count) points have the iteration of another one: points of several runs must not be one series; give "
                    + "each run a file of its own, and --by run or --by joint"
            ]
    }

    public static let pointsAboveUpperFit = Self("pointsAboveUpperFit") { found in
        Law.all.compactMap { law in
            guard let title = law.title, let fit = found.report[law], let level = fit.level, level > 0.5,
                let share = fit.shareAbove, share > 0.1
            else { return nil }
            return
                "\(short(100 * share)) % of the points lie above \(title) (τ = \(short(level))): it is no upper bound of the "
                + "smoothness seen"
        }
    }

    public static let negativeTheilSen = Self("negativeTheilSen") { found in
        let line = found.report.theilSen.line
        return line.isNonNegative
            ? []
            : [
                "the robust line of Theil and Sen, which knows no bounds, has a negative "
                    + (line.slope < 0 ? "L1" : "L0")
            ]
    }

    /// One point moves L0 or L1 of least squares by more than half the width of their intervals without it.
    public static let pointDecides = Self("pointDecides", concernsAdvice: true) { found in
        guard let point = found.report.decisivePoint else { return [] }
        func text(_ estimate: Estimate) -> String {
            guard let lower = estimate.lower, let upper = estimate.upper else { return short(estimate.value) }
            return "\(short(estimate.value)) [\(short(lower)), \(short(upper))]"
        }
        return [
            "iteration \(point.iteration) alone (‖∇f‖ = \(short(point.gradientNorm)), L = \(short(point.smoothness))) decides the line of "
                + "least squares: without it L0 = \(text(point.intercept)), L1 = \(text(point.slope))"
        ]
    }
}

extension FitReport {
    /// Puts what is known of the measurement before what the fit has found.
    public mutating func warn(ofMeasurement messages: [String], formula: String? = nil) {
        summary.warnings.insert(contentsOf: messages.map { FitWarning(code: .measuredOtherwise, message: $0) }, at: 0)
        summary.smoothnessFormula = formula
    }
}

/// A bound beside 1, with as many digits as show that it is not 1.
private func notOne(_ value: Double) -> String {
    (3...17).lazy.map { significant(value, digits: $0) }.first { Double($0) != 1 } ?? "\(value)"
}

/// Three significant digits, for sentences.
private func short(_ value: Double) -> String { significant(value, digits: 3) }
