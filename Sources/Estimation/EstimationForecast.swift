import Essentials
import Foundation
import Objectives
import ParameterSpace
import RunFiles

/// What an estimate will take, foretold from a rehearsal on this machine.
public struct EstimationForecast: Sendable, Hashable {
    /// Of measuring; the start of the program, and writing, are left out. At most: rows that turn out to have no step, and probes that a search
    /// or a target error saves, are counted.
    public var seconds: Double
    /// The largest resident memory of the whole process.
    public var peakBytes: Int
}

extension TypedEstimationWork {
    /// Rehearses the estimate: a component gradient of every worker at the same time, and where that tells that rows are quick, rows themselves.
    /// Nothing is written.
    /// - Parameter patience: seconds for the rehearsal of quick rows.
    func forecast(_ plan: EstimationPlan, patience: Double) throws -> EstimationForecast {
        let reference = try roundingReference()
        var crew = Crew(self, reference: reference)
        let point = try finitePoint()
        let seconds = try crew.seconds(at: point)
        let rows = plan.rowCount - plan.committedRows
        let rounds =
            Double(groups.components.count) / Double(groups.parts(for: objective).count) * crew.groupsOfBusiest
        let references = reference.map { plan.referenceRows(stride: $0.stride) } ?? 0
        let expected =
            Double(plan.subsetGradientCount) * rounds * seconds.gradient + Double(2 * references) * rounds
            * seconds.reference
        guard rows > 0, expected / Double(rows) < Self.quickRow else {
            return EstimationForecast(
                seconds: expected, peakBytes: ProcessMemory.peak() + plan.workspaceBytes - crew.byteCount)
        }
        let own = try rehearseRows(
            plan, reference: reference, extraRows: max(0, references - 1), patience: patience)
        return EstimationForecast(seconds: own, peakBytes: ProcessMemory.peak())
    }

    /// Seconds below which a row is estimated on trial: what it does besides gradients counts then.
    private static var quickRow: Double { 0.2 }

    /// The seconds of all rows, from those of the first ones.
    /// - Parameter extraRows: how many rows after the first are held against Double.
    private func rehearseRows(
        _ plan: EstimationPlan, reference: (objective: any Objective<Double>, stride: Int)?, extraRows: Int,
        patience: Double
    ) throws -> Double {
        var options = options
        options.reference = reference.map { ($0.objective, .max) }
        var source = try RunStepSource<Scalar>(RunFileReader(request.run), rowCount: request.rowCount)
        var estimator = StepEstimator(objective: objective, groups: groups, options: options)
        func seconds(ofRow row: Int) throws -> Double {
            try ContinuousClock().measure { _ = try estimator.estimate(row: row, of: &source) } / .seconds(1)
        }
        // The first row has the repeatability probe, and Double where it is asked for; row 0 for the sake of the latter.
        let first = try seconds(ofRow: 0)
        var others: [Double] = []
        for row in 1..<max(1, request.rowCount) where others.reduce(0, +) < patience {
            others.append(try seconds(ofRow: row))
        }
        let usual = others.isEmpty ? first : others.reduce(0, +) / Double(others.count)
        let rows = plan.rowCount - plan.committedRows
        return first + Double(rows - 1) * usual + Double(extraRows) * max(0, first - usual)
    }

    /// The first iterate without NaN or infinity.
    private func finitePoint() throws -> [Scalar] {
        let source = try RunStepSource<Scalar>(RunFileReader(request.run), rowCount: request.rowCount)
        var point = Scalar.zeros(objective.layout.count)
        for row in source.iterations.indices {
            try source.readIterate(ofRow: row, into: &point)
            guard Scalar.nonfiniteCount(point, in: point.indices) > 0 else { break }
        }
        return point
    }
}

extension EstimationPlan {
    /// How many of the rows to come are held against Double.
    fileprivate func referenceRows(stride: Int) -> Int {
        (committedRows..<rowCount).count { $0.isMultiple(of: stride) }
    }
}

/// All workers, each with a component.
private struct Crew<Scalar: ParameterScalar> {
    let objective: any Objective<Scalar>
    let groups: ComponentGroups
    /// How many groups of the whole subset, or parts of its only one, the busiest worker takes for one gradient of those that are evaluated at
    /// the same time.
    let groupsOfBusiest: Double
    /// The bytes of those of the estimate's vectors that the rehearsal has made.
    let byteCount: Int
    var evaluator: SubsetEvaluator<Scalar>
    var reference: RoundingReference?
    var value: GroupedGradient<Scalar>

    init(_ work: TypedEstimationWork<Scalar>, reference: (objective: any Objective<Double>, stride: Int)?) {
        objective = work.objective
        let parts = work.groups.parts(for: work.objective)
        let count = min(work.options.workerCount, parts.count)
        groups = ComponentGroups(
            components: Array(work.groups.components.prefix(count)), weights: Array(work.groups.weights.prefix(count)),
            count: count, populationWeight: work.groups.populationWeight)
        let probes = work.options.probeCount(of: work.groups, for: work.objective)
        groupsOfBusiest = Double((probes * parts.count + count - 1) / count) / Double(probes)
        evaluator = SubsetEvaluator(workerCount: count, isCancelled: { false })
        self.reference = reference.map {
            RoundingReference($0.objective, stride: $0.stride, workerCount: count, isCancelled: { false })
        }
        let parameterCount = objective.layout.count
        value = GroupedGradient(parameterCount: parameterCount, groupCount: 0)
        // The point, the mean, and a component's gradient a worker; the sums of groups in Double come on top where Double is evaluated.
        let sums = parts.components.count > parts.count && reference != nil ? count : 0
        byteCount =
            parameterCount
            * ((1 + count) * MemoryLayout<Scalar>.stride + (1 - sums) * MemoryLayout<Double>.stride)
    }

    /// Seconds that quick gradients are rehearsed for.
    private static var rehearsalTime: Double { 0.5 }

    /// How long a component gradient takes while all workers are at it, and in Double (0 where it is not asked for).
    mutating func seconds(at point: [Scalar]) throws -> (gradient: Double, reference: Double) {
        // The first one pays for what is set up once. More than two of quick ones: workers need the most memory when all of them are at the
        // same place of their gradients, which does not happen every time.
        try evaluate(at: point)
        var times: [Double] = []
        repeat {
            times.append(try ContinuousClock().measure { try evaluate(at: point) } / .seconds(1))
        } while times.count < 3 || (times.count < 15 && times.reduce(0, +) < Self.rehearsalTime)
        let gradient = times.sorted()[times.count / 2]
        guard reference != nil else { return (gradient, 0) }
        let both = try ContinuousClock().measure {
            _ = try reference!.difference(from: point, to: point, over: groups, size: groups.components.count)
        }
        return (gradient, both / .seconds(2))
    }

    private mutating func evaluate(at point: [Scalar]) throws {
        try evaluator.evaluate(objective, over: groups, in: 0..<groups.components.count, at: point, into: &value)
    }
}

enum ProcessMemory {
    /// The largest resident memory of this process so far, in bytes; 0 where the system does not tell.
    static func peak() -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
            let kilobytes = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({
                Int($0)
            })
        else { return 0 }
        return kilobytes * 1024
    }
}
