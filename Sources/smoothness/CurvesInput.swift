import Analysis
import Essentials
import Evaluation
import Foundation
import Reporting
import RunFiles
import Training

/// The curves of `plot --curves`, read from run files, finished or not.
struct CurvesInput {
    let runs: [RunCurve]
    /// `epoch` where all runs have evaluations, `iteration` where none has.
    let axis: String
    let metricName: String?
    /// What was trained, where it was the same.
    let title: String

    init(paths: [String]) throws {
        // One evaluation a run is no curve: then the minibatch losses are drawn.
        let isEvaluated = try paths.contains { path in
            try FileKind(of: path) == .run && RunFileReader(path).evaluations().count > 1
        }
        var (runs, hasEvaluations, metrics, objectives): ([RunCurve], [Bool], Set<String?>, [String]) = ([], [], [], [])
        for path in paths {
            guard try FileKind(of: path) == .run else {
                throw SmoothnessError(.data, "is not a run file", file: path, expected: "what smoothness train writes")
            }
            let reader = try RunFileReader(path)
            guard reader.iterationCount > 0 else {
                throw SmoothnessError(.data, "has no iteration yet", file: path, object: "/history")
            }
            let evaluations = isEvaluated ? try reader.evaluations() : []
            hasEvaluations.append(!evaluations.isEmpty)
            metrics.insert(reader.plan.metricName)
            objectives.append(Self.summary(reader.header.objective))
            runs.append(
                RunCurve(
                    file: path, settings: try Self.settings(reader.header, path),
                    points: evaluations.isEmpty ? try Self.windows(reader) : Self.epochs(evaluations)))
        }
        if Set(hasEvaluations).count > 1 {
            let without = zip(paths, hasEvaluations).first { !$0.1 }?.0
            throw SmoothnessError(
                .data, "has no evaluation, but others have: they have no axis in common", file: without,
                object: "/history/evaluation")
        }
        if metrics.count > 1 {
            throw SmoothnessError(
                .data, "the runs measure different things on held-out data", object: "/history/evaluation/metric",
                expected: "one metric", found: metrics.map { $0 ?? "none" }.sorted().joined(separator: ", "))
        }
        self.runs = runs
        axis = hasEvaluations.first == true ? "epoch" : "iteration"
        metricName = metrics.first ?? nil
        title = Set(objectives).count == 1 ? objectives[0] : "\(runs.count) runs"
    }

    private static func summary(_ objective: String) -> String {
        (try? ObjectiveDescription(json: objective).summary) ?? "runs"
    }

    /// Evaluations against the epochs that were done: a first epoch is as long as the first evaluation says.
    private static func epochs(_ evaluations: [EvaluationRecord]) -> [RunCurve.Point] {
        let length = Double(max(evaluations.first?.iteration ?? 1, 1))
        return evaluations.map {
            RunCurve.Point(
                place: Double($0.iteration) / length, trainingLoss: $0.trainingLoss,
                validationLoss: $0.validationLoss, metric: $0.metric)
        }
    }

    /// Means of minibatch losses over at most 400 windows of the planned run, each at the number of iterations done at its end.
    private static func windows(_ reader: borrowing RunFileReader) throws -> [RunCurve.Point] {
        let losses = try reader.history().map(\.loss)
        let planned = min(reader.plan.iterationCount, TrainingConfiguration.mostIterations)
        let width = max(1, (planned + 399) / 400)
        return stride(from: 0, to: losses.count, by: width).map { start in
            let window = losses[start..<min(start + width, losses.count)]
            return RunCurve.Point(
                place: Double(window.endIndex), trainingLoss: window.reduce(0, +) / Double(window.count))
        }
    }

    /// What makes the run another one than its repetitions, by name: `/objective` and `/optimizer` without the seed of the
    /// run, where data lie, and what changes nothing but the last bits or what is saved.
    private static func settings(_ header: RunHeader, _ path: String) throws -> [String: String] {
        let settings = try RunSettings(objective: header.objective, optimizer: header.optimizer, file: path).values
        let withoutMeaning = [
            "seed", "threads", "device", "micro_batch", "stores_gradients", "save every", "save first",
            "observation schedule every", "observation schedule first", "observation definition",
        ]
        return settings.filter { !withoutMeaning.contains($0.key) && !$0.key.hasSuffix(" path") }
    }
}
