import Essentials
import Foundation
import ParameterSpace

/// Summarises a run file: for people as text and for programs as JSON.
public struct RunSummary: Sendable, Codable, Equatable {
    /// Smallest and largest finite value.
    public struct Span: Sendable, Codable, Equatable {
        public var minimum: Double
        public var maximum: Double

        init?(_ values: [Double]) {
            let finite = values.filter(\.isFinite)
            guard let minimum = finite.min(), let maximum = finite.max() else { return nil }
            self.minimum = minimum
            self.maximum = maximum
        }
    }

    public var file: String
    public var byteCount: Int
    public var format: String
    public var formatVersion: String
    public var runID: String
    public var created: String
    public var software: String
    public var softwareVersion: String
    public var hdf5Version: String
    public var state: RunState
    /// The description of the objective, JSON text.
    public var objective: String
    /// The description of the optimiser, JSON text.
    public var optimizer: String
    public var scalar: String
    /// P
    public var parameterCount: Int
    public var blocks: [ParameterBlock]
    /// Rows that count, and K.
    public var committedSnapshots: Int
    public var plannedSnapshots: Int
    /// Iterations that count, and T.
    public var committedIterations: Int
    public var plannedIterations: Int
    public var committedEvaluations: Int
    public var plannedEvaluations: Int
    public var firstSavedIteration: Int?
    public var lastSavedIteration: Int?
    public var isConsecutive: Bool
    public var hasGradients: Bool
    public var hasFixedSubsetGradients: Bool
    public var metricName: String?
    /// The columns whose numbers the writer did not know, or not in every row.
    public var unrecorded: [String]
    /// Of the history: loss of the first and the last committed iteration; absent when it is not finite or not recorded.
    public var firstLoss: Double?
    public var lastLoss: Double?
    /// Of the history, over finite values.
    public var gradientNorm: Span?
    public var stepNorm: Span?
    /// Share of committed iterations whose step clipping shortened; absent where that is not recorded.
    public var clippedShare: Double?
    /// Committed snapshot rows by status.
    public var nonFiniteRows: Int
    public var zeroStepRows: Int
    /// Committed iterations that are not finite.
    public var nonFiniteIterations: Int
    /// The last evaluation, absent when none is committed or not finite.
    public var lastValidationLoss: Double?
    public var lastMetric: Double?
    /// `RunFileReader.digest()`
    public var digest: String
}

extension RunFileReader {
    /// Reads the numbers of the whole file, but no vectors.
    public func summary() throws -> RunSummary {
        let history = try history()
        let snapshots = try snapshots()
        let last = try evaluations().last
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        let clipped = history.filter(\.clipped).count
        let unknown = try partlyRecordedColumns().filter { name in
            history.contains { $0.status != .nonFinite && $0.number(name)?.isNaN == true }
        }
        let unrecorded = try unrecordedColumns().union(unknown)
        func finite(_ value: Double?) -> Double? { value.flatMap { $0.isFinite ? $0 : nil } }
        return RunSummary(
            file: path, byteCount: size, format: RunFormat.name, formatVersion: header.formatVersion,
            runID: header.runID, created: header.created, software: header.software,
            softwareVersion: header.softwareVersion, hdf5Version: header.hdf5Version, state: header.state,
            objective: header.objective, optimizer: header.optimizer, scalar: header.scalarName,
            parameterCount: header.layout.count, blocks: header.layout.blocks, committedSnapshots: snapshotCount,
            plannedSnapshots: plan.snapshotCount, committedIterations: iterationCount,
            plannedIterations: plan.iterationCount, committedEvaluations: evaluationCount,
            plannedEvaluations: plan.evaluationCount, firstSavedIteration: snapshots.first?.iteration,
            lastSavedIteration: snapshots.last?.iteration, isConsecutive: isConsecutive, hasGradients: hasGradients,
            hasFixedSubsetGradients: hasFixedSubsetGradients, metricName: plan.metricName,
            unrecorded: unrecorded.sorted(),
            firstLoss: finite(history.first?.loss), lastLoss: finite(history.last?.loss),
            gradientNorm: RunSummary.Span(history.map(\.gradientNorm)),
            stepNorm: RunSummary.Span(history.map(\.stepNorm)),
            clippedShare: history.isEmpty || unrecorded.contains("clipped")
                ? nil : Double(clipped) / Double(history.count),
            nonFiniteRows: snapshots.filter { $0.status == .nonFinite }.count,
            zeroStepRows: snapshots.filter { $0.status == .zeroStep }.count,
            nonFiniteIterations: history.filter { $0.status == .nonFinite }.count,
            lastValidationLoss: finite(last?.validationLoss), lastMetric: finite(last?.metric),
            digest: try digest())
    }
}

extension RunSummary: CustomStringConvertible {
    /// A few lines for people.
    public var description: String {
        func absent(_ column: String, _ text: String) -> String {
            unrecorded.contains(column) || committedIterations == 0 ? "not recorded" : text
        }
        func range(_ span: Span?, _ column: String) -> String {
            span.map { "\(shown($0.minimum)) … \(shown($0.maximum))" } ?? absent(column, "none is finite")
        }
        func loss(_ value: Double?) -> String { value.map(shown) ?? absent("loss", "not finite") }
        var lines = [
            ("run", "\(runID), begun \(created), \(state.rawValue)"),
            ("file", "\(file), \(byteCount) bytes"),
            ("format", "\(format) \(formatVersion), by \(software) \(softwareVersion), HDF5 \(hdf5Version)"),
            ("objective", objective), ("optimizer", optimizer),
            ("parameters", "\(parameterCount) \(scalar) in \(counted(blocks.count, "block"))"),
        ]
        lines += blocks.map { ("", "\($0.name) \($0.shape)") }
        let saved = "\(committedSnapshots) of \(plannedSnapshots) committed"
        let kinds = [
            isConsecutive ? "every iteration" : nil, hasGradients ? "with gradients" : nil,
            hasFixedSubsetGradients ? "with gradients on a fixed subset" : nil,
        ].compactMap(\.self)
        lines.append(("snapshots", ([saved] + kinds).joined(separator: ", ")))
        if let firstSavedIteration, let lastSavedIteration {
            lines.append(("", "iterations \(firstSavedIteration) … \(lastSavedIteration)"))
        }
        lines.append(("iterations", "\(committedIterations) of \(plannedIterations) committed"))
        let losses = firstLoss == nil && lastLoss == nil ? [loss(nil)] : [loss(firstLoss), loss(lastLoss)]
        lines.append(("loss", losses.joined(separator: " → ")))
        lines.append(("gradient norm", range(gradientNorm, "gradient_norm")))
        lines.append(("step norm", range(stepNorm, "step_norm")))
        if let clippedShare { lines.append(("clipped", "\(shown(100 * clippedShare)) % of the iterations")) }
        if let lastValidationLoss { lines.append(("validation loss", shown(lastValidationLoss))) }
        if let lastMetric { lines.append((metricName.map(Escaping.label) ?? "metric", shown(lastMetric))) }
        lines.append(
            (
                "status",
                "\(nonFiniteRows) snapshots not finite, \(zeroStepRows) without a step, "
                    + "\(nonFiniteIterations) iterations not finite"
            ))
        lines.append(("digest", digest))
        return lines.map { $0.0.padding(toLength: 16, withPad: " ", startingAt: 0) + Escaping.terminal($0.1) }.joined(
            separator: "\n")
    }

    /// Six significant digits.
    private func shown(_ value: Double) -> String { String(format: "%.6g", value) }
}
