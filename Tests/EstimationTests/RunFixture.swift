import Essentials
import Estimation
import Evaluation
import Formulas
import Foundation
import ParameterSpace
import RunFiles
import TestSupport

/// A run of plain gradient descent on a whole objective, written as a run file.
struct RunFixture {
    var description: ObjectiveDescription
    var learningRate = 0.1
    var iterationCount = 10
    /// `nil` saves every iteration.
    var saved: [Int]?
    var seed: UInt64 = 1
    /// How many of the saved rows are committed; `nil` for all.
    var committed: Int?
    /// Puts faults into iterates: called with every x_t before the step from it.
    var distort: @Sendable (Int, inout [Double]) -> Void = { _, _ in }

    /// Writes the file and returns the path x_0, x_1, …
    @discardableResult
    func write<Scalar: ParameterScalar>(_ path: String, as _: Scalar.Type = Double.self) throws -> [[Scalar]] {
        let objective = try makeObjective(description, as: Scalar.self).training
        let iterates = try trajectory(objective)
        let plan = RunPlan(savedIterations: saved ?? Array(0..<iterationCount), iterationCount: iterationCount)
        let header = RunHeader(
            objective: try description.json(), optimizer: #"{"rule":"gradient-descent"}"#, layout: objective.layout,
            scalar: Scalar.self)
        var writer = try RunFileWriter<Scalar>(creating: path, header: header, plan: plan)
        for row in 0..<(committed ?? plan.snapshotCount) {
            try record(plan.savedIterations[row], iterates, objective.layout, into: &writer)
        }
        try writer.finish(committed == nil ? .complete : .interrupted)
        return iterates
    }

    func record<Scalar: ParameterScalar>(
        _ iteration: Int, _ iterates: [[Scalar]], _ layout: ParameterLayout, into writer: inout RunFileWriter<Scalar>
    ) throws {
        let (x, next) = (iterates[iteration], iterates[iteration + 1])
        let stepNorm = layout.distance(from: x, to: next)
        let values = IterationRecord(
            loss: 1, gradientNorm: 1, stepNorm: stepNorm, learningRate: learningRate, clipped: false,
            status: stepNorm.isFinite ? (stepNorm == 0 ? .zeroStep : .ok) : .nonFinite)
        try writer.record(SnapshotRecord(iteration: iteration, values), iterate: x, nextIterate: next)
    }

    func trajectory<Scalar: ParameterScalar>(_ objective: any Objective<Scalar>) throws -> [[Scalar]] {
        var x = objective.initialPoint(seed: seed)
        var scratch = x
        var gradient = [Double](repeating: 0, count: x.count)
        var iterates: [[Scalar]] = []
        for iteration in 0...iterationCount {
            var exact = x.map { Double($0) }
            distort(iteration, &exact)
            let point = exact.map { Scalar($0) }
            iterates.append(point)
            _ = try objective.subsetGradient(
                over: 0..<objective.componentCount, at: x, scratch: &scratch, into: &gradient)
            x = zip(exact, gradient).map { Scalar($0 - learningRate * $1) }
            if x.contains(where: { !$0.isFinite }) { x = iterates[0] }
        }
        return iterates
    }

    static let quadratic = RunFixture(
        description: .quadratic(spectrum: [5, 2, 1, 0.5, 0.1], rotations: 3, componentCount: 8, noise: 0.5, seed: 2))
}

/// Everything in a file that counts, as text: equal text means equal bits.
func contents(_ path: String) throws -> String {
    let reader = try EstimatesFileReader(path)
    let rows = try (0..<reader.committedRows).map { "\(try reader.estimate(row: $0))" }
    return "\(reader.header.configuration) \(reader.header.gammas) \(reader.header.components) "
        + "\(reader.header.componentWeights) \(String(describing: reader.repeatability)) \(reader.header.state)\n"
        + rows.joined(separator: "\n")
}
