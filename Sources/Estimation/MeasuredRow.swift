import Evaluation
import Measurement

extension RowContext {
    /// Of a row that has been measured, with the floors that it knows of.
    init(
        of row: StepEstimate, _ configuration: EstimationConfiguration, groups: ComponentGroups, repeatability: Double?,
        parameterCount: Int
    ) {
        self.init(
            sample: groups.sample(ofSize: min(max(1, row.subsetSize), groups.components.count)),
            floors: Floors(
                repeatability: repeatability ?? .nan, relativeRounding: row.relativeRounding,
                roundingProjection: row.roundingProjection),
            machineEpsilon: configuration.precision == .float32 ? Double(Float.ulpOfOne) : Double.ulpOfOne,
            mode: configuration.mode, direction: configuration.direction, norm: configuration.norm,
            parameterCount: parameterCount)
    }
}
