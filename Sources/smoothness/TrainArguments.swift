import Essentials
import Objectives
import RunFiles
import Training

/// The command that repeats a run, from the descriptions in its file. It is printed, never executed.
func trainCommand(objective: String, optimizer: String, file: String) throws -> String {
    let description = try ObjectiveDescription(json: objective, file: file)
    let configuration = try TrainingConfiguration(json: optimizer, file: file)
    return try Escaping.shell(
        ["smoothness", "train"] + objectiveArguments(description) + optimizerArguments(configuration)
            + (configuration.observation?.arguments ?? []) + ["--output", Escaping.argument(path: file)])
}

private func numbers(_ values: [Double]) -> String { values.map { "\($0)" }.joined(separator: ",") }

/// What `TrainObjectiveOptions` reads back as the same description.
private func objectiveArguments(_ description: ObjectiveDescription) throws -> [String] {
    switch description.kind {
    case .quadratic(let quadratic):
        return [
            "--objective", "quadratic", "--spectrum", numbers(quadratic.spectrum), "--rotations",
            "\(quadratic.rotations)", "--components", "\(quadratic.componentCount)", "--noise", "\(quadratic.noise)",
            "--objective-seed", "\(quadratic.seed)",
        ]
    case .polynomial(let polynomial):
        return [
            "--objective", "polynomial", "--coefficients", numbers(polynomial.coefficients), "--start",
            "\(polynomial.start)",
        ]
    case .quarticValley(let valley): return ["--objective", "quartic-valley", "--start", numbers(valley.start)]
    case .exponentialWalls(let walls):
        return [
            "--objective", "exponential-walls", "--growth", "\(walls.growth)", "--initial-gradient",
            "\(walls.initialGradient)",
        ]
    case .slowSlope(let slope):
        return ["--objective", "slow-slope", "--slope", "\(slope.slope)", "--gap", "\(slope.gap)"]
    case .qianExample(let example): return ["--objective", "qian-example", "--start", "\(example.start)"]
    case .exponentialSum(let sum):
        return [
            "--objective", "exponential-sum", "--amplitudes", numbers(sum.amplitudes), "--rates", numbers(sum.rates),
            "--start", "\(sum.start)",
        ]
    case .deepLinearNetwork(let network):
        return [
            "--objective", "deep-linear-network", "--widths", network.widths.map { "\($0)" }.joined(separator: ","),
            "--samples", "\(network.sampleCount)", "--noise", "\(network.noise)", "--batch-size",
            "\(network.batchSize)", "--initial-scale", "\(network.initialScale)", "--objective-seed", "\(network.seed)",
        ]
    case .logisticRegression(let regression): return logisticRegressionArguments(regression)
    case .languageModel(let model): return arguments(of: model)
    case .transformer(let model): return arguments(of: model)
    case .imageClassifier(let classifier): return imageClassifierArguments(classifier)
    case .torchScript(let script):
        return [
            "--objective", "torchscript", "--module", Escaping.argument(path: script.module.path), "--data",
            Escaping.argument(path: script.data.path),
            "--objective-seed", "\(script.seed)",
        ] + (script.batchSize.map { ["--batch-size", "\($0)"] } ?? [])
    case .external:
        throw SmoothnessError(
            .data, "another program made this run, so that no command of this one repeats it", object: "/objective")
    }
}

private func logisticRegressionArguments(_ regression: LogisticRegressionDescription) -> [String] {
    let source =
        switch regression.source {
        case .file(let file): ["--data", Escaping.argument(path: file.path)]
        case .generated(let samples):
            [
                "--samples", "\(samples.sampleCount)", "--features", "\(samples.featureCount)", "--objective-seed",
                "\(samples.seed)",
            ]
        }
    return ["--objective", "logistic-regression"] + source + [
        "--batch-size", "\(regression.batchSize)", "--regularization", "\(regression.regularization)",
    ]
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
