import Estimation
import Evaluation
import Foundation
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
    /// Columns and one row for stdout: what a run would do. `seconds` leaves out writing and validation.
    func plan(gradientTime: Duration) throws -> (columns: [String], row: [TableValue]) {
        let plan = extents
        let training = objectives.training
        let validationGradients = plan.evaluationCount * (objectives.validation?.componentCount ?? 0)
        var seconds = gradientTime.seconds * Double(plan.iterationCount)
        var (columns, row) = ([String](), [TableValue]())
        if let observation = configuration.observation {
            let rows = observation.schedule.savedCount(of: configuration.iterations)
            let gradients = try EstimationConfiguration(json: observation.definition)
                .componentGradientsInLoop(rows: rows, componentCount: training.componentCount)
            seconds += gradientTime.seconds / Double(componentsPerIteration) * Double(gradients)
            columns = ["estimated_rows", "estimate_component_gradients"]
            row = [.integer(rows), .integer(gradients)]
        }
        return (
            [
                "parameters", "components", "iterations", "epochs", "snapshots", "gradients", "validation_losses",
            ] + columns + ["bytes", "seconds"],
            [
                .integer(training.layout.count), .integer(training.componentCount), .integer(plan.iterationCount),
                .number(Double(plan.iterationCount) / Double(epochLength)), .integer(plan.snapshotCount),
                .integer(plan.iterationCount * componentsPerIteration), .integer(validationGradients),
            ] + row + [
                .integer(plan.byteCount(parameterCount: training.layout.count, scalar: Scalar.self)), .number(seconds),
            ]
        )
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
