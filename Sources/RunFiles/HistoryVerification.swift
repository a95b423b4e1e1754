import Essentials
import Foundation
import HDF5
import ParameterSpace

/// Checks the numbers of iterations against each other, the evaluations, the resume point and the optimiser.
extension RunVerifier {
    mutating func checkRelations(of reader: borrowing RunFileReader) throws {
        let (history, snapshots) = (try reader.history(), try reader.snapshots())
        for (iteration, record) in history.enumerated() { checkStatus(record, "/history/status row \(iteration)") }
        for (row, record) in snapshots.enumerated() { checkStatus(record.values, "/trajectory/status row \(row)") }
        checkUnrecorded(history, snapshots.map(\.values))
        try checkRecordedMarks(of: reader)
        // What another program calls its optimiser need not mean the same.
        if reader.header.software == Software.name, let rule = OptimizerMembers(reader.header.optimizer) {
            for (iteration, record) in history.enumerated() { check(record, rule, "/history", iteration) }
            for (row, record) in snapshots.enumerated() { check(record.values, rule, "/trajectory", row) }
        }
        try checkEvaluations(of: reader, history)
    }

    /// A row that is not finite shows where: in one of its numbers, or in a step that was not taken.
    private mutating func checkStatus(_ record: IterationRecord, _ place: String) {
        guard unrecorded.isDisjoint(with: ["loss", "gradient_norm"]), record.status == .nonFinite else { return }
        let isFinite = record.loss.isFinite && record.gradientNorm.isFinite && record.stepNorm.isFinite
        report.check(
            "rows that are not finite show it", !isFinite || record.stepNorm == 0, at: place,
            expected: "ok (0), as every number is finite", found: "not finite (1)")
    }

    /// A column of which its writer knows nothing is NaN throughout.
    private mutating func checkUnrecorded(_ history: [IterationRecord], _ snapshots: [IterationRecord]) {
        for (group, records) in [("/history", history), ("/trajectory", snapshots)] {
            for name in unrecorded.sorted() {
                let row = records.firstIndex { !($0.number(name) ?? .nan).isNaN }
                report.check(
                    "columns that are not recorded are NaN", row == nil, at: "\(group)/\(name) row \(row ?? 0)",
                    expected: "NaN, as its attribute recorded is no",
                    found: row.map { "\(records[$0].number(name) ?? .nan)" })
            }
        }
    }

    /// `/trajectory` and `/history` agree on what is not recorded.
    private mutating func checkRecordedMarks(of reader: borrowing RunFileReader) throws {
        for name in ["loss", "gradient_norm", "learning_rate"] {
            let object = "/history/" + name
            let mark =
                try reader.file.hasAttribute("recorded", of: object)
                ? try reader.file.attribute("recorded", of: object, as: String.self) : "yes"
            report.check(
                "history and trajectory record the same columns",
                (mark == "no") == unrecorded.contains(name) && (mark == "partly") == partlyRecorded.contains(name),
                at: object + "@recorded",
                expected: unrecorded.contains(name)
                    ? "no, as in /trajectory" : partlyRecorded.contains(name) ? "partly, as in /trajectory" : "none",
                found: mark)
        }
    }

    /// Step size and clipping of an iteration, as far as they follow from `/optimizer`.
    private mutating func check(_ record: IterationRecord, _ rule: OptimizerMembers, _ group: String, _ row: Int) {
        if let rate = rule.constantRate {
            report.check(
                "learning rates are the optimiser's", abs(record.learningRate - rate) <= 1e-15 * rate,
                at: "\(group)/learning_rate row \(row)", expected: "\(rate), as in /optimizer",
                found: "\(record.learningRate)")
        }
        guard record.status != .nonFinite, let isClipped = rule.isClipped(gradientNorm: record.gradientNorm) else {
            return
        }
        report.check(
            "clipped follows from the gradient norm", record.clipped == isClipped, at: "\(group)/clipped row \(row)",
            expected: "\(isClipped ? 1 : 0), as the gradient norm is \(record.gradientNorm) and the clip norm "
                + (rule.clipNorm.map { "\($0)" } ?? "none"), found: record.clipped ? "1" : "0")
    }

    /// Evaluations follow one another, and what this software writes of them follows from the history.
    private mutating func checkEvaluations(of reader: borrowing RunFileReader, _ history: [IterationRecord]) throws {
        let evaluations = try reader.evaluations()
        let isOwn = reader.header.software == Software.name
        for (row, evaluation) in evaluations.enumerated() {
            let place = "row \(row)"
            let last = row > 0 ? evaluations[row - 1] : nil
            report.check(
                "evaluations follow one another",
                evaluation.epoch >= (last?.epoch ?? 0) && evaluation.iteration >= (last?.iteration ?? 0),
                at: "/history/evaluation \(place)",
                expected: "at least epoch \(last?.epoch ?? 0) and iteration \(last?.iteration ?? 0)",
                found: "epoch \(evaluation.epoch), iteration \(evaluation.iteration)")
            guard isOwn else { continue }
            report.check(
                "evaluations count epochs", evaluation.epoch == row + 1, at: "/history/evaluation/epoch \(place)",
                expected: "\(row + 1)", found: "\(evaluation.epoch)")
            let first = last?.iteration ?? 0
            if (0...history.count).contains(first), (0...history.count).contains(evaluation.iteration),
                first < evaluation.iteration
            {
                // A mean with positive weights lies between the least and the largest.
                let losses = history[first..<evaluation.iteration].map(\.loss)
                let (least, largest) = (losses.min() ?? .nan, losses.max() ?? .nan)
                let slack = 1e-12 * max(abs(least), abs(largest))
                report.check(
                    "training losses lie among those of their iterations",
                    !(evaluation.trainingLoss < least - slack || evaluation.trainingLoss > largest + slack),
                    at: "/history/evaluation/training_loss \(place)", expected: "\(least) … \(largest)",
                    found: "\(evaluation.trainingLoss)")
            }
            if reader.plan.metricName == "perplexity", evaluation.validationLoss.isFinite {
                let expected = exp(evaluation.validationLoss)
                report.check(
                    "perplexities follow from the losses",
                    expected == evaluation.metric || abs(expected - evaluation.metric) <= 1e-14 * expected,
                    at: "/history/evaluation/metric \(place)", expected: "\(expected)", found: "\(evaluation.metric)")
            }
        }
    }

    /// The point from which a run goes on is the one that its rows show: x_k of a row of its iteration, x_{k+1} of the one before.
    mutating func check<Scalar: ParameterScalar>(
        _ point: ResumePoint<Scalar>, against reader: borrowing RunFileReader
    ) throws {
        var vector: [Scalar] = []
        for (iteration, isNext) in [(point.iteration, false), (point.iteration &- 1, true)] {
            guard let row = reader.plan.row(ofIteration: iteration), row < reader.snapshotCount else { continue }
            if isNext {
                try reader.nextIterate(row: row, into: &vector)
            } else {
                try reader.iterate(row: row, into: &vector)
            }
            let difference = firstDifference(vector, point.iterate)
            report.check(
                "the resume point is where its rows are", difference == nil,
                at: "\(RunFilePath.resumeIterate), element \(difference ?? 0)",
                expected: difference.map { "\(vector[$0]), as in /trajectory row \(row)" },
                found: difference.map { "\(point.iterate[$0])" })
        }
        let evaluations = try reader.evaluations()
        guard point.evaluationCount <= evaluations.count else { return }
        let last = point.evaluationCount > 0 ? evaluations[point.evaluationCount - 1].iteration : 0
        report.check(
            "the resume point is after its evaluations", last <= point.iteration, at: RunFilePath.resumeEvaluationCount,
            expected: "evaluations up to iteration \(point.iteration)", found: "one after iteration \(last)")
    }
}

extension IterationRecord {
    /// The number of a column that may be unrecorded.
    func number(_ name: String) -> Double? {
        ["loss": loss, "gradient_norm": gradientNorm, "learning_rate": learningRate][name]
    }
}

/// Holds the step size and the clipping that `/optimizer` of a run of this software names; docs/algorithms.md gives their meaning.
private struct OptimizerMembers {
    private let algorithm: String
    /// η where every iteration has the same.
    let constantRate: Double?
    /// c; `nil` where nothing is clipped.
    let clipNorm: Double?
    private let beta: Double
    private let nu: Double
    /// Tells whether what is held against the clip norm has the norm that the file holds: that of the whole gradient, before weight decay.
    private let isOfGradient: Bool

    /// - Returns: `nil` for a text that does not describe one of the algorithms.
    init?(_ text: String) {
        guard let members = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any],
            let algorithm = members["algorithm"] as? String, let rate = members["learning_rate"] as? Double
        else { return nil }
        self.algorithm = algorithm
        constantRate = members["schedule"] == nil ? rate : nil
        clipNorm = members["clip_norm"] as? Double
        beta = members["beta"] as? Double ?? 0
        nu = members["nu"] as? Double ?? 0
        let decay = members["weight_decay"] as? [String: Any]
        isOfGradient =
            members["clip_scope"] == nil
            && (decay == nil || decay?["place"] as? String != "before" || decay?["rate"] as? Double == 0)
    }

    /// Tells whether an iteration with a gradient of this norm is clipped; `nil` where that does not follow.
    func isClipped(gradientNorm: Double) -> Bool? {
        guard let clipNorm else { return false }
        // At the clip norm itself the two sides are rounded.
        guard isOfGradient, gradientNorm.isFinite, abs(gradientNorm - clipNorm) > 1e-12 * clipNorm else { return nil }
        let isBeyond = gradientNorm > clipNorm
        switch algorithm {
        case "normalized": return false
        // The norm of the momentum is not in the file.
        case "clipping" where beta > 0 && nu > 0: return isBeyond && nu < 1 ? true : nil
        case "clipping", "sgd", "heavy-ball", "adam", "adamw": return isBeyond
        default: return nil
        }
    }
}
