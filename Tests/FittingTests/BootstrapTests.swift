import Essentials
import Fitting
import FittingFixture
import Foundation
import Testing

@Suite struct BootstrapTests {
    private let points = Simulation.trajectory(
        200, intercept: 1, slope: 0.5, gradientMemory: 0.7, noiseMemory: 0.7, seed: 8, index: 1)

    @Test func isAFunctionOfTheSeed() throws {
        let one = try fit(points, options: FitOptions(replicates: 500, seed: 4))
        #expect(try fit(points, options: FitOptions(replicates: 500, seed: 4)) == one)
        let other = try fit(points, options: FitOptions(replicates: 500, seed: 5))
        #expect(other.leastSquares.slope.value == one.leastSquares.slope.value)
        #expect(other.leastSquares.slope.lower != one.leastSquares.slope.lower)
    }

    @Test func orders() throws {
        let report = try fit(points)
        let narrow = try fit(points, options: FitOptions(confidence: 0.5))
        let both = [
            (report.leastSquares.intercept, narrow.leastSquares.intercept),
            (report.leastSquares.slope, narrow.leastSquares.slope),
            (report.powerLaw.exponent, narrow.powerLaw.exponent),
            (try #require(report.correlations.pearsonOfLogs), try #require(narrow.correlations.pearsonOfLogs)),
            (try #require(report.correlations.spearman), try #require(narrow.correlations.spearman)),
        ]
        for (wide, slim) in both {
            let (low, high) = (try #require(wide.lower), try #require(wide.upper))
            #expect(low < wide.value && wide.value < high)
            #expect(low < (slim.lower ?? .nan) && (slim.upper ?? .nan) < high)
            #expect((wide.standardError ?? 0) > 0)
        }
        #expect(report.leastSquares.intercept.lower ?? -1 >= 0)
    }

    /// With independent points, a fixed design spread and blocks of one, the standard error of ρ is the textbook one.
    @Test func agreesWithTheClosedFormForIndependentPoints() throws {
        var generator = SeededGenerator(seed: 6, purpose: "test.independent")
        let x = (0..<400).map { _ in generator.normal() }
        let y = x.map { 0.3 + 0.8 * $0 + 0.2 * generator.normal() }
        let independent = SmoothnessPoints(
            iteration: Array(0..<400), gradientNorm: x.map { exp($0) }, smoothness: y.map { exp($0) })
        let report = try fit(independent, options: FitOptions(replicates: 4000, blockLength: 1))
        let mean = x.reduce(0, +) / 400
        let spread = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let closed = (report.powerLaw.residualStandardDeviationOfLogs ?? 0) / spread.squareRoot()
        // The bootstrap also covers heteroscedasticity; for normal errors the two agree to O(n^{-1/2}).
        #expect(agree(report.powerLaw.exponent.standardError ?? 0, closed, 0.1, scale: 0))
    }

    /// Blocks see the autocorrelation that single points do not: the standard error of a mean of an AR(1) grows by
    /// √((1 + φ)/(1 − φ)).
    @Test func blocksSeeAutocorrelation() throws {
        let rough = Simulation.trajectory(
            1000, intercept: 1, slope: 0.5, gradientMemory: 0.9, noiseMemory: 0.9, seed: 9, index: 0)
        let single = try fit(rough, options: FitOptions(blockLength: 1))
        let blocks = try fit(rough)
        #expect(blocks.bootstrap.blockLength >= 20)
        let ratio = (blocks.leastSquares.slope.standardError ?? 0) / (single.leastSquares.slope.standardError ?? 1)
        #expect(ratio > 1.5 && ratio < 6)
    }

    /// The bar of 92 to 97 % for the 95 % intervals of least squares, also with L0 = 0; plain resampling of points fails here.
    /// 400 trajectories tell a share of 94.5 % to ± 1.1 %.
    @Test(arguments: [1.0, 0]) func coversKnownCoefficients(_ intercept: Double) throws {
        let setting = CoverageSetting(200, 0.8, 0.8, intercept: intercept)
        let truth = CoverageStudy.leastSquaresTruth(intercept: intercept)
        let blocks = try CoverageStudy(setting, runs: 400, truth: truth)
        for (number, share) in blocks.shares {
            #expect((0.92...0.97).contains(share), "\(number.rawValue): \(share)")
        }
        let points = try CoverageStudy(setting, runs: 100, scheme: .points, truth: truth)
        #expect((points.shares[.leastSquaresL1] ?? 1) < 0.75, "\(points.shares)")
    }

    /// The same in every autocorrelated setting of docs/method.md, 1,000 trajectories each (± 0.7 %).
    @Test(
        .enabled(
            if: ProcessInfo.processInfo.environment["SMOOTHNESS_LONG_TESTS"] == "1",
            "takes half an hour: set SMOOTHNESS_LONG_TESTS=1"),
        arguments: CoverageSetting.documented.filter { $0.memory.noise > 0 })
    func coversInEverySetting(_ setting: CoverageSetting) throws {
        let truth = CoverageStudy.leastSquaresTruth(intercept: setting.intercept)
        let study = try CoverageStudy(setting, runs: 1000, truth: truth)
        for (number, share) in study.shares {
            #expect((0.92...0.97).contains(share), "\(number.rawValue): \(share), \(setting)")
        }
    }

    /// What cannot be is not in an interval, however few points there are.
    @Test func staysInTheRangeOfTheNumber() throws {
        for (g, l) in [
            ([1.0, 2, 2.5, 3], [2.0, 3, 3, 4]), ([1, 2, 3, 5, 8], [5, 4, 4.5, 2, 1]),
            ([1, 1.1, 4, 9, 2, 7], [1, 1, 3, 9, 2, 8]),
        ] {
            let few = SmoothnessPoints(iteration: Array(g.indices), gradientNorm: g, smoothness: l)
            let report = try fit(few, options: FitOptions(replicates: 500))
            let correlations = report.correlations
            for estimate in [correlations.pearsonOfLogs, correlations.spearman, correlations.kendall] {
                let (low, high) = (try #require(estimate?.lower), try #require(estimate?.upper))
                #expect(low >= -1 && high <= 1 && low <= high)
            }
            let order = try #require(report.order)
            for estimate in [order.intercept, order.coefficient, order.order, report.constant] {
                #expect((estimate.lower ?? 0) >= 0, "\(estimate)")
            }
            #expect((order.order.upper ?? 0) <= 4)
        }
    }
}
