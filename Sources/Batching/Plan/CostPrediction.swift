import Essentials
import Estimation
import Foundation
import RunFiles

/// What a row of every run will take, from rehearsals of some of them on this machine.
///
/// Runs of one objective, but for its numbers and texts, cost alike: one of them is rehearsed. Rehearsals end after `patience` seconds in all;
/// what is left is guessed from the last one by the number of parameters.
struct CostPrediction {
    private struct Known {
        var secondsPerRow: Double
        var peakBytes: Int
        var parameterCount: Int
    }

    private let configuration: BatchConfiguration
    private var known: [String: Known] = [:]
    /// What the definition asks of runs that they cannot give.
    private var refusals: [String: SmoothnessError] = [:]
    private var last: Known?
    private var spent = 0.0
    private(set) var rehearsed = 0
    private(set) var guessed = 0

    private static let patience = 20.0

    init(_ configuration: BatchConfiguration) { self.configuration = configuration }

    /// Nothing, where rows are counted instead or the run cannot be rehearsed here: a worker will say why.
    /// - Throws: `SmoothnessError(.usage)` where the definition asks for what these runs cannot give, as a share of one component.
    mutating func cost(
        of path: String, _ header: RunHeader, rows: Int
    ) throws -> (secondsPerRow: Double, peakBytes: Int) {
        let isCounted = configuration.sizing.rows != nil
        let key = Self.likeness(header)
        if let refusal = refusals[key] { throw refusal }
        if let same = known[key] { return (same.secondsPerRow, same.peakBytes) }
        guard spent < Self.patience else {
            guard !isCounted else { return (0, 0) }
            guessed += 1
            guard let last else { return (0, 0) }
            let ratio = Double(header.layout.count) / Double(max(1, last.parameterCount))
            return (last.secondsPerRow * ratio, last.peakBytes)
        }
        let clock = ContinuousClock()
        let start = clock.now
        defer { spent += (clock.now - start) / .seconds(1) }
        let estimation: RowRangeEstimation
        do {
            estimation = try RowRangeEstimation(
                run: path, rowCount: rows, configuration: configuration.estimation, dataOverride: configuration.data)
        } catch let error as SmoothnessError where error.kind == .usage && isProcessor {
            refusals[key] = error
            throw error
        } catch {
            return (0, 0)
        }
        guard !isCounted else {
            known[key] = Known(secondsPerRow: 0, peakBytes: 0, parameterCount: header.layout.count)
            return (0, 0)
        }
        guard let forecast = try? estimation.forecast() else { return (0, 0) }
        rehearsed += 1
        let cost = Known(
            secondsPerRow: forecast.seconds / Double(max(1, rows)), peakBytes: forecast.peakBytes,
            parameterCount: header.layout.count)
        known[key] = cost
        last = cost
        return (cost.secondsPerRow, cost.peakBytes)
    }

    /// Whether gradients are evaluated on a device that is here as well as where the workers are.
    private var isProcessor: Bool { configuration.estimation.evaluation.device == "cpu" }

    /// The description of the objective without seeds, texts and fractions; two runs with the same one differ in their numbers alone.
    private static func likeness(_ header: RunHeader) -> String {
        let object = try? JSONSerialization.jsonObject(with: Data(header.objective.utf8))
        return "\(header.scalarName) \(header.layout.count) \(object.map { skeleton($0, key: "") } ?? header.objective)"
    }

    private static func skeleton(_ value: Any, key: String) -> String {
        switch value {
        case let object as [String: Any]:
            "{"
                + object.sorted { $0.key < $1.key }.map { "\($0.key):\(skeleton($0.value, key: $0.key))" }
                .joined(separator: ",") + "}"
        case let list as [Any]: "[\(list.count)]"
        case let number as NSNumber:
            key.contains("seed") || number.doubleValue != number.doubleValue.rounded() ? "#" : "\(number)"
        case let text as String: key == "kind" || key == "type" ? text : "\""
        default: "?"
        }
    }
}
