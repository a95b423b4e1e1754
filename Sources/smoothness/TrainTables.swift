import Foundation
import Objectives
import ParameterSpace
import Reporting
import RunFiles
import Training

extension TrainingProgress {
    /// What the progress line shows.
    func fields(metricName: String?) -> [ProgressField] {
        let always = [
            ProgressField("epoch", "\(epoch)"), .loss(loss), .gradientNorm(gradientNorm), .clippedShare(clippedShare),
        ]
        guard let evaluation else { return always }
        let value = metricName == nil ? evaluation.validationLoss : evaluation.metric
        return always + [ProgressField(metricName ?? "held-out loss", String(format: "%.4g", value))]
    }
}

extension TrainingSummary {
    static func columns(metricName: String?) -> [String] {
        [
            "iterations", "clipped_share", "training_loss", "validation_loss", metricName ?? "metric", "seconds",
            "gradient_seconds", "writing_seconds", "evaluation_seconds",
        ]
    }

    /// One row for stdout.
    func row(metricName: String?) -> [TableValue] {
        let share = iterations == 0 ? nil : Double(clippedCount) / Double(iterations)
        return [
            .integer(iterations), .optional(share), .optional(lastEvaluation?.trainingLoss),
            .optional(lastEvaluation?.validationLoss), .optional(metricName == nil ? nil : lastEvaluation?.metric),
        ] + [elapsed, gradientTime, writingTime, evaluationTime].map { .number($0.seconds) }
    }

    /// Of a run that an earlier call finished: this one took no time.
    init(ofComplete reader: borrowing RunFileReader) throws {
        self.init()
        let history = try reader.history()
        iterations = history.count
        clippedCount = history.count(where: \.clipped)
        lastEvaluation = try reader.evaluations().last
    }
}

extension Trainer {
    var planColumns: [String] {
        [
            "parameters", "components", "iterations", "epochs", "snapshots", "gradients", "validation_losses", "bytes",
            "seconds",
        ]
    }

    /// One row for stdout: what a run would do. `seconds` leaves out writing and validation.
    func planRow(gradientTime: Duration) -> [TableValue] {
        let plan = extents
        let validationGradients = plan.evaluationCount * (objectives.validation?.componentCount ?? 0)
        return [
            .integer(objectives.training.layout.count), .integer(objectives.training.componentCount),
            .integer(plan.iterationCount),
            .number(Double(plan.iterationCount) / Double(epochLength)), .integer(plan.snapshotCount),
            .integer(plan.iterationCount * componentsPerIteration), .integer(validationGradients),
            .integer(plan.byteCount(parameterCount: objectives.training.layout.count, scalar: Scalar.self)),
            .number(gradientTime.seconds * Double(plan.iterationCount)),
        ]
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
