import ArgumentParser
import Essentials
import Evaluation
import Formulas
import Models

/// What `train` can minimise.
enum ObjectiveName: String, ExpressibleByArgument, CaseIterable {
    case lstm
    case awdLSTM = "awd-lstm"
    case transformer, resnet, mlp, quadratic, polynomial
    case quarticValley = "quartic-valley"
    case exponentialWalls = "exponential-walls"
    case slowSlope = "slow-slope"
    case qianExample = "qian-example"
    case logisticRegression = "logistic-regression"
    case exponentialSum = "exponential-sum"
    case deepLinearNetwork = "deep-linear-network"
    case torchScript = "torchscript"
}

/// The objective of a run. Everything is optional, so that an option that the chosen objective does not have is refused
/// instead of ignored.
struct TrainObjectiveOptions: ParsableArguments {
    @Option(help: "What to minimise: \(ObjectiveName.allCases.map(\.rawValue).joined(separator: ", ")).")
    var objective = ObjectiveName.lstm

    @Option(
        help: """
            Language models: a text, one sentence a line; resnet, mlp: images (CIFAR-10, IDX as MNIST's, a folder of folders of JPEG \
            or PNG); logistic-regression: comma-separated numbers, the label last. With --resume: where the same data are now. \
            (default: generated data)
            """)
    var data: String?
    @Option(
        help: """
            torchscript: the archive of torch.jit.save, whose forward returns the loss of a batch; --data is HDF5 with a dataset of \
            every argument. A module is a program: only this option opens one, never a run file.
            """)
    var module: String?
    @Option(
        parsing: .unconditional,
        help: """
            Language models: streams (default: 20; 12 for transformer); resnet, mlp: images of a component (128); \
            logistic-regression, deep-linear-network: samples (32); torchscript: entries of the first axis (one).
            """)
    var batchSize: Int?
    @Option(
        help: """
            Language models: fixed, one draw of masks and cuts for the whole run, or fresh, one for every epoch (default: \
            fixed); resnet, mlp: the same of batches and augmentation (default: fresh).
            """)
    var trainingDraws: TrainingDraws?
    @OptionGroup(title: "Language models") var language: TrainLanguageOptions

    @Option(parsing: .unconditional, help: "quadratic: the eigenvalues, as 1,0.5,0.1. (default: 1,2,…,10)")
    var spectrum: WordList<Double>?
    @Option(parsing: .unconditional, help: "quadratic: Householder reflections that turn the axes. (default: 0)")
    var rotations: Int?
    @Option(parsing: .unconditional, help: "quadratic: components of the sum. (default: 1)")
    var components: Int?
    @Option(
        parsing: .unconditional,
        help: """
            quadratic: standard deviation of the components' linear terms; deep-linear-network: of the outputs around the \
            linear truth. (default: 0)
            """)
    var noise: Double?
    @Option(parsing: .unconditional, help: "polynomial: coefficients from the constant up. (default: 0,0,0,0,1)")
    var coefficients: WordList<Double>?
    @Option(
        parsing: .unconditional,
        help: "polynomial, exponential-sum, qian-example: x; quartic-valley: x,y. (default: 1; 1,-1)")
    var start: WordList<Double>?
    @Option(parsing: .unconditional, help: "exponential-walls: λ, which is L1. (default: 1)")
    var growth: Double?
    @Option(parsing: .unconditional, help: "exponential-walls: the gradient at the start. (default: 10)")
    var initialGradient: Double?
    @Option(parsing: .unconditional, help: "slow-slope: ε. (default: 0.1)")
    var slope: Double?
    @Option(parsing: .unconditional, help: "slow-slope: Δ. (default: 1)")
    var gap: Double?
    @Option(parsing: .unconditional, help: "exponential-sum: aⱼ of Σ aⱼ exp(bⱼx). (default: 1,1)")
    var amplitudes: WordList<Double>?
    @Option(parsing: .unconditional, help: "exponential-sum: bⱼ. (default: 1,-1)")
    var rates: WordList<Double>?
    @Option(
        parsing: .unconditional,
        help: "deep-linear-network: units of every layer, inputs first and outputs last. (default: 6,5,4,3)")
    var widths: WordList<Int>?
    @Option(
        parsing: .unconditional,
        help: "deep-linear-network: standard deviation of the initial weights times √inputs. (default: 1)")
    var initialScale: Double?
    @Option(
        parsing: .unconditional,
        help: "logistic-regression without --data, deep-linear-network: generated samples. (default: 1000)")
    var samples: Int?
    @Option(parsing: .unconditional, help: "logistic-regression without --data: features. (default: 10)")
    var features: Int?
    @Option(parsing: .unconditional, help: "logistic-regression: λ of the penalty (λ/2)‖w‖². (default: 0)")
    var regularization: Double?
    @Option(
        parsing: .unconditional,
        help: "Seed of generated data, rotations, dropout masks, image batches, augmentation. (default: 0)")
    var objectiveSeed: UInt64?

    @OptionGroup(title: "Image classifiers (resnet, mlp)") var images: TrainImageOptions

    /// The options that were given, by name, with the objectives that have them.
    private var given: [(name: String, objectives: [ObjectiveName])] {
        let language = ObjectiveName.languageModels
        let images: [ObjectiveName] = [.resnet, .mlp]
        let all: [(String, Bool, [ObjectiveName])] = [
            ("--data", data != nil, language + images + [.logisticRegression, .torchScript]),
            ("--module", module != nil, [.torchScript]),
            (
                "--batch-size", batchSize != nil,
                language + images + [.logisticRegression, .deepLinearNetwork, .torchScript]
            ),
            ("--training-draws", trainingDraws != nil, language + images),
            ("--spectrum", spectrum != nil, [.quadratic]), ("--rotations", rotations != nil, [.quadratic]),
            ("--components", components != nil, [.quadratic]),
            ("--noise", noise != nil, [.quadratic, .deepLinearNetwork]),
            ("--coefficients", coefficients != nil, [.polynomial]),
            ("--start", start != nil, [.polynomial, .quarticValley, .qianExample, .exponentialSum]),
            ("--amplitudes", amplitudes != nil, [.exponentialSum]), ("--rates", rates != nil, [.exponentialSum]),
            ("--widths", widths != nil, [.deepLinearNetwork]),
            ("--initial-scale", initialScale != nil, [.deepLinearNetwork]),
            ("--growth", growth != nil, [.exponentialWalls]),
            ("--initial-gradient", initialGradient != nil, [.exponentialWalls]),
            ("--slope", slope != nil, [.slowSlope]), ("--gap", gap != nil, [.slowSlope]),
            ("--samples", samples != nil, [.logisticRegression, .deepLinearNetwork]),
            ("--features", features != nil, [.logisticRegression]),
            ("--regularization", regularization != nil, [.logisticRegression]),
            (
                "--objective-seed", objectiveSeed != nil,
                language + images + [.quadratic, .logisticRegression, .deepLinearNetwork, .torchScript]
            ),
        ]
        return (all + self.language.given + self.images.given).filter(\.1).map { ($0.0, $0.2) }
    }

    /// The names of the options that were given, `--data` aside: what `--resume` takes from the file instead.
    var givenNames: [String] {
        (objective == .lstm ? [] : ["--objective"]) + given.map(\.name).filter { $0 != "--data" && $0 != "--module" }
    }

    func validate() throws {
        // A run that is continued says what it is.
        for (name, objectives) in given where !objectives.contains(objective) && name != "--module" {
            let owners = objectives.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("\(name) belongs to \(owners), not to \(objective.rawValue)")
        }
        if data != nil && (samples != nil || features != nil) {
            throw ValidationError("--samples and --features are of generated data; --data brings its own")
        }
    }

    /// Reads what has to be read (a text, to count its words) and checks every value.
    func description() throws -> ObjectiveDescription {
        let seed = objectiveSeed ?? 0
        let point = start?.values
        switch objective {
        case .lstm, .awdLSTM, .transformer:
            return try language.description(
                of: objective, data: data, batchSize: batchSize, trainingDraws: trainingDraws, seed: seed)
        case .resnet, .mlp:
            return try images.description(
                of: objective, data: data, valid: language.valid, batchSize: batchSize, trainingDraws: trainingDraws,
                seed: seed)
        case .torchScript:
            guard let module, let data else {
                throw SmoothnessError(
                    .usage, "a scripted module needs its file and its batches", expected: "--module and --data")
            }
            return try .torchScript(module: module, data: data, batchSize: batchSize, seed: seed)
        case .quadratic:
            return .quadratic(
                spectrum: spectrum?.values ?? (1...10).map(Double.init), rotations: rotations ?? 0,
                componentCount: components ?? 1, noise: noise ?? 0, seed: seed)
        case .polynomial:
            return .polynomial(
                coefficients: coefficients?.values ?? [0, 0, 0, 0, 1], start: try coordinate(point, default: 1))
        case .quarticValley: return .quarticValley(start: point ?? [1, -1])
        case .exponentialWalls:
            return .exponentialWalls(growth: growth ?? 1, initialGradient: initialGradient ?? 10)
        case .slowSlope: return .slowSlope(slope: slope ?? 0.1, gap: gap ?? 1)
        case .qianExample: return .qianExample(start: try coordinate(point, default: 1))
        case .exponentialSum:
            return .exponentialSum(
                amplitudes: amplitudes?.values ?? [1, 1], rates: rates?.values ?? [1, -1],
                start: try coordinate(point, default: 1))
        case .deepLinearNetwork:
            return .deepLinearNetwork(
                widths: widths?.values ?? [6, 5, 4, 3], sampleCount: samples ?? 1000, noise: noise ?? 0,
                batchSize: batchSize ?? 32, initialScale: initialScale ?? 1, seed: seed)
        case .logisticRegression:
            if let data {
                return try .logisticRegression(
                    file: data, batchSize: batchSize ?? 32, regularization: regularization ?? 0)
            }
            let generated = GeneratedSamples(sampleCount: samples ?? 1000, featureCount: features ?? 10, seed: seed)
            return .logisticRegression(
                generated: generated, batchSize: batchSize ?? 32, regularization: regularization ?? 0)
        }
    }

    private func coordinate(_ point: [Double]?, default value: Double) throws -> Double {
        guard let point else { return value }
        guard point.count == 1 else {
            throw SmoothnessError(
                .usage, "is not one number", object: "--start", expected: "one number", found: "\(point.count)")
        }
        return point[0]
    }
}

extension ObjectiveName {
    static let languageModels: [ObjectiveName] = [.lstm, .awdLSTM, .transformer]
}
