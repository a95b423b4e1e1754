import Foundation

/// The quantile line: arg min over L0, L1 ≥ 0 of Σ w_k (τ − 1{r_k < 0}) r_k, r_k = L_k − L0 − L1 g_k (Koenker and Bassett 1978,
/// Econometrica 46, 33–50).
///
/// The minimum over L0 for a fixed slope is a weighted quantile, and what remains is convex in the slope: its sign of ascent is
/// bisected. Points that lie on one side of all lines that are still possible are replaced by their sums (Portnoy and Koenker
/// 1997, Statistical Science 12, 279–300), so that the work halves with every step, and the last few are searched exactly.
/// - Parameters: `gradientNorm`, `smoothness`: n positive finite values each; `weights`: n positive ones, all 1 by default;
///   `level`: τ in (0, 1).
/// - Returns: `nil` where all gradient norms are equal (or n < 2). Where several lines are optimal, one of them.
public func quantileLine(
    gradientNorm: [Double], smoothness: [Double], weights: [Double]? = nil, level: Double = 0.95
) -> SmoothnessLine? {
    precondition(level > 0 && level < 1, "the level of a quantile lies between 0 and 1")
    return ScaledPoints(gradientNorm, smoothness, weights)?.solve { $0.quantile(level, isConstrained: true) }
}

extension ScaledPoints {
    func quantile(
        _ level: Double, isConstrained: Bool, near hint: (slope: Double, width: Double)? = nil
    ) -> SmoothnessLine? {
        var search = QuantileSearch(self, level: level, isConstrained: isConstrained)
        return search.solve(near: hint ?? guess(level, isConstrained: isConstrained))
    }

    /// Where to begin: the slope of a sample for many points, else of least squares.
    private func guess(_ level: Double, isConstrained: Bool) -> (slope: Double, width: Double) {
        guard count > 20_000, let sample = strided(5000)?.quantile(level, isConstrained: isConstrained) else {
            let slope = leastSquares(isConstrained: isConstrained)?.slope ?? 0
            return (slope, max(abs(slope), 1e-3) / 4)
        }
        return (sample.slope, max(abs(sample.slope), 1e-3) / 50)
    }

    private func strided(_ sampleCount: Int) -> ScaledPoints? {
        let indices = stride(from: 0, to: count, by: max(1, count / sampleCount))
        return ScaledPoints(
            indices.map { x[$0] * xScale }, indices.map { y[$0] * yScale }, indices.map { w[$0] }
        ).map { $0.rescaled(to: self) }
    }

    /// The same points in the units of others.
    private func rescaled(to other: ScaledPoints) -> ScaledPoints {
        ScaledPoints(
            x: x.map { $0 * (xScale / other.xScale) }, y: y.map { $0 * (yScale / other.yScale) }, w: w,
            xScale: other.xScale, yScale: other.yScale)
    }

    private init(x: [Double], y: [Double], w: [Double], xScale: Double, yScale: Double) {
        (self.x, self.y, self.w, self.xScale, self.yScale) = (x, y, w, xScale, yScale)
        center = (mean(x), mean(y))
    }
}

/// A search for the slope. Points whose side is decided are summed up.
private struct QuantileSearch {
    /// Weight, Σ w x and Σ w y of decided points.
    private struct Sums {
        var w = 0.0
        var wx = 0.0
        var wy = 0.0

        mutating func add(_ x: Double, _ y: Double, _ weight: Double) {
            w += weight
            wx += weight * x
            wy += weight * y
        }
    }

    private let level: Double
    private let isConstrained: Bool
    private var x: [Double]
    private var y: [Double]
    private var w: [Double]
    private var above = Sums()
    private var below = Sums()
    private let total: Double

    init(_ points: ScaledPoints, level: Double, isConstrained: Bool) {
        self.level = level
        self.isConstrained = isConstrained
        let total = points.w.reduce(0, +)
        self.total = total
        if points.w.allSatisfy({ $0 > 0 }) {
            (x, y, w) = (points.x, points.y, points.w)
        } else {
            let drawn = points.w.indices.filter { points.w[$0] > 0 }
            (x, y, w) = (drawn.map { points.x[$0] }, drawn.map { points.y[$0] }, drawn.map { points.w[$0] })
        }
    }

    private struct Trial {
        var slope: Double
        var intercept: Double
        /// The ends of the subdifferential of min over L0 of the loss, as a function of the slope.
        var ascent: (least: Double, greatest: Double)
        var line: SmoothnessLine { SmoothnessLine(intercept: intercept, slope: slope) }
    }

    mutating func solve(near hint: (slope: Double, width: Double)) -> SmoothnessLine? {
        guard let low = x.min(), let high = x.max(), high > low else { return nil }
        guard var (left, right) = bracket(hint) else { return nil }
        if left.slope == right.slope { return left.line }
        while x.count > 16 {
            let middle = left.slope + (right.slope - left.slope) / 2
            guard middle > left.slope, middle < right.slope,
                right.slope - left.slope > 0x1p-52 * max(abs(left.slope), abs(right.slope))
            else { break }
            let trial = evaluate(middle)
            if trial.ascent.least <= 0, trial.ascent.greatest >= 0 { return trial.line }
            if trial.ascent.least > 0 { right = trial } else { left = trial }
            decide(left, right)
        }
        return x.count <= 64 ? bestVertex(left, right) : evaluate((left.slope + right.slope) / 2).line
    }

    /// Two slopes with the best between them; twice the same where it is the best.
    private func bracket(_ hint: (slope: Double, width: Double)) -> (Trial, Trial)? {
        let bound = isConstrained ? 0 : -Double.infinity
        var width = hint.width
        var left = evaluate(max(hint.slope - width, bound))
        while left.ascent.least > 0 {
            // Loss still rises to the right of it: the best is further left, or is the bound.
            if left.slope == bound { return (left, left) }
            width *= 4
            guard width.isFinite else { return nil }
            left = evaluate(max(left.slope - width, bound))
        }
        width = hint.width
        var right = evaluate(max(hint.slope, left.slope) + width)
        while right.ascent.greatest < 0 {
            left = right
            width *= 4
            guard width.isFinite else { return nil }
            right = evaluate(right.slope + width)
        }
        for end in [left, right] where end.ascent.least <= 0 && end.ascent.greatest >= 0 { return (end, end) }
        return (left, right)
    }

    private func evaluate(_ slope: Double) -> Trial {
        var residuals = [Double](repeating: 0, count: x.count)
        for index in x.indices { residuals[index] = y[index] - slope * x[index] }
        var (values, weights) = (residuals, w)
        // A rounding below the target, so that a sum of weights that should reach it does.
        let target = level * total * (1 - 1e-14)
        let free = weightedSelect(&values, &weights, reaching: target, below: below.w)
        let isAtBound = isConstrained && free <= 0
        let intercept = isAtBound ? 0 : free
        // −Σ w x ψ with ψ = τ above, τ − 1 below, anything between on the line.
        var ascent = (1 - level) * below.wx - level * above.wx
        var balance = (1 - level) * below.w - level * above.w
        var ties: [(x: Double, w: Double)] = []
        for index in x.indices {
            if residuals[index] > intercept {
                ascent -= level * w[index] * x[index]
                balance -= level * w[index]
            } else if residuals[index] < intercept {
                ascent += (1 - level) * w[index] * x[index]
                balance += (1 - level) * w[index]
            } else {
                ties.append((x[index], w[index]))
            }
        }
        return Trial(
            slope: slope, intercept: intercept,
            ascent: Self.ends(ascent, balance: isAtBound && free < 0 ? nil : balance, ties, level))
    }

    /// The points on the line take the rest: with a free intercept Σ w ψ = 0, which leaves the choice among them.
    private static func ends(
        _ ascent: Double, balance: Double?, _ ties: [(x: Double, w: Double)], _ level: Double
    ) -> (least: Double, greatest: Double) {
        guard let balance else {
            let sum = ties.reduce(0) { $0 + $1.x * $1.w }
            return (ascent - level * sum, ascent + (1 - level) * sum)
        }
        if ties.count == 1 {
            let value = ascent - balance * ties[0].x
            return (value, value)
        }
        // All ties at τ − 1, then the missing weight raised where it hurts least or most.
        let all = ties.reduce(0) { $0 + $1.w }
        let start = ascent + (1 - level) * ties.reduce(0) { $0 + $1.x * $1.w }
        let missing = min(max(balance + (1 - level) * all, 0), all)
        func spend(_ order: [(x: Double, w: Double)]) -> Double {
            var (left, value) = (missing, start)
            for tie in order {
                let share = min(left, tie.w)
                value -= share * tie.x
                left -= share
            }
            return value
        }
        let ascending = ties.sorted { $0.x < $1.x }
        return (spend(ascending.reversed()), spend(ascending))
    }

    /// Sums up the points that lie above or below every line between the two trials: the intercept falls as the slope rises.
    private mutating func decide(_ left: Trial, _ right: Trial) {
        let (high, low) = (max(left.intercept, right.intercept), min(left.intercept, right.intercept))
        let room = 1e-12 * (1 + abs(high) + abs(right.slope) + abs(left.slope))
        var kept = 0
        for index in x.indices {
            if y[index] > high + right.slope * x[index] + room {
                above.add(x[index], y[index], w[index])
            } else if y[index] < low + left.slope * x[index] - room {
                below.add(x[index], y[index], w[index])
            } else {
                x[kept] = x[index]
                y[kept] = y[index]
                w[kept] = w[index]
                kept += 1
            }
        }
        x.removeLast(x.count - kept)
        y.removeLast(y.count - kept)
        w.removeLast(w.count - kept)
    }

    /// The best of all lines through two of the points that are left, or through one and the bound.
    private func bestVertex(_ left: Trial, _ right: Trial) -> SmoothnessLine {
        var best = (line: left.line, loss: loss(left.line))
        func consider(_ line: SmoothnessLine) {
            guard !isConstrained || line.isNonNegative, line.slope.isFinite else { return }
            let found = loss(line)
            if found < best.loss { best = (line, found) }
        }
        consider(right.line)
        for first in x.indices {
            if isConstrained {
                if x[first] > 0 { consider(SmoothnessLine(intercept: 0, slope: y[first] / x[first])) }
                consider(SmoothnessLine(intercept: y[first], slope: 0))
            }
            for second in x.indices where second > first && x[second] != x[first] {
                let slope = (y[second] - y[first]) / (x[second] - x[first])
                consider(SmoothnessLine(intercept: y[first] - slope * x[first], slope: slope))
            }
        }
        return best.line
    }

    private func loss(_ line: SmoothnessLine) -> Double {
        var sum = level * (above.wy - line.intercept * above.w - line.slope * above.wx)
        sum -= (1 - level) * (below.wy - line.intercept * below.w - line.slope * below.wx)
        for index in x.indices {
            let residual = y[index] - line(x[index])
            sum += w[index] * (residual > 0 ? level * residual : (level - 1) * residual)
        }
        return sum
    }
}

extension Law {
    /// The quantile line.
    public static let quantile: Law = {
        var law = levelLine(
            "quantile", formula: "L = L0 + L1 g, a share τ of the points below the line",
            source: "Koenker and Bassett 1978", isSmooth: false, level: \.quantile,
            fit: { $0.quantile($1.quantile, isConstrained: $2) },
            heading: { level, style in
                "Quantile τ = \(style.short(level)): \(style.short(100 * level)) % of the points below the line"
            },
            replicate: { lines, work in
                let (level, slope) = (work.options.quantile, work.scaled.scaled(lines.bounded).slope)
                let hint = (slope: slope, width: max(abs(slope), 1e-3) / 4)
                return { resample in
                    let drawn = resample.drawn
                    let free = resample.freeLine.flatMap { _ in
                        drawn.quantile(level, isConstrained: false, near: hint)
                    }
                    return drawn.boundedReplicate(free) { drawn.quantile(level, isConstrained: true, near: hint) }
                }
            })
        law.curve = .line(2, "#0072b2", dash: [12, 5, 3, 5]) { "quantile \(plain($0.level ?? 0))" }
        return law
    }()

    /// A number without trailing zeros.
    private static func plain(_ value: Double) -> String { String(format: "%g", value) }
}

extension FitReport {
    public var quantile: FittedValues { required(.quantile) }
}
