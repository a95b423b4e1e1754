import Essentials
import Evaluation
import RunFiles
import Training

/// Returns the command that repeats a run, from the descriptions in its file. It is printed, never executed.
func trainCommand(objective: String, optimizer: String, file: String) throws -> String {
    let description = try ObjectiveDescription(json: objective, file: file)
    let configuration = try TrainingConfiguration(json: optimizer, file: file)
    return try Escaping.shell(
        ["smoothness", "train"] + description.value.trainArguments() + configuration.arguments
            + (configuration.observation?.arguments ?? []) + ["--output", Escaping.argument(path: file)])
}
