import Essentials
import Fitting
import FittingFixture
import Foundation
import Testing

@Suite struct LawTests {
    private let g = (1...60).map { exp(Double($0) / 15 - 2) }

    @Test func recoversExactLaws() throws {
        let line = g.map { 0.5 + 0.25 * $0 }
        for found in [
            theilSenLine(gradientNorm: g, smoothness: line), expectileLine(gradientNorm: g, smoothness: line),
            quantileLine(gradientNorm: g, smoothness: line),
        ] {
            #expect(agree(found?.intercept ?? 0, 0.5, 1e-10) && agree(found?.slope ?? 0, 0.25, 1e-10))
        }
        let law = try #require(orderLaw(gradientNorm: g, smoothness: g.map { 0.3 + 2 * pow($0, 1.7) }))
        #expect(agree(law.order, 1.7, 1e-6) && agree(law.coefficient, 2, 1e-5) && agree(law.intercept, 0.3, 1e-5))
        let power = try #require(powerLawWithErrors(gradientNorm: g, smoothness: g.map { 3 * pow($0, 1.5) }))
        #expect(agree(power.exponent, 1.5, 1e-12) && agree(power(1), 3, 1e-12))
        let loss = g.map { 2 + $0 * $0 }
        let gap = try #require(gapLine(loss: loss, smoothness: loss.map { 0.5 + 3 * ($0 - 1) }, minimum: 1))
        #expect(agree(gap.intercept, 0.5, 1e-10) && agree(gap.slope, 3, 1e-10))
        // Fitted: only H0 − H1 f* is determined. 0.5 + 3(f − 1) = 3(f − 5/6).
        let fitted = try #require(gapLine(loss: loss, smoothness: loss.map { 0.5 + 3 * ($0 - 1) }))
        #expect(fitted.intercept == 0 && agree(fitted.minimum, 5.0 / 6, 1e-10))
    }

    /// With noise in both variables plain least squares flattens the exponent and the fit with errors in both does not.
    @Test func errorsInBothUndoTheFlattening() throws {
        var generator = SeededGenerator(seed: 9, purpose: "test.errors-in-both")
        let truth = (0..<20_000).map { _ in generator.normal() }
        let noisy = truth.map { exp($0 + 0.5 * generator.normal()) }
        let smoothness = truth.map { exp(0.3 + $0 + 0.5 * generator.normal()) }
        let plain = try #require(powerLaw(gradientNorm: noisy, smoothness: smoothness))
        let both = try #require(powerLawWithErrors(gradientNorm: noisy, smoothness: smoothness))
        #expect(agree(plain.exponent, 1 / 1.25, 0.02) && agree(both.exponent, 1, 0.02))
    }

    /// Weights count as repetitions do, for every weighted fit.
    @Test(arguments: 0..<12) func weightsAreRepetitions(_ index: Int) throws {
        let points = FitData.set(index)
        let times = points.gradientNorm.indices.map { 1 + $0 % 3 }
        func repeated(_ values: [Double]) -> [Double] {
            zip(values, times).flatMap { [Double](repeating: $0, count: $1) }
        }
        let (g, l, w) = (points.gradientNorm, points.smoothness, times.map(Double.init))
        let (gg, ll) = (repeated(g), repeated(l))
        let pairs = [
            (
                nonNegativeLeastSquares(gradientNorm: g, smoothness: l, weights: w),
                nonNegativeLeastSquares(gradientNorm: gg, smoothness: ll)
            ),
            (
                expectileLine(gradientNorm: g, smoothness: l, weights: w),
                expectileLine(gradientNorm: gg, smoothness: ll)
            ),
        ]
        for (weighted, plain) in pairs {
            let (a, b) = (try #require(weighted), try #require(plain))
            #expect(agree(a.intercept, b.intercept, 1e-9) && agree(a.slope, b.slope, 1e-9))
        }
        let law = try #require(powerLaw(gradientNorm: g, smoothness: l, weights: w))
        #expect(agree(law.exponent, powerLaw(gradientNorm: gg, smoothness: ll)?.exponent ?? 0, 1e-9))
    }

    @Test func weighsByStandardErrors() throws {
        var points = FitData.completeSet(0)
        points.smoothnessError?[3] = .nan
        var options = FitOptions(replicates: 0)
        options.isWeighted = true
        let report = try fit(points, options: options)
        #expect(report.points.withoutStandardError == 1 && report.weights.hasPrefix("1/"))
        #expect(report.powerLawWithErrors?.errorRatio == nil)
        points.smoothnessError = nil
        let error = #expect(throws: SmoothnessError.self) { try fit(points, options: options) }
        #expect(error?.object == "smoothness_error")
    }

    /// Points of a line are better described by it than by the rivals, on new points too.
    @Test func comparesModels() throws {
        var points = Simulation.trajectory(
            400, intercept: 1, slope: 2, gradientMemory: 0.3, noiseMemory: 0, seed: 21, index: 0)
        points.smoothness = zip(points.gradientNorm, points.smoothness).map {
            1 + 2 * $0 + 0.05 * ($1 / (1 + 2 * $0) - 1)
        }
        points.loss = points.iteration.map { 5 - Double($0 % 17) / 10 }
        points.segmentGradientNorm = points.gradientNorm.map { $0 * 1.1 }
        let report = try fit(points, options: FitOptions(replicates: 0))
        let scores = report.comparison.scores
        #expect(scores.map(\.model) == ModelScore.Model.allCases)
        let best = try #require(scores.filter { $0.bic != nil }.min { $0.bic ?? 0 < $1.bic ?? 0 })
        // The segment's norm is here a multiple of the gradient norm: the same law.
        #expect([.linear, .segment].contains(best.model) && best.bicDifference == 0)
        for score in scores where [.constant, .proportional, .gap].contains(score.model) {
            #expect(score.bicDifference ?? 0 > 100 && score.relativeError ?? 0 > 0.001)
        }
        #expect(scores.first { $0.model == .linear }?.relativeError ?? 1 < 0.001)
    }

    /// Block permutations see that two independent slow series are correlated by chance; permuted points do not.
    @Test func permutationTestKnowsAutocorrelation() throws {
        var rejected = (blocks: 0, points: 0)
        for index in 0..<60 {
            var generator = SeededGenerator(seed: 30, purpose: "test.permutation", index: index)
            let x = Simulation.autoregression(200, 0.9, 1, &generator)
            let y = Simulation.autoregression(200, 0.9, 1, &generator)
            func p(_ blockLength: Int) -> Double {
                PermutationTest(permutations: 199, blockLength: blockLength, seed: 1).probabilities([(x, y)])[0] ?? 1
            }
            if p(25) < 0.05 { rejected.blocks += 1 }
            if p(1) < 0.05 { rejected.points += 1 }
        }
        #expect(rejected.blocks <= 10 && rejected.points >= 20)
        let x = (0..<100).map(Double.init)
        let test = PermutationTest(permutations: 99, blockLength: 1, seed: 0)
        #expect(test.probabilities([(x, x), (x, x.map { _ in 1 })]) == [0.01, nil])
    }

    /// The interval at the bound covers with its level for every true value, 0 included; by simulation with normal estimates.
    @Test(arguments: [0.0, 0.3, 1, 2.5, 6]) func boundedIntervalCovers(_ truth: Double) {
        var generator = SeededGenerator(seed: 4, purpose: "test.bounded", index: Int(truth * 10))
        var hits = 0
        for _ in 0..<2000 {
            let interval = boundedInterval(
                free: truth + generator.normal(), standardError: 1, degreesOfFreedom: 1e6, confidence: 0.95)
            if interval.lower <= truth, truth <= interval.upper { hits += 1 }
            #expect(interval.lower >= 0 && interval.upper > 0)
        }
        #expect(abs(Double(hits) / 2000 - 0.95) < 0.018)
    }

    @Test func refusesOptionsOutOfRange() throws {
        let points = FitData.completeSet(0)
        func kind(_ change: (inout FitOptions) -> Void) -> SmoothnessError.Kind? {
            var options = FitOptions(replicates: 0)
            change(&options)
            do {
                _ = try fit(points, options: options)
                return nil
            } catch {
                return (error as? SmoothnessError)?.kind
            }
        }
        #expect(kind { $0.expectile = 1 } == .usage)
        #expect(kind { $0.quantile = 0 } == .usage)
        #expect(kind { $0.errorRatio = -1 } == .usage)
        #expect(kind { $0.order = 5 } == .usage)
        #expect(kind { $0.alpha = 0 } == .usage)
        #expect(kind { $0.minimumLoss = 100 } == .usage)
        #expect(kind { $0.order = 1 } == nil)
    }

    /// With ρ = 1 given the law is the line L0 + L1 g, and so are its intervals; ρ = 0 tells L0 and Lρ not apart.
    @Test(arguments: [BootstrapScheme.movingBlocks, .stationary]) func ofGivenOrderHasIntervals(
        _ scheme: BootstrapScheme
    ) throws {
        for intercept in [1.0, 0] {
            let points = Simulation.trajectory(
                150, intercept: intercept, slope: 0.5, gradientMemory: 0.7, noiseMemory: 0.7, seed: 5, index: 2)
            var options = FitOptions(replicates: 400)
            options.scheme = scheme
            options.order = 1
            let report = try fit(points, options: options)
            let order = try #require(report.order)
            for (one, other) in [
                (order.intercept, report.leastSquares.intercept), (order.coefficient, report.leastSquares.slope),
            ] {
                #expect(agree(one.value, other.value, 1e-9))
                #expect(agree(one.lower ?? .nan, other.lower ?? .infinity, 1e-9))
                #expect(agree(one.upper ?? .nan, other.upper ?? .infinity, 1e-9))
                #expect(one.intervalMethod == other.intervalMethod)
            }
            #expect(!order.orderOnBound && order.order.lower == nil)
            options.order = 0
            let flat = try #require(try fit(points, options: options).order)
            #expect(flat.coefficient.lower == nil && flat.coefficient.reasonWithoutInterval?.contains("ρ = 0") == true)
        }
    }

    /// Of a law steeper than any order that is searched, and of one that is not.
    @Test func saysWhereTheOrderIsAnEnd() throws {
        let g = (1...40).map { Double($0) / 10 }
        func order(_ exponent: Double) throws -> FittedValues {
            let points = SmoothnessPoints(
                iteration: Array(0..<40), gradientNorm: g, smoothness: g.map { 0.1 + pow($0, exponent) })
            return try #require(try fit(points, options: FitOptions(replicates: 0)).order)
        }
        #expect(try order(5).orderOnBound && order(5).order.value > 3.99)
        #expect(try !order(2).orderOnBound)
    }
}
