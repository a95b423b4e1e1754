import Essentials
import Fitting
import Foundation
import Testing

/// Each warning appears for data made to deserve it and not for data made not to.
@Suite struct WarningTests {
    /// 300 points with L = (L0 + L1 g)·noise over `decades` decades.
    private func points(
        intercept: Double = 1, slope: Double = 0.5, decades: Double = 2, noise: Double = 0.1
    ) -> SmoothnessPoints {
        var generator = SeededGenerator(seed: 2, purpose: "test.warnings")
        let g = (0..<300).map { _ in pow(10, decades * (generator.uniform() - 0.5)) }
        return SmoothnessPoints(
            iteration: Array(0..<300), gradientNorm: g,
            smoothness: g.map { (intercept + slope * $0) * exp(noise * generator.normal()) })
    }

    private func codes(_ points: SmoothnessPoints) throws -> Set<FitWarning.Code> {
        Set(try fit(points).warnings.map(\.code))
    }

    @Test func staysSilentOnGoodPoints() throws {
        // The power law's exponent lies below 1 wherever L0 > 0 matters, and an expectile leaves a fifth of normal residuals above it:
        // that alone is said.
        #expect(try codes(points()) == [.exponentIsNotOne, .pointsAboveUpperFit, .stepSizeUnknown])
        // Steps whose length has nothing to do with L̂, far below 2/L̂ and 1/L1.
        var free = points()
        free.effectiveLearningRate = free.gradientNorm.indices.map { 0.01 + 0.005 * Double($0 % 7) }
        free.stepNorm = zip(free.gradientNorm, free.effectiveLearningRate ?? []).map { $0 * $1 }
        #expect(try codes(free) == [.exponentIsNotOne, .pointsAboveUpperFit])
    }

    @Test func warnsOfANarrowGradientNorm() throws {
        #expect(try codes(points(decades: 0.9)).contains(.narrowGradientNorm))
        #expect(try !codes(points(decades: 1.2)).contains(.narrowGradientNorm))
    }

    @Test func warnsOfBounds() throws {
        var falling = points(slope: 0)
        falling.smoothness = falling.gradientNorm.map { 1 / $0 }
        let report = try fit(falling)
        let warning = try #require(report.warnings.first { $0.code == .coefficientOnBound })
        #expect(warning.message.contains("L1 of least squares") && warning.message.contains("L1 of the upper envelope"))
        #expect(report.leastSquares.slope.value == 0 && report.leastSquares.slopeOnBound)
    }

    @Test func warnsWhereTheFitReturnsTheStepSize() throws {
        // L̂ = 1.7·(2/η_eff) with η_eff ∝ 1/g, as clipping makes it: perfectly correlated with g, and nothing but the step size.
        var clipped = points()
        clipped.effectiveLearningRate = clipped.gradientNorm.map { 0.1 / $0 }
        clipped.smoothness = clipped.effectiveLearningRate?.map { 1.7 * 2 / $0 } ?? []
        let report = try fit(clipped)
        #expect(report.warnings.contains { $0.code == .stepSizeReturned })
        #expect(agree(try #require(report.stepSize).medianRatio, 1.7, 1e-12))
        #expect(agree(try #require(report.stepSize?.explainedShare), 1, 1e-12))
        #expect(report.correlations.pearsonOfLogsGivenStepSize == nil)
        // A fixed step with L̂ hovering at 2/η.
        var hovering = points(slope: 0, noise: 0.05)
        hovering.effectiveLearningRate = hovering.gradientNorm.map { _ in 2 }
        #expect(try codes(hovering).contains(.stepSizeReturned))
    }

    @Test func warnsBeyondTheNeighbourhood() throws {
        var far = points()
        far.stepNorm = far.gradientNorm.indices.map { $0 < 30 ? 3 : 0.1 }
        let report = try fit(far)
        let near = try #require(report.neighbourhood)
        #expect(report.warnings.contains { $0.code == .beyondNeighbourhood })
        #expect(agree(near.largestProduct, 3 * report.leastSquares.slope.value, 1e-12))
        #expect(agree(near.shareAboveOne, 0.1, 1e-12))
    }

    @Test func judgesTheExponent() throws {
        #expect(try !codes(points(intercept: 0, noise: 0.3)).contains(.exponentIsNotOne))
        var square = points()
        square.smoothness = square.gradientNorm.map { 1.01 * pow($0, 2.1) }
        let found = try codes(square)
        #expect(found.contains(.exponentIsNotOne) && found.contains(.exponentOutsideTheory))
    }

    @Test func warnsOfFewPointsAndBlocks() throws {
        let all = points()
        let some = SmoothnessPoints(
            iteration: Array(0..<19), gradientNorm: Array(all.gradientNorm.prefix(19)),
            smoothness: Array(all.smoothness.prefix(19)))
        #expect(try codes(some).contains(.fewPoints))
        let report = try fit(all, options: FitOptions(blockLength: 60))
        #expect(report.warnings.contains { $0.code == .fewBlocks } && report.bootstrap.blockLengthRule == "given")
    }

    /// 60 points with L = 1 + 2 g, one of which is a hundred thousand.
    private func pointsWithOutlier() -> SmoothnessPoints {
        var generator = SeededGenerator(seed: 4, purpose: "test.outlier")
        let g = (0..<60).map { _ in exp(0.5 * generator.normal()) }
        var points = SmoothnessPoints(
            iteration: Array(0..<60), gradientNorm: g,
            smoothness: g.map { (1 + 2 * $0) * exp(0.1 * generator.normal()) })
        points.smoothness[42] = 1e5
        return points
    }

    @Test func namesThePointThatDecidesTheLine() throws {
        let points = pointsWithOutlier()
        let report = try fit(points)
        let point = try #require(report.decisivePoint)
        #expect(point.iteration == 42 && point.smoothness == 1e5 && point.gradientNorm == points.gradientNorm[42])
        #expect(report.warnings.contains { $0.code == .pointDecides && $0.message.contains("iteration 42 alone") })
        // The line without it is the fit of the other points.
        let kept = (0..<60).filter { $0 != 42 }
        let others = SmoothnessPoints(
            iteration: kept, gradientNorm: kept.map { points.gradientNorm[$0] },
            smoothness: kept.map { points.smoothness[$0] })
        let line = try #require(
            nonNegativeLeastSquares(gradientNorm: others.gradientNorm, smoothness: others.smoothness))
        #expect(agree(point.intercept.value, line.intercept, 1e-12) && agree(point.slope.value, line.slope, 1e-12))
        #expect(try fit(others).decisivePoint == nil)
        #expect(try #require(point.slope.lower) < 2 && (try #require(point.slope.upper)) > 2)
    }

    @Test func namesNoPointOfWellBehavedSeries() throws {
        var named = 0
        for seed in 0..<100 {
            var generator = SeededGenerator(seed: UInt64(seed), purpose: "test.no-outlier")
            let g = (0..<60).map { pow(10, 1 - Double($0) / 30) * exp(0.2 * generator.normal()) }
            let points = SmoothnessPoints(
                iteration: Array(0..<60), gradientNorm: g,
                smoothness: g.map { (1 + 0.5 * $0) * exp(0.2 * generator.normal()) })
            if try fit(points, options: FitOptions(replicates: 200)).decisivePoint != nil { named += 1 }
        }
        #expect(named <= 5)
    }

    @Test func namesGradientsOfIndependentMinibatches() throws {
        var generator = SeededGenerator(seed: 6, purpose: "test.minibatches")
        let g = (0..<400).map { _ in exp(0.3 * generator.normal()) }
        var points = SmoothnessPoints(
            iteration: Array(0..<400), gradientNorm: g,
            smoothness: g.map { 2.0.squareRoot() * $0 / 0.05 * exp(0.02 * generator.normal()) })
        points.stepNorm = g.map { _ in 0.05 }
        points.effectiveLearningRate = g.map { 0.05 / $0 }
        let found = try codes(points)
        #expect(found.contains(.independentMinibatches) && !found.contains(.stepSizeReturned))
        // At the triangle cap and at the edge of stability the same ratio is 2.
        points.smoothness = points.smoothness.map { 2.0.squareRoot() * $0 }
        let atTwo = try codes(points)
        #expect(!atTwo.contains(.independentMinibatches) && atTwo.contains(.stepSizeReturned))
        points.stepNorm = nil
        points.effectiveLearningRate = nil
        #expect(try codes(points).contains(.stepSizeUnknown))
    }
}
