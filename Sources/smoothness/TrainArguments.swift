import Essentials
import Evaluation
import RunFiles
import Training

/// The command that repeats a run, from the descriptions in its file. It is printed, never executed.
func trainCommand(objective: String, optimizer: String, file: String) throws -> String {
    let description = try ObjectiveDescription(json: objective, file: file)
    let configuration = try TrainingConfiguration(json: optimizer, file: file)
    return try Escaping.shell(
        ["smoothness", "train"] + description.value.trainArguments() + optimizerArguments(configuration)
            + (configuration.observation?.arguments ?? []) + ["--output", Escaping.argument(path: file)])
}

/// What `TrainOptimizerOptions` reads back as the same configuration.
private func optimizerArguments(_ configuration: TrainingConfiguration) -> [String] {
    var arguments = [
        "--algorithm", configuration.algorithm.rawValue, "--learning-rate", "\(configuration.learningRate)",
    ]
    // The one of the two that was given makes the other by one rounding; take the one that does.
    if let gamma = configuration.gamma, let norm = configuration.clipNorm {
        let isFromNorm = configuration.algorithm.isAdam || norm * configuration.learningRate == gamma
        arguments += isFromNorm ? ["--clip-norm", "\(norm)"] : ["--gamma", "\(gamma)"]
    } else {
        arguments += ["--clip-norm", "inf"]
    }
    arguments += [
        "--beta", "\(configuration.beta)", "--nu", "\(configuration.nu)",
    ]
    arguments += variantArguments(configuration)
    arguments += configuration.gradient == .full ? ["--gradient", "full"] : ["--order", configuration.order.rawValue]
    arguments += [
        "--iterations", "\(configuration.iterations)", "--save", "\(configuration.save)", "--seed",
        "\(configuration.seed)", "--precision", configuration.precision.rawValue, "--threads",
        "\(configuration.threads)", "--device", configuration.device,
    ]
    if configuration.storesGradients { arguments.append("--store-gradients") }
    if let pieces = configuration.microBatch { arguments += ["--micro-batch", "\(pieces)"] }
    return arguments + scheduleArguments(configuration)
}

/// What only some runs have.
private func variantArguments(_ configuration: TrainingConfiguration) -> [String] {
    var arguments: [String] = []
    if configuration.clippingForm != .hard { arguments += ["--clip-form", configuration.clippingForm.rawValue] }
    if configuration.clippingScope != .global { arguments += ["--clip-scope", configuration.clippingScope.rawValue] }
    if configuration.algorithm == .normalized { arguments += ["--offset", "\(configuration.offset)"] }
    if let adam = configuration.adam { arguments += ["--beta2", "\(adam.beta2)", "--epsilon", "\(adam.epsilon)"] }
    if let decay = configuration.weightDecay {
        arguments += ["--weight-decay", "\(decay.rate)", "--decay-place", decay.place.rawValue]
    }
    return arguments
}

private func scheduleArguments(_ configuration: TrainingConfiguration) -> [String] {
    var arguments: [String] = []
    if let schedule = configuration.schedule {
        if let warmUp = schedule.warmUp { arguments += ["--warm-up", "\(warmUp)"] }
        if let steps = schedule.steps {
            arguments += ["--decay-epochs", steps.epochs.map(String.init).joined(separator: ",")]
            arguments += ["--decay-factor", "\(steps.factor)"]
        }
        if let plateau = schedule.plateau {
            arguments += ["--plateau", "\(plateau.patience)", "--decay-factor", "\(plateau.factor)"]
        }
        if let cosine = schedule.cosine { arguments += ["--cosine", "--last-learning-rate", "\(cosine.last)"] }
    }
    if let averaging = configuration.averaging { arguments += ["--average", "\(averaging)"] }
    return arguments
}
