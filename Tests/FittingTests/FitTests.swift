import Essentials
import Fitting
import FittingFixture
import Foundation
import Testing

@Suite struct FitTests {
    private func kind(_ body: () throws -> FitReport) -> SmoothnessError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? SmoothnessError
        }
    }

    @Test func leavesOutOpenly() throws {
        var points = FitData.set(0)
        let clean = try fit(points)
        let place = points.count
        for (g, l) in [(.nan, 1), (1, .infinity), (-1, 1), (1, -2), (0, 1), (1, 0), (0, .nan), (3, 3)]
            as [(Double, Double)]
        {
            points.iteration.append(1000 + points.count)
            points.gradientNorm.append(g)
            points.smoothness.append(l)
        }
        points.belowFloor = (0..<points.count).map { $0 == place + 7 }
        let report = try fit(points)
        let counts = report.points
        #expect(counts.given == place + 8 && counts.used == place && counts.leftOut == 8)
        #expect(counts.nonFinite == 3 && counts.negative == 2)
        #expect(counts.zeroGradientNorm == 1 && counts.zeroSmoothness == 1 && counts.belowFloor == 1)
        #expect(LeftOutReason.allCases.reduce(0) { $0 + counts[$1] } == 8)
        let warning = try #require(report.warnings.first { $0.code == .pointsLeftOut })
        #expect(warning.message.hasPrefix("8 of \(place + 8) points were left out"))
        // What is left out changes nothing else.
        #expect(report.leastSquares == clean.leastSquares && report.powerLaw == clean.powerLaw)
        #expect(!clean.warnings.contains { $0.code == .pointsLeftOut })
    }

    @Test func doesNotDependOnTheOrderOfThePoints() throws {
        let points = Simulation.trajectory(
            150, intercept: 1, slope: 0.5, gradientMemory: 0.8, noiseMemory: 0.8, seed: 5, index: 0)
        var generator = SeededGenerator(seed: 1, purpose: "test.shuffle")
        let order = generator.permutation(of: points.count)
        let shuffled = SmoothnessPoints(
            iteration: order.map { points.iteration[$0] }, gradientNorm: order.map { points.gradientNorm[$0] },
            smoothness: order.map { points.smoothness[$0] })
        #expect(try fit(points) == fit(shuffled))
    }

    @Test func refusesWhatCannotBeFitted() throws {
        let two = SmoothnessPoints(iteration: [0, 1, 2], gradientNorm: [1, 2, .nan], smoothness: [1, 2, 3])
        let few = try #require(kind { try fit(two) })
        #expect(few.kind == .data && few.description.contains("2 of 3 usable"))
        let same = SmoothnessPoints(iteration: [0, 1, 2, 3], gradientNorm: [2, 2, 2, 2], smoothness: [1, 2, 3, 4])
        let equal = try #require(kind { try fit(same) })
        #expect(equal.kind == .data && equal.description.contains("all gradient norms are equal"))
        let ragged = SmoothnessPoints(iteration: [0, 1], gradientNorm: [2, 2], smoothness: [1])
        #expect(kind { try fit(ragged) }?.object == "smoothness")
        let none = SmoothnessPoints(iteration: [], gradientNorm: [], smoothness: [])
        #expect(kind { try fit(none) }?.kind == .data)
        let good = FitData.set(0)
        for options in [
            FitOptions(replicates: -1), FitOptions(confidence: 0), FitOptions(confidence: 1),
            FitOptions(blockLength: 0),
            FitOptions(blockLength: good.count + 1),
        ] {
            #expect(kind { try fit(good, options: options) }?.kind == .usage)
        }
    }

    @Test func acceptsConstantSmoothness() throws {
        let points = SmoothnessPoints(
            iteration: Array(0..<30), gradientNorm: (1...30).map(Double.init),
            smoothness: [Double](repeating: 2, count: 30))
        let report = try fit(points)
        #expect(agree(report.leastSquares.intercept.value, 2, 1e-12) && report.leastSquares.slope.value < 1e-12)
        #expect(report.leastSquares.determination == nil && report.correlations.pearsonOfLogs == nil)
        #expect(abs(report.powerLaw.exponent.value) < 1e-12)
        #expect(throws: Never.self) { try JSONEncoder().encode(report) }
    }

    @Test func survivesReportsOfFewPoints() throws {
        let points = SmoothnessPoints(iteration: [3, 4, 5], gradientNorm: [1, 2, 4], smoothness: [1, 1.5, 4])
        let report = try fit(points)
        #expect(report.warnings.contains { $0.code == .fewPoints })
        #expect(report.warnings.contains { $0.code == .replicatesLost })
        #expect(report.firstIteration == 3 && report.lastIteration == 5 && report.bootstrap.blockLength == 1)
        #expect(report.upperEnvelope.slopeWithoutOneBlock != nil)
    }

    /// A report and points survive JSON exactly; non-finite points become strings, undefined members are left out.
    @Test func survivesJSON() throws {
        var points = FitData.set(3)
        points.effectiveLearningRate = points.gradientNorm.map { 1 / $0 }
        points.stepNorm = points.gradientNorm.map { _ in 1 }
        points.smoothness[2] = .nan
        points.gradientNorm[3] = -.infinity
        points.effectiveLearningRate?[4] = .infinity
        let data = try JSONEncoder().encode(points)
        #expect(String(decoding: data, as: UTF8.self).contains("\"-Infinity\""))
        let back = try JSONDecoder().decode(SmoothnessPoints.self, from: data)
        #expect(back.smoothness[2].isNaN && back.gradientNorm[3] == -.infinity)
        #expect(back.smoothness[3...] == points.smoothness[3...] && back.iteration == points.iteration)
        #expect(back.effectiveLearningRate == points.effectiveLearningRate && back.stepNorm == points.stepNorm)

        let report = try fit(points)
        let text = try JSONEncoder().encode(report)
        #expect(try JSONDecoder().decode(FitReport.self, from: text) == report)
        #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: text) }
    }

    @Test func isFast() throws {
        let points = Simulation.trajectory(
            1000, intercept: 1, slope: 0.5, gradientMemory: 0.9, noiseMemory: 0.8, seed: 1, index: 0)
        // The thread's own processor time: what else the machine does must not matter.
        let start = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
        _ = try fit(points, options: FitOptions(replicates: 2000))
        #expect(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start < 1_000_000_000)
    }

    private func nanoseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
