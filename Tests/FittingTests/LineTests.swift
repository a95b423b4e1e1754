import Essentials
import Fitting
import FittingFixture
import Testing

@Suite struct LineTests {
    @Test func recoversAnExactLine() throws {
        let g = [1.0, 2, 4, 8]
        let l = g.map { 0.5 + 0.25 * $0 }
        let squares = try #require(nonNegativeLeastSquares(gradientNorm: g, smoothness: l))
        let envelope = try #require(upperEnvelope(gradientNorm: g, smoothness: l))
        for line in [squares, envelope] {
            #expect(agree(line.intercept, 0.5, 1e-14))
            #expect(agree(line.slope, 0.25, 1e-14))
        }
    }

    @Test func recoversAnExactPowerLaw() throws {
        let g = [0.1, 0.5, 2, 40]
        let law = try #require(powerLaw(gradientNorm: g, smoothness: g.map { 3 * $0 * $0.squareRoot() }))
        #expect(agree(law.exponent, 1.5, 1e-13))
        #expect(agree(law(1), 3, 1e-13))
    }

    /// Where the free line leaves the quadrant, the fit is the better edge: both by their closed forms.
    @Test func stopsAtTheBounds() throws {
        let g = [1.0, 2, 3]
        let falling = try #require(nonNegativeLeastSquares(gradientNorm: g, smoothness: [3, 2, 1]))
        #expect(falling == SmoothnessLine(intercept: 2, slope: 0))
        // Free line: intercept −2/3 < 0; through the origin Σ gL/Σ g² = 27/14.
        let steep = try #require(nonNegativeLeastSquares(gradientNorm: g, smoothness: [1.0, 4, 6]))
        #expect(steep.intercept == 0)
        #expect(agree(steep.slope, 27.0 / 14, 1e-14))
    }

    /// Points whose envelope can be read off: the hull edge over the mean, the origin, the highest point.
    @Test func findsTheEnvelopeOfSmallSets() throws {
        func envelope(_ g: [Double], _ l: [Double]) throws -> SmoothnessLine {
            try #require(upperEnvelope(gradientNorm: g, smoothness: l))
        }
        let edge = try envelope([1, 2, 3, 4], [2, 1, 1, 5])
        #expect(agree(edge.intercept, 1, 1e-14) && agree(edge.slope, 1, 1e-14))
        let origin = try envelope([1, 2, 4], [0.1, 0.2, 8])
        #expect(origin.intercept == 0 && agree(origin.slope, 2, 1e-14))
        let level = try envelope([1, 2, 4], [7, 3, 1])
        #expect(level == SmoothnessLine(intercept: 7, slope: 0))
    }

    /// The range of the envelopes without one block, against each of them by itself.
    @Test(arguments: [(40, 5), (300, 20), (900, 2), (900, 150), (4000, 7)])
    func envelopesWithoutBlocksAreThoseOfTheRest(_ count: Int, _ length: Int) throws {
        let points = Simulation.trajectory(
            count, intercept: 1, slope: 0.5, gradientMemory: 0.7, noiseMemory: 0.7, seed: 31, index: count)
        let (g, l) = (points.gradientNorm, points.smoothness)
        let report = try fit(points, options: FitOptions(replicates: 0, blockLength: length))
        let starts = Array(stride(from: 0, to: count - length, by: min(length, max(1, count / 400)))) + [count - length]
        let lines = try starts.map { start -> SmoothnessLine in
            let kept = Array(0..<start) + Array(start + length..<count)
            return try #require(upperEnvelope(gradientNorm: kept.map { g[$0] }, smoothness: kept.map { l[$0] }))
        }
        for (extent, values) in [
            (report.upperEnvelope.interceptWithoutOneBlock, lines.map(\.intercept)),
            (report.upperEnvelope.slopeWithoutOneBlock, lines.map(\.slope)),
        ] {
            let found = try #require(extent)
            #expect(agree(found.minimum, values.min() ?? .nan, 1e-12))
            #expect(agree(found.maximum, values.max() ?? .nan, 1e-12))
        }
        #expect(Set(lines.map(\.slope)).count > 1)
    }

    /// Above every point, and no feasible neighbour has a smaller mean excess.
    @Test(arguments: 0..<60) func envelopeIsFeasibleAndOptimal(_ index: Int) throws {
        let points = FitData.set(index)
        let (g, l) = (points.gradientNorm, points.smoothness)
        let line = try #require(upperEnvelope(gradientNorm: g, smoothness: l))
        let highest = l.max() ?? 0
        #expect(line.intercept >= 0 && line.slope >= 0)
        #expect(zip(g, l).allSatisfy { line($0) >= $1 - 1e-12 * highest })
        let mean = g.reduce(0, +) / Double(g.count)
        for factor in [0.5, 0.9, 0.999, 1.001, 1.1, 2] {
            let slope = (line.slope == 0 ? 0.01 : line.slope) * factor
            let needed = zip(g, l).reduce(0) { max($0, $1.1 - slope * $1.0) }
            #expect(needed + slope * mean >= line.intercept + line.slope * mean - 1e-12 * highest)
        }
    }

    /// L → bL, g → cg gives L0 → b L0, L1 → (b/c) L1, ρ → ρ, also at the ends of the range of Double.
    @Test(arguments: [(1e-150, 1e150), (1e140, 1e-160), (3.0, 0.7), (1e160, 1e160)])
    func followsTheUnits(_ b: Double, _ c: Double) throws {
        for index in 0..<14 {
            let points = FitData.set(index)
            var scaled = points
            scaled.smoothness = points.smoothness.map { $0 * b }
            scaled.gradientNorm = points.gradientNorm.map { $0 * c }
            guard (b / c).isFinite, b / c > 0 else { continue }
            let one = try fit(points, options: FitOptions(replicates: 100))
            let other = try fit(scaled, options: FitOptions(replicates: 100))
            #expect(agree(other.leastSquares.intercept.value / b, one.leastSquares.intercept.value, 1e-10))
            #expect(agree(other.leastSquares.slope.value / b * c, one.leastSquares.slope.value, 1e-10))
            #expect(agree(other.upperEnvelope.slope.value / b * c, one.upperEnvelope.slope.value, 1e-10))
            #expect(agree(other.upperEnvelope.meanExcess / b, one.upperEnvelope.meanExcess, 1e-9))
            #expect(agree(other.powerLaw.exponent.value, one.powerLaw.exponent.value, 1e-9))
            #expect(other.correlations.spearman?.value == one.correlations.spearman?.value)
            #expect(other.bootstrap.blockLength == one.bootstrap.blockLength)
            let (lower, expected) = (other.leastSquares.slope.lower ?? .nan, one.leastSquares.slope.lower ?? .nan)
            #expect(agree(lower / b * c, expected, 1e-9))
        }
    }

    @Test func hasNoLineThroughOneGradientNorm() {
        #expect(nonNegativeLeastSquares(gradientNorm: [2, 2, 2], smoothness: [1, 2, 3]) == nil)
        #expect(upperEnvelope(gradientNorm: [2, 2, 2], smoothness: [1, 2, 3]) == nil)
        #expect(powerLaw(gradientNorm: [2, 2, 2], smoothness: [1, 2, 3]) == nil)
        #expect(pearsonCorrelation([1, 1, 1], [1, 2, 3]) == nil)
        #expect(spearmanCorrelation([1, 2, 3], [4, 4, 4]) == nil)
    }

    @Test(arguments: [
        (0.0, 3, "0"), (1234.5, 3, "1230"), (0.00012345, 3, "0.000123"), (0.000012345, 3, "1.23e-05"),
        (9.996, 3, "10.0"),
        (-0.5, 4, "-0.5000"), (123456, 3, "1.23e+05"), (.nan, 3, "nan"), (-.infinity, 3, "-inf"), (99.99, 2, "100"),
    ])
    func printsSignificantDigits(_ value: Double, _ digits: Int, _ text: String) {
        #expect(significant(value, digits: digits) == text)
    }
}
