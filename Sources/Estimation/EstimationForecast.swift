import Dispatch
import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles
import Synchronization

/// What an estimate will take, foretold from a rehearsal on this machine.
public struct EstimationForecast: Sendable, Hashable {
    /// Of measuring; the start of the program, and writing, are left out. At most: rows that turn out to have no step, probes that a search
    /// or a target error saves, and products with Hessians that Lanczos' method does without, are counted.
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
            * seconds.reference + (try hessianSeconds(at: point)) * Double(rows)
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

    /// The seconds of one row's norm of the Hessian, where that is measured: the products of as many components as there are workers are rehearsed.
    private func hessianSeconds(at point: [Scalar]) throws -> Double {
        guard options.direction == .hessian else { return 0 }
        let components = Array(groups.components.prefix(max(1, options.workerCount)))
        let turns = (groups.components.count + components.count - 1) / components.count
        return try options.hessian.withProducts(of: objective) { objective in
            let hessian = SubsetHessian(
                objective: objective, components: components, point: point, workerCount: components.count)
            let vector = [Double](repeating: 1, count: point.count)
            // The first one pays for what is set up once.
            _ = try hessian.product(with: vector)
            let product = try ContinuousClock().measure { _ = try hessian.product(with: vector) } / .seconds(1)
            return product * Double(turns) * Double(1 + min(options.hessian.maximumIterations, point.count))
        }
    }

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
            try ContinuousClock().measure {
                _ = try estimator.estimate(row: row, of: &source, isFollowed: row + 1 < request.rowCount)
            } / .seconds(1)
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
    /// What is evaluated at the same time, a component a worker: of as many gradients as it takes for all of them to have one.
    let groups: [ComponentGroups]
    /// How many groups of the whole subset, or parts of its only one, the busiest worker takes for one gradient of those that are evaluated at
    /// the same time.
    let groupsOfBusiest: Double
    /// The bytes of those of the estimate's vectors that the rehearsal has made.
    let byteCount: Int
    private let workerCount: Int
    let evaluator: SubsetEvaluator<Scalar>
    let reference: RoundingReference?
    private var values: [GroupedGradient<Scalar>]

    init(_ work: TypedEstimationWork<Scalar>, reference: (objective: any Objective<Double>, stride: Int)?) {
        let objective = work.objective
        self.objective = objective
        let parts = work.groups.parts(for: objective)
        let (workers, probes) = (work.busyWorkerCount, work.options.probeCount(of: work.groups, for: objective))
        let gradients = (workers + parts.count - 1) / parts.count
        groups = (0..<gradients).map { index in
            let count = workers * (index + 1) / gradients - workers * index / gradients
            return ComponentGroups(
                components: Array(work.groups.components.prefix(count)),
                weights: Array(work.groups.weights.prefix(count)), count: count,
                populationWeight: work.groups.populationWeight)
        }
        workerCount = workers
        // Where the next row follows without a wait, nobody is the busiest; elsewhere a row's probes are shared, or one.
        let together = probes > 1 ? work.options.gammas.count : 1
        groupsOfBusiest =
            probes > 1 && work.options.canLookAhead
            ? Double(parts.count) / Double(workers)
            : Double((together * parts.count + workers - 1) / workers) / Double(together)
        evaluator = SubsetEvaluator(workerCount: workers, isCancelled: { false })
        self.reference = reference.map {
            RoundingReference($0.objective, stride: $0.stride, workerCount: workers, isCancelled: { false })
        }
        let parameterCount = objective.layout.count
        values = groups.map { _ in GroupedGradient(parameterCount: parameterCount, groupCount: 0) }
        // The point, the means, and a component's gradient a worker, and two more of its own where pairs are rehearsed; the sums of groups in
        // Double come on top where Double is evaluated.
        let sums = parts.components.count > parts.count && reference != nil ? workers : 0
        let vectors = 1 + (objective.prefersPairs ? 3 : 1) * workers
        byteCount =
            parameterCount * (vectors * MemoryLayout<Scalar>.stride + (gradients - sums) * MemoryLayout<Double>.stride)
    }

    /// Seconds that quick gradients are rehearsed for.
    private static var rehearsalTime: Double { 0.5 }

    /// How long a component gradient takes while all workers are at it, and in Double (0 where it is not asked for).
    mutating func seconds(at point: [Scalar]) throws -> (gradient: Double, reference: Double) {
        // The first one pays for what is set up once. More than two of quick ones: workers need the most memory when all of them are at the
        // same place of their gradients, which does not happen every time.
        try evaluate(at: point)
        if objective.prefersPairs { try evaluatePairs(at: point) }
        var times: [Double] = []
        repeat {
            times.append(try ContinuousClock().measure { try evaluate(at: point) } / .seconds(1))
        } while times.count < 3 || (times.count < 15 && times.reduce(0, +) < Self.rehearsalTime)
        let gradient = times.sorted()[times.count / 2]
        guard reference != nil else { return (gradient, 0) }
        let both = try ContinuousClock().measure {
            _ = try reference!.difference(from: point, to: point, over: groups[0], size: groups[0].components.count)
        }
        return (gradient, both / .seconds(2))
    }

    private mutating func evaluate(at point: [Scalar]) throws {
        var probes = groups.indices.map { index in
            SubsetProbe(
                objective: objective, groups: groups[index], range: 0..<groups[index].components.count, point: point,
                value: values[index].taken())
        }
        defer { for index in probes.indices { swap(&values[index], &probes[index].value) } }
        try evaluator.evaluate(&probes)
    }

    /// Two components for every worker, for the memory that they need.
    private func evaluatePairs(at point: [Scalar]) throws {
        let failure = Mutex<(any Error)?>(nil)
        let (objective, component) = (objective, groups[0].components[0])
        DispatchQueue.concurrentPerform(iterations: workerCount) { _ in
            var (first, second) = (Scalar.zeros(point.count), Scalar.zeros(point.count))
            do {
                _ = try objective.gradients(
                    ofComponents: component, component, at: point, into: &first, &second)
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
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
