import Essentials
import Evaluation
import Foundation
import ParameterSpace
import RunFiles

/// What an estimate will take, foretold from a few rows that are timed on this machine.
public struct EstimationForecast: Sendable, Hashable {
    /// Of measuring; the start of the program, and writing, are left out. At most: rows that turn out to have no step, probes that a search
    /// or a target error saves, and products with Hessians that Lanczos' method does without, are counted.
    public var seconds: Double
    /// The largest resident memory of the whole process.
    public var peakBytes: Int
}

extension TypedEstimationWork {
    /// Times a row of one γ on a few components, and where that tells that rows are quick, whole rows: what they do besides gradients counts then.
    /// Nothing is written.
    /// - Parameter patience: seconds for quick rows.
    func forecast(_ plan: EstimationPlan, patience: Double) throws -> EstimationForecast {
        let left = plan.rowCount - plan.committedRows
        guard left > 0 else { return EstimationForecast(seconds: 0, peakBytes: ProcessMemory.peak()) }
        let calibrationRows = calibrationRows(plan.committedRows..<plan.rowCount)
        let calibrations = Double(max(1, calibrationRows))
        let few = groups.first(2 * max(1, options.workerCount))
        var trial = try RowTrial(self, groups: few) { $0.gammas = $0.gammas.suffix(1) }
        let scale = Double(groups.components.count) / Double(few.components.count)
        let (calibration, row) = try trial.seconds()
        let gradient = row / Double(1 + options.direction.ascentCount)
        let gradients = plan.subsetGradientCount - calibrationRows * gradientsPerCalibrationRow
        let expected =
            scale * (calibration * calibrations + gradient * Double(gradients))
            + (try hessianSeconds(few)) * scale * Double(left)
        let peak =
            ProcessMemory.peak() + max(0, plan.workspaceBytes - workspaceBytes(of: few, trial.estimator.options))
        guard expected / Double(left) < Self.quickRow else {
            return EstimationForecast(seconds: expected, peakBytes: peak)
        }
        var whole = try RowTrial(self, groups: groups)
        let times = try whole.seconds(ofSeveralRows: patience)
        return EstimationForecast(
            seconds: times.calibration * calibrations + times.row * Double(left), peakBytes: ProcessMemory.peak())
    }

    /// Seconds below which a row is quick.
    private static var quickRow: Double { 0.2 }

    /// What the norm of the Hessian adds to a row on these components, at most: from two rows that differ in it alone.
    private func hessianSeconds(_ few: ComponentGroups) throws -> Double {
        guard options.direction == .hessian else { return 0 }
        func seconds(_ configure: (inout EstimatorOptions<Scalar>) -> Void) throws -> Double {
            var trial = try RowTrial(self, groups: few, configure)
            return try trial.seconds().row
        }
        let without = try seconds { ($0.gammas, $0.direction) = ($0.gammas.suffix(1), .step) }
        // An iteration takes one product, and the residual another.
        let with = try seconds { ($0.gammas, $0.hessian.maximumIterations) = ($0.gammas.suffix(1), 1) }
        let products = 1 + min(options.hessian.maximumIterations, objective.layout.count)
        return max(0, with - without) / 2 * Double(products)
    }
}

extension ComponentGroups {
    /// The first components, in as many groups at most.
    fileprivate func first(_ count: Int) -> ComponentGroups {
        ComponentGroups(
            components: Array(components.prefix(count)), weights: Array(weights.prefix(count)), count: self.count,
            populationWeight: populationWeight)
    }
}

/// An estimator that is timed at the first row of a run with a finite iterate.
private struct RowTrial<Scalar: ParameterScalar>: ~Copyable {
    private(set) var estimator: StepEstimator<Scalar>
    private var source: RunStepSource<Scalar>
    private let first: Int

    init(
        _ work: TypedEstimationWork<Scalar>, groups: ComponentGroups,
        _ configure: (inout EstimatorOptions<Scalar>) -> Void = { _ in }
    ) throws {
        var options = work.options
        options.reference = try work.roundingReference()
        configure(&options)
        let source = try RunStepSource<Scalar>(RunFileReader(work.request.run), rowCount: work.request.rowCount)
        var first = 0
        var point = Scalar.zeros(work.objective.layout.count)
        for row in source.iterations.indices.reversed() {
            try source.readIterate(ofRow: row, into: &point)
            if Scalar.nonfiniteCount(point, in: point.indices) == 0 { first = row }
        }
        self.first = first
        self.source = source
        estimator = StepEstimator(objective: work.objective, groups: groups, options: options)
    }

    /// How long the calibration and the estimate of one row take, once everything is set up that is set up once.
    mutating func seconds() throws -> (calibration: Double, row: Double) {
        _ = try calibrate()
        return (try calibrate(), try time(row: first))
    }

    /// The same of as many rows as there is time for, on the average.
    /// - Parameter patience: in seconds.
    mutating func seconds(ofSeveralRows patience: Double) throws -> (calibration: Double, row: Double) {
        let calibration = try calibrate()
        var (sum, count) = (0.0, 0)
        for row in first..<source.iterations.count where sum < patience {
            sum += try time(row: row)
            count += 1
        }
        return (calibration, sum / Double(max(1, count)))
    }

    private mutating func calibrate() throws -> Double {
        try ContinuousClock().measure {
            _ = try estimator.repeatability(row: first, of: &source)
            _ = try estimator.rounding(row: first, of: &source)
        } / .seconds(1)
    }

    private mutating func time(row: Int) throws -> Double {
        let calibration = RowCalibration(
            repeatability: 0, rounding: .unmeasured(machineEpsilon: Double(Scalar.ulpOfOne)))
        return try ContinuousClock().measure {
            _ = try estimator.estimate(
                row: row, of: &source, isFollowed: row + 1 < source.iterations.count, calibration: calibration)
        } / .seconds(1)
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
