import Essentials
import Estimation
import Evaluation
import ParameterSpace
import Testing

@Suite("Rows without a value, and values below a floor")
struct StatusTests {
    let objective = diagonalQuadratic(Double.self, curvatures: [[1.0, 2, 3, 4], [2, 2, 2, 2]])

    @Test("NaN and infinity in iterates are a status; the rows around them are unharmed")
    func nonFiniteIterate() throws {
        let good = [1.0, 2, 3, 4]
        for bad in [Double.nan, .infinity] {
            var broken = good
            broken[2] = bad
            let rows = try estimates(
                of: MemorySteps(path: [good.map { $0 * 3 }, good.map { $0 * 2 }, broken, good, good.map { $0 / 2 }]),
                objective: objective)
            #expect(rows.map(\.status) == [.ok, .nonFiniteIterate, .nonFiniteIterate, .ok])
            // x_1 itself is sound, only its step is not.
            #expect(rows[1].loss.isFinite && rows[1].gradientNorm > 0)
            #expect(rows[1].smoothness.isNaN && rows[1].stepNorm.isNaN)
            #expect(rows[2].loss.isNaN && rows[2].gradientNorm.isNaN)
            #expect(rows[3].smoothness > 0)
        }
    }

    @Test("a gradient or loss that is not finite anywhere on the step leaves the row without L̂")
    func nonFiniteGradient() throws {
        for poison in ["loss", "gradient"] {
            let objective = ClosureObjective<Double>(layout: ParameterLayout([("x", [2])]), weights: [1]) { _, x in
                let isBad = x[0] > 1.9 && x[0] < 2.1
                return (
                    isBad && poison == "loss" ? .infinity : (x[0] * x[0] + x[1] * x[1]) / 2,
                    isBad && poison == "gradient" ? [.nan, x[1]] : x
                )
            }
            // γ = ½ of the first step is x = 2, and the second step starts there.
            let rows = try estimates(
                of: MemorySteps(steps: [
                    (0, [1.0, 1], [3.0, 1]), (1, [2.0, 1], [3.0, 1]), (2, [3.0, 1], [4.0, 1]),
                ]),
                objective: objective)
            #expect(rows.map(\.status) == [.nonFiniteGradient, .nonFiniteGradient, .ok])
            #expect(rows[0].smoothness.isNaN && rows[0].gamma.isNaN)
            #expect(rows[0].curve.map(\.status) == [.ok, .nonFiniteGradient, .ok])
            #expect(isClose(rows[0].curve[0].smoothness, 1, 1e-12))
            #expect(rows[0].blocks[0].smoothness.isNaN)
        }
    }

    @Test("x_{k+1} = x_k has a gradient and no smoothness")
    func zeroStep() throws {
        let path = [[1.0, 2, 3, 4], [1.0, 2, 3, 3], [1.0, 2, 3, 3], [0.0, 2, 3, 3]]
        let rows = try estimates(of: MemorySteps(path: path), objective: objective)
        #expect(rows.map(\.status) == [.ok, .zeroStep, .ok])
        #expect(rows[1].stepNorm == 0 && rows[1].gradientNorm == rows[2].gradientNorm)
        #expect(rows[1].smoothness.isNaN)
        #expect(
            identicalBits(
                rows, try estimates(of: MemorySteps(path: path), objective: objective, sharesGradients: false)))
    }

    @Test("a γ too short to move a Float is left out")
    func unmovedProbe() throws {
        let rows = try estimates(
            of: MemorySteps(path: [[Float(1)], [Float(1).nextUp]]),
            objective: ClosureObjective<Float>(layout: ParameterLayout([("x", [1])]), weights: [1]) { _, x in
                (x[0] * x[0] * x[0], [3 * x[0] * x[0]])
            }, gammas: [0.1, 1])
        #expect(rows[0].curve[0].status == .zeroStep && rows[0].curve[0].smoothness.isNaN)
        #expect(rows[0].gamma == 1 || rows[0].status == .belowFloor)
        let unmoved = try estimates(
            of: MemorySteps(path: [[Float(1)], [Float(1).nextUp]]),
            objective: ClosureObjective<Float>(layout: ParameterLayout([("x", [1])]), weights: [1]) { _, x in (0, [1])
            },
            gammas: [0.1])
        #expect(unmoved[0].status == .zeroStep)
    }

    @Test("the step 1e-6 in Float is marked as rounding, in Double it is sound")
    func roundingFloor() throws {
        // At gradient norm 1000 and curvature 1, differences along 1e-5 are 1e-5 against roundings of 1e-4.
        func rows<Scalar: ParameterScalar>(_: Scalar.Type) throws -> [StepEstimate] {
            let objective = ClosureObjective<Scalar>(layout: ParameterLayout([("x", [1])]), weights: [1]) { _, x in
                (1000 * x[0] + x[0] * x[0] / 2, [1000 + x[0]])
            }
            return try estimates(of: MemorySteps(path: [[Scalar(0)], [Scalar(1e-5)]]), objective: objective)
        }
        #expect(try rows(Float.self)[0].status == .belowFloor)
        let exact = try rows(Double.self)[0]
        #expect(exact.status == .ok && isClose(exact.smoothness, 1, 1e-6))
    }

    @Test("a γ whose value is not told apart from rounding does not hide a sound one")
    func soundMaximum() throws {
        // One unit in the last place of 1000 along 4e-5 looks like a curvature of 1.5.
        let objective = ClosureObjective<Float>(layout: ParameterLayout([("x", [1])]), weights: [1]) { _, x in
            (1000 * x[0] + x[0] * x[0] / 2, [1000 + x[0]])
        }
        let steps = MemorySteps(path: [[Float(0)], [Float(10)]])
        let row = try estimates(of: steps, objective: objective, gammas: [4e-6, 1])[0]
        #expect(row.curve[0].status == .belowFloor && row.curve[0].smoothness > 1.4)
        #expect(row.status == .ok && row.gamma == 1 && isClose(row.smoothness, 1, 1e-6))
        #expect(row.blocks[0].gamma == 1 && row.blocks[0].smoothness == row.smoothness)
        // Where none is sound, the largest of all stays and says so.
        let lost = try estimates(of: steps, objective: objective, gammas: [4e-6])[0]
        #expect(lost.status == .belowFloor && lost.smoothness == row.curve[0].smoothness)
    }

    @Test("a linear function is below the floor, not smooth by 0 ± 0")
    func linear() throws {
        let objective = ClosureObjective<Double>(layout: ParameterLayout([("x", [1])]), weights: [1]) { _, x in
            (x[0], [1])
        }
        let row = try estimates(of: MemorySteps(path: [[1.0], [2.0]]), objective: objective)[0]
        #expect(row.smoothness == 0 && row.status == .belowFloor)
        #expect(row.effectiveLearningRate == 1 && row.cosine == 1)
    }

    @Test("a function that does not repeat itself is caught, and its floor marks the rows it dominates")
    func repeatability() throws {
        let calls = CallCounter()
        let noise = 1e-3
        let objective = ClosureObjective<Double>(layout: ParameterLayout([("x", [2])]), weights: [1]) { _, x in
            let sign: Double = calls.next().isMultiple(of: 2) ? 1 : -1
            return ((x[0] * x[0] + x[1] * x[1]) / 2, [x[0] + sign * noise / 2, x[1]])
        }
        var source = MemorySteps(steps: [(0, [1.0, 0], [2.0, 0]), (1, [1.0, 0], [1.0 + 1e-6, 0])])
        var estimator = CalibratedEstimator(objective: objective, components: [0], gammas: [0.5, 1])
        let first = try estimator.estimate(row: 0, of: &source)
        let measured = estimator.calibration.repeatability?.difference
        #expect(isClose(measured ?? 0, noise, 1e-12))
        #expect(first.status == .ok)
        #expect(isClose(first.curve[0].noiseFloor, noise / 0.5, 1e-12))
        let second = try estimator.estimate(row: 1, of: &source)
        #expect(second.status == .belowFloor)
        #expect(second.smoothness > 100)
        #expect(second.maximum?.noiseFloor ?? 0 >= second.smoothness / EstimateStatus.floorFactor)
    }

    @Test(
        "evaluating twice at the same time finds the same, at the first iterate with a finite gradient",
        arguments: [1, 2])
    func repeatabilityTogether(workers: Int) throws {
        // Every component has noise of its own, whose sign alternates from call to call: the order in which they are called does not matter.
        let noise = 1e-3
        let calls = (0..<4).map { _ in CallCounter() }
        let objective = ClosureObjective<Double>(
            layout: ParameterLayout([("x", [1]), ("y", [4])]), weights: [1, 1, 1, 1]
        ) { component, x in
            var gradient = [x[0] == 7 ? .nan : x[0], 0, 0, 0, 0]
            gradient[1 + component] = calls[component].next().isMultiple(of: 2) ? noise : -noise
            return (x[0] * x[0] / 2, gradient)
        }
        func point(_ x: Double) -> [Double] { [x, 0, 0, 0, 0] }
        var source = MemorySteps(path: [7.0, 1, 2, 3].map(point))
        var estimator = CalibratedEstimator(
            objective: objective, components: [0, 1, 2, 3], gammas: [0.5, 1], groupCount: 4, workerCount: workers)
        let none = try estimator.estimate(row: 0, of: &source)
        let unknown = estimator.calibration.repeatability?.difference
        #expect(none.status == .nonFiniteGradient && none.componentGradientCount == 4 && unknown == nil)
        let first = try estimator.estimate(row: 1, of: &source)
        let measured = estimator.calibration.repeatability?.difference
        #expect(first.status == .ok && first.componentGradientCount == 12)
        // 2·noise in each of four directions, a quarter of it in the mean.
        #expect(isClose(measured ?? 0, noise, 1e-12))
        #expect(isClose(first.curve[0].noiseFloor, noise / 0.5, 1e-12))
        _ = try estimator.estimate(row: 2, of: &source)
        let after = estimator.calibration.repeatability?.difference
        #expect(after == measured)
    }

    @Test("a function that repeats itself has no noise floor")
    func repeatable() throws {
        var source = MemorySteps(path: [[1.0, 2, 3, 4], [1.0, 1, 1, 1]])
        var estimator = CalibratedEstimator(objective: objective, components: [0, 1], gammas: [1])
        let row = try estimator.estimate(row: 0, of: &source)
        let measured = estimator.calibration.repeatability?.difference
        #expect(row.curve[0].noiseFloor == 0 && measured == 0)
    }

    @Test("a wrong loss breaks the identity")
    func identity() throws {
        let good = diagonalQuadratic(Double.self, curvatures: [[1.0, 2, 3, 4]])
        var wrong = good
        wrong.value = { component, x in
            let (loss, gradient) = good.value(component, x)
            return (1.5 * loss, gradient)
        }
        let steps = MemorySteps(path: [[1.0, 2, 3, 4], [1.0, 2, 3, 3.5]])
        #expect(try estimates(of: steps, objective: good)[0].identityHolds)
        #expect(try !estimates(of: steps, objective: wrong)[0].identityHolds)
    }

    @Test("a cancelled row throws and says that it was interrupted")
    func cancelled() throws {
        let calls = CallCounter()
        var source = MemorySteps(path: [[1.0, 2, 3, 4], [1.0, 1, 1, 1]])
        var estimator = CalibratedEstimator(
            objective: objective, components: [0, 1], gammas: [1], isCancelled: { calls.next() > 3 })
        do {
            _ = try estimator.estimate(row: 0, of: &source)
            Issue.record("the row was not abandoned")
        } catch let error as SmoothnessError {
            #expect(error.kind == .interrupted)
        }
    }
}
