import Essentials
import Foundation

/// One run among several.
public struct RunFit: Sendable, Codable, Equatable {
    public var name: String
    public var report: FitReport
}

/// A test of whether L0, L1 or both are the same in all runs.
///
/// Q = Σ (θ_r − θ̄)ᵀ V_r⁻¹ (θ_r − θ̄) with the least-squares coefficients θ_r without bounds, their covariances V_r by the block bootstrap of
/// every run by itself, and θ̄ the mean weighted with V_r⁻¹. Q/q, q = (runs − 1)·coefficients, is compared with Fisher's F with q and
/// n/ℓ − runs degrees of freedom, n/ℓ the blocks of all runs: covariances by the bootstrap of few blocks are themselves uncertain.
public struct HomogeneityTest: Sendable, Codable, Equatable {
    /// `L0 and L1`, `L0` or `L1`.
    public var coefficients: String
    /// Q/q
    public var statistic: Double
    public var numeratorDegreesOfFreedom: Double
    public var denominatorDegreesOfFreedom: Double
    public var probability: Double
}

/// The control with runs of different step sizes: does L̂ follow the step size or the gradient norm?
///
/// Near the edge of stability L̂ ≈ 2/η_eff, and clipping makes η_eff ∝ 1/‖∇f‖, so that one run cannot tell L̂ ∝ ‖∇f‖ from L̂ ∝ 1/η_eff. At equal
/// ‖∇f‖, runs with other steps can. With the run effects A_r of log L = A_r + ρ log g and B_r of log η_eff = B_r + c log g, κ is the
/// slope of A_r over −B_r: 0 where the smoothness belongs to the function, 1 where it is the inverse of the step.
public struct StepSizeControl: Sendable, Codable, Equatable {
    public enum Verdict: String, Sendable, Codable {
        /// The interval holds 0 and not 1.
        case followsGradientNorm
        /// The interval holds 1 and not 0.
        case followsStepSize
        /// The interval holds neither.
        case between
        /// The interval holds both, or there is none.
        case undecided
        /// At equal gradient norms the steps of the runs differ by less than a factor 1.2.
        case stepSizesAlike
        /// The ranges of gradient norms do not overlap: nothing is compared at equal ‖∇f‖.
        case rangesApart
    }

    public var verdict: Verdict
    /// κ with its interval; `nil` where steps are alike or ranges apart.
    public var sensitivity: Estimate?
    /// exp(largest B_r − smallest B_r): the ratio of steps at equal gradient norms.
    public var stepSizeRatio: Double
}

/// Several runs side by side.
public struct RunComparison: Sendable, Codable, Equatable {
    public var runs: [RunFit]
    public var tests: [HomogeneityTest]
    /// `nil` where some run has no step sizes.
    public var stepSizeControl: StepSizeControl?
    /// Reasons to distrust the comparison.
    public var notes: [String]
}

/// Fits several runs each by itself and compares them.
/// - Parameter runs: At least two, with names.
/// - Throws: as `fit`, with the run's name as the object; `.usage` for fewer than two runs.
public func compareRuns(
    _ runs: [(name: String, points: SmoothnessPoints)], options: FitOptions = FitOptions()
) throws -> RunComparison {
    try compareFittedRuns(
        runs.enumerated().map { number, run in
            try naming(run.name) {
                (run.name, run.points, try fit(run.points, options: options.ofRun(number)))
            }
        }, options: options)
}

/// Compares runs that are fitted already, each by itself with these options: the tests alone, which take little.
/// - Parameter runs: At least two, with names.
/// - Throws: `SmoothnessError(.usage)` for fewer than two runs.
public func compareFittedRuns(
    _ runs: [(name: String, points: SmoothnessPoints, report: FitReport)], options: FitOptions = FitOptions()
) throws -> RunComparison {
    guard runs.count >= 2 else {
        throw SmoothnessError(.usage, "runs are compared two at least", expected: "2 or more", found: "\(runs.count)")
    }
    let replicas = try runs.enumerated().map { number, run in
        try naming(run.name) {
            RunReplicas(
                try run.points.usable(isWeighted: options.isWeighted).points, report: run.report,
                options: options.ofRun(number))
        }
    }
    let fits = runs.map { RunFit(name: $0.name, report: $0.report) }
    var notes: [String] = []
    let ranges = fits.map(\.report.gradientNorm)
    if let low = ranges.map(\.minimum).max(), let high = ranges.map(\.maximum).min(), low > high {
        notes.append("the gradient norms of the runs do not overlap: the lines are compared by extrapolation")
    }
    if fits.contains(where: { Double($0.report.points.used) / Double($0.report.bootstrap.blockLength) < 10 }) {
        notes.append("some run is worth fewer than 10 independent blocks: the tests are rough")
    }
    let work = RunTests(replicas: replicas, options: options)
    return RunComparison(runs: fits, tests: work.homogeneity(), stepSizeControl: work.control(ranges), notes: notes)
}

extension FitOptions {
    /// Runs are independent, and so are their resamples.
    fileprivate func ofRun(_ number: Int) -> FitOptions {
        var own = self
        if number > 0 { own.seed = SeededGenerator.mix(seed &+ UInt64(number)) }
        return own
    }
}

private func naming<Value>(_ run: String, _ work: () throws -> Value) throws -> Value {
    try amendingErrors({ $0.object = run + ($0.object.map { ", \($0)" } ?? "") }, of: work)
}

/// What the tests need of one run.
private struct RunReplicas {
    let points: SmoothnessPoints
    let scaled: ScaledPoints
    let resampler: Resampler
    let line: SmoothnessLine

    init(_ points: SmoothnessPoints, report: FitReport, options: FitOptions) {
        self.points = points
        let weights = options.isWeighted ? points.smoothnessError?.map { 1 / ($0 * $0) } : nil
        // `fit` has refused points of which this fails.
        guard let scaled = ScaledPoints(points.gradientNorm, points.smoothness, weights),
            let line = scaled.leastSquares(isConstrained: false)
        else { preconditionFailure("points that were fitted have a line") }
        self.scaled = scaled
        self.line = scaled.original(line)
        resampler = Resampler(
            series: points.series, blockLength: report.bootstrap.blockLength, scheme: options.scheme,
            seed: options.seed)
    }

    /// The lines of the resamples, without bounds.
    func lines(_ count: Int) -> [SmoothnessLine] {
        var counts = [Double](repeating: 0, count: points.count)
        var drawn = scaled
        return (0..<count).compactMap { replicate in
            resampler.draw(replicate, into: &counts)
            for index in counts.indices { drawn.w[index] = scaled.w[index] * counts[index] }
            return drawn.leastSquares(isConstrained: false).map(scaled.original)
        }
    }
}

private struct RunTests {
    let replicas: [RunReplicas]
    let options: FitOptions

    func homogeneity() -> [HomogeneityTest] {
        guard options.replicates >= 10 else { return [] }
        // In units in which the coefficients of the first run are about 1, so that no square overflows.
        let units = replicas[0].scaled
        let unit = SmoothnessLine(intercept: units.yScale, slope: units.yScale / units.xScale)
        let moments = replicas.map { run in
            LineMoments(
                run.line, run.lines(options.replicates), unit: unit,
                blockCount: run.resampler.blockCount)
        }
        let blocks = replicas.reduce(0) { $0 + $1.resampler.blockCount }
        let freedom = max(blocks - Double(replicas.count), 1)
        let between = Double(replicas.count - 1)
        func test(_ name: String, _ q: Double, _ statistic: Double?) -> HomogeneityTest? {
            statistic.map {
                HomogeneityTest(
                    coefficients: name, statistic: $0 / q, numeratorDegreesOfFreedom: q,
                    denominatorDegreesOfFreedom: freedom, probability: fisherTail($0 / q, q, freedom))
            }
        }
        return [
            test("L0 and L1", 2 * between, LineMoments.distance(moments)),
            test("L0", between, LineMoments.distance(moments.map { ($0.mean.0, $0.covariance.0) })),
            test("L1", between, LineMoments.distance(moments.map { ($0.mean.1, $0.covariance.2) })),
        ].compactMap(\.self)
    }

    func control(_ ranges: [Extent]) -> StepSizeControl? {
        let columns = replicas.compactMap(ControlColumns.init)
        guard columns.count == replicas.count else { return nil }
        let all = columns.map { [Double](repeating: 1, count: $0.g.count) }
        guard let found = ControlColumns.sensitivity(columns, all) else { return nil }
        if let low = ranges.map(\.minimum).max(), let high = ranges.map(\.maximum).min(), low > high {
            return StepSizeControl(verdict: .rangesApart, stepSizeRatio: found.ratio)
        }
        guard found.ratio >= 1.2 else { return StepSizeControl(verdict: .stepSizesAlike, stepSizeRatio: found.ratio) }
        var counts = all
        let values = (0..<options.replicates).compactMap { replicate -> Double? in
            for run in replicas.indices { replicas[run].resampler.draw(replicate, into: &counts[run]) }
            return ControlColumns.sensitivity(columns, counts)?.value
        }.sorted()
        var estimate = Estimate(value: found.value)
        guard values.count >= 10 else {
            estimate.reasonWithoutInterval = "no bootstrap replicates were asked for"
            return StepSizeControl(verdict: .undecided, sensitivity: estimate, stepSizeRatio: found.ratio)
        }
        let levels = Intervals.levels(
            confidence: options.confidence, blocks: replicas.map(\.resampler.blockCount).min() ?? 2)
        let (lower, upper) = (
            quantile(ofSorted: values, at: levels.lower), quantile(ofSorted: values, at: levels.upper)
        )
        estimate = Estimate(
            value: found.value, standardError: standardDeviation(values), lower: lower, upper: upper,
            intervalMethod: .percentile)
        let verdict: StepSizeControl.Verdict =
            switch (lower <= 0 && upper >= 0, lower <= 1 && upper >= 1) {
            case (true, false): .followsGradientNorm
            case (false, true): .followsStepSize
            case (false, false): .between
            case (true, true): .undecided
            }
        return StepSizeControl(verdict: verdict, sensitivity: estimate, stepSizeRatio: found.ratio)
    }
}

/// (L0, L1) of one run and the covariance of its resamples.
private struct LineMoments {
    var mean: (Double, Double)
    /// V00, V01, V11
    var covariance: (Double, Double, Double)

    init(_ line: SmoothnessLine, _ lines: [SmoothnessLine], unit: SmoothnessLine, blockCount: Double) {
        mean = (line.intercept / unit.intercept, line.slope / unit.slope)
        let a = lines.map { $0.intercept / unit.intercept }
        let b = lines.map { $0.slope / unit.slope }
        let (aMean, bMean) = (Fitting.mean(a), Fitting.mean(b))
        var (aa, ab, bb) = (0.0, 0.0, 0.0)
        for index in a.indices {
            aa += (a[index] - aMean) * (a[index] - aMean)
            ab += (a[index] - aMean) * (b[index] - bMean)
            bb += (b[index] - bMean) * (b[index] - bMean)
        }
        // A bootstrap of B blocks has the variance of a mean with divisor B instead of B − 1.
        let factor = max(blockCount, 2) / (max(blockCount, 2) - 1) / Double(max(lines.count - 1, 1))
        covariance = (aa * factor, ab * factor, bb * factor)
    }

    /// Q over both coefficients; `nil` where a covariance is singular.
    static func distance(_ moments: [LineMoments]) -> Double? {
        var (w00, w01, w11, s0, s1) = (0.0, 0.0, 0.0, 0.0, 0.0)
        var inverses: [(Double, Double, Double)] = []
        for moment in moments {
            let (v00, v01, v11) = moment.covariance
            let determinant = v00 * v11 - v01 * v01
            guard determinant > 1e-12 * v00 * v11 else { return nil }
            let inverse = (v11 / determinant, -v01 / determinant, v00 / determinant)
            inverses.append(inverse)
            w00 += inverse.0
            w01 += inverse.1
            w11 += inverse.2
            let (m0, m1) = moment.mean
            s0 += inverse.0 * m0 + inverse.1 * m1
            s1 += inverse.1 * m0 + inverse.2 * m1
        }
        let determinant = w00 * w11 - w01 * w01
        let center = ((w11 * s0 - w01 * s1) / determinant, (w00 * s1 - w01 * s0) / determinant)
        return zip(moments, inverses).reduce(0) { sum, pair in
            let (d0, d1) = (pair.0.mean.0 - center.0, pair.0.mean.1 - center.1)
            let inverse = pair.1
            let mixed: Double = 2 * inverse.1 * d0 * d1
            return sum + inverse.0 * d0 * d0 + mixed + inverse.2 * d1 * d1
        }
    }

    /// Q over one coefficient, from its values and variances.
    static func distance(_ values: [(value: Double, variance: Double)]) -> Double? {
        guard values.allSatisfy({ $0.variance > 0 }) else { return nil }
        let total = values.reduce(0) { $0 + 1 / $1.variance }
        let center = values.reduce(0) { $0 + $1.value / $1.variance } / total
        return values.reduce(0) { $0 + ($1.value - center) * ($1.value - center) / $1.variance }
    }
}

/// log g, log L and log η_eff of one run.
private struct ControlColumns {
    let g, l, step: [Double]

    init?(_ run: RunReplicas) {
        guard let steps = run.points.effectiveLearningRate, steps.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            return nil
        }
        g = run.points.gradientNorm.map { log($0) }
        l = run.points.smoothness.map { log($0) }
        step = steps.map { log($0) }
    }

    /// κ and the ratio of steps, for runs whose points count so many times.
    static func sensitivity(_ runs: [ControlColumns], _ counts: [[Double]]) -> (value: Double, ratio: Double)? {
        var (gg, gl, gs) = (0.0, 0.0, 0.0)
        var means: [(n: Double, g: Double, l: Double, s: Double)] = []
        for (run, weight) in zip(runs, counts) {
            let n = weight.reduce(0, +)
            func average(_ values: [Double]) -> Double {
                values.indices.reduce(0) { $0 + weight[$1] * values[$1] } / n
            }
            let (g, l, s) = (average(run.g), average(run.l), average(run.step))
            for index in weight.indices where weight[index] > 0 {
                let d = run.g[index] - g
                gg += weight[index] * d * d
                gl += weight[index] * d * (run.l[index] - l)
                gs += weight[index] * d * (run.step[index] - s)
            }
            means.append((n, g, l, s))
        }
        guard gg > 0 else { return nil }
        // Analysis of covariance: common slopes within runs, then effects of runs.
        let (rho, c) = (gl / gg, gs / gg)
        let effects = means.map { (n: $0.n, l: $0.l - rho * $0.g, s: $0.s - c * $0.g) }
        let total = effects.reduce(0) { $0 + $1.n }
        let l = effects.reduce(0) { $0 + $1.n * $1.l } / total
        let s = effects.reduce(0) { $0 + $1.n * $1.s } / total
        let spread = effects.reduce(0) { $0 + $1.n * ($1.s - s) * ($1.s - s) }
        let steps = effects.map(\.s)
        let ratio = exp((steps.max() ?? 0) - (steps.min() ?? 0))
        guard spread > 0 else { return (0, ratio) }
        return (-effects.reduce(0) { $0 + $1.n * ($1.s - s) * ($1.l - l) } / spread, ratio)
    }
}
