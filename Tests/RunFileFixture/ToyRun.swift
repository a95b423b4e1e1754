import Essentials
import Foundation
import ParameterSpace
import RunFiles

/// A training run small enough for tests and real enough to be resumed: clipped heavy-ball momentum on noisy quadratics,
/// every number a function of (seed, iteration). Writes what a trainer writes.
public struct ToyRun<Scalar: ParameterScalar>: Sendable {
    public var seed: UInt64 = 1
    /// Columns of the weight block; P = 3 · width + 4.
    public var width = 5
    public var iterationCount = 20
    public var savedIterations: [Int] = Array(stride(from: 0, to: 20, by: 3))
    public var evaluationEvery = 5
    public var resumeEvery = 4
    public var storesGradients = true
    public var beta = 0.5
    public var learningRate = 0.25
    public var clipNorm = 2.0

    public init(_ scalar: Scalar.Type = Scalar.self) {}

    public var layout: ParameterLayout {
        ParameterLayout([("weight", [3, width]), ("bias", [3]), ("scale", [])])
    }

    public var plan: RunPlan {
        var plan = RunPlan(savedIterations: savedIterations, iterationCount: iterationCount)
        plan.evaluationCount = iterationCount / evaluationEvery
        plan.metricName = "perplexity"
        plan.storesGradients = storesGradients
        plan.storesMomentum = beta > 0
        return plan
    }

    public func header(runID: String = "3e0ddc05-6c0a-4a6a-9a5c-5d6b1c9f7e21") -> RunHeader {
        RunHeader(
            objective: #"{"kind":"toy","seed":\#(seed),"size":\#(layout.count)}"#,
            optimizer: #"{"beta":\#(beta),"learningRate":\#(learningRate)}"#, layout: layout, scalar: Scalar.self,
            runID: runID)
    }

    public func initialPoint() -> [Scalar] {
        var generator = SeededGenerator(seed: seed, purpose: "toy point")
        return (0..<layout.count).map { _ in Scalar(3 * generator.normal()) }
    }

    /// The loss and the gradient of iteration k's minibatch: ½ Σ aⱼ (xⱼ − cⱼ)².
    public func gradient(iteration: Int, at point: [Scalar]) -> (loss: Double, gradient: [Scalar]) {
        var generator = SeededGenerator(seed: seed, purpose: "toy minibatch", index: iteration)
        var loss = 0.0
        let gradient = point.indices.map { index in
            let curvature = 0.1 + Double(index % 7)
            let distance = Double(point[index]) - 0.3 * generator.normal()
            loss += 0.5 * curvature * distance * distance
            return Scalar(curvature * distance)
        }
        return (loss, gradient)
    }

    /// Iteration k: from x, m to the next ones, with the record.
    public func step(
        _ iteration: Int, iterate: [Scalar], momentum: [Scalar]
    ) -> (record: IterationRecord, iterate: [Scalar], momentum: [Scalar], gradient: [Scalar]) {
        let (loss, gradient) = gradient(iteration: iteration, at: iterate)
        var speed = momentum.isEmpty ? gradient : momentum
        if !momentum.isEmpty { Scalar.axpby(1 - beta, gradient, beta, into: &speed) }
        let norm = layout.norm(of: speed)
        let factor = min(1, clipNorm / norm)
        var next = iterate
        Scalar.axpby(-learningRate * factor, speed, 1, into: &next)
        let stepNorm = layout.distance(from: iterate, to: next)
        let record = IterationRecord(
            loss: loss, gradientNorm: layout.norm(of: gradient), stepNorm: stepNorm, learningRate: learningRate,
            clipped: factor < 1, status: stepNorm == 0 ? .zeroStep : .ok)
        return (record, next, momentum.isEmpty ? [] : speed, gradient)
    }

    public func evaluation(after iteration: Int, record: IterationRecord) -> EvaluationRecord {
        EvaluationRecord(
            epoch: (iteration + 1) / evaluationEvery, iteration: iteration + 1, trainingLoss: record.loss,
            validationLoss: record.loss * 1.1, metric: exp(record.loss * 1.1))
    }

    /// Runs from the writer's resume point, or from the start, until `end`; the writer is left open.
    /// - Parameter each: called before every iteration.
    public func run(
        on writer: inout RunFileWriter<Scalar>, until end: Int? = nil, each: (Int) throws -> Void = { _ in }
    ) throws {
        let start =
            try writer.resumePoint()
            ?? ResumePoint(
                iteration: 0, iterate: initialPoint(),
                momentum: beta > 0 ? [Scalar](repeating: 0, count: layout.count) : [], evaluationCount: 0)
        var (iterate, momentum, evaluations) = (start.iterate, start.momentum, start.evaluationCount)
        for iteration in start.iteration..<max(start.iteration, end ?? iterationCount) {
            try each(iteration)
            if iteration > start.iteration, iteration % resumeEvery == 0 {
                try writer.saveResumePoint(
                    ResumePoint(
                        iteration: iteration, iterate: iterate, momentum: momentum, evaluationCount: evaluations))
            }
            let (record, next, speed, gradient) = step(iteration, iterate: iterate, momentum: momentum)
            try writer.record(record, at: iteration)
            if plan.row(ofIteration: iteration) != nil {
                try writer.record(
                    SnapshotRecord(iteration: iteration, record), iterate: iterate, nextIterate: next,
                    gradient: storesGradients ? gradient : nil)
            }
            if (iteration + 1) % evaluationEvery == 0 {
                try writer.record(evaluation(after: iteration, record: record))
                evaluations += 1
            }
            (iterate, momentum) = (next, speed)
        }
    }

    /// A whole run file.
    public func write(_ path: String, state: RunState = .complete, until end: Int? = nil) throws {
        var writer = try RunFileWriter<Scalar>(creating: path, header: header(), plan: plan)
        try run(on: &writer, until: end)
        try writer.finish(state)
    }

    /// Every iteration with the points before and after it, for tests to hold files against.
    public func trace() -> [(record: IterationRecord, iterate: [Scalar], next: [Scalar], gradient: [Scalar])] {
        var iterate = initialPoint()
        var momentum = beta > 0 ? [Scalar](repeating: 0, count: layout.count) : []
        return (0..<iterationCount).map { iteration in
            let (record, next, speed, gradient) = step(iteration, iterate: iterate, momentum: momentum)
            defer { (iterate, momentum) = (next, speed) }
            return (record, iterate, next, gradient)
        }
    }
}
