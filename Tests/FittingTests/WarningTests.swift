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
        #expect(try codes(points()) == [.exponentIsNotOne, .pointsAboveUpperFit])
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
}
