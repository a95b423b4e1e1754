import Essentials
import Fitting
import FittingFixture
import Foundation
import Testing

@Suite struct RunComparisonTests {
    private func run(
        _ index: Int, intercept: Double = 1, slope: Double = 0.5, count: Int = 250
    ) -> SmoothnessPoints {
        Simulation.trajectory(
            count, intercept: intercept, slope: slope, gradientMemory: 0.5, noiseMemory: 0.5, seed: 40, index: index)
    }

    private var options: FitOptions { FitOptions(replicates: 100) }

    /// Runs of one law are told apart about as often as the level says; runs of different laws are.
    @Test func testsHomogeneity() throws {
        var rejected = 0
        let trials = 30
        for trial in 0..<trials {
            let same = try compareRuns([("a", run(2 * trial)), ("b", run(2 * trial + 1))], options: options)
            #expect(same.tests.map(\.coefficients) == ["L0 and L1", "L0", "L1"])
            if same.tests[0].probability < 0.1 { rejected += 1 }
        }
        // 10 % of 30, with four standard deviations and the roughness of covariances from blocks.
        #expect(rejected <= 10)
        let other = try compareRuns(
            [("a", run(1)), ("b", run(2)), ("c", run(3, intercept: 1, slope: 1.5))], options: options)
        #expect(other.tests.allSatisfy { $0.numeratorDegreesOfFreedom == ($0.coefficients == "L0 and L1" ? 4 : 2) })
        #expect(other.tests[0].probability < 1e-3 && other.tests[2].probability < 1e-2)
        #expect(other.runs.map(\.name) == ["a", "b", "c"])
        #expect(other.runs[0].report == (try fit(run(1), options: options)))
    }

    /// L̂ of one function at two step sizes stays; L̂ = 2/η_eff moves with the step.
    @Test func controlsForTheStepSize() throws {
        func withSteps(_ points: SmoothnessPoints, _ rate: Double, returns: Bool) -> SmoothnessPoints {
            var result = points
            // Clipping: η_eff ∝ 1/‖∇f‖ in both runs.
            result.effectiveLearningRate = points.gradientNorm.map { rate / $0 }
            if returns {
                result.smoothness = zip(result.effectiveLearningRate ?? [], points.smoothness).map {
                    2 / $0 * (0.9 + 0.02 * $1)
                }
            }
            return result
        }
        let own = try compareRuns(
            [("small", withSteps(run(5), 0.1, returns: false)), ("large", withSteps(run(6), 0.3, returns: false))],
            options: options)
        let control = try #require(own.stepSizeControl)
        #expect(control.verdict == .followsGradientNorm && agree(control.stepSizeRatio, 3, 1e-9))
        let returned = try compareRuns(
            [("small", withSteps(run(5), 0.1, returns: true)), ("large", withSteps(run(6), 0.3, returns: true))],
            options: options)
        #expect(returned.stepSizeControl?.verdict == .followsStepSize)
        #expect(agree(returned.stepSizeControl?.sensitivity?.value ?? 0, 1, 0.05))
        let alike = try compareRuns(
            [("a", withSteps(run(5), 0.1, returns: false)), ("b", withSteps(run(6), 0.11, returns: false))],
            options: options)
        #expect(alike.stepSizeControl?.verdict == .stepSizesAlike)
        var far = withSteps(run(6), 0.3, returns: false)
        far.gradientNorm = far.gradientNorm.map { $0 * 1e4 }
        let apart = try compareRuns([("a", withSteps(run(5), 0.1, returns: false)), ("b", far)], options: options)
        #expect(apart.stepSizeControl?.verdict == .rangesApart && !apart.notes.isEmpty)
        #expect(try compareRuns([("a", run(1)), ("b", run(2))], options: options).stepSizeControl == nil)
    }

    @Test func joinsRuns() throws {
        let both = SmoothnessPoints(joining: [run(1), run(2, count: 100)])
        #expect(both.count == 350 && both.run?.first == 0 && both.run?.last == 1 && both.loss == nil)
        let report = try fit(both, options: options)
        // No block can be longer than a third of the shorter run.
        #expect(report.points.used == 350 && report.bootstrap.blockLength <= 33)
        #expect(throws: SmoothnessError.self) { try compareRuns([("a", run(1))], options: options) }
        var constant = run(3)
        constant.gradientNorm = constant.gradientNorm.map { _ in 2 }
        let error = #expect(throws: SmoothnessError.self) {
            try compareRuns([("a", run(1)), ("flat", constant)], options: options)
        }
        #expect(error?.object?.hasPrefix("flat") == true)
    }
}
