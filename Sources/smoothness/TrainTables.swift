import Foundation
import Objectives
import ParameterSpace
import Reporting
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
    /// One row for stdout.
    func table(metricName: String?) -> Table {
        let share = iterations == 0 ? nil : Double(clippedCount) / Double(iterations)
        return Table(
            columns: [
                "iterations", "clipped_share", "training_loss", "validation_loss", metricName ?? "metric", "seconds",
                "gradient_seconds", "writing_seconds", "evaluation_seconds",
            ],
            rows: [
                [
                    .integer(iterations), .optional(share), .optional(lastEvaluation?.trainingLoss),
                    .optional(lastEvaluation?.validationLoss),
                    .optional(metricName == nil ? nil : lastEvaluation?.metric),
                ] + [elapsed, gradientTime, writingTime, evaluationTime].map { .number($0.seconds) }
            ])
    }
}

extension Trainer {
    /// One row for stdout: what a run would do. `seconds` leaves out writing and validation.
    func planTable(gradientTime: Duration) -> Table {
        let plan = plan
        let validationGradients = plan.evaluationCount * (objectives.validation?.componentCount ?? 0)
        return Table(
            columns: [
                "parameters", "components", "iterations", "epochs", "snapshots", "gradients", "validation_losses",
                "bytes", "seconds",
            ],
            rows: [
                [
                    .integer(objectives.training.layout.count), .integer(epochLength), .integer(plan.iterationCount),
                    .number(Double(plan.iterationCount) / Double(epochLength)), .integer(plan.snapshotCount),
                    .integer(plan.iterationCount), .integer(validationGradients),
                    .integer(plan.byteCount(parameterCount: objectives.training.layout.count, scalar: Scalar.self)),
                    .number(gradientTime.seconds * Double(plan.iterationCount)),
                ]
            ])
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
