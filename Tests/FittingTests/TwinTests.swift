import Essentials
import Fitting
import Foundation
import TestSupport
import Testing

/// Every number against NumPy and SciPy, which compute it by other algorithms (active-set NNLS, simplex, ...).
@Suite struct TwinTests {
    private struct Case: Encodable { var gradientNorm, smoothness: [Double] }
    private struct Answer: Decodable {
        var leastSquares, envelope, powerLaw, ranks: [Double]
        var determination, residualStandardDeviation, meanExcess, logDetermination, pearson, spearman,
            blockLength: Double
    }
    private struct Answers: Decodable {
        var answers: [Answer]
        var studentQuantiles: [Double]
    }

    @Test(.enabled(if: Workplace.python != nil, "needs Python with SciPy (SMOOTHNESS_PYTHON)"))
    func agreesWithSciPy() throws {
        let python = try #require(Workplace.python)
        let folder = try TemporaryFolder()
        let sets = (0..<200).map(FitData.set)
        try JSONEncoder().encode(sets.map { Case(gradientNorm: $0.gradientNorm, smoothness: $0.smoothness) })
            .write(to: URL(filePath: folder.path("cases.json")))
        let script = Workplace.packageRoot.appending(path: "Tests/FittingTests/Twins/fits.py").path
        let outcome = try run(python, [script, folder.path("cases.json")])
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        let twin = try JSONDecoder().decode(Answers.self, from: Data(outcome.standardOutput.utf8))
        try #require(twin.answers.count == sets.count)

        var onBound = 0
        for (index, (points, expected)) in try paired(sets, twin.answers).enumerated() {
            let hasTies = index % 7 == 3
            let report = try fit(points, options: FitOptions(replicates: 0))
            let squares = report.leastSquares
            #expect(agree(squares.intercept.value, expected.leastSquares[0], 1e-10))
            #expect(agree(squares.slope.value, expected.leastSquares[1], 1e-10))
            #expect(agree(try #require(squares.determination), expected.determination, 1e-10))
            #expect(agree(try #require(squares.residualStandardDeviation), expected.residualStandardDeviation, 1e-10))
            #expect(squares.interceptOnBound == (expected.leastSquares[0] == 0))
            #expect(squares.slopeOnBound == (expected.leastSquares[1] == 0))
            onBound += squares.interceptOnBound || squares.slopeOnBound ? 1 : 0
            let envelope = report.upperEnvelope
            #expect(agree(envelope.meanExcess, expected.meanExcess, 1e-8))
            // Rounded data may have several best lines; then the simplex names another one of them.
            if !hasTies || agree(envelope.slope.value, expected.envelope[1], 1e-8) {
                #expect(agree(envelope.intercept.value, expected.envelope[0], 1e-8))
                #expect(agree(envelope.slope.value, expected.envelope[1], 1e-8))
            }
            #expect(agree(report.powerLaw.logIntercept.value, expected.powerLaw[0], 1e-10))
            #expect(agree(report.powerLaw.exponent.value, expected.powerLaw[1], 1e-10))
            #expect(agree(try #require(report.powerLaw.determination), expected.logDetermination, 1e-10))
            #expect(agree(try #require(report.correlations.pearsonOfLogs).value, expected.pearson, 1e-10))
            #expect(agree(try #require(report.correlations.spearman).value, expected.spearman, 1e-10))
            #expect(midRanks(points.smoothness) == expected.ranks)
            #expect(agree(politisWhiteBlockLength(points.smoothness), expected.blockLength, 1e-9))
        }
        // Without data sets on the bound the comparison would not reach the constraint.
        #expect(onBound >= 20 && onBound <= 170)

        let probabilities = [0.6, 0.9, 0.975, 0.9995]
        let quantiles = [1, 1.5, 2, 5, 12.3, 99, 5000].flatMap { freedom in
            probabilities.map { studentQuantile($0, degreesOfFreedom: freedom) }
        }
        for (mine, theirs) in try paired(quantiles, twin.studentQuantiles) { #expect(agree(mine, theirs, 1e-10)) }
        #expect(quantiles.count == twin.studentQuantiles.count)
    }
}
