import Evaluation
import RunFiles

extension TrainingConfiguration {
    /// How the objective is evaluated.
    public var evaluation: EvaluationOptions { EvaluationOptions(microBatch: microBatch, device: device) }

    /// The iterations of an epoch over m components.
    public func epochLength(componentCount: Int) -> Int { gradient == .full ? 1 : componentCount }

    /// How much a run writes, in closed form.
    public func extents(evaluationCount: Int = 0, metricName: String? = nil) -> RunExtents {
        let rule = UpdateRule(self)
        let count = save.savedCount(of: iterations)
        var extents = RunExtents(
            snapshotCount: count, isConsecutive: count == 1 || (count > 1 && save.every == 1),
            iterationCount: iterations)
        extents.evaluationCount = evaluationCount
        extents.metricName = metricName
        extents.storesGradients = storesGradients
        extents.storesMomentum = rule.keepsMomentum
        extents.storesSecondMoment = rule.keepsSecondMoment
        extents.storesAverage = averaging != nil
        return extents
    }

    /// What of this cannot do without a validation loss, if anything.
    var needsValidation: String? {
        if schedule?.plateau != nil { return "plateau" }
        if case .nonMonotone = averaging { return "average" }
        return nil
    }
}
